"""This process's stdin and stdout, joined to a stream: what ssh takes for its connection."""

import asyncio
from typing import IO

from kohakuriver import errors
from kohakuriver.streams.stream import Control, Framed


class Pipes(asyncio.Protocol):
    """Protocol of stdin, and `Receiver` of the stream."""

    def __init__(self) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.error: errors.KohakuRiverError | None = None
        self._framed = Framed(self, masks=True)
        self._in: asyncio.ReadTransport | None = None
        self._out: asyncio.WriteTransport | None = None

    async def join(
        self, stdin: IO[bytes], stdout: IO[bytes], stream: asyncio.Transport, first: bytes
    ) -> None:
        """Begin."""
        loop = asyncio.get_running_loop()
        self._out, _ = await loop.connect_write_pipe(lambda: _Out(self._framed), stdout)
        self._framed.adopt(stream, first)
        self._in, _ = await loop.connect_read_pipe(lambda: self, stdin)

    def close(self) -> None:
        """Let go of all three; what stdout was given still goes out."""
        self._framed.close()
        for pipe in (self._in, self._out):
            if pipe is not None:
                pipe.close()

    # stdin.

    def data_received(self, data: bytes) -> None:
        self._framed.send(data)

    def eof_received(self) -> bool:
        self._framed.send_control({"eof": True})
        return True

    def connection_lost(self, error: Exception | None) -> None:
        """ssh has gone, or has said all: the far end ends the stream."""

    # The stream.

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        if self._out is not None:
            self._out.write(data)

    def control_came(self, message: Control) -> None:
        if "eof" in message:
            self._end(None)
        elif isinstance(message.get("error"), dict):
            self._end(errors.from_status(message["error"]))

    def writable(self, yes: bool) -> None:
        if self._in is not None and not self._in.is_closing():
            if yes:
                self._in.resume_reading()
            else:
                self._in.pause_reading()

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        self._end(error)

    def _end(self, error: errors.KohakuRiverError | None) -> None:
        self.error = self.error or error
        if not self.over.done():
            self.over.set_result(None)


class _Out(asyncio.BaseProtocol):
    """Of stdout: the stream waits while it is full, and ends with it."""

    def __init__(self, framed: Framed) -> None:
        self._framed = framed

    def pause_writing(self) -> None:
        self._framed.pause_reading()

    def resume_writing(self) -> None:
        self._framed.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self._framed.close()
