"""The request behind `vps create`: sent until it is answered, and never making two VPSes.

A generated key is written before anything is sent, and removed again only when nothing can have been created.
The annotation `kohakuriver.io/create-id` is how the server tells a repeated request from a namesake's.
"""

import dataclasses
import random
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.api import insist, targets
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.dry_run import Rehearsal
from kohakuriver.cli.view import key_pair
from kohakuriver.cli.view.key_pair import KeyPair
from kohakuriver.cli.vps import manifest, naming
from kohakuriver.cli.vps.login import Login
from kohakuriver.cli.vps.manifest import Wanted
from kohakuriver.resources import kinds

_NAMED_TWICE = re.compile(r'Invalid value: ("[^"]*"): (?=.*\1)')  # the rest of the message names it again

_ATTEMPTS = 4  # generated names that turned out to be taken
_PARAMS = {"fieldValidation": "Strict", "fieldManager": "kohakuriver-vps"}
_REFUSED = (
    errors.Invalid,
    errors.BadRequest,
    errors.AlreadyExists,
    errors.Forbidden,
    errors.Unauthorized,
    errors.NotFound,
    errors.Unreachable,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """One creation, whatever name it ends up with."""

    wanted: Wanted
    login: Login
    home: Path
    create_id: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)

    def body(self, name: str, namespace: str, ssh: dict[str, Any]) -> Object:
        """The manifest, as somebody else may apply it."""
        return manifest.manifest(name, namespace, self.wanted.spec(ssh))


def new_name() -> str:
    return naming.generate(random.SystemRandom())


def rehearse(api: Api, order: Order, name: str, rehearsal: Rehearsal) -> Object:
    """The manifest, checked by the server if it is to be; nothing is created. Raises ApiError."""
    if order.login.gen_ssh_key:
        file = order.login.out_file(name, home=order.home)
        if key_pair.kept(file, comment=_comment(name)) is None:
            key_pair.check_free(file)
        screen.note(f"a new key pair would be written to {file}; its public half is missing here")
        ssh: dict[str, Any] = {"authorizedKeys": []}
    else:
        ssh = order.login.spec(home=order.home)
    body = order.body(name, api.namespace, ssh)
    if rehearsal is Rehearsal.SERVER:
        _Sending(api).post(body, rehearsal)
    return body


def create(api: Api, order: Order, name: str | None) -> tuple[Object, KeyPair | None]:
    """The new VPS, and the key pair made for it. A generated name that is taken gives way to another.
    Raises ApiError and ConfigError."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return _create(api, order, name or new_name())
        except errors.AlreadyExists as error:
            if name is not None or attempt == _ATTEMPTS:
                error.hint = f"choose another name, or see that one: kohakuriver vps status {name}"
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _create(api: Api, order: Order, name: str) -> tuple[Object, KeyPair | None]:
    pair, is_new = None, True
    if order.login.gen_ssh_key:
        file = order.login.out_file(name, home=order.home)
        pair = key_pair.kept(file, comment=_comment(name))
        is_new = pair is None
        pair = pair or key_pair.generate(file, comment=_comment(name))
        if not is_new:
            screen.note(f"the key that was made for an earlier {name} is used again")
        ssh: dict[str, Any] = {"authorizedKeys": [pair.public_key]}
    else:
        ssh = order.login.spec(home=order.home)
    body = order.body(name, api.namespace, ssh)
    body["metadata"]["annotations"] = {manifest.CREATE_ID: order.create_id}
    sending = _Sending(api)
    try:
        return sending.post(body), pair
    except (errors.KohakuRiverError, KeyboardInterrupt) as error:
        if isinstance(error, _REFUSED) and not sending.lost:
            if pair is not None and is_new:
                pair.discard()
            raise
        _say_unknown(name, pair)
        if isinstance(error, errors.OutcomeUnknown):
            error.hint = f"see whether it was created: kohakuriver vps status {name}"
        raise


def _comment(name: str) -> str:
    """By which a key that was made for a VPS is known."""
    return f"kohakuriver-vps-{name}"


@dataclasses.dataclass
class _Sending:
    """One request, and whether an answer to it was lost on the way."""

    api: Api
    lost: bool = False

    def post(self, body: Object, rehearsal: Rehearsal = Rehearsal.NONE) -> Object:
        """Raises the server's refusal in the words of the command line."""
        params = {**_PARAMS, **rehearsal.params}
        path = self.api.path(kinds.VPS, namespace=self.api.namespace)
        try:
            return insist.call(self.api, "POST", path, on_lost=self._note, params=params, body=body)
        except errors.Invalid as error:
            raise in_options(error, manifest.OPTIONS) from None

    def _note(self) -> None:
        self.lost = True


def in_options(error: errors.Invalid, options: Mapping[str, str]) -> errors.Invalid:
    """Field paths as the options they came from."""
    if not error.causes:
        return error
    lines = []
    for cause in error.causes:
        option = next((name for field, name in options.items() if cause.field.startswith(field)), "")
        lines.append(f"{option or cause.field}: {_NAMED_TWICE.sub('', cause.message)}")
    return errors.Invalid("; ".join(lines), hint=error.hint, causes=error.causes)


def _say_unknown(name: str, pair: KeyPair | None) -> None:
    kept = f"; its private key is kept in {pair.private}" if pair is not None else ""
    screen.note(f"{targets.title(kinds.VPS, name)} may or may not have been created{kept}")
