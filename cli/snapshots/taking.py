"""Have a Snapshot taken, and follow its node until it is ready. `vps snapshot` and `vps fork` stand on it.

A request whose answer was lost is sent again, and makes no second one.
"""

import dataclasses
import datetime
import itertools
import uuid
from typing import Any

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import awaiting, insist
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object
from kohakuriver.cli.framework.progress import Progress
from kohakuriver.cli.view import snapshots
from kohakuriver.cli.view.standing import Reader
from kohakuriver.cli.vps import manifest, submission
from kohakuriver.resources import kinds
from kohakuriver.resources.view import VPS, Snapshot

_PARAMS = {"fieldValidation": "Strict", "fieldManager": "kohakuriver-vps"}
_OPTIONS = {"metadata.name": "--name", "spec.keepFor": "--keep-for"}
_MOST = 20  # names that were taken already


@dataclasses.dataclass(frozen=True, slots=True)
class Wish:
    """What is to be taken, and how."""

    vps: Object
    name: str | None = None
    """What it is called; None for a name with the moment in it."""
    kind: str = ""
    """What stands between the VPS's name and the moment: `fork-`."""
    volumes: bool = True
    pause: bool = True
    keep_for: str | None = None
    cause: str | None = None

    def spec(self) -> dict[str, Any]:
        """Only what was asked for; the server writes the rest."""
        found: dict[str, Any] = {"vps": {"name": VPS.of(self.vps).name, "uid": VPS.of(self.vps).uid}}
        optional = {
            "volumes": None if self.volumes else "Skip",
            "pause": None if self.pause else False,
            "keepFor": self.keep_for,
            "cause": self.cause,
        }
        return found | {field: value for field, value in optional.items() if value is not None}


def create(api: Api, wish: Wish, now: datetime.datetime) -> Object:
    """The new Snapshot, which its node takes as soon as it can. Raises ApiError."""
    found = VPS.of(wish.vps)
    if not found.node:
        raise failures.UsageError(
            f"vps/{found.name} is on no node, so there are no files to take",
            hint=f"see why: kohakuriver vps status {found.name}",
        )
    if wish.name is not None:
        return _create(api, wish, wish.name)
    base = f"{found.name}-{wish.kind}{now.astimezone(datetime.UTC):%Y%m%d-%H%M%S}"
    for number in itertools.count(1):
        try:
            return _create(api, wish, base if number == 1 else f"{base}-{number}")
        except errors.AlreadyExists:
            if number == _MOST:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def _create(api: Api, wish: Wish, name: str) -> Object:
    namespace = VPS.of(wish.vps).namespace
    own = {manifest.CREATE_ID: uuid.uuid4().hex}  # by it the server knows a request that is sent again
    body = {
        "apiVersion": kinds.SNAPSHOT.api_version,
        "kind": kinds.SNAPSHOT.kind,
        "metadata": {"name": name, "namespace": namespace, "annotations": own},
        "spec": wish.spec(),
    }
    try:
        path = api.path(kinds.SNAPSHOT, namespace=namespace)
        return insist.call(api, "POST", path, params=_PARAMS, body=body)
    except errors.Invalid as error:
        raise submission.in_options(error, _OPTIONS) from None
    except errors.AlreadyExists as error:
        error.hint = f"choose another name, or see that one: kohakuriver describe snapshot {name}"
        raise


def follow(api: Api, snapshot: Object, deadline: Deadline, *, timeout: str, reader: Reader) -> Object:
    """The Snapshot, once it is ready. Raises what its node said, and TimedOut. Ctrl-C undoes nothing."""
    first = Snapshot.of(snapshot)
    latest: list[Object] = [snapshot]
    shown = reader.command(f"vps snapshots {first.vps.text('name')}", namespace=first.namespace)

    def judge(body: Object | None) -> str:
        if body is None or Snapshot.of(body).uid != first.uid:
            raise errors.NotFound(f"{snapshots.title(first.name)} was deleted meanwhile")
        latest[0] = body
        return _state(Snapshot.of(body), reader)

    with Progress() as progress:
        try:
            awaiting.until(
                api,
                kinds.SNAPSHOT,
                first.name,
                namespace=first.namespace,
                judge=judge,
                deadline=deadline,
                tell=lambda state: progress.say(f"{snapshots.title(first.name)}: {state}", state),
            )
        except failures.TimedOut as late:
            raise failures.TimedOut(
                f"{snapshots.title(first.name)} is not ready after {timeout}: {late.message}",
                hint=f"it goes on; see how: {shown}",
            ) from None
        except KeyboardInterrupt:
            progress.note(
                f"no longer waiting; {snapshots.title(first.name)} goes on being taken; see how: {shown}"
            )
            raise
    return latest[0]


def _state(found: Snapshot, reader: Reader) -> str:
    """How far it is; nothing where it is ready. Raises where it never will be."""
    if found.is_ready:
        return ""
    why = snapshots.unusable(found)
    if found.word in ("Failed", "Lost"):
        delete = reader.command(f"delete snapshot {found.name}", namespace=found.namespace)
        raise errors.Conflict(
            f"{snapshots.title(found.name)}: {found.message or why}",
            hint=f"delete it, then try again: {delete}",
        )
    if found.word == "Taking":
        return found.message or "its files are being taken"
    return f"waiting for {found.node}" if found.word == "Pending" else why


def tell(snapshot: Object, reader: Reader) -> None:
    """That it is ready, what is not in it, and which hook failed."""
    found = Snapshot.of(snapshot)
    describes = reader.command(f"describe snapshot {found.name}", namespace=found.namespace)
    screen.note(snapshots.ready(found))
    for line in snapshots.missing(found, describes):
        screen.note(line)
    for line in snapshots.failed_hooks(found):
        screen.warn(line)
