"""A browser's session: a Token that the server makes of a credential, and that only a browser can use.

    pages/sessions.py ──► begin ──► one of twenty Tokens of the user, the one that is free or oldest
                          end   ──► it is gone, and with it what is open, on every API server

It opens what the credential opens and ends with it, or after twelve hours. Half of its secret goes into a
cookie and half to the page; stored is the hash. Twenty names a user bound how many there are: two begun at
once cannot make it one more.
"""

import dataclasses
import datetime
import hashlib
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.apiserver.admission.admission import SESSION_LIFETIME, SESSIONS
from kohakuriver.apiserver.auth.authentication import Caller
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Records
from kohakuriver.apiserver.binding.outcome import DeleteOptions
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.identity import cookies
from kohakuriver.apiserver.identity.access import PEOPLE
from kohakuriver.apiserver.identity.credentials import By, Credential, Credentials
from kohakuriver.apiserver.identity.identity import Role, User, fingerprint
from kohakuriver.apiserver.objects import metadata
from kohakuriver.apiserver.quota import weight
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, Record
from kohakuriver.apiserver.write import removal
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]

MOST: Final = 20  # of one user
LIFE: Final = datetime.timedelta(seconds=SESSION_LIFETIME)
SERVER: Final = User("apiserver", Role.ADMIN)


@dataclasses.dataclass(frozen=True, slots=True)
class Login:
    """The credential that somebody has shown, as far as a session has to do with it."""

    user: User
    by: By
    digest: str
    ends: datetime.datetime | None = None
    name: str = ""  # of the Token, where it is one
    uid: str = ""

    @classmethod
    def of(cls, credentials: Credentials, caller: Caller) -> "Login":
        """Raises Forbidden for who has no use for a browser, and for a session."""
        user = caller.user
        if user.role not in PEOPLE:
            raise errors.Forbidden(
                f'user "{user.name}" of role {user.role} has no session in a browser: that is for people',
                hint="use a token of role user, viewer or admin",
            )
        if caller.session:
            raise errors.Forbidden(
                "a session makes no other session, or it would never end",
                hint="log in again: kohakuriver ui",
            )
        token = credentials.token(caller.credential) if caller.by is By.TOKEN else None
        if token is None:
            return cls(user, caller.by, caller.credential, caller.ends)
        return cls(user, caller.by, caller.credential, token.ends, token.name, token.uid)


@dataclasses.dataclass(frozen=True, slots=True)
class Begun:
    """A new session, and the secret that opens it, which is nowhere else."""

    secret: str
    token: Json
    ends: datetime.datetime


async def begin(server: Backing, login: Login, *, spends: Record | None = None) -> Begun:
    """Make a session of a credential; `spends` is what is used up by that. Raises Unauthorized where the
    credential is good no more, or somebody else has used that up."""
    moment = server.clock.now()
    ends = min(moment + LIFE, login.ends or moment + LIFE)
    secret = cookies.new_secret()
    names = {codec.key(kinds.TOKEN, None, name): name for name in _names(login.user)}
    source = [codec.key(kinds.TOKEN, None, login.name)] if login.name else []
    spent = [spends.key] if spends is not None else []

    async def decide(records: Records) -> Step:
        for key in source:
            _check_good(login, records[key])
        if spends is not None and _revision(records[spends.key]) != spends.revision:
            raise errors.Unauthorized(
                "this code has been used just now, by somebody else", hint="make another: kohakuriver ui"
            )
        place = _place(records, list(names))
        new = _new(login, names[place], fingerprint(secret), ends=ends, now=moment)
        put = Put(place, codec.encode(new), ttl=SESSION_LIFETIME)
        weight.check_room(server.crowded, login.user, put, new)
        expect = {key: _revision(records[key]) for key in (place, *source, *spent)}
        return Step(new, (put, *map(Delete, spent)), created=True, expect=expect)

    written = await transact(
        server,
        (*names, *source, *spent),
        decide,
        about=(kinds.TOKEN, f"{SESSIONS}…"),
        from_memory=spends is None,
    )
    return Begun(secret, written.object, ends)


async def end(server: Backing, session: Credential) -> None:
    """Have it be over, with all that is open by it. Raises NotFound where it is gone already."""
    call = Call(SERVER, kinds.TOKEN, None, session.name)
    await removal.delete(server, call, DeleteOptions(uid=session.uid))


def _names(user: User) -> list[str]:
    """Those that the user's sessions have; whose they are stands in them."""
    whose = hashlib.sha256(user.name.encode()).hexdigest()[:16]
    return [f"{SESSIONS}{whose}-{number}" for number in range(MOST)]


def _place(records: Records, keys: list[str]) -> str:
    """The first that is free, or else the one that was written longest ago."""
    return min(keys, key=lambda key: _revision(records[key]))


def _revision(record: Record | None) -> int:
    return record.revision if record is not None else 0


def _check_good(login: Login, record: Record | None) -> None:
    token = Credential.of(record) if record is not None else None
    if token is None or (token.digest, token.uid) != (login.digest, login.uid):
        raise errors.Unauthorized(
            f"the token {login.name} was revoked", hint="ask your administrator for another"
        )


def _new(login: Login, name: str, digest: str, *, ends: datetime.datetime, now: datetime.datetime) -> Json:
    user = login.user
    made_of = {"credential": login.by.value, "sha256": login.digest} | (
        {"uid": login.uid} if login.uid else {}
    )
    opened = {"namespaces": list(user.namespaces), "rights": list(user.rights)}
    spec = {"sha256": digest, "role": user.role.value, "user": user.name, "session": made_of}
    sent: Json = {"name": name}
    if login.name:  # with it the session is collected
        owner = {"apiVersion": kinds.TOKEN.api_version, "kind": kinds.TOKEN.kind}
        sent["ownerReferences"] = [owner | {"name": login.name, "uid": login.uid}]
    return {
        "apiVersion": kinds.TOKEN.api_version,
        "kind": kinds.TOKEN.kind,
        "metadata": metadata.new(kinds.TOKEN, sent, namespace=None, now=timestamp(now)),
        "spec": spec | {field: values for field, values in opened.items() if values},
        "status": {"expiresAt": timestamp(ends)},
    }
