"""What has come from a client and waits to be taken: bounded, by stopping the connection it came over."""

import asyncio
import collections
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from kohakuriver.streams.stream import HIGH, LOW

T = TypeVar("T")
_COUNTS: Final = 1 << 7  # bytes as which each thing counts beside its own


class Inbox(Generic[T]):
    """Of one connection. `pause` is called with whether the connection is to be read no further for now; who
    can wait before it puts something awaits `room` instead."""

    def __init__(self, pause: Callable[[bool], None]) -> None:
        self._pause = pause
        self._room = asyncio.Event()
        self._room.set()
        self._came: collections.deque[tuple[T, int]] = collections.deque()
        self._weight = 0
        self._is_paused = False
        self._is_over = False
        self._news = asyncio.Event()

    def put(self, item: T, weighs: int) -> None:
        """Something came, which counts as so many bytes while it waits."""
        weighs += _COUNTS
        self._came.append((item, weighs))
        self._weight += weighs
        if self._weight > HIGH and not self._is_paused:
            self._is_paused = True
            self._room.clear()
            self._pause(True)
        self._news.set()

    async def room(self) -> None:
        """Until there is room for more."""
        await self._room.wait()

    def end(self) -> None:
        """Nothing more comes."""
        self._is_over = True
        self._news.set()

    async def get(self) -> T | None:
        """The next; None where nothing more comes."""
        while not self._came:
            if self._is_over:
                return None
            self._news.clear()
            await self._news.wait()
        item, weighs = self._came.popleft()
        self._weight -= weighs
        if self._is_paused and self._weight <= LOW:
            self._is_paused = False
            self._room.set()
            self._pause(False)
        return item
