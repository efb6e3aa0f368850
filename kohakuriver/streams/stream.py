"""One stream as its two ends see it: bytes and control messages, with back-pressure and pings.

`Framed` is the connection: it calls its receiver as things arrive, without a copy or a task in between, and
is what the fast paths stand on. `Stream` is a receiver to await on. Connections are opened in dial.py.
"""

import asyncio
import collections
import json
from typing import Any, Final, Protocol

from kohakuriver import errors
from kohakuriver.streams.frames import LIMIT, BrokenFrame, Decoder, Opcode, Piece, header

Control = dict[str, Any]

PING_AFTER: Final = 20.0  # seconds without a sign of life from the other side
GONE_AFTER: Final = 60.0  # seconds without one until the other side is taken for gone
CLOSE_WITHIN: Final = 2.0  # seconds for the other side to answer a close frame
HIGH, LOW = 1 << 18, 1 << 16  # bytes waiting to be read at which the other side is stopped, and let go on
CONTROL_COUNTS: Final = 1 << 12  # bytes as which a control message counts while it waits


class Receiver(Protocol):
    """Who is told what comes."""

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        """Some bytes; `ends` with the last of a message."""
        ...

    def control_came(self, message: Control) -> None:
        """A control message."""
        ...

    def writable(self, yes: bool) -> None:
        """Whether there is room for more; what is sent all the same waits in memory."""
        ...

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        """Nothing comes any more. None: the other side closed the stream; else it broke."""
        ...


