"""Which cluster the store holds, and in which history: a restored backup begins a new one (CORRECTNESS 19).

    meta/cluster   {"id", "historyId", "offset", "surplus", "begun", "copy"}   compared by whoever writes it

A history is everything between two restores. What tells a restored etcd from any other: `etcdctl snapshot
restore` keeps the revision and begins the log anew, so the log has fewer entries beyond one a revision than
were written down when the history began (`Store.surplus`). A server also knows where it was itself. Either
way it begins the next history before it serves a word of what was restored. What brings back log and revision
together, such as an old copy of etcd's data directory under servers that were all restarted, only a person
can tell: `kohakuriver apiserver --after-restore`. A backup that is loaded (`copying.py`) begins one itself.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import logging
import uuid
from collections.abc import Sequence

import orjson

from kohakuriver import clock as clocks
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, Record, Store, StoreConflict, StoreUnavailable
from kohakuriver.apiserver.store.shifted import ShiftedStore

LOG = logging.getLogger(__name__)

LOOKS = 5  # at a log that is too short, before it is believed: it may be read while it is being written
BETWEEN = 0.2  # seconds
STEP = 10**12  # revisions; etcd does not write so many between two restores
PER_SECOND = 10**6  # so a later restore of an older backup is above an earlier one of a younger


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """The cluster's id never changes; the history's does with every restore."""

    cluster_id: str
    id: str
    offset: int = 0
    surplus: int | None = None

    @property
    def is_restored(self) -> bool:
        """Whether the store has ever been restored from a backup."""
        return self.offset > 0


def next_offset(before: int, now: datetime.datetime) -> int:
    """Above everything that was shown so far."""
    return max(before + STEP, int(now.timestamp()) * PER_SECOND)


class Lineage:
    """The history that the store is in, as of the last look; and the store, with its revisions moved."""

    def __init__(self, store: Store, clock: clocks.Clock) -> None:
        self.store = ShiftedStore(store)
        self._clock = clock
        self._current: History | None = None

    @property
    def current(self) -> History:
        if self._current is None:
            raise RuntimeError("the store has not been looked at yet")
        return self._current

    async def look(self, *, seen: int = 0) -> History:
        """Read it; begin the first where there is none, and the next where the store was restored.

        `seen` is the highest revision that this server has shown.
        """
        record = await self.store.inner.get(codec.CLUSTER)
        if record is None:
            await self._refuse_half_a_backup()
            return await self._write(None, History(str(uuid.uuid4()), str(uuid.uuid4())))
        history = _parsed(record)
        self._take(history, record)
        if history.surplus is None:  # a store from before this was written down
            return await self._write(record, history)
        why = await self._restored(history, seen)
        if why:
            LOG.warning("the store was restored from a backup: a new history begins", extra={"because": why})
            return await self._begin(record, history)
        return history

    async def begin(self) -> History:
        """Begin the next history: a person says that the store was restored."""
        await self.look()
        record = await self.store.inner.get(codec.CLUSTER)
        if record is None:
            raise RuntimeError(f"{codec.CLUSTER} disappeared from the store")
        return await self._begin(record, _parsed(record))

    async def resume(self, before: History, *, copy: str, also: Sequence[Put | Delete] = ()) -> History:
        """Begin the history that follows `before`, in a store that holds no history, and write that as well.
        `copy` tells what was loaded there."""
        following = History(
            before.cluster_id, str(uuid.uuid4()), next_offset(before.offset, self._clock.now())
        )
        stands = await self._write(None, following, also, copy=copy)
        if stands.id != following.id:
            raise StoreConflict({}, 0)
        return stands

    async def _refuse_half_a_backup(self) -> None:
        if await self.store.inner.get(codec.LOADING) is not None:
            raise StoreUnavailable(
                "a backup is being loaded into this store, or was and did not come to its end",
                hint="run the kohakuriver restore that began it again",
            )

    async def _restored(self, history: History, seen: int) -> str:
        """By what it shows that this is a restored backup; empty if nothing does."""
        revision = await self.store.revision()
        if revision < seen:
            return f"it is at revision {revision}, and was at {seen} already"
        known, missing = history.surplus or 0, 0
        for _ in range(LOOKS):
            missing = known - await self.store.surplus()
            if missing <= 0:
                return ""
            await asyncio.sleep(BETWEEN)
        return f"its log is {missing} entries too short for its revision"

    async def _begin(self, record: Record, before: History) -> History:
        offset = next_offset(before.offset, self._clock.now())
        return await self._write(record, History(before.cluster_id, str(uuid.uuid4()), offset))

    async def _write(
        self, record: Record | None, history: History, also: Sequence[Put | Delete] = (), *, copy: str = ""
    ) -> History:
        """Write it, unless another server was first; what stands there then."""
        history = dataclasses.replace(history, surplus=await self.store.surplus())
        value = {
            "id": history.cluster_id,
            "historyId": history.id,
            "offset": history.offset,
            "surplus": history.surplus,
            "begun": clocks.timestamp(self._clock.now()),
        } | ({"copy": copy} if copy else {})
        expect = {codec.CLUSTER: record.revision if record is not None else 0}
        # The second key is in what every server watches: one that runs already learns of it at once.
        writes = [Put(codec.CLUSTER, orjson.dumps(value)), Put(codec.HISTORY, history.id.encode()), *also]
        with contextlib.suppress(StoreConflict):
            await self.store.inner.commit(expect=expect, writes=writes)
        found = await self.store.inner.get(codec.CLUSTER)
        if found is None:
            raise RuntimeError(f"{codec.CLUSTER} disappeared from the store")
        stands = _parsed(found)
        self._take(stands, found)
        return stands

    def _take(self, history: History, record: Record) -> None:
        self._current = history
        self.store.offset = history.offset
        self.store.floor = history.offset + record.revision if history.offset else 0


def _parsed(record: Record) -> History:
    content = orjson.loads(record.value)
    return History(content["id"], content["historyId"], content.get("offset", 0), content.get("surplus"))
