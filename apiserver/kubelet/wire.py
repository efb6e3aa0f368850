"""A client's connection after its upgrade: a WebSocket, or bare bytes. Both tell a `Receiver` what comes.

The clients ping by themselves, and what does not answer TCP's own questions is given up after two minutes; a
client that is merely silent stays, as at a kubelet.
"""

import asyncio
import contextlib
import socket
from typing import Final, Protocol

from kohakuriver import errors
from kohakuriver.streams.frames import Piece
from kohakuriver.streams.stream import HIGH, Framed, Receiver

GONE_AFTER: Final = 4 * 3600.0  # seconds of silence, a kubelet's own
FLUSHED_WITHIN: Final = 30.0  # seconds for a client to take what was sent last
LEAVES_WITHIN: Final = 2.0  # seconds for a client to close a connection that it has no more use for
_LONGEST_TEXT: Final = 1 << 31
_KEPT_ALIVE: Final = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 20), (socket.TCP_KEEPCNT, 3))


class Wire(Protocol):
    """What the protocols above need of a connection."""

    def adopt(self, transport: asyncio.Transport) -> None:
        """Take over a connection that was answered 101."""
        ...

    def send(self, data: bytes) -> None:
        """Bytes, in a WebSocket as one message; what there is no room for waits in memory."""
        ...

    def close(self) -> None:
        """End it once everything has been sent."""
        ...

    def abort(self) -> None:
        """End it at once."""
        ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Socket(Framed):
    """A WebSocket, whose text counts as bytes: Python's clients send text where they are given some."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(receiver, masks=False, gone_after=GONE_AFTER, longest_text=_LONGEST_TEXT)
        self._told = receiver

    def adopt(self, transport: asyncio.Transport, first: bytes = b"") -> None:
        keep_alive(transport)
        super().adopt(transport, first)

    def text_came(self, piece: Piece) -> None:
        if self.is_open:
            self._told.bytes_came(piece.data, ends=piece.ends)


class Plain(asyncio.Protocol):
    """Bare bytes."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._transport: asyncio.Transport | None = None

    def adopt(self, transport: asyncio.Transport) -> None:
        keep_alive(transport)
        transport.set_write_buffer_limits(high=HIGH)
        transport.set_protocol(self)
        self._transport = transport
        if not transport.is_closing():
            transport.resume_reading()

    def send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # What the event loop calls.

    def data_received(self, data: bytes) -> None:
        self._receiver.bytes_came(data, ends=True)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._receiver.ended(errors.Unreachable(f"the connection broke: {error}") if error else None)

    def pause_writing(self) -> None:
        self._receiver.writable(False)

    def resume_writing(self) -> None:
        self._receiver.writable(True)


def keep_alive(transport: asyncio.Transport) -> None:
    """Have the kernel ask a silent client whether it is there."""
    made = transport.get_extra_info("socket")
    if made is None:
        return
    with contextlib.suppress(OSError):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in _KEPT_ALIVE:
            made.setsockopt(socket.IPPROTO_TCP, option, seconds)
