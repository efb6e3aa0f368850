"""A plain TCP connection joined to a stream: what `forward` does at both of its ends.

Each direction ends by itself (`eof`), so a half-closed connection stays half-closed on the other side of the
world. A stream that breaks resets the connection: whoever reads from it must not take that for an end.
"""

import asyncio
import contextlib
import socket
import struct

from kohakuriver import errors
from kohakuriver.streams.stream import HIGH, Control, Framed

_LINGER = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


def reset(local: asyncio.Transport) -> None:
    """End a TCP connection so that its other side does not take it for an orderly end."""
    raw = local.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    local.abort()


class Joint(asyncio.Protocol):
    """Both protocols in one: of the TCP connection, and of the stream (a `Receiver`)."""

    def __init__(self, *, masks: bool) -> None:
        self.framed = Framed(self, masks=masks)
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.error: errors.KohakuRiverError | None = None  # what the other side said went wrong
        self.local: asyncio.Transport | None = None  # the TCP connection
        self._is_joined = False
        self._early = b""
        self._has_ended = [False, False]  # what comes from the local side, from the stream

    def join(self, local: asyncio.Transport, stream: asyncio.Transport, first: bytes = b"") -> None:
        """Begin. `first` came over the stream already; the local side may have had its reading paused."""
        self.local = local
        if local.get_protocol() is not self:
            local.set_protocol(self)
        local.set_write_buffer_limits(high=HIGH)
        self._is_joined = True
        self.framed.adopt(stream, first)
        if self._early:
            self.framed.send(self._early)
            self._early = b""
        if self._has_ended[0]:
            self.framed.send_control({"eof": True})
        if local.is_closing():
            self.framed.close()
            self._finish()
        else:
            local.resume_reading()

    # The TCP connection. At a listener this is its protocol from the start; else `join` makes it so.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.local = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses

    def data_received(self, data: bytes) -> None:
        if self._is_joined:
            self.framed.send(data)
        else:  # it came in at a listener, and its stream is still being dialled
            self._early += data
            if self.local is not None:
                self.local.pause_reading()

    def eof_received(self) -> bool:
        if self._is_joined:
            self.framed.send_control({"eof": True})
        self._end(0)
        return not all(self._has_ended)

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            was_reset = errors.Unavailable(f"the connection was reset: {error}")
            self.framed.send_control({"error": was_reset.to_status()})
        self.framed.close()
        self._finish()

    def pause_writing(self) -> None:
        self.framed.pause_reading()

    def resume_writing(self) -> None:
        self.framed.resume_reading()

    # The stream.

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        if self.local is not None:
            self.local.write(data)

    def control_came(self, message: Control) -> None:
        if "eof" in message and self.local is not None:
            with contextlib.suppress(OSError):
                self.local.write_eof()
            self._end(1)
        elif isinstance(message.get("error"), dict):
            self.error = errors.from_status(message["error"])
            self._reset()

    def writable(self, yes: bool) -> None:
        if self.local is None or self.local.is_closing():
            return
        if yes:
            self.local.resume_reading()
        else:
            self.local.pause_reading()

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        if error is not None:
            self.error = self.error or error
            self._reset()
        elif self.local is not None:
            self.local.close()
        self._finish()

    # Behind both.

    def _end(self, side: int) -> None:
        self._has_ended[side] = True
        if all(self._has_ended) and self.local is not None:
            self.local.close()

    def _reset(self) -> None:
        if self.local is not None:
            reset(self.local)

    def _finish(self) -> None:
        if not self.over.done():
            self.over.set_result(None)
