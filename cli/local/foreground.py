"""`up` in the foreground: the supervisor with its voice, its signals and its record for `down`."""

import asyncio
import contextlib
import dataclasses
import os
import signal
from collections.abc import Callable
from typing import assert_never

from kohakuriver.cli import screen
from kohakuriver.cli.local import process, run_state, supervisor
from kohakuriver.cli.local.cluster_files import ClusterFiles
from kohakuriver.cli.local.cluster_options import Options
from kohakuriver.cli.local.logfiles import LogRule
from kohakuriver.cli.local.run_state import RunState
from kohakuriver.cli.local.service import UNIT_VARIABLE
from kohakuriver.cli.local.stack import Stack
from kohakuriver.cli.local.supervisor import Ended, Happening, Program, Ready, Started, Supervisor, Waiting
from kohakuriver.clock import SystemClock

TITLES = {
    "etcd": "etcd",
    "apiserver": "the API server",
    "controller": "the controller",
    "agent": "the agent",
}
READY = {
    "etcd": "etcd is ready",
    "apiserver": "the API server is ready",
    "controller": "the controller runs",
    "agent": "the node is ready",
}


class Reporter:
    """Says what happens, and keeps the record of it. Where the disk is full it does neither, and goes on: the
    programs end with their supervisor, and are needed all the more."""

    def __init__(self, files: ClusterFiles, state: RunState, *, when_ready: Callable[[], None]) -> None:
        self._files = files
        self._state = state
        self._when_ready = when_ready

    def begin(self) -> None:
        self._write(self._state)

    def tell(self, happening: Happening) -> None:
        """Hear of something."""
        try:
            self._tell(happening)
        except OSError as error:
            with contextlib.suppress(OSError):  # the log is most likely on the same disk
                screen.note(f"what runs cannot be written to {self._files.run}: {error.strerror}")

    def _tell(self, happening: Happening) -> None:
        match happening:
            case Started(name, child):
                self._write(dataclasses.replace(self._state, programs={**self._state.programs, name: child}))
            case Ended(name=name):
                deaths = {**self._state.deaths, name: self._state.deaths.get(name, 0) + 1}
                self._write(dataclasses.replace(self._state, deaths=deaths))
                screen.note(ended(happening))
            case Waiting(_, missing):
                screen.note(f"waiting for {missing}")
            case Ready(name):
                screen.note(READY[name])
                if name == "agent":
                    self._when_ready()
                    self._write(dataclasses.replace(self._state, ready=True))
            case _:
                assert_never(happening)

    def _write(self, state: RunState) -> None:
        self._state = state
        run_state.write(self._files.run, state)


def ended(happening: Ended) -> str:
    """A program's death in a sentence."""
    title = TITLES.get(happening.name, happening.name)
    if happening.unborn:
        return f"{title} could not be started: {happening.unborn}; trying again in {happening.pause:g} s"
    how = f"ended with code {happening.code}"
    if happening.code < 0:
        with contextlib.suppress(ValueError):
            how = f"was killed by {signal.Signals(-happening.code).name}"
    return (
        f"{title} {how} after {happening.lived:.0f} s; "
        f"starting it again in {happening.pause:g} s (log: {happening.log})"
    )


def run(files: ClusterFiles, options: Options, stack: Stack, *, when_ready: Callable[[], None]) -> None:
    """Supervise until a signal says stop. The caller holds the folder's lock."""
    own = process.identify(os.getpid())
    assert own is not None  # noqa: S101 - we run
    state = RunState(own, options.url, unit=os.environ.get(UNIT_VARIABLE, ""))
    reporter = Reporter(files, state, when_ready=when_ready)
    reporter.begin()
    try:
        asyncio.run(_supervise(stack.programs, reporter.tell, LogRule(beside=(files.log("up"),))))
    finally:
        files.run.unlink(missing_ok=True)
    screen.note("stopped; VPSes keep running, and the next kohakuriver up finds them again")


async def _supervise(programs: tuple[Program, ...], tell: supervisor.Tell, logs: LogRule) -> None:
    keeper = Supervisor(programs, tell=tell, clock=SystemClock(), logs=logs)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if keeper.stop.is_set():
            keeper.kill()
            return
        screen.note("stopping; once more to stop at once")
        keeper.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    await keeper.run()
