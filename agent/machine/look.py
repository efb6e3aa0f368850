"""Looks at the machine that may never come back: a file system whose server is gone, a driver that hangs.

Each is taken in a thread, one at a time; who asks goes on with what was seen last.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

PATIENCE = 6.0  # seconds for one look; longer than a driver is given
T = TypeVar("T")


class Look(Generic[T]):
    """One thing that is looked at again and again."""

    def __init__(self, what: str, threads: Executor | None = None, *, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._what = what
        self._threads = threads
        self._last: list[T] = []  # at most one
        self._pending: asyncio.Future[T] | None = None

    async def take(self, work: Callable[[], T]) -> T:
        """What is so now; while the machine does not answer, what was so last, and TimeoutError before it
        ever did. Raises what `work` raises."""
        if self._pending is None:
            self._pending = asyncio.get_running_loop().run_in_executor(self._threads, work)
            self._pending.add_done_callback(lambda done: done.cancelled() or done.exception())
            await asyncio.wait({self._pending}, timeout=self._patience)
            if not self._pending.done():
                log.warning(
                    "the machine does not answer", extra={"asked": self._what, "within": self._patience}
                )
        if self._pending.done():
            pending, self._pending = self._pending, None
            self._last = [pending.result()]
        if not self._last:
            raise TimeoutError(f"the machine does not say {self._what}")
        return self._last[0]
