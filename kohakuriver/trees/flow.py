"""A thread's blocking reads and writes on a stream that lives in the event loop.

Disks block, and tar is read and written by blocking code; so that work runs in a thread, and each block
crosses over. Back-pressure goes with it: a write returns when the stream has room.
"""

import asyncio
import collections
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Flow:
    """The way from one worker thread into the loop. Made inside the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the loop do it, and wait for what comes of it; only from the thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class BlockReader:
    """`read` for a tar, from whatever awaits the next block; b"" is the end."""

    def __init__(self, flow: Flow, receive: Callable[[], Coroutine[Any, Any, bytes]]) -> None:
        self._flow = flow
        self._receive = receive
        self._left = b""
        self._ended = False

    def read(self, size: int) -> bytes:
        """Exactly so many bytes, or what is left until the end."""
        parts, missing = [], size
        while missing:
            if not self._left and not self._ended:
                self._left = self._flow.wait(self._receive())
                self._ended = not self._left
            if self._ended:
                break
            part, self._left = self._left[:missing], self._left[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)


class Pipe:
    """Blocks on their way between a worker thread and the loop: a few at a time, and whoever is ahead
    waits."""

    _AHEAD = 4

    def __init__(self) -> None:
        self.flow = Flow()
        self.read = BlockReader(self.flow, self.get).read  # in the thread
        self._blocks: collections.deque[bytes] = collections.deque()
        self._news = asyncio.Event()
        self._is_over = False
        self._error: BaseException | None = None

    def write(self, data: bytes) -> None:
        """In the thread."""
        self.flow.wait(self.put(data))

    async def put(self, data: bytes) -> None:
        """Raises what the pipe was ended with."""
        while len(self._blocks) >= self._AHEAD and not self._is_over:
            await self._change()
        if self._is_over:
            raise self._error or BrokenPipeError("nobody reads on")
        self._blocks.append(data)
        self._news.set()

    async def get(self) -> bytes:
        """The next block; b"" at the end. Raises what the pipe was ended with."""
        while not self._blocks and not self._is_over:
            await self._change()
        if self._error is not None:
            raise self._error
        if not self._blocks:
            return b""
        self._news.set()
        return self._blocks.popleft()

    def end(self, error: BaseException | None = None) -> None:
        """No more is written; with an error, nothing is read either. In the loop."""
        if not self._is_over:
            self._is_over, self._error = True, error
        self._news.set()

    async def _change(self) -> None:
        self._news.clear()
        await self._news.wait()
