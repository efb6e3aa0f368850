"""What the API server asks of its store, and every way the store may refuse.

Everything above this folder holds keys, bytes and revisions and nothing else of etcd. Two
implementations keep these rules, `etcd.py` here and tests/fakes/store.py, under one contract test
(`tests/apiserver/store_contract.py`). This module does no I/O.

Keys are relative to the store's prefix (`registry/vpses/default/dev`). A revision counts the
transactions that changed something; every key written by one transaction bears its revision.

    StoreError
    ├── StoreUnavailable   not done: nobody answered, or etcd has no leader; safe to try again
    ├── StoreTimeout       outcome unknown: the write may or may not have happened
    ├── StoreConflict      not done: a key was not at the revision expected; says what is there
    ├── StoreCompacted     that far back is forgotten; list again
    ├── StoreFuture        that revision has not been reached; is this store a restored backup?
    ├── StoreFull          not done: out of space; reads go on, and deletes where etcd lets them
    ├── StoreTooLarge      not done: one request holds too much
    └── StoreRefused       not done: credentials, permissions, or a request etcd does not take
"""

import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from kohakuriver.errors import KohakuRiverError

MAX_REQUEST_BYTES = 1536 * 1024  # etcd's own default; which the one of the tests keeps too
QUOTA = 2 * 1024**3  # bytes of the whole database; etcd's own default
MAX_OPERATIONS = 128  # in one branch of one transaction; etcd's default too


class StoreError(KohakuRiverError):
    """The store did not do as asked; the API server says so in its own terms."""


class StoreUnavailable(StoreError):
    """Nothing was done, and trying again is safe."""


class StoreTimeout(StoreError):
    """No answer came. A write may have happened: read before writing again."""


class StoreConflict(StoreError):
    """A compared key was elsewhere; `actual` holds all compared keys, read in the same step."""

    def __init__(self, actual: "dict[str, Record | None]", revision: int) -> None:
        super().__init__("the stored keys were not at the revisions expected")
        self.actual = actual
        self.revision = revision


class StoreCompacted(StoreError):
    """History up to `compact_revision` is gone; 0 where the store does not say how far."""

    def __init__(self, compact_revision: int = 0) -> None:
        super().__init__("that revision has been compacted", hint="list again, and watch from there")
        self.compact_revision = compact_revision


class StoreFuture(StoreError):
    """The revision asked for is ahead of the store."""


class StoreFull(StoreError):
    """Out of space. Commits of deletes alone still work on etcd 3.4.23, and do not on 3.5.1."""


class StoreTooLarge(StoreError):
    """One request with more bytes or operations than the store takes."""


class StoreRefused(StoreError):
    """Wrong credentials, missing permission, or a request that can never succeed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """One key as stored."""

    key: str
    value: bytes
    revision: int  # of its last write (etcd: mod revision)
    created: int  # of its first write since it was last absent


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Records in key order, all as of `revision`; `more` when a limit cut the list short."""

    records: tuple[Record, ...]
    revision: int
    more: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Put:
    """Write a key. With `ttl` it goes away by itself, not before and up to a minute after."""

    key: str
    value: bytes
    ttl: float | None = None  # seconds


@dataclasses.dataclass(frozen=True, slots=True)
class Delete:
    """Remove a key; nothing happens where there is none."""

    key: str


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One key after one revision; `record` is None when that revision deleted it.

    What was there before is not told: whoever wants it has a copy, and it would double what the store sends.
    """

    key: str
    record: Record | None
    revision: int


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Every change under the prefix of one or more complete revisions, oldest first.

    `revision` is that of the last change: no later batch holds anything at or below it.
    """

    revision: int
    changes: tuple[Change, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Space:
    """Bytes of the store's database: in use, of the file around them, and at which it takes no writes."""

    used: int
    file: int
    quota: int


class Store(Protocol):
    """A prefix of an etcd, or something that keeps the same rules. Any call may raise StoreError."""

    async def get(self, key: str) -> Record | None:
        """The key as of now; linearizable."""
        ...

    async def get_many(self, keys: Sequence[str]) -> tuple[tuple[Record | None, ...], int]:
        """The keys in the order asked, all as of one revision, and that revision; linearizable."""
        ...

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str | None = None) -> Page:
        """Keys under `prefix` and behind `after`, as of `revision`; 0 means now, linearizable."""
        ...

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        """All writes or none, in one revision, which is returned.

        `expect` maps keys to the revision each must be at, 0 for absent; else StoreConflict.
        A commit that changes nothing makes no revision and returns the current one.
        """
        ...

    def watch(self, prefix: str, *, start: int) -> AsyncIterator[Batch]:
        """Changes from revision `start` on, `start` included; never ends but by an error.

        StoreCompacted: list again. Anything else: reopen at the last batch's revision + 1.
        The iterator is an async generator; `aclose` ends it.
        """
        ...

    async def revision(self) -> int:
        """The current revision, cheaply; linearizable."""
        ...

    async def surplus(self) -> int:
        """How many entries the store's log has had beyond one a revision; of now or of a moment ago.

        It never falls, but when a backup is restored: revisions go on from the backup's, the log from
        nothing.
        A log that is just being written may look a few entries shorter than it is, never longer.
        """
        ...

    async def compact(self, revision: int) -> None:
        """Forget what was overwritten or deleted before `revision`; lists at it still work."""
        ...

    async def alarms(self) -> tuple[str, ...]:
        """Alarms that are on, such as NOSPACE."""
        ...

    async def space(self) -> Space:
        """How full the store is, by one of its members."""
        ...

    async def aclose(self) -> None:
        """Let go of every connection; open watches end with StoreUnavailable."""
        ...


def check_writes(writes: Sequence[Put | Delete]) -> None:
    """A key written twice in one transaction has no meaning, here as in etcd."""
    if len({write.key for write in writes}) != len(writes):
        raise ValueError("one transaction writes each key once")
