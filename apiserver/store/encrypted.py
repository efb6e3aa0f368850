"""A store in which what could hold secrets is encrypted before etcd sees it: backups and disks tell nothing.

VPSes (their env and commands), Environments, Snapshots (what hooks wrote), and the secret that containers are
proved with. Everything else stays as it is. Without keys nothing is encrypted, and what somebody else
encrypted is refused rather than taken for nonsense: a VPS that cannot be read must never look like one that
is gone.
"""

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Final, cast

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import (
    Batch,
    Change,
    Delete,
    Page,
    Put,
    Record,
    Space,
    Store,
    StoreConflict,
    StoreRefused,
)
from kohakuriver.apiserver.store.encryption import CannotDecrypt, Keys
from kohakuriver.resources import kinds

COVERED: Final = (
    codec.prefix(kinds.VPS),
    codec.prefix(kinds.ENVIRONMENT),
    codec.prefix(kinds.SNAPSHOT),
    codec.PROOF,
)
_PAGE: Final = 200  # values read at once by `rewrite` and `check`


class EncryptedStore:
    """Another store, with values encrypted under these keys."""

    def __init__(self, inner: Store, keys: Keys, *, covered: tuple[str, ...] = COVERED) -> None:
        self.inner = inner
        self._keys = keys
        self._prefixes = covered

    async def get(self, key: str) -> Record | None:
        return self._open(await self.inner.get(key))

    async def get_many(self, keys: Sequence[str]) -> tuple[tuple[Record | None, ...], int]:
        records, revision = await self.inner.get_many(keys)
        return tuple(map(self._open, records)), revision

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str | None = None) -> Page:
        page = await self.inner.list(prefix, revision=revision, limit=limit, after=after)
        return dataclasses.replace(page, records=tuple(self._opened(record) for record in page.records))

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        try:
            return await self.inner.commit(expect=expect, writes=[self._sealed(write) for write in writes])
        except StoreConflict as conflict:
            actual = {key: self._open(record) for key, record in conflict.actual.items()}
            raise StoreConflict(actual, conflict.revision) from None

    async def watch(self, prefix: str, *, start: int) -> AsyncIterator[Batch]:
        batches = self.inner.watch(prefix, start=start)
        async with contextlib.aclosing(cast(AsyncGenerator[Batch], batches)) as stream:
            async for batch in stream:
                changes = (Change(one.key, self._open(one.record), one.revision) for one in batch.changes)
                yield Batch(batch.revision, tuple(changes))

    async def revision(self) -> int:
        return await self.inner.revision()

    async def surplus(self) -> int:
        return await self.inner.surplus()

    async def compact(self, revision: int) -> None:
        await self.inner.compact(revision)

    async def alarms(self) -> tuple[str, ...]:
        return await self.inner.alarms()

    async def space(self) -> Space:
        return await self.inner.space()

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def check(self) -> None:
        """Raises StoreRefused if any value cannot be read with these keys."""
        async for record in self._covered():
            self._opened(record)

    async def rewrite(self) -> tuple[int, int]:
        """Write anew what is not under the first key: how many there are, and how many were rewritten.

        One that somebody changes meanwhile is written by them, under their first key.
        """
        there = written = 0
        async for record in self._covered():
            there += 1
            if self._keys.is_current(record.value):
                continue
            put = Put(record.key, self._opened(record).value)
            with contextlib.suppress(StoreConflict):
                await self.commit(expect={record.key: record.revision}, writes=[put])
                written += 1
        return there, written

    async def _covered(self) -> AsyncIterator[Record]:
        """What is there, as it is stored."""
        for prefix in self._prefixes:
            after: str | None = None
            more = True
            while more:
                page = await self.inner.list(prefix, limit=_PAGE, after=after)
                for record in page.records:
                    yield record
                after, more = (page.records[-1].key, page.more) if page.records else (after, False)

    def _sealed(self, write: Put | Delete) -> Put | Delete:
        if isinstance(write, Put) and write.key.startswith(self._prefixes):
            return dataclasses.replace(write, value=self._keys.encrypt(write.key, write.value))
        return write

    def _open(self, record: Record | None) -> Record | None:
        return self._opened(record) if record is not None else None

    def _opened(self, record: Record) -> Record:
        try:
            value = self._keys.decrypt(record.key, record.value)
        except CannotDecrypt as error:
            raise StoreRefused(
                str(error), hint="give the API server all keys that are in use: --encryption-keys FILE"
            ) from error
        return record if value is record.value else dataclasses.replace(record, value=value)
