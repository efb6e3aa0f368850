"""UDP over a stream: one message a datagram, both ways. What there is no room for is dropped, as UDP does."""

import asyncio
import socket

from kohakuriver import errors
from kohakuriver.streams.stream import Control, Framed

LARGEST = 65_507  # bytes of one datagram (RFC 768 over IPv4)


class Packets(asyncio.DatagramProtocol):
    """A connected UDP socket, and the stream that it is joined to (a `Receiver`)."""

    def __init__(self, made: socket.socket) -> None:
        self._socket = made
        self._transport: asyncio.DatagramTransport | None = None
        self._framed = Framed(self, masks=False)
        self._parts = b""
        self._is_full = False
        self._over: asyncio.Future[None] | None = None

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._socket)
        self._framed.adopt(transport, first)
        try:
            await self._over
        finally:
            self._transport.close()
            self._framed.close()

    async def aclose(self) -> None:
        self._socket.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self._is_full:
            self._framed.send(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens, as an earlier datagram found: the next may be answered."""

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        self._parts += data
        if len(self._parts) > LARGEST:
            self.ended(errors.BadRequest("a datagram is too long"))
        elif ends:
            whole, self._parts = self._parts, b""
            if self._transport is not None:
                self._transport.sendto(whole)

    def control_came(self, message: Control) -> None:
        """Nothing is said beside the datagrams."""

    def writable(self, yes: bool) -> None:
        self._is_full = not yes

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
