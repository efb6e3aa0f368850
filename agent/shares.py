"""A bounded number of places that namespaces share, so that nobody who takes many keeps the others out.

Who holds more places than are free gets no other: alone a namespace has half of them at most, the next one
half of the rest, and so on (the dynamic threshold by which switches share their buffers: Choudhury and
Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
"""

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator


class Shares:
    """`most` places."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: collections.Counter[str] = collections.Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []  # in the order in which they came

    @property
    def taken(self) -> int:
        return self._held.total()

    def held(self, namespace: str) -> int:
        return self._held[namespace]

    def take(self, namespace: str) -> bool:
        """Take a place now, if there is one for this namespace."""
        if self._held[namespace] >= self.most - self.taken:
            return False
        self._held[namespace] += 1
        return True

    def give_back(self, namespace: str) -> None:
        """Whoever waits for a place and may have one now gets it."""
        self._held[namespace] -= 1
        if not self._held[namespace]:
            del self._held[namespace]
        for one in [one for one in self._waiting if not one[1].done()]:
            if self.take(one[0]):
                one[1].set_result(None)

    async def wait(self, namespace: str) -> None:
        """Take a place as soon as there is one for this namespace."""
        is_first = all(name != namespace for name, _ in self._waiting)
        if is_first and self.take(namespace):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((namespace, turn))
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self.give_back(namespace)  # it was given while its taker was being cancelled
            raise
        finally:
            self._waiting.remove((namespace, turn))

    @contextlib.asynccontextmanager
    async def place(self, namespace: str) -> AsyncIterator[None]:
        """A place for as long as the block runs, once there is one."""
        await self.wait(namespace)
        try:
            yield
        finally:
            self.give_back(namespace)
