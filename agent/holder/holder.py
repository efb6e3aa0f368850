"""The process: holds sessions until there are none for a while."""

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

from kohakuriver.agent.holder import wire
from kohakuriver.agent.holder.reception import Reception
from kohakuriver.agent.holder.sessions import Sessions
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.execs import Execs

log = logging.getLogger("holder")

IDLE_AFTER: Final = 60.0  # seconds without a session
_LOOK_EVERY: Final = 5.0


def main(arguments: list[str]) -> int:
    """The exit code. A second holder on the same folder ends at once."""
    folder, docker = Path(arguments[0]), arguments[1]
    logging.basicConfig(format="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    lock = os.open(
        wire.socket_file(folder).with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0
    asyncio.run(Holder(folder, docker).run())
    return 0


class Holder:
    """One holder process."""

    def __init__(self, folder: Path, docker: str) -> None:
        self._socket = wire.socket_file(folder)
        execs = Execs(EngineSocket(docker))
        self._tasks: set[asyncio.Task[None]] = set()
        self._sessions = Sessions(execs, spawn=self._spawn)
        self._reception = Reception(self._sessions, execs, spawn=self._spawn)
        self._idle = 0.0

    async def run(self) -> None:
        """Until idle, or told to end: what it holds is hung up then."""
        main = asyncio.current_task()
        assert main is not None  # noqa: S101 - a coroutine that runs has a task
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
        server, mine = await self._listen()
        log.info("holding sessions, pid %d", os.getpid())
        try:
            while self._idle < IDLE_AFTER and self._is_there(mine):
                await asyncio.sleep(_LOOK_EVERY)
                self._idle = 0.0 if self._reception.is_busy or self._tasks else self._idle + _LOOK_EVERY
        except asyncio.CancelledError:
            log.info("told to end")
        finally:
            if self._is_there(mine):
                self._socket.unlink()
            server.close()
            self._sessions.hang_up_all()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _listen(self) -> tuple[asyncio.Server, int]:
        """The server, and the inode of its socket."""
        self._socket.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with wire.address(self._socket) as address:
                server = await asyncio.get_running_loop().create_unix_server(self._reception.caller, address)
        finally:
            os.umask(before)
        return server, self._socket.stat().st_ino

    def _is_there(self, inode: int) -> bool:
        """Whether the socket is ours still: with its folder goes the reason to be here."""
        with contextlib.suppress(FileNotFoundError):
            return self._socket.stat().st_ino == inode
        return False

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("something failed in a way nobody expected", exc_info=task.exception())
