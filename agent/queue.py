"""Keys that want to be looked at, now or at a time; each at most once in the queue and once in the works.

The loop's heart, used for VPSes by loop.py and for statuses by report.py. It knows nothing of either.
"""

import asyncio
import heapq
import logging
import random
from collections.abc import Awaitable, Callable, Collection

from kohakuriver.backoff import Backoff
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import Clock

log = logging.getLogger(__name__)

Step = Callable[[ObjectKey], Awaitable[None]]
FINEST = 0.001  # seconds: a shorter pause may be none at all on the loop's clock, and then this spins


class KeyQueue:
    """A key added twice is looked at once; one added while it is worked on, once more afterwards."""

    def __init__(
        self, *, clock: Clock, chance: random.Random, first: float = 1.0, longest: float = 60.0
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._backoff = Backoff(first, longest)
        self._due: dict[ObjectKey, float] = {}
        self._heap: list[tuple[float, ObjectKey]] = []
        self._busy: set[ObjectKey] = set()
        self._failures: dict[ObjectKey, int] = {}
        self._wake = asyncio.Event()

    def add(self, key: ObjectKey, *, at: float | None = None) -> None:
        """Look at this key at the monotonic time `at`, or now; the earlier of two times counts."""
        due = self._clock.monotonic() if at is None else at
        if due >= self._due.get(key, float("inf")):
            return
        self._due[key] = due
        if key not in self._busy:
            heapq.heappush(self._heap, (due, key))
            self._wake.set()

    def is_idle(self) -> bool:
        """Whether nothing is in the works and nothing is due now."""
        now = self._clock.monotonic()
        return not self._busy and all(due > now for due in self._due.values())

    def forget(self, key: ObjectKey) -> None:
        """Drop what is queued of a key."""
        self._due.pop(key, None)
        self._failures.pop(key, None)

    def backoff(self, key: ObjectKey) -> float:
        """The pause after one more failure of this key: doubling, with jitter."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return self._backoff.pause(failures) * self._chance.uniform(0.8, 1.2)

    @property
    def failing(self) -> Collection[ObjectKey]:
        """The keys whose last step failed."""
        return self._failures.keys()

    def succeeded(self, key: ObjectKey) -> None:
        """The next failure of this key is a first one again."""
        self._failures.pop(key, None)

    async def serve(self, step: Step, *, name: str) -> None:
        """Call `step` for each key that is due, different keys side by side, for ever."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                key = await self._next()
                self._busy.add(key)
                tasks.create_task(self._once(step, key), name=f"{name} {key}")

    async def _once(self, step: Step, key: ObjectKey) -> None:
        """One step. A fault in our own code costs this key a pause, and no other key anything."""
        try:
            await step(key)
        except Exception:
            log.exception("a step failed; it is tried again", extra={"key": str(key)})
            self.add(key, at=self._clock.monotonic() + self.backoff(key))
        finally:
            self._busy.discard(key)
            due = self._due.get(key)
            if due is not None:
                heapq.heappush(self._heap, (due, key))
                self._wake.set()

    async def _next(self) -> ObjectKey:
        while True:
            key = self._pop()
            if key is not None:
                return key
            self._wake.clear()
            pause = max(FINEST, self._heap[0][0] - self._clock.monotonic()) if self._heap else None
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _pop(self) -> ObjectKey | None:
        now = self._clock.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, key = heapq.heappop(self._heap)
            if self._due.get(key) == due and key not in self._busy:
                del self._due[key]
                return key
        return None
