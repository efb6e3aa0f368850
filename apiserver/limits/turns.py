"""Whose long work goes on in the next turn of the event loop: one piece of it a turn, of each in order.

A LIST that matches, a watch that replays its past: each does a millisecond of it, then waits here. Machines,
admins and people come round in equal parts, and the credentials of each in turn, so a hundred LISTs of one
user hold up another user's by one piece, and a GET by as many as it needs turns.
"""

import asyncio
import collections
from collections.abc import Hashable

Queue = collections.OrderedDict[Hashable, collections.deque[asyncio.Future[None]]]


class Turns:
    """All that wait for one loop."""

    def __init__(self) -> None:
        self._pools: collections.OrderedDict[Hashable, Queue] = collections.OrderedDict()
        self._running = False

    async def take(self, pool: Hashable, credential: Hashable) -> None:
        """Returns when it is this one's turn."""
        future = asyncio.get_running_loop().create_future()
        queue = self._pools.setdefault(pool, collections.OrderedDict())
        queue.setdefault(credential, collections.deque()).append(future)
        if not self._running:
            self._running = True
            asyncio.get_running_loop().call_soon(self._next)
        await future

    def _next(self) -> None:
        """Wake one of those who wait."""
        while self._pools:
            pool, queue = next(iter(self._pools.items()))
            credential, waiting = next(iter(queue.items()))
            future = waiting.popleft()
            queue.move_to_end(credential)
            self._pools.move_to_end(pool)
            if not waiting:
                del queue[credential]
            if not queue:
                del self._pools[pool]
            if not future.done():
                future.set_result(None)
                asyncio.get_running_loop().call_soon(self._next)
                return
        self._running = False
