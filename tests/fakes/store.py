"""Store in memory, with etcd's revisions, conflicts, history and compaction; for tests.

Time is the event loop's, so lifetimes run out under a simulated clock. The switches make the
faults that etcd has: `freeze` and `thaw`, `fail_next`, `drop_watches`, `raise_alarm`, `backup` and `restore`.
"""

import asyncio
import collections
import dataclasses
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from kohakuriver.apiserver.store.base import (
    MAX_OPERATIONS,
    MAX_REQUEST_BYTES,
    QUOTA,
    Batch,
    Change,
    Delete,
    Page,
    Put,
    Record,
    Space,
    StoreCompacted,
    StoreConflict,
    StoreError,
    StoreFull,
    StoreFuture,
    StoreTimeout,
    StoreTooLarge,
    StoreUnavailable,
    check_writes,
)

MAX_BATCH_REVISIONS = 1000  # in one batch of a watch that catches up


@dataclasses.dataclass(frozen=True)
class Backup:
    """A store as it was."""

    revision: int
    compacted: int
    versions: dict[str, tuple[Change, ...]]
    log: tuple[tuple[Change, ...], ...]


class MemoryStore:
    """One store; every client of a test shares the same object."""

    def __init__(self, *, timeout: float = 5.0) -> None:
        self.timeout = timeout
        self.quota = QUOTA
        self.file = 0  # bytes that the file of etcd had once, and would have still
        self._revision = 1  # an empty etcd is at 1
        self._compacted = 0
        self._versions: dict[str, tuple[Change, ...]] = {}  # by key, oldest first
        self._log: collections.deque[tuple[Change, ...]] = collections.deque()  # one a revision
        self._moved = asyncio.Event()  # replaced at every change; wakes the watches
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._faults: collections.deque[tuple[StoreError, bool]] = collections.deque()
        self._timers: set[asyncio.TimerHandle] = set()
        self._ends: dict[str, float] = {}  # by key, in the loop's time
        self._overdue: list[dict[str, int]] = []
        self._alarms: set[str] = set()
        self._drops = 0
        self._surplus = 3  # etcd's, as it starts
        self._closed = False

    async def get(self, key: str) -> Record | None:
        await self._enter()
        return self._latest(key)

    async def get_many(self, keys: Sequence[str]) -> tuple[tuple[Record | None, ...], int]:
        await self._enter()
        return tuple(self._latest(key) for key in keys), self._revision

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str | None = None) -> Page:
        await self._enter()
        self._check_revision(revision)
        at = revision or self._revision
        keys = (key for key in sorted(self._versions) if key.startswith(prefix))
        found = (self._at(key, at) for key in keys if after is None or key > after)
        records = tuple(record for record in found if record is not None)
        more = 0 < limit < len(records)
        return Page(records=records[:limit] if more else records, revision=at, more=more)

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        check_writes(writes)
        lost_reply = await self._enter(writes=True)
        self._check_size(expect, writes)
        if "NOSPACE" in self._alarms and any(isinstance(write, Put) for write in writes):
            raise StoreFull("etcd is out of space and takes no writes")
        actual = {key: self._latest(key) for key in expect}
        if any(_revision_of(actual[key]) != revision for key, revision in expect.items()):
            raise StoreConflict(actual, self._revision)
        self._write(writes)
        if lost_reply is not None:
            raise lost_reply
        return self._revision

    async def watch(self, prefix: str, *, start: int) -> AsyncIterator[Batch]:
        await self._enter()
        drops = self._drops
        following = max(start, 1)
        while True:
            if self._closed or drops != self._drops:
                raise StoreUnavailable("the watch was dropped")
            if following <= self._compacted:
                raise StoreCompacted(self._compacted)
            if self._thawed.is_set() and following <= self._revision:
                changes, following = self._since(following, prefix)
                if changes:
                    yield Batch(revision=changes[-1].revision, changes=changes)
            else:
                await self._moved.wait()

    async def revision(self) -> int:
        await self._enter()
        return self._revision

    async def surplus(self) -> int:
        await self._enter()
        return self._surplus

    async def compact(self, revision: int) -> None:
        await self._enter()
        if revision > self._revision:
            raise StoreFuture("etcd has not reached that revision")
        while self._compacted < revision:
            self._compacted += 1
            if self._compacted > 1 and self._log:
                self._log.popleft()
        self._versions = {
            key: kept for key, versions in self._versions.items() if (kept := self._kept(versions))
        }
        self._wake()

    async def alarms(self) -> tuple[str, ...]:
        await self._enter()
        return tuple(sorted(self._alarms))

    async def space(self) -> Space:
        await self._enter()
        kept = (change.record for versions in self._versions.values() for change in versions)
        used = sum(len(record.value) for record in kept if record is not None)
        return Space(used=used, file=max(used, self.file), quota=self.quota)

    async def version(self) -> str:
        await self._enter()
        return "3.4.0"

    async def lifetimes(self, *, revision: int) -> dict[str, float]:
        await self._enter()
        now = asyncio.get_running_loop().time()
        there = (key for key in self._ends if key in self._versions and self._at(key, revision) is not None)
        return {key: max(0.0, self._ends[key] - now) for key in there}

    async def aclose(self) -> None:
        self._closed = True
        for timer in self._timers:
            timer.cancel()
        self._wake()

    @property
    def moved(self) -> asyncio.Event:
        """Set at the next change. To ask for it is no call: no switch holds it up."""
        return self._moved

    # The switches.

    def freeze(self) -> None:
        """Calls hang until their timeout, watches say nothing, lifetimes stand still."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()
        overdue, self._overdue = self._overdue, []
        for revisions in overdue:
            self._expire(revisions)
        self._wake()

    def fail_next(self, error: StoreError, *, times: int = 1, done: bool = False) -> None:
        """The next calls raise; with `done`, a commit is carried out first: its reply is lost."""
        self._faults.extend([(error, done)] * times)

    def drop_watches(self) -> None:
        """Every open watch breaks, as when its connection does."""
        self._drops += 1
        self._wake()

    def backup(self) -> "Backup":
        """What `restore` brings back."""
        return Backup(self._revision, self._compacted, dict(self._versions), tuple(self._log))

    def restore(self, backup: "Backup", *, keeps_log: bool = False) -> None:
        """As etcdctl does it: the revision falls, the log begins anew. An old copy of the data has both."""
        self._revision, self._compacted = backup.revision, backup.compacted
        self._versions, self._log = dict(backup.versions), collections.deque(backup.log)
        if not keeps_log:
            self._surplus = 3 - self._revision
        self.drop_watches()

    def raise_alarm(self, alarm: str) -> None:
        self._alarms.add(alarm)

    def clear_alarm(self, alarm: str) -> None:
        self._alarms.discard(alarm)

    # Inside.

    async def _enter(self, *, writes: bool = False) -> StoreError | None:
        """Every call lets others run first, as a network would, and meets the switches."""
        await asyncio.sleep(0)
        if self._closed:
            raise StoreUnavailable("this store has been closed")
        if not self._thawed.is_set():
            try:
                async with asyncio.timeout(self.timeout):
                    await self._thawed.wait()
            except TimeoutError as error:
                raise StoreTimeout("the store did not answer in time") from error
        if not self._faults:
            return None
        fault, done = self._faults.popleft()
        if writes and done:
            return fault
        raise fault

    def _write(self, writes: Sequence[Put | Delete]) -> None:
        revision = self._revision + 1
        changes = tuple(self._changes(writes, revision))
        if not changes:
            return
        self._revision = revision
        self._log.append(changes)
        for change in changes:
            self._versions[change.key] = (*self._versions.get(change.key, ()), change)
        for write in writes:
            self._ends.pop(write.key, None)
            if isinstance(write, Put) and write.ttl is not None:
                self._ends[write.key] = asyncio.get_running_loop().time() + write.ttl
        for ttl in {write.ttl for write in writes if isinstance(write, Put)} - {None}:
            shared = [write.key for write in writes if isinstance(write, Put) and write.ttl == ttl]
            self._expire_in(ttl or 0.0, dict.fromkeys(shared, revision))
        self._wake()

    def _changes(self, writes: Sequence[Put | Delete], revision: int) -> Iterator[Change]:
        for write in writes:
            previous = self._latest(write.key)
            if isinstance(write, Put):
                created = previous.created if previous else revision
                record = Record(write.key, write.value, revision=revision, created=created)
                yield Change(write.key, record, revision)
            elif previous is not None:
                yield Change(write.key, None, revision)

    def _expire_in(self, ttl: float, revisions: dict[str, int]) -> None:
        def expire() -> None:
            self._timers.discard(timer)
            if self._thawed.is_set():
                self._expire(revisions)
            else:
                self._overdue.append(revisions)

        timer = asyncio.get_running_loop().call_later(ttl, expire)
        self._timers.add(timer)

    def _expire(self, revisions: dict[str, int]) -> None:
        """Removes the keys that were not written again since."""
        due = [key for key, at in revisions.items() if _revision_of(self._latest(key)) == at]
        self._write([Delete(key) for key in due])

    def _since(self, start: int, prefix: str) -> tuple[tuple[Change, ...], int]:
        """Changes from `start` on, and the revision to go on from."""
        first = max(self._compacted, 1) + 1  # the revision of the oldest entry of the log
        end = min(self._revision, start + MAX_BATCH_REVISIONS - 1)
        revisions = range(max(start, first), end + 1)
        changes = (change for at in revisions for change in self._log[at - first])
        return tuple(change for change in changes if change.key.startswith(prefix)), end + 1

    def _latest(self, key: str) -> Record | None:
        versions = self._versions.get(key, ())
        return versions[-1].record if versions else None

    def _at(self, key: str, revision: int) -> Record | None:
        for version in reversed(self._versions[key]):
            if version.revision <= revision:
                return version.record
        return None

    def _kept(self, versions: tuple[Change, ...]) -> tuple[Change, ...]:
        """All after the compacted revision, and the one that held at it unless deleted."""
        later = tuple(version for version in versions if version.revision > self._compacted)
        held = [version for version in versions if version.revision <= self._compacted][-1:]
        return (*(version for version in held if version.record is not None), *later)

    def _check_revision(self, revision: int) -> None:
        if revision > self._revision:
            raise StoreFuture("etcd has not reached that revision")
        if revision and revision < self._compacted:
            raise StoreCompacted(self._compacted)

    def _check_size(self, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> None:
        size = sum(len(write.value) for write in writes if isinstance(write, Put))
        if size > MAX_REQUEST_BYTES or max(len(expect), len(writes)) > MAX_OPERATIONS:
            raise StoreTooLarge("etcd takes no request of this size")

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


def _revision_of(record: Record | None) -> int:
    return record.revision if record else 0
