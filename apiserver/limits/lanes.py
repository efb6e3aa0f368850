"""Large writes of one credential, one at a time, with a rest after each that is as long as the write was.

    body.py, requests.py, once the size is known ──► Passage.enter ──► the write ──► the next one

Eight at once would each prepare the same object six times over, and leave nobody else a moment of the loop.
One after the other they conflict with nobody of the same credential, and take at most half of the time that
there is. Who writes less often than that waits for nothing.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from kohakuriver import errors

WAITING: Final = 16  # large writes of one credential that may wait, each with its body
LONGEST_REST: Final = 0.25  # seconds


class Lane:
    """One credential's."""

    def __init__(self, name: str, *, now: Callable[[], float]) -> None:
        self._name = name
        self._now = now
        self._lock = asyncio.Lock()
        self._taken = 0  # by the one that is under way and those that wait
        self._free_at = float("-inf")

    def check(self) -> None:
        """Raises TooManyRequests where as many wait as may."""
        if self._taken > WAITING:
            raise errors.TooManyRequests(
                f"too many requests: {self._taken} large writes of the credential of {self._name} are under "
                "way, which are done one at a time",
                hint="wait as long as Retry-After says, and send large objects one after the other",
                retry_after=1.0,
            )

    async def take(self) -> float:
        """When it was taken."""
        self.check()
        self._taken += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._taken -= 1
            raise
        try:
            if (rest := self._free_at - self._now()) > 0:
                await asyncio.sleep(rest)
        except BaseException:
            self._let_go()
            raise
        return self._now()

    def give_back(self, since: float) -> None:
        now = self._now()
        self._free_at = now + min(LONGEST_REST, now - since)
        self._let_go()

    def _let_go(self) -> None:
        self._taken -= 1
        self._lock.release()


class Passage:
    """One request's way through it, if it needs one and there is one."""

    def __init__(self, lane: Lane | None) -> None:
        self._lane = lane
        self._since: float | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator["Passage"]:
        """While the request is handled."""
        try:
            yield self
        finally:
            if self._lane is not None and self._since is not None:
                self._lane.give_back(self._since)

    async def enter(self) -> None:
        """Once, however often it is asked for. Raises TooManyRequests."""
        if self._lane is not None and self._since is None:
            self._since = await self._lane.take()
