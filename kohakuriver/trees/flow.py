"""A thread's blocking reads and writes on a stream that lives in the event loop.

Disks block, and tar is read and written by blocking code; so that work runs in a thread, and each block
crosses over. Back-pressure goes with it: a write returns when the stream has room.
"""

import asyncio
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
