"""Forgetting old revisions: every five minutes, up to where the store was five minutes before.

All API servers try, by a compare on one key; whoever writes it does the work. The value of the key is
the revision at that moment, which is what the next winner compacts to.
"""

import asyncio
import logging
import uuid

import orjson

from kohakuriver import clock as clocks
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record, Store, StoreConflict, StoreError

LOG = logging.getLogger(__name__)

EVERY = 300.0


class Compaction:
    """One server's part in it."""

    def __init__(self, store: Store, clock: clocks.Clock) -> None:
        self._store = store
        self._clock = clock
        self._id = uuid.uuid4().hex[:12]
        self._seen: Record | None = None

    async def run(self) -> None:
        """Until cancelled."""
        await self._look()
        while True:
            await asyncio.sleep(EVERY)
            await self.step()

    async def step(self) -> None:
        """Compact, if nobody has since the last look; `EVERY` after that look."""
        seen = self._seen
        try:
            value = {
                "by": self._id,
                "at": clocks.timestamp(self._clock.now()),
                "revision": await self._store.revision(),
            }
            expected = {codec.COMPACTION: seen.revision if seen else 0}
            await self._store.commit(expect=expected, writes=[Put(codec.COMPACTION, orjson.dumps(value))])
            if seen is not None:
                revision = int(orjson.loads(seen.value)["revision"])
                await self._store.compact(revision)
                LOG.info("the store's old revisions are compacted", extra={"revision": revision})
        except StoreConflict:
            pass  # another server has done it
        except StoreError as error:
            LOG.warning("compaction was put off", extra={"error": str(error)})
        await self._look()

    async def _look(self) -> None:
        try:
            self._seen = await self._store.get(codec.COMPACTION)
        except StoreError as error:
            LOG.warning("the last compaction could not be read", extra={"error": str(error)})
