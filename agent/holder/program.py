"""A program on a terminal in a container: the engine's connection to it, and the calls around that."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, cast

from kohakuriver.agent.holder.ending import ending
from kohakuriver.agent.holder.hangup import hang_up
from kohakuriver.agent.holder.hangup_inside import hang_up_inside
from kohakuriver.agent.holder.session import Ending, Session, Size
from kohakuriver.agent.runtime.engine_socket import SharedReader
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.agent.runtime.execs import Execs

log = logging.getLogger(__name__)

Spawn = Callable[[Coroutine[Any, Any, None]], None]
"""Runs something whose failure somebody sees."""

_RESIZE_TRIES: Final = 20
_RESIZE_AGAIN: Final = 0.05  # seconds
_BUFFER: Final = 1 << 16  # bytes of input that wait here before they count as not taken
_HELD_FOR: Final = 5.0  # seconds that input waits for the terminal's first size, at most

LOGIN: Final = (
    "/bin/sh",
    "-c",
    'cd "${HOME:-/}" 2>/dev/null; if command -v bash >/dev/null 2>&1; then SHELL="$(command -v bash)"; '
    "export SHELL; exec bash -l; fi; SHELL=/bin/sh; export SHELL; exec /bin/sh -l",
)
"""The image's best shell, in a login environment."""


class TerminalProgram(SharedReader):
    """One of them. Its session is told what comes and how it ended."""

    def __init__(self, execs: Execs, exec_id: str, container: str, session: Session, *, spawn: Spawn) -> None:
        self._execs = execs
        self._id = exec_id
        self._container = container
        self._session = session
        self._spawn = spawn
        self._transport: asyncio.Transport | None = None
        self._is_paused = False
        self._sizes: list[Size] = []  # to be set, one after the other
        self._is_resizing = False
        self._held: bytearray | None = bytearray()  # input until the terminal has its first size; then None
        self._is_hanging_up = False

    # For the session.

    def feed(self, data: bytes) -> None:
        if self._held is not None and self._is_resizing:
            self._held += data
        elif self._transport is not None:
            self._transport.write(data)

    def unfed(self) -> int:
        held = len(self._held) if self._held is not None else 0
        return held + (self._transport.get_write_buffer_size() if self._transport is not None else 0)

    def pause(self) -> None:
        if self._transport is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def resize(self, size: Size, *, redraw: bool = False) -> None:
        """A storm of sizes is one: only the latest counts. Programs draw again when the size differs."""
        self._sizes = [Size(max(size.rows - 1, 1), size.cols), size] if redraw else [size]
        if not self._is_resizing:
            self._is_resizing = True
            if self._held is not None:  # what is typed at once may ask how large the terminal is
                asyncio.get_running_loop().call_later(_HELD_FOR, self._let_in)
            self._spawn(self._resize())

    def hang_up(self) -> None:
        if not self._is_hanging_up:
            self._is_hanging_up = True
            self._spawn(self._hang_up())

    # For the engine's connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = made = cast(asyncio.Transport, transport)
        made.set_write_buffer_limits(high=_BUFFER)

    def data_received(self, data: bytes) -> None:
        self._session.output(data)

    def resume_writing(self) -> None:
        self._session.fed()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._spawn(self._end())

    # Behind it.

    async def _end(self) -> None:
        found = await ending(self._execs, self._id, self._container)
        if self._is_hanging_up and found.code is not None:
            found = Ending(None, "HungUp", "the session was hung up")
        self._session.ended(found)

    async def _resize(self) -> None:
        try:
            while self._sizes and self._transport is not None:
                size = self._sizes.pop(0)
                if not await self._set(size):
                    return
        finally:
            self._is_resizing = False
            self._let_in()

    def _let_in(self) -> None:
        """The terminal has its first size, or will not get one soon: what was typed meanwhile goes in."""
        held, self._held = self._held, None
        if held and self._transport is not None:
            self._transport.write(held)
            if self._transport.get_write_buffer_size() <= _BUFFER:  # else `resume_writing` comes
                self._session.fed()

    async def _set(self, size: Size) -> bool:
        """The engine refuses until the program has really begun."""
        for _ in range(_RESIZE_TRIES):
            try:
                await self._execs.resize(self._id, size.rows, size.cols)
            except EngineError:
                if self._transport is None or self._sizes:
                    return bool(self._sizes)
                await asyncio.sleep(_RESIZE_AGAIN)
            else:
                return True
        return False

    async def _hang_up(self) -> None:
        await end_command(self._execs, self._id, self._container)
        if self._transport is not None:
            self._transport.abort()


async def end_command(execs: Execs, exec_id: str, container: str) -> None:
    """Hang up a command and what it started; what cannot be done is left, and said in the holder's log."""
    try:
        found, home = await execs.look(exec_id), await execs.home(container)
        if found.is_running and found.pid and home.pid:
            try:
                await hang_up(found.pid, home.pid)
            except PermissionError:
                await hang_up_inside(execs, container, found.pid)
    except (EngineError, FileNotFoundError) as error:
        log.info("not hung up, for it is gone or cannot be reached: %s", error)


async def start(
    execs: Execs,
    session: Session,
    *,
    container: str,
    command: Sequence[str],
    env: Mapping[str, str],
    size: Size | None,
    spawn: Spawn,
) -> None:
    """Give the session its program, which begins with that size where the engine can. Raises EngineError."""
    exec_id = await execs.make(container, command or LOGIN, env=env, terminal=True, stdin=True)
    made = TerminalProgram(execs, exec_id, container, session, spawn=spawn)
    session.program = made
    await execs.start(exec_id, made, terminal=True, size=(size.rows, size.cols) if size is not None else None)