class Framed(asyncio.Protocol):
    """Frames over one transport. `masks`: this is the client's side."""

    def __init__(
        self,
        receiver: Receiver,
        *,
        masks: bool,
        ping_after: float = PING_AFTER,
        gone_after: float = GONE_AFTER,
        longest_text: int = LIMIT,
    ) -> None:
        self._receiver = receiver
        self._masks = masks
        self._decoder = Decoder(masked=not masks, longest_text=longest_text)
        self._ping_after = ping_after
        self._gone_after = gone_after
        self._transport: asyncio.Transport | None = None
        self._text = bytearray()
        self._is_full = False
        self._owed: bytes | None = None  # what the last ping said, while there is no room for its answer
        self._heard = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._was_told = False
        self._error: errors.KohakuRiverError | None = errors.Unreachable("the connection broke")

    def adopt(self, transport: asyncio.Transport, first: bytes = b"") -> None:
        """Take over a connection whose handshake is done, with the bytes that came behind it."""
        transport.set_protocol(self)
        self.connection_made(transport)
        if first:
            self.data_received(first)
        if not transport.is_closing():
            transport.resume_reading()

    @property
    def is_open(self) -> bool:
        """Whether it has a connection, and nobody has closed it."""
        return self._transport is not None and not self._is_closing

    # What we send.

    def send(self, data: bytes) -> None:
        """Send bytes as one message."""
        self._write(Opcode.BINARY, data)

    def send_control(self, message: Control) -> None:
        self._write(Opcode.TEXT, json.dumps(message, separators=(",", ":")).encode())

    def close(self) -> None:
        """Say that this is all; what was sent before still goes out."""
        transport = self._transport
        if transport is None or self._is_closing or transport.is_closing():
            return
        self._write(Opcode.CLOSE, b"\x03\xe8")  # 1000: normal closure
        self._is_closing = True
        transport.resume_reading()
        self._schedule(CLOSE_WITHIN, transport.close)

    def abort(self) -> None:
        """End at once; what was not sent yet is lost."""
        if self._transport is not None:
            self._transport.abort()

    def pause_reading(self) -> None:
        if self._transport is not None and not self._is_closing:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")  # noqa: S101
        made: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses
        self._transport = made
        made.set_write_buffer_limits(high=HIGH)
        self._heard = asyncio.get_running_loop().time()
        self._schedule(self._ping_after, self._look)

    def data_received(self, data: bytes) -> None:
        self._heard = asyncio.get_running_loop().time()
        try:
            for piece in self._decoder.feed(data):
                self._take(piece)
        except (BrokenFrame, ValueError, RecursionError) as error:
            self._fail(errors.BadRequest(f"the other side does not speak this protocol: {error}"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._transport = None
        if error is not None and self._error is not None and not self._is_closing:
            self._error = errors.Unreachable(f"the connection broke: {error}")
        self._tell_end(None if self._is_closing else self._error)

    def pause_writing(self) -> None:
        self._is_full = True
        self._receiver.writable(False)

    def resume_writing(self) -> None:
        self._is_full = False
        if self._owed is not None:
            self._answer_ping(self._owed)
        self._receiver.writable(True)

    # Behind it.

    def _write(self, opcode: Opcode, data: bytes) -> None:
        if self._transport is not None and not self._is_closing:
            self._transport.write(header(opcode, len(data), masked=self._masks) + data)

    def _take(self, piece: Piece) -> None:
        match piece.opcode:
            case Opcode.BINARY:
                if not self._is_closing:
                    self._receiver.bytes_came(piece.data, ends=piece.ends)
            case Opcode.TEXT:
                self.text_came(piece)
            case Opcode.PING:
                self._answer_ping(piece.data)
            case Opcode.CLOSE if piece.ends:
                self._take_close()

    def _answer_ping(self, data: bytes) -> None:
        """One answer is enough for many (RFC 6455, 5.5.3), so that who never reads them fills no memory."""
        self._owed = data if self._is_full else None
        if not self._is_full:
            self._write(Opcode.PONG, data)

    def text_came(self, piece: Piece) -> None:
        """A part of a text message, which is one of control; in `apiserver/kubelet` text is bytes."""
        self._text += piece.data
        if len(self._text) > LIMIT:
            raise BrokenFrame("a control message is too long")
        if piece.ends:
            text, self._text = self._text, bytearray()
            message = json.loads(text)
            if not isinstance(message, dict):
                raise BrokenFrame("a control message is a JSON object")
            if not self._is_closing:
                self._receiver.control_came(message)

    def _take_close(self) -> None:
        was_first = not self._is_closing
        if was_first:
            self._write(Opcode.CLOSE, b"\x03\xe8")
            self._is_closing = True
        if self._transport is not None:
            self._transport.close()
        self._tell_end(None)

    def _fail(self, error: errors.KohakuRiverError) -> None:
        self._error = error
        if self._transport is not None:
            self._transport.abort()
        self._tell_end(error)

    def _tell_end(self, error: errors.KohakuRiverError | None) -> None:
        if not self._was_told:
            self._was_told = True
            self._receiver.ended(error)

    def _look(self) -> None:
        """Ping a silent other side, and give a dead one up."""
        silence = asyncio.get_running_loop().time() - self._heard
        if silence >= self._gone_after:
            self._fail(errors.Unreachable(f"the other side has been silent for {silence:.0f} s"))
            return
        if silence >= self._ping_after:
            self._write(Opcode.PING, b"")
        self._schedule(self._ping_after / 2, self._look)

    def _schedule(self, delay: float, call: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(delay, call)


class Stream:
    """What comes, to await; what is sent waits for room."""

    def __init__(
        self, *, masks: bool, ping_after: float = PING_AFTER, gone_after: float = GONE_AFTER
    ) -> None:
        self.framed = Framed(self, masks=masks, ping_after=ping_after, gone_after=gone_after)
        self._came: collections.deque[bytes | Control] = collections.deque()
        self._waiting = 0  # bytes in it
        self._is_paused = False
        self._is_over = False
        self._error: errors.KohakuRiverError | None = None
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def receive(self) -> bytes | Control | None:
        """Bytes, a control message, or None once the other side has closed the stream. Raises Unreachable
        when it broke."""
        while not self._came:
            if self._is_over:
                if self._error is not None:
                    raise self._error
                return None
            self._news.clear()
            await self._news.wait()
        found = self._came.popleft()
        self._waiting -= len(found) if isinstance(found, bytes) else CONTROL_COUNTS
        if self._is_paused and self._waiting <= LOW:
            self._is_paused = False
            self.framed.resume_reading()
        return found

    async def send(self, data: bytes) -> None:
        """Bytes. Raises Unreachable once the stream is over."""
        self._check()
        self.framed.send(data)
        await self._drained()

    async def send_control(self, message: Control) -> None:
        self._check()
        self.framed.send_control(message)
        await self._drained()

    def close(self) -> None:
        """Say that this is all; what was sent before still goes out."""
        self.framed.close()

    async def wait_closed(self) -> None:
        """Until the connection is gone; what comes meanwhile is dropped."""
        while not self._is_over:
            self._came.clear()
            self._waiting = 0
            self._news.clear()
            await self._news.wait()

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        if data:
            self._wait_to_be_read(data, len(data))

    def control_came(self, message: Control) -> None:
        self._wait_to_be_read(message, CONTROL_COUNTS)

    def writable(self, yes: bool) -> None:
        if yes:
            self._room.set()
        else:
            self._room.clear()

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        self._is_over, self._error = True, error
        self._news.set()
        self._room.set()

    def _wait_to_be_read(self, found: bytes | Control, counts: int) -> None:
        self._came.append(found)
        self._waiting += counts
        if self._waiting > HIGH and not self._is_paused:
            self._is_paused = True
            self.framed.pause_reading()
        self._news.set()

    def _check(self) -> None:
        if self._is_over:
            raise self._error or errors.Unreachable("the stream is over")

    async def _drained(self) -> None:
        if not self._room.is_set():
            await self._room.wait()
            self._check()
