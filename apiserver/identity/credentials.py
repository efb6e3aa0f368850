"""Bearer tokens and browsers' sessions that are Tokens: by hash, kept current by the cache's one watch.

    Token in the store ──► Cache ──► Credentials ◄── middleware.py, for what the token file does not name

A token that is deleted is refused from the moment its deletion comes by, on every API server, and watches
that were opened with it end. So do the sessions that were made of it. Neither is good in place of the other:
a session's secret is not a bearer token. No secret is ever here: Tokens hold hashes. Writes nothing.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import enum
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.clock import parse_timestamp

Json = dict[str, Any]

OVER = "its credential is over"  # why what was open with it ends

_HINT = "ask your administrator for another: kohakuriver token create"
_AGAIN = "log in again: kohakuriver ui"


class By(enum.StrEnum):
    """By what somebody is let in, and what a session may be made of."""

    TOKEN = "token"  # noqa: S105 - a Token object
    FILE = "file"
    ISSUER = "issuer"
    CERTIFICATE = "certificate"


@dataclasses.dataclass(frozen=True, slots=True)
class MadeOf:
    """The credential that a session was made of."""

    by: By
    digest: str
    uid: str = ""  # of the Token


@dataclasses.dataclass(frozen=True, slots=True)
class Credential:
    """One Token. With `made_of` it is a browser's session."""

    name: str
    digest: str
    user: User
    ends: datetime.datetime | None
    uid: str = ""
    made_of: MadeOf | None = None

    @classmethod
    def of(cls, record: Record) -> "Credential | None":
        """None for what is no Token, and for one that is on its way out."""
        try:
            token = orjson.loads(record.value)
            spec, metadata = token["spec"], token["metadata"]
            end = (token.get("status") or {}).get("expiresAt")
            user = User(
                name=spec["user"],
                role=Role(spec["role"]),
                node=spec.get("node"),
                namespaces=tuple(spec.get("namespaces") or ()),
                rights=tuple(spec.get("rights") or ()),
            )
            ends = parse_timestamp(end) if end else None
            found = cls(metadata["name"], spec["sha256"], user, ends, metadata["uid"], _made_of(spec))
            if not all(isinstance(text, str) for text in (found.name, found.digest, user.name)):
                return None
        except codec.NONSENSE:
            return None  # the cache has said so: a Token without these is no object of its kind
        return None if metadata.get("deletionTimestamp") else found

    def check(self, now: datetime.datetime) -> None:
        """Raises Unauthorized once it is over."""
        if self.ends is not None and now >= self.ends:
            what, hint = ("this bearer token", _HINT) if self.made_of is None else ("this session", _AGAIN)
            raise errors.Unauthorized(f"{what} ({self.name}) expired at {self.ends}", hint=hint)


def _made_of(spec: Json) -> MadeOf | None:
    made_of = spec.get("session")
    if made_of is None:
        return None
    return MadeOf(By(made_of["credential"]), str(made_of["sha256"]), str(made_of.get("uid") or ""))


class Credentials:
    """Every Token there is."""

    def __init__(self) -> None:
        self._by_key: dict[str, Credential] = {}
        self._by_digest: dict[str, Credential] = {}
        self._held: dict[str, set[asyncio.Task[Any]]] = {}

    def apply(self, key: str, record: Record | None) -> None:
        """Take over one change."""
        before = self._by_key.pop(key, None)
        if before is not None:
            self._by_digest.pop(before.digest, None)
        found = Credential.of(record) if record is not None else None
        if found is not None:
            self._by_key[key] = found
            self._by_digest[found.digest] = found
        # One that a node got in place of another is of the same user, and still not the same credential.
        if before is not None and (
            found is None or (found.digest, found.user) != (before.digest, before.user)
        ):
            self.end(before.digest)

    def replace(self, records: Iterable[Record]) -> None:
        """Take over a whole new listing."""
        listed = {record.key: record for record in records}
        for key in [key for key in self._by_key if key not in listed]:
            self.apply(key, None)
        for key, record in listed.items():
            self.apply(key, record)

    def find(self, digest: str, *, now: datetime.datetime) -> User | None:
        """Whose token has this hash, if anybody's. Raises Unauthorized for one that is over."""
        found = self.token(digest)
        if found is None:
            return None
        found.check(now)
        return found.user

    def token(self, digest: str) -> Credential | None:
        """The bearer token of this hash, over or not."""
        found = self._by_digest.get(digest)
        return found if found is not None and found.made_of is None else None

    def session(self, digest: str, *, now: datetime.datetime) -> tuple[Credential, MadeOf]:
        """The browser's session of this hash. Raises Unauthorized for one that is over, as it is when the
        Token that it was made of is."""
        found = self._by_digest.get(digest)
        if found is None or found.made_of is None:
            raise errors.Unauthorized("this session is over: it was ended, or is not known", hint=_AGAIN)
        found.check(now)
        if found.made_of.by is By.TOKEN:
            source = self.token(found.made_of.digest)
            if source is None or source.uid != found.made_of.uid:
                raise errors.Unauthorized(
                    f"this session ({found.name}) is over: the token that it was made of was revoked",
                    hint=_AGAIN,
                )
            source.check(now)
        return found, found.made_of

    def knows(self, digest: str) -> bool:
        """Whether there is a Token of this hash."""
        return digest in self._by_digest

    def users(self, *, now: datetime.datetime) -> Iterator[User]:
        """Whose tokens are good now; a user may have several."""
        for found in self._by_key.values():
            if found.made_of is None and (found.ends is None or now < found.ends):
                yield found.user

    def name_of(self, digest: str) -> str | None:
        """The Token of this hash."""
        found = self._by_digest.get(digest)
        return found.name if found is not None else None

    @contextlib.contextmanager
    def held(
        self, *digests: str, now: datetime.datetime, ends: datetime.datetime | None = None
    ) -> Iterator[None]:
        """While a watch is open: its task is cancelled when one of its credentials goes, or is over."""
        task = asyncio.current_task()
        known = [found for digest in digests if (found := self._by_digest.get(digest)) is not None]
        if known:
            ends = min((found.ends for found in known if found.ends is not None), default=None)
        if task is None:
            yield
            return
        for digest in digests:
            self._held.setdefault(digest, set()).add(task)
        end = None
        if ends is not None:
            left = max(0.0, (ends - now).total_seconds())
            end = asyncio.get_running_loop().call_later(left, task.cancel, OVER)
        try:
            yield
        finally:
            if end is not None:
                end.cancel()
            for digest in digests:
                held = self._held.get(digest, set())
                held.discard(task)
                if not held:
                    self._held.pop(digest, None)

    def end(self, digest: str) -> None:
        """Whatever is open with this credential, from the token file too, is open no more."""
        for task in self._held.pop(digest, set()):
            task.cancel(OVER)
