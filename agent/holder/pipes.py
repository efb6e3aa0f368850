"""A command without a terminal: its three streams joined to one connection. It ends with that connection."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from kohakuriver import errors
from kohakuriver.agent.holder.ending import ending
from kohakuriver.agent.holder.program import Spawn, end_command
from kohakuriver.agent.holder.session import Ending
from kohakuriver.agent.runtime.demux import STDERR, STDOUT, Demux
from kohakuriver.agent.runtime.execs import Execs
from kohakuriver.streams.stream import Framed

_BUFFER: Final = 1 << 17  # bytes that may wait on either side
_COMPLAINT: Final = b"OCI runtime exec failed: "
_NOT_RUN: Final = (126, 127)
_NOT_THERE: Final = (b"executable file not found", b"no such file or directory")


class Pipes(asyncio.Protocol):
    """Both protocols in one: of the engine's connection, and of the stream (a `Receiver`)."""

    def __init__(
        self,
        execs: Execs,
        exec_id: str,
        container: str,
        *,
        command: str,
        spawn: Spawn,
        gone: Callable[["Pipes"], None],
    ) -> None:
        self.framed = Framed(self, masks=False)
        self._execs = execs
        self._id = exec_id
        self._container = container
        self._command = command
        self._spawn = spawn
        self._gone = gone
        self._demux = Demux()
        self._channel = STDOUT
        self._engine: asyncio.Transport | None = None
        self._early = b""
        self._is_over = False
        self._joined = asyncio.Event()
        self._has_written = False
        self._complaint = b""  # what looks like the engine's words in place of the command's

    @classmethod
    async def made(
        cls,
        execs: Execs,
        container: str,
        command: Sequence[str],
        *,
        env: dict[str, str],
        stdin: bool,
        spawn: Spawn,
        gone: Callable[["Pipes"], None],
    ) -> "Pipes":
        """A command that stands ready and does not run yet. Raises EngineError."""
        exec_id = await execs.make(container, command, env=env, terminal=False, stdin=stdin)
        return cls(execs, exec_id, container, command=command[0], spawn=spawn, gone=gone)

    async def run(self, transport: asyncio.Transport) -> None:
        """Start it, joined to this connection. Raises EngineError."""
        transport.pause_reading()
        await self._execs.start(self._id, self, terminal=False)
        transport.set_write_buffer_limits(high=_BUFFER)
        self.framed.adopt(transport)
        early, self._early = self._early, b""
        if early:
            self.data_received(early)
        self._joined.set()

    # The engine's connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._engine = made = cast(asyncio.Transport, transport)
        made.set_write_buffer_limits(high=_BUFFER)

    def data_received(self, data: bytes) -> None:
        if not self.framed.is_open:
            self._early += data
            return
        for channel, part in self._demux.feed(data):
            if not self._has_written and part.startswith(_COMPLAINT):
                self._complaint = part  # or a program that speaks like the engine: its end will tell
                continue
            self._release()
            self._send(channel, part)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._engine = None
        self._spawn(self._end())

    def pause_writing(self) -> None:
        self.framed.pause_reading()

    def resume_writing(self) -> None:
        self.framed.resume_reading()

    # The stream.

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        if self._engine is not None and data:
            self._engine.write(data)

    def control_came(self, message: dict[str, Any]) -> None:
        if self._engine is None:
            return
        if "eof" in message:
            with contextlib.suppress(OSError):
                self._engine.write_eof()
        elif "hangup" in message:
            self._spawn(end_command(self._execs, self._id, self._container))

    def writable(self, yes: bool) -> None:
        if self._engine is None or self._engine.is_closing():
            return
        if yes:
            self._engine.resume_reading()
        else:
            self._engine.pause_reading()

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        if not self._is_over:
            self._is_over = True
            self._spawn(end_command(self._execs, self._id, self._container))

    # Behind both.

    def _release(self) -> None:
        self._has_written = True
        held, self._complaint = self._complaint, b""
        if held:
            self._send(STDOUT, held)

    def _send(self, channel: str, data: bytes) -> None:
        if channel != self._channel:
            self._channel = channel
            self.framed.send_control({"channel": channel})
        self.framed.send(data)

    async def _end(self) -> None:
        found = await ending(self._execs, self._id, self._container)
        await self._joined.wait()  # a command may be over before anybody could be told
        complaint = self._demux.complaint or self._complaint
        if complaint and found.code in _NOT_RUN:
            found, words = refused(self._command, complaint)
            self._send(STDERR, words)
        elif complaint:
            self._release()
        if not self._is_over:
            self._is_over = True
            self.framed.send_control(found.control())
            self.framed.close()
        self._gone(self)


def refused(command: str, complaint: bytes) -> tuple[Ending, bytes]:
    """What the engine's complaint in place of a command means: 127 and 126 as shells have them."""
    if any(sign in complaint for sign in _NOT_THERE):
        return Ending(127), f"there is no command {command} in the VPS\n".encode()
    if b"permission denied" in complaint:
        return Ending(126), f"{command} is not a program that may be run\n".encode()
    return Ending(126), complaint.rstrip() + b"\n"
