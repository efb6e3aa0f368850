"""A store whose revisions are shown higher than etcd counts them: they never fall, not even over a restore.

A restored backup goes back to an older revision and counts on from there, so the same number would name two
states. Every history of the store therefore has an offset, larger than all that was ever shown before it
(`apiserver/store/lineage.py` sets it), which is added to what comes out of the store and taken off what goes
in. What is asked for at a revision of an earlier history has been compacted, as far as anybody can tell."""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from typing import cast

from kohakuriver.apiserver.store.base import (
    Batch,
    Change,
    Delete,
    Page,
    Put,
    Record,
    Space,
    Store,
    StoreCompacted,
    StoreConflict,
)


class ShiftedStore:
    """Another store, under the offset of the history that it is in."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.offset = 0
        self.floor = 0  # what is shown of this history is at or above this

    async def get(self, key: str) -> Record | None:
        return self._shown(await self.inner.get(key))

    async def get_many(self, keys: Sequence[str]) -> tuple[tuple[Record | None, ...], int]:
        records, revision = await self.inner.get_many(keys)
        return tuple(map(self._shown, records)), revision + self.offset

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str | None = None) -> Page:
        with self._forgotten():
            page = await self.inner.list(prefix, revision=self._asked(revision), limit=limit, after=after)
        if not self.offset:
            return page
        records = tuple(_moved(record, self.offset) for record in page.records)
        return Page(records=records, revision=page.revision + self.offset, more=page.more)

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        # 0 means absent; nothing of this history is at another's revision, nor below zero.
        wanted = {key: revision and max(revision - self.offset, -1) for key, revision in expect.items()}
        try:
            return await self.inner.commit(expect=wanted, writes=writes) + self.offset
        except StoreConflict as conflict:
            actual = {key: self._shown(record) for key, record in conflict.actual.items()}
            raise StoreConflict(actual, conflict.revision + self.offset) from None

    async def watch(self, prefix: str, *, start: int) -> AsyncIterator[Batch]:
        offset = self.offset
        batches = self.inner.watch(prefix, start=self._asked(start))
        async with contextlib.aclosing(cast(AsyncGenerator[Batch], batches)) as stream:
            while True:
                with self._forgotten():
                    batch = await anext(stream)
                yield batch if not offset else _batch(batch, offset)

    async def revision(self) -> int:
        return await self.inner.revision() + self.offset

    async def compact(self, revision: int) -> None:
        if revision > self.floor:  # what an earlier history had come to is no place in this one
            await self.inner.compact(revision - self.offset)

    async def surplus(self) -> int:
        return await self.inner.surplus()

    async def alarms(self) -> tuple[str, ...]:
        return await self.inner.alarms()

    async def space(self) -> Space:
        return await self.inner.space()

    async def aclose(self) -> None:
        await self.inner.aclose()

    def _shown(self, record: Record | None) -> Record | None:
        return _moved(record, self.offset) if record is not None and self.offset else record

    @contextlib.contextmanager
    def _forgotten(self) -> Iterator[None]:
        """How far back the store has forgotten, as it is shown."""
        try:
            yield
        except StoreCompacted as error:
            if not error.compact_revision or error.compact_revision == self.floor:
                raise
            raise StoreCompacted(error.compact_revision + self.offset) from None

    def _asked(self, revision: int) -> int:
        """The revision as etcd counts. Raises StoreCompacted for one of an earlier history."""
        if revision and revision < self.floor:
            raise StoreCompacted(self.floor)
        return revision and revision - self.offset


def _moved(record: Record, offset: int) -> Record:
    return dataclasses.replace(record, revision=record.revision + offset, created=record.created + offset)


def _batch(batch: Batch, offset: int) -> Batch:
    changes = tuple(
        Change(
            change.key,
            _moved(change.record, offset) if change.record is not None else None,
            change.revision + offset,
        )
        for change in batch.changes
    )
    return Batch(batch.revision + offset, changes)
