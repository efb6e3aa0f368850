"""A client's connection after its upgrade: a WebSocket, or bare bytes. Both tell a `Receiver` what comes.

The clients ping by themselves, and what does not answer TCP's own questions is given up after two minutes; a
client that is merely silent stays, as at a kubelet.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final, Protocol

from kohakuriver import errors
from kohakuriver.streams.frames import Piece
from kohakuriver.streams.stream import HIGH, Framed, Receiver

GONE_AFTER: Final = 4 * 3600.0  # seconds of silence, a kubelet's own
FLUSHED_WITHIN: Final = 30.0  # seconds for a client to take what was sent last
LEAVES_WITHIN: Final = 2.0  # seconds for a client to close a connection that it has no more use for
IN_ONE_TURN: Final = 1 << 14  # bytes that are taken apart in one turn of the event loop
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


class Slices:
    """What came over a connection, handed on a little in each turn of the event loop, as thousands of frames
    may be in one read of it. `pause` stops that reading while there is more, and while nobody wants any."""

    def __init__(self, take: Callable[[bytes], None], pause: Callable[[bool], None]) -> None:
        self._take = take
        self._pause = pause
        self._came = b""
        self._at = 0
        self._is_unwanted = self._is_dropped = False
        self._next: asyncio.Handle | None = None
        self._then: Callable[[], None] | None = None

    def came(self, data: bytes) -> None:
        """More of it."""
        if self._is_dropped:
            return
        self._came, self._at = self._came[self._at :] + data, 0
        if self._next is None and not self._is_unwanted:
            self._go_on()

    def want(self, yes: bool) -> None:
        """Whether more is wanted."""
        self._is_unwanted = not yes
        if yes and self._at < len(self._came):
            if self._next is None:
                self._next = asyncio.get_running_loop().call_soon(self._go_on)
        else:
            self._pause(not yes)

    def end(self, then: Callable[[], None]) -> None:
        """The connection is over: what came before is handed on, if it is wanted, and then that is told."""
        if self._next is None:
            then()
        else:
            self._then = then

    def drop(self) -> None:
        """Nothing more is handed on."""
        self._is_dropped = True
        self._came, self._at = b"", 0

    def _go_on(self) -> None:
        self._next = None
        if not self._is_unwanted and self._at < len(self._came):
            part = self._came[self._at : self._at + IN_ONE_TURN]
            self._at += len(part)
            self._take(part)
        more = not self._is_unwanted and self._at < len(self._came)
        if more and self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._go_on)
        if not more and self._then is not None:
            then, self._then = self._then, None
            then()
        else:
            self._pause(more or self._is_unwanted)


class Socket(Framed):
    """A WebSocket, whose text counts as bytes: Python's clients send text where they are given some."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(receiver, masks=False, gone_after=GONE_AFTER, longest_text=_LONGEST_TEXT)
        self._told = receiver
        self._slices = Slices(super().data_received, self._pause)

    def adopt(self, transport: asyncio.Transport, first: bytes = b"") -> None:
        keep_alive(transport)
        super().adopt(transport, first)

    def pause_reading(self) -> None:
        self._slices.want(False)

    def resume_reading(self) -> None:
        self._slices.want(True)

    def data_received(self, data: bytes) -> None:
        self._slices.came(data)

    def connection_lost(self, error: Exception | None) -> None:
        lost = super().connection_lost
        self._slices.end(lambda: lost(error))

    def close(self) -> None:
        super().close()
        self._slices.want(True)  # the client's own close is waited for

    def abort(self) -> None:
        self._slices.drop()
        super().abort()

    def _fail(self, error: errors.KohakuRiverError) -> None:
        self._slices.drop()
        super()._fail(error)

    def _pause(self, yes: bool) -> None:
        if yes:
            super().pause_reading()
        elif self._transport is not None and not self._transport.is_closing():
            super().resume_reading()

    def text_came(self, piece: Piece) -> None:
        if self.is_open:
            self._told.bytes_came(piece.data, ends=piece.ends)


class Plain(asyncio.Protocol):
    """Bare bytes."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._transport: asyncio.Transport | None = None
        self._slices = Slices(lambda part: receiver.bytes_came(part, ends=True), self._pause)

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
        self._slices.drop()
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        self._slices.want(False)

    def resume_reading(self) -> None:
        self._slices.want(True)

    def _pause(self, yes: bool) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if yes:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # What the event loop calls.

    def data_received(self, data: bytes) -> None:
        self._slices.came(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        broke = errors.Unreachable(f"the connection broke: {error}") if error else None
        self._slices.end(lambda: self._receiver.ended(broke))

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
