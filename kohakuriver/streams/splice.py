"""Copies between two connections until either ends. Reads nothing of what it copies.

A side that is slow stops the other side being read, so that nothing piles up. What one side sent before its
end still reaches the other.
"""

import asyncio
from typing import Final

BUFFER: Final = 1 << 18  # bytes that may wait for a slow side


class _Side(asyncio.Protocol):
    """One of the two connections."""

    def __init__(self, transport: asyncio.Transport, over: asyncio.Future[None]) -> None:
        self.transport = transport
        self.peer: _Side
        self._over = over

    def data_received(self, data: bytes) -> None:
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
            self._over.set_result(None)


async def splice(
    first: asyncio.Transport,
    second: asyncio.Transport,
    *,
    from_first: bytes = b"",
    from_second: bytes = b"",
) -> None:
    """Until either of them has ended; then both are closed. `from_…` is what came from them already."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()
    one, two = _Side(first, over), _Side(second, over)
    one.peer, two.peer = two, one
    for side in (one, two):
        side.transport.set_write_buffer_limits(high=BUFFER)
        side.transport.set_protocol(side)
        if not side.transport.is_closing():
            side.transport.resume_reading()
    if from_first:
        second.write(from_first)
    if from_second:
        first.write(from_second)
    try:
        if first.is_closing() or second.is_closing():
            return
        await over
    finally:
        first.close()
        second.close()
