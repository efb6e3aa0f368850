"""What thaws a frozen container when this agent dies: the edge between taking.py and the program thaw.py."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Final, Protocol

from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.snapshots import thaw

_WITHIN: Final = 10.0  # seconds in which the program has to be ready


class Watcher(Protocol):
    """One that waits."""

    async def dismiss(self, *, thawed: bool) -> None:
        """Let it end. Where the container was not thawed, it does that."""
        ...


class Guard(Protocol):
    """Sees to it that nothing stays frozen for a snapshot that nobody takes any more."""

    async def begin(self, container_id: str) -> Watcher:
        """From now on it is thawed when this process ends, however that comes. Raises EngineRefused."""
        ...


class Program:
    """By a program of its own, which holds the other end of a pipe."""

    def __init__(self, engine: str) -> None:
        self._engine = engine.removeprefix("unix://")

    async def begin(self, container_id: str) -> Watcher:
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(Path(thaw.__file__)), self._engine, container_id),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineRefused(f"the program that would thaw it cannot be run: {error.strerror}") from error
        watcher = _Waiting(process)
        try:
            await watcher.until_ready()
        except BaseException:
            await watcher.dismiss(thawed=True)
            raise
        return watcher


class _Waiting:
    """The program, at its pipe."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def until_ready(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        try:
            async with asyncio.timeout(_WITHIN):
                if await self._process.stdout.readline():
                    return
        except TimeoutError:
            pass
        raise EngineRefused("the program that would thaw it did not come up")

    async def dismiss(self, *, thawed: bool) -> None:
        assert self._process.stdin is not None  # noqa: S101
        if thawed:
            with contextlib.suppress(OSError):
                self._process.stdin.write(thaw.DONE)
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_WITHIN):
                await self._process.wait()
