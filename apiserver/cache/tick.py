"""Whether the store's watch is alive: a key of our own is written into its silence and must come back.

Every API server has its own key, which the store forgets a minute after its last write.
"""

import asyncio
import logging
import uuid

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Store, StoreError
from kohakuriver.clock import Clock

LOG = logging.getLogger(__name__)

SILENCE = 5.0  # seconds without a word, after which a tick is written
ANSWER = 5.0  # seconds in which it must come back
STEP = 1.0
KEPT = 60.0  # seconds the key outlives its writer


class Ticker:
    """Hears every batch, and asks when it hears nothing."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.alive = True
        self.why = ""  # the store's own words, while it is not alive
        self.given_up = asyncio.Event()  # set when a tick was lost: whoever reads the watch opens another
        self._store = store
        self._clock = clock
        self._key = f"{codec.TICKS}{uuid.uuid4().hex[:12]}"
        self._heard_at = clock.monotonic()
        self._news = asyncio.Event()
        self._revision = 0
        self._awaited = 0  # the revision of the last tick
        self._count = 0

    def heard(self, revision: int) -> None:
        """The watch has brought something, or a listing has."""
        self._heard_at = self._clock.monotonic()
        self._revision = revision
        self.alive = self.alive or revision >= self._awaited
        self._news.set()

    async def write(self) -> int:
        """Write the tick now; the revision at which the watch will bring it."""
        self._count += 1
        put = Put(self._key, str(self._count).encode(), ttl=KEPT)
        self._awaited = await self._store.commit(expect={}, writes=[put])
        return self._awaited

    async def step(self) -> None:
        """A second's wait; and when all was silent, a tick and the wait for it."""
        await asyncio.sleep(STEP)
        if self._clock.monotonic() - self._heard_at < SILENCE:
            return
        try:
            async with asyncio.timeout(ANSWER):
                revision = await self.write()
                while self._revision < revision:
                    self._news.clear()
                    await self._news.wait()
        except (TimeoutError, StoreError) as error:
            if self.alive:
                LOG.warning("a tick did not come back", extra={"error": str(error) or "timed out"})
            self.alive = False
            self.why = str(error)
            self.given_up.set()
