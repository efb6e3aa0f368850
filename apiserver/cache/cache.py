"""Everything under `registry/`, kept current by one store watch; lists and watches are served from here.

    store watch ──► Cache.apply, revision by revision ──► KindCache ──► entries, history, watchers

`revision` rises only when all changes of a revision are in, so it is what lists, bookmarks and freshness
may promise (CORRECTNESS 17, 18). When the watch breaks it is opened again behind that revision, and
nobody notices; when the store has forgotten so much, the cache lists again and tells watchers the
differences. Silence is not taken for peace: after 5 s of it a tick key is written, and while that does
not come back nothing is served. Never writes anything but ticks.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import cast

from kohakuriver.apiserver.cache.entry import Entry, entry_of
from kohakuriver.apiserver.cache.freshness import Freshness
from kohakuriver.apiserver.cache.kindcache import KindCache
from kohakuriver.apiserver.cache.owned import Owned
from kohakuriver.apiserver.cache.sessions import Sessions
from kohakuriver.apiserver.cache.standing import Standing
from kohakuriver.apiserver.cache.strays import Strays
from kohakuriver.apiserver.cache.tick import Ticker
from kohakuriver.apiserver.identity.credentials import Credentials
from kohakuriver.apiserver.identity.revocation import Revocations
from kohakuriver.apiserver.policies.held import Policies
from kohakuriver.apiserver.quota.booked import Booked
from kohakuriver.apiserver.quota.quotas import Quotas
from kohakuriver.apiserver.quota.stored import Stored
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import (
    Batch,
    Record,
    StoreCompacted,
    StoreError,
    StoreFuture,
)
from kohakuriver.apiserver.store.lineage import Lineage
from kohakuriver.clock import Clock
from kohakuriver.errors import Expired, Unavailable
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

LOG = logging.getLogger(__name__)

FRESH_WITHIN = 3.0  # how long a list may wait for the cache
REOPEN_AFTER = 0.2  # seconds; doubles up to the next
REOPEN_AT_MOST = 2.0
GLIMPSE_EVERY = 0.1  # seconds
AT_ONCE = 200  # objects decoded between two turns of the event loop


class Cache:
    """All kinds, in the order of the store's revisions."""

    def __init__(
        self, lineage: Lineage, *, clock: Clock, resources: Sequence[ResourceType] = kinds.ALL
    ) -> None:
        self.revision = 0
        self.kinds: Mapping[ResourceType, KindCache] = {
            resource: KindCache(resource, clock) for resource in resources
        }
        self.revocations = Revocations()
        self.credentials = Credentials()
        self.owned = Owned()
        self.strays = Strays()
        self.policies = Policies()
        self.standing = Standing(clock)
        self.sessions = Sessions(clock)
        self.booked = Booked()
        self.stored = Stored()
        self.quotas = Quotas()
        self._by_plural = {kind.resource.plural: kind for kind in self.kinds.values()}
        self._lineage = lineage
        self._store = store = lineage.store
        self.loaded = asyncio.Event()
        self._closing = False
        self._history_id: str | None = None
        self._ticker = Ticker(store, clock)
        self._freshness = Freshness(store)
        self._clock = clock
        self._glimpse: asyncio.Task[int] | None = None
        self._glimpse_again = 0.0

    @property
    def ready(self) -> bool:
        """Whether what is in here is known to be current enough to serve."""
        return self.loaded.is_set() and self._ticker.alive and not self._closing

    def check_ready(self) -> None:
        """Raises Unavailable while nothing can be served."""
        if not self.ready:
            why = self._ticker.why if not self._ticker.alive else ""
            raise Unavailable(
                f"this API server has lost sight of its store: {why}"
                if why
                else "this API server has lost sight of its store, or is starting or stopping",
                hint="try again in a moment; if it stays so, check etcd",
                retry_after=1,
            )

    async def run(self) -> None:
        """Keep the cache current until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_forever(), name="cache-follow")
            group.create_task(self._watch_silence_forever(), name="cache-silence")

    async def wait_for(self, revision: int, *, timeout: float = FRESH_WITHIN) -> bool:
        """Whether the cache has come to a revision, waiting for it at most so long."""
        return await self._freshness.reached(revision, timeout=timeout)

    async def fresh(self) -> int:
        """Wait until everything that was written before this call is in; the cache's revision then."""
        self.check_ready()
        before = self.revision
        current = await self._freshness.current()
        if current < before:
            self._ticker.given_up.set()  # so that the watch is opened anew, after a look at the history
            raise Unavailable("the store went back in time", hint="try again in a moment", retry_after=1)
        if not await self._freshness.reached(current, timeout=self._freshness.PATIENCE):
            # Somebody wrote outside `registry/`: only a write of our own brings the watch so far.
            await self._ticker.write()
            if not await self.wait_for(current):
                raise Unavailable("the store's watch is behind its reads", hint="try again", retry_after=1)
        return self.revision

    async def glimpse(self) -> None:
        """As `fresh`, for who has shown nothing yet: all who ask within a moment have one answer, lest
        strangers keep the store busy. Raises Unavailable."""
        now = self._clock.monotonic()
        if self._glimpse is None or (self._glimpse.done() and now >= self._glimpse_again):
            self._glimpse_again = now + GLIMPSE_EVERY
            self._glimpse = asyncio.create_task(self.fresh(), name="cache-glimpse")
            self._glimpse.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._glimpse)

    def recall(self, keys: Sequence[str]) -> dict[str, Record | None] | None:
        """The records of several objects at the cache's revision; None while that may be an old one."""
        if not self.ready:
            return None
        return {key: self._recalled(key) for key in keys}

    def _recalled(self, key: str) -> Record | None:
        if key.startswith(codec.QUOTA_TURNS):
            return self.quotas.turn(key)
        return self._by_plural[codec.plural_of(key)].recall(key)

    def close(self) -> None:
        """Serve nothing more and end every watch in good order."""
        self._closing = True
        self._end_watches()

    async def _follow_forever(self) -> None:
        wait = REOPEN_AFTER
        while True:
            before = self.revision
            try:
                await self._follow()
            except (StoreCompacted, StoreFuture):
                LOG.warning("the store has forgotten where the cache was", extra={"revision": self.revision})
                self.loaded.clear()
            except StoreError as error:
                LOG.warning("the store watch broke", extra={"revision": self.revision, "error": str(error)})
            wait = REOPEN_AFTER if self.revision > before else min(wait * 2, REOPEN_AT_MOST)
            await asyncio.sleep(wait)

    async def _follow(self) -> None:
        """One store watch, from where the cache is until it breaks or falls silent."""
        await self._same_history()
        if not self.loaded.is_set():
            await self._load()
        batches = self._store.watch(codec.REGISTRY, start=self.revision + 1)
        async with contextlib.aclosing(cast(AsyncGenerator[Batch], batches)) as stream:
            self._ticker.given_up.clear()
            reading = asyncio.create_task(self._read(stream), name="cache-read")
            silence = asyncio.create_task(self._ticker.given_up.wait(), name="cache-given-up")
            try:
                await asyncio.wait((reading, silence), return_when=asyncio.FIRST_COMPLETED)
            finally:
                silence.cancel()
                reading.cancel()
                await asyncio.gather(silence, reading, return_exceptions=True)
        if not reading.cancelled():
            reading.result()

    async def _read(self, batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            await self._apply(batch)

    async def _apply(self, batch: Batch) -> None:
        """Take over complete revisions; others get their turn between two of them."""
        for number, change in enumerate(batch.changes, 1):
            kind = self._by_plural.get(codec.plural_of(change.key))
            self.quotas.apply(change.key, change.record)
            if kind is not None:
                entry = _entry(kind.resource, change.record) if change.record is not None else None
                self.owned.move(change.key, kind.get(change.key), entry)
                self.stored.apply(change.key, change.record if entry is not None else None)
                kind.apply(change.key, entry, revision=change.revision)
                if kind.resource is kinds.TOKEN:
                    self.credentials.apply(change.key, change.record)
                elif kind.resource is kinds.NODE:
                    self.strays.apply(change.key, change.record)
                elif kind.resource is kinds.POLICY:
                    self.policies.apply(change.key, change.record)
                elif kind.resource is kinds.LEASE:
                    self.standing.apply(change.key, change.record)
                    self.sessions.apply(change.key, change.record)
                elif kind.resource is kinds.NODE_ALLOCATION:
                    self.booked.apply(change.key, change.record)
            elif change.key.startswith(codec.REVOKED):
                self.revocations.apply(change.key, change.record)
                self._end_revoked()
            elif change.key == codec.HISTORY and change.record is not None:
                self._check_history(change.record)
            following = batch.changes[number].revision if number < len(batch.changes) else 0
            if number % AT_ONCE == 0 and following > change.revision:
                self._advance(change.revision)
                await asyncio.sleep(0)
        self._advance(batch.revision)

    def _advance(self, revision: int) -> None:
        self.revision = revision
        self.standing.heard()
        self._ticker.heard(revision)
        self._freshness.advance(revision)

    async def _same_history(self) -> None:
        """A restored store goes back in time: then nothing that anybody holds from us is worth anything."""
        history = await self._lineage.look(seen=self.revision)
        known, self._history_id = self._history_id, history.id
        if self.revision and known is not None and history.id != known:
            LOG.warning(
                "the store was restored; every client has to list again", extra={"history": history.id}
            )
            self._end_watches(Expired("the store was restored from a backup", hint="list again"))
            self.loaded.clear()

    def _check_history(self, record: Record) -> None:
        """Raises StoreFuture, so that all is read anew, when somebody has begun another history."""
        if record.value.decode() != self._history_id:
            raise StoreFuture("a new history of the store has begun")

    def _end_revoked(self) -> None:
        """A node that was given up hears nothing more, and nobody is led to it."""
        for digest in self.revocations.hashes:
            self.credentials.end(digest)

    def _end_watches(self, error: Expired | None = None) -> None:
        for kind in self.kinds.values():
            kind.end_watches(error)

    async def _load(self) -> None:
        """List everything and tell the watchers the differences, at one revision."""
        page = await self._store.list(codec.REGISTRY)
        sums = Stored(), Booked()
        entries = await self._decode(page.records, *sums)
        self.owned.clear()
        for found in entries.values():
            for key, entry in found.items():
                self.owned.move(key, None, entry)
        for kind in self.kinds.values():
            kind.replace(entries[kind.resource], page.revision)
        self.revocations.replace(record for record in page.records if record.key.startswith(codec.REVOKED))
        tokens = codec.prefix(kinds.TOKEN)
        self.credentials.replace(record for record in page.records if record.key.startswith(tokens))
        self._end_revoked()
        nodes = codec.prefix(kinds.NODE)
        self.strays.replace(record for record in page.records if record.key.startswith(nodes))
        policies = codec.prefix(kinds.POLICY)
        self.policies.replace(record for record in page.records if record.key.startswith(policies))
        leases = codec.prefix(kinds.LEASE)
        held = [record for record in page.records if record.key.startswith(leases)]
        self.standing.replace(held)
        self.sessions.replace(held)
        self.stored, self.booked = sums
        self.quotas.replace(page.records)
        self._advance(page.revision)
        self.loaded.set()
        LOG.info("the cache is filled", extra={"objects": len(page.records), "revision": page.revision})

    async def _decode(
        self, records: Sequence[Record], stored: Stored, booked: Booked
    ) -> dict[ResourceType, dict[str, Entry]]:
        """Each kind's entries by key; what is counted of them is added up beside."""
        entries: dict[ResourceType, dict[str, Entry]] = {resource: {} for resource in self.kinds}
        for number, record in enumerate(records):
            kind = self._by_plural.get(codec.plural_of(record.key))
            entry = _entry(kind.resource, record) if kind is not None else None
            if kind is not None and entry is not None:
                entries[kind.resource][record.key] = entry
                stored.apply(record.key, record)
                if kind.resource is kinds.NODE_ALLOCATION:
                    booked.apply(record.key, record)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return entries

    async def _watch_silence_forever(self) -> None:
        while True:
            was_alive = self._ticker.alive
            await self._ticker.step()
            if was_alive and not self._ticker.alive:
                LOG.error("the store is silent; serving nothing", extra={"revision": self.revision})
                self._end_watches()
            elif self._ticker.alive and not was_alive:
                LOG.info("the store is back", extra={"revision": self.revision})


def _entry(resource: ResourceType, record: Record) -> Entry | None:
    """None, and a line in the log, for what is no object: one bad key must not stop all others."""
    try:
        return entry_of(resource, record)
    except codec.Unreadable as error:
        LOG.error("a key of the store holds no object", extra={"key": record.key, "error": str(error)})
        return None
