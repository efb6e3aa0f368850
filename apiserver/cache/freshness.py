"""Who waits for the cache to come to a revision, and what the store's current revision is.

Lists that come in together share one read of the store's header: one that starts after each of them
came, so that what it says holds for all of them.
"""

import asyncio

from kohakuriver.apiserver.store.base import Store


class Freshness:
    """Tells how far the cache must be, and when it is there."""

    PATIENCE = 0.1  # seconds in which the watch usually brings what a read has shown

    def __init__(self, store: Store) -> None:
        self._store = store
        self._revision = 0
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._running: asyncio.Task[int] | None = None
        self._next: asyncio.Task[int] | None = None

    def advance(self, revision: int) -> None:
        """The cache has come to a revision. It may be a lower one, after the store was restored."""
        self._revision = revision
        for future, wanted in tuple(self._waiting.items()):
            if wanted <= revision and not future.done():
                future.set_result(None)

    async def reached(self, revision: int, *, timeout: float) -> bool:
        """Whether the cache has come to a revision, waiting for it at most so long."""
        if revision <= self._revision:
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = revision
        try:
            await asyncio.wait((future,), timeout=timeout)
        finally:
            self._waiting.pop(future, None)
        return revision <= self._revision

    async def current(self) -> int:
        """The store's revision, read by a call that starts no earlier than this one."""
        if self._next is None:
            self._next = asyncio.create_task(self._read_after(self._running), name="store-revision")
            self._next.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._next)

    async def _read_after(self, running: asyncio.Task[int] | None) -> int:
        if running is not None:
            await asyncio.wait((running,))
        self._running, self._next = self._next, None
        return await self._store.revision()
