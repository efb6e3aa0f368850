"""One-time codes, by which a browser gets the session of somebody who has logged in elsewhere.

    kohakuriver ui ──► make ──► a key in the store, for thirty seconds ──► redeem ──► a session, and no key

The code is nowhere but with who asked for it: the key is its hash. Redeeming removes the key in the
transaction that makes the session, so of two who come with it one gets in, whichever API servers they ask.
"""

import dataclasses
import datetime
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

import orjson

from kohakuriver import errors
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.identity.credentials import By
from kohakuriver.apiserver.identity.identity import Role, User, fingerprint
from kohakuriver.apiserver.quota import weight
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.apiserver.write import browser_sessions
from kohakuriver.apiserver.write.browser_sessions import Begun, Login
from kohakuriver.clock import micro_timestamp, parse_timestamp

Json = dict[str, Any]

LIFE: Final = datetime.timedelta(seconds=30)
_CODE: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # 256 bits


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """A new one."""

    text: str
    ends: datetime.datetime


async def make(server: Backing, login: Login) -> Code:
    """Keep a code for a credential."""
    now = server.clock.now()
    code = Code(secrets.token_urlsafe(32), min(now + LIFE, login.ends or now + LIFE))
    kept = Put(_key(code.text), orjson.dumps(_kept(login, code)), ttl=LIFE.total_seconds())
    weight.check_room(server.crowded, login.user, kept, {"metadata": {}})
    await server.store.commit(expect={kept.key: 0}, writes=[kept])
    return code


async def redeem(server: Backing, text: str) -> tuple[Login, Begun]:
    """The session that a code stands for, once. Raises Unauthorized."""
    record = await server.store.get(_key(text)) if _CODE.fullmatch(text) else None
    found = _read(record) if record is not None else None
    if record is None or found is None or server.clock.now() >= found[1]:
        raise _not_good()
    login = found[0]
    return login, await browser_sessions.begin(server, login, spends=record)


def _not_good() -> errors.Unauthorized:
    """One that was used, is over, or never was: nobody is told which."""
    return errors.Unauthorized(
        f"this code opens nothing: it is good once, and for {LIFE.total_seconds():g} seconds",
        hint="make another: kohakuriver ui",
    )


def _key(text: str) -> str:
    return codec.CODES + fingerprint(text)


def _kept(login: Login, code: Code) -> Json:
    user = login.user
    return {
        "user": user.name,
        "role": user.role.value,
        "namespaces": user.namespaces,
        "rights": user.rights,
        "by": login.by.value,
        "sha256": login.digest,
        "ends": micro_timestamp(login.ends) if login.ends is not None else None,
        "name": login.name,
        "uid": login.uid,
        "expiresAt": micro_timestamp(code.ends),
    }


def _read(record: Record) -> tuple[Login, datetime.datetime] | None:
    """Whose it is and until when it is good; None for what nobody of ours has written."""
    try:
        kept: Mapping[str, Any] = orjson.loads(record.value)
        user = User(
            kept["user"],
            Role(kept["role"]),
            namespaces=tuple(kept["namespaces"]),
            rights=tuple(kept["rights"]),
        )
        ends = parse_timestamp(kept["ends"]) if kept["ends"] is not None else None
        login = Login(user, By(kept["by"]), kept["sha256"], ends, kept["name"], kept["uid"])
        return login, parse_timestamp(kept["expiresAt"])
    except codec.NONSENSE:
        return None
