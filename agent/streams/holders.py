"""The session holders of this node: found by their sockets, started where there is none (agent/holder).

A holder outlives this agent. One of an earlier version keeps the sessions it has; new ones go to a holder of
this version.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import kohakuriver
from kohakuriver import errors, private_file
from kohakuriver.agent.holder import wire
from kohakuriver.agent.streams.door import Opened, Spliced

START_WITHIN: Final = 8.0  # seconds; the server waits ten for our answer
_LOOK_EVERY: Final = 0.02
_ANSWER_LIMIT: Final = 1 << 20  # bytes

Line = dict[str, Any]


class Holders:
    """Those below one data directory."""

    def __init__(self, folder: Path, *, docker: str) -> None:
        self._folder = folder
        self._docker = docker
        self._turn = asyncio.Lock()

    async def terminal(self, line: Line) -> Opened:
        """A session: where it is, else a new one. Raises ApiError."""
        for socket in wire.older(self._folder):
            try:
                return await _ask_for_stream(socket, {**line, "op": "terminal", "create": False})
            except (errors.NotFound, OSError):
                continue
        return await self._open({**line, "op": "terminal"})

    async def command(self, line: Line) -> Opened:
        """A command without a terminal. Raises ApiError."""
        return await self._open({**line, "op": "exec"})

    async def sessions(self, uid: str) -> list[Line]:
        """What there is in one VPS. Starts no holder."""
        found: list[Line] = []
        for socket in self._all():
            try:
                found += (await _ask(socket, {"op": "list", "uid": uid}))[0]
            except OSError:
                continue
        return found

    async def set_window(self, uid: str, seconds: float) -> None:
        """How long sessions of a VPS are kept when nobody is attached. Starts no holder."""
        for socket in self._all():
            try:
                await _ask(socket, {"op": "window", "uid": uid, "seconds": seconds})
            except (errors.ApiError, OSError):
                continue

    def _all(self) -> list[Path]:
        own = wire.socket_file(self._folder)
        return [*wire.older(self._folder), *([own] if own.exists() else [])]

    async def _open(self, line: Line) -> Opened:
        own = wire.socket_file(self._folder)
        try:
            return await _ask_for_stream(own, line)
        except OSError:  # none is there, or it was about to end
            await self._start_or_say(own)
        try:
            return await _ask_for_stream(own, line)
        except OSError as error:
            raise errors.Unavailable(f"this node's session holder does not answer: {error}") from error

    async def _start_or_say(self, socket: Path) -> None:
        try:
            await self._start(socket)
        except OSError as error:  # a full or read-only disk, or no answer in time
            why = error.strerror or f"it did not answer within {START_WITHIN:g} s"
            raise errors.Unavailable(f"this node's session holder cannot be started: {why}") from error

    async def _start(self, socket: Path) -> None:
        async with self._turn:
            async with asyncio.timeout(START_WITHIN):
                while not await _answers(socket):
                    process = await asyncio.to_thread(self._spawn)
                    while process.poll() is None and not await _answers(socket):  # noqa: ASYNC110 - a process
                        await asyncio.sleep(_LOOK_EVERY)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        """In a session of its own, so that nothing that ends this agent ends it."""
        private_file.make_folder(self._folder)
        log = os.open(self._folder / "holder.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            return subprocess.Popen(
                [sys.executable, "-S", "-m", "kohakuriver.agent.holder", str(self._folder), self._docker],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
                env={**os.environ, "PYTHONPATH": str(Path(kohakuriver.__file__).parents[1])},
            )
        finally:
            os.close(log)


async def _ask_for_stream(socket: Path, line: Line) -> Opened:
    """Raises ApiError as the holder refuses, OSError where there is none."""
    _, transport, first = await _exchange(socket, line)
    return Spliced(transport, first)


async def _ask(socket: Path, line: Line) -> tuple[Any, bytes]:
    answer, transport, first = await _exchange(socket, line)
    transport.abort()
    return answer, first


async def _exchange(socket: Path, line: Line) -> tuple[Any, asyncio.Transport, bytes]:
    loop = asyncio.get_running_loop()
    with wire.address(socket) as address:
        transport, caller = await loop.create_unix_connection(_Caller, address)
    transport.write(json.dumps(line).encode() + b"\n")
    try:
        answer, rest = await caller.answer
    except BaseException:
        transport.abort()
        raise
    if "refused" in answer:
        transport.abort()
        raise errors.from_status(answer["refused"])
    return answer["ok"], transport, rest


async def _answers(socket: Path) -> bool:
    try:
        await _ask(socket, {"op": "list", "uid": ""})
    except (OSError, errors.ApiError):
        return False
    return True


class _Caller(asyncio.Protocol):
    """Reads the one line of the holder, and leaves what follows for the stream."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[tuple[Line, bytes]] = asyncio.get_running_loop().create_future()
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses

    def data_received(self, data: bytes) -> None:
        self._came += data
        line, gap, rest = self._came.partition(b"\n")
        if self.answer.done():
            return
        if gap:
            self._transport.pause_reading()
            self.answer.set_result((json.loads(line), rest))
        elif len(line) > _ANSWER_LIMIT:
            self._transport.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(ConnectionResetError("the session holder hung up"))
