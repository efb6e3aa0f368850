"""Copies between two connections until either ends. Reads nothing of what it copies.

A side that is slow stops the other side being read, so that nothing piles up. What one side sent before its
end still reaches the other.
"""

import asyncio
import dataclasses
from typing import Final

BUFFER: Final = 1 << 18  # bytes that may wait for a slow side
LAST: Final = 1024  # bytes of each side's end that are kept, for whoever wants to know how it ended


@dataclasses.dataclass(slots=True)
class Passed:
    """What came from one side."""

    count: int = 0  # bytes
    last: bytes = b""
    ended_first: bool = False

    def add(self, data: bytes) -> None:
        self.count += len(data)
        self.last = data[-LAST:] if len(data) >= LAST else (self.last + data)[-LAST:]


class _Side(asyncio.Protocol):
    """One of the two connections."""

    def __init__(self, transport: asyncio.Transport, over: asyncio.Future[None], passed: Passed) -> None:
        self.transport = transport
        self.passed = passed
        self.peer: _Side
        self._over = over

    def data_received(self, data: bytes) -> None:
        self.passed.add(data)
        self.peer.transport.write(data)

    def pause_writing(self) -> None:
        if not self.peer.transport.is_closing():
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.peer.transport.close()
        if not self._over.done():
            self.passed.ended_first = True
            self._over.set_result(None)


async def splice(
    first: asyncio.Transport,
    second: asyncio.Transport,
    *,
    from_first: bytes = b"",
    from_second: bytes = b"",
    passed: tuple[Passed, Passed] | None = None,
) -> None:
    """Until either of them has ended; then both are closed. `from_…` is what came from them already; `passed`
    is told what came of each in all."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    counts = passed or (Passed(), Passed())
    one, two = _Side(first, over, counts[0]), _Side(second, over, counts[1])
    one.peer, two.peer = two, one
    for side in (one, two):
        side.transport.set_write_buffer_limits(high=BUFFER)
        side.transport.set_protocol(side)
        if not side.transport.is_closing():
            side.transport.resume_reading()
    if from_first:
        one.data_received(from_first)
    if from_second:
        two.data_received(from_second)
    try:
        if first.is_closing() or second.is_closing():
            return
        await over
    finally:
        first.close()
        second.close()
