"""Keeps programs running: starts them in order, each once the one before is ready; starts again what dies,
with a growing pause; stops them in the reverse order. Knows nothing of what they are.
"""

import asyncio
import contextlib
import dataclasses
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from kohakuriver.cli.local import logfiles, process
from kohakuriver.cli.local.logfiles import LogRule
from kohakuriver.cli.local.process import Process
from kohakuriver.clock import Clock

# No memory, no process or file left for one more: of the machine's moment, and no reason to end the others.
UNBORN = (OSError, RuntimeError, subprocess.SubprocessError)
POLL = 0.1  # seconds between two looks at whether a program is ready


@dataclasses.dataclass(frozen=True)
class Program:
    """One program to keep. `ready` says what is still missing, in words, nothing when it is ready;
    `prepare` says what must come before its first start, in the same way. Both may block."""

    name: str
    command: Sequence[str]
    log: Path
    ready: Callable[[], str]
    prepare: Callable[[], str] = lambda: ""
    grace: float = 10.0  # seconds from SIGTERM to SIGKILL


@dataclasses.dataclass(frozen=True)
class Started:
    name: str
    process: Process


@dataclasses.dataclass(frozen=True)
class Ended:
    """It died by itself and will be started again after `pause` seconds. A negative code is a signal; why it
    did not even start is in words."""

    name: str
    code: int
    lived: float
    pause: float
    log: Path
    unborn: str = ""


@dataclasses.dataclass(frozen=True)
class Waiting:
    name: str
    missing: str


@dataclasses.dataclass(frozen=True)
class Ready:
    name: str


Happening = Started | Ended | Waiting | Ready
Tell = Callable[[Happening], None]


@dataclasses.dataclass(frozen=True)
class Pauses:
    """How long to wait before a program that died is started again, in seconds."""

    first: float = 0.5
    longest: float = 30.0
    steady: float = 10.0  # who lived so long did not fail at its start: the first pause again

    def after(self, previous: float, lived: float) -> float:
        if previous == 0.0 or lived >= self.steady:
            return self.first
        return min(previous * 2, self.longest)


class Supervisor:
    """Run `run()`; set `stop` to end it."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        tell: Tell,
        clock: Clock,
        pauses: Pauses | None = None,
        logs: LogRule | None = None,
    ) -> None:
        self.stop = asyncio.Event()
        self._tell = tell
        self._logs = logs or LogRule()
        self._keepers = [_Keeper(one, tell=tell, clock=clock, pauses=pauses or Pauses()) for one in programs]

    async def run(self) -> None:
        """Start all, keep them until `stop` is set, stop all."""
        tasks: list[asyncio.Task[None]] = []
        stopped = asyncio.create_task(self.stop.wait())
        shortening = asyncio.create_task(self._shorten_logs(), name="logs")
        try:
            for keeper in self._keepers:
                program = keeper.program
                await self._first(self._until(program.name, program.prepare), [stopped, *tasks])
                if self.stop.is_set():
                    return
                tasks.append(asyncio.create_task(keeper.run(), name=program.name))
                await self._first(self._until(program.name, program.ready), [stopped, *tasks])
                if self.stop.is_set():
                    return
                self._tell(Ready(program.name))
            await self._first(stopped, tasks)
        finally:
            stopped.cancel()
            shortening.cancel()
            for keeper in reversed(self._keepers):
                await keeper.stop()
            await asyncio.gather(*tasks)

    async def _shorten_logs(self) -> None:
        """Now and then; a log that cannot be shortened now may be the next time."""
        while True:
            await asyncio.sleep(self._logs.every)
            for log in (*(keeper.program.log for keeper in self._keepers), *self._logs.beside):
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(logfiles.shorten, log, longest=self._logs.longest)

    def kill(self) -> None:
        """Do not wait for anybody's grace."""
        for keeper in self._keepers:
            keeper.kill()

    async def _first(self, wanted: "asyncio.Task[object]", others: "Sequence[asyncio.Task[object]]") -> None:
        """Wait for one task, or for the end of any other; a failure of any of them is raised."""
        done, _ = await asyncio.wait([wanted, *others], return_when=asyncio.FIRST_COMPLETED)
        if wanted not in done:
            wanted.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await wanted
        for task in done:
            task.result()

    def _until(self, name: str, look: Callable[[], str]) -> "asyncio.Task[None]":
        """A task that ends when nothing is missing."""

        async def until() -> None:
            said = ""
            while missing := await asyncio.to_thread(_looked, look):
                if missing != said:
                    said = missing
                    self._tell(Waiting(name, missing))
                await asyncio.sleep(POLL)

        return asyncio.create_task(until())


def _looked(look: Callable[[], str]) -> str:
    """A look that fails for want of room, files or memory is no reason to end what runs."""
    try:
        return look()
    except OSError as error:
        return str(error)


class _Keeper:
    """One program, kept running."""

    def __init__(self, program: Program, *, tell: Tell, clock: Clock, pauses: Pauses) -> None:
        self.program = program
        self._tell = tell
        self._clock = clock
        self._pauses = pauses
        self._stopping = asyncio.Event()
        self._child: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Until `stop`."""
        pause = 0.0
        while not self._stopping.is_set():
            pause = await self._live(pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _live(self, pause: float) -> float:
        """One life of the program; how long to wait before the next."""
        born = self._clock.monotonic()
        code, unborn = 0, ""
        try:
            code = await self._spawn_and_wait()
        except UNBORN as error:
            unborn = str(error)
        if self._stopping.is_set():
            return 0.0
        lived = self._clock.monotonic() - born
        following = self._pauses.after(pause, lived)
        self._tell(Ended(self.program.name, code, lived, following, self.program.log, unborn))
        return following

    async def _spawn_and_wait(self) -> int:
        logfiles.set_aside(self.program.log)
        with logfiles.opened(self.program.log) as log:
            self._child = await asyncio.create_subprocess_exec(
                *self.program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # a Ctrl-C in the terminal is ours alone, for the order of stopping
                preexec_fn=process.DieWithParent(),
            )
        if self._stopping.is_set():  # while it was being started
            self._send(signal.SIGTERM)
        with contextlib.suppress(OSError):  # it runs, though this may not be the time to look at it
            identity = process.identify(self._child.pid)
            if identity is not None:
                self._tell(Started(self.program.name, identity))
        return await self._child.wait()

    async def stop(self) -> None:
        """Ask the program to end, make it after its grace."""
        self._stopping.set()
        if self._child is None or self._child.returncode is not None:
            return
        self._send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._child.wait(), self.program.grace)
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._child is not None and self._child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, number)
