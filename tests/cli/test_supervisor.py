"""The supervisor on real, tiny programs."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from kohakuriver.cli.local import foreground, logfiles, process
from kohakuriver.cli.local.logfiles import LogRule
from kohakuriver.cli.local.supervisor import (
    Ended,
    Happening,
    Pauses,
    Program,
    Ready,
    Started,
    Supervisor,
    Waiting,
)
from kohakuriver.clock import SystemClock
from tests.e2e.conftest import eventually

STAY = "import signal; signal.pause()"
QUICK = Pauses(first=0.01, longest=0.05, steady=60.0)
ROOT = Path(__file__).parents[2]


def a_program(folder: Path, name: str, code: str = STAY, *, grace: float = 5.0) -> Program:
    return Program(name, [sys.executable, "-S", "-c", code], folder / f"{name}.log", lambda: "", grace=grace)


class Story:
    """What was told, and a way to wait for the next thing."""

    def __init__(self) -> None:
        self.told: list[Happening] = []
        self._news = asyncio.Event()

    def tell(self, happening: Happening) -> None:
        self.told.append(happening)
        self._news.set()

    async def until(self, kind: type, count: int) -> list[Happening]:
        async with asyncio.timeout(60):
            while len(found := [one for one in self.told if isinstance(one, kind)]) < count:
                self._news.clear()
                await self._news.wait()
        return found


@contextlib.asynccontextmanager
async def supervised(*programs: Program) -> AsyncIterator[tuple[Supervisor, Story]]:
    story = Story()
    keeper = Supervisor(programs, tell=story.tell, clock=SystemClock(), pauses=QUICK)
    task = asyncio.create_task(keeper.run())
    try:
        yield keeper, story
    finally:
        keeper.stop.set()
        await task


async def test_programs_start_in_order_each_once_the_one_before_is_ready(tmp_path):
    looks = iter(["not yet", ""])
    first = Program("first", [sys.executable, "-c", STAY], tmp_path / "first.log", lambda: next(looks))
    async with supervised(first, a_program(tmp_path, "second")) as (_, story):
        await story.until(Ready, 2)
    names = [(type(one).__name__, one.name) for one in story.told]
    assert (
        names.index(("Waiting", "first"))
        < names.index(("Ready", "first"))
        < names.index(("Started", "second"))
    )


async def test_a_program_is_not_started_before_what_must_come_first(tmp_path):
    looks = iter(["a look", ""])
    late = Program("late", [sys.executable, "-c", STAY], tmp_path / "log", lambda: "", lambda: next(looks))
    async with supervised(late) as (_, story):
        await story.until(Ready, 1)
    assert [type(one).__name__ for one in story.told] == ["Waiting", "Started", "Ready"]


async def test_a_program_that_dies_is_started_again_after_a_growing_pause(tmp_path):
    async with supervised(a_program(tmp_path, "weak", "raise SystemExit(3)")) as (_, story):
        deaths = await story.until(Ended, 5)
    assert all(isinstance(one, Ended) and one.code == 3 for one in deaths)
    assert [one.pause for one in deaths[:5] if isinstance(one, Ended)] == [0.01, 0.02, 0.04, 0.05, 0.05]


async def test_a_program_that_is_killed_is_started_again(tmp_path):
    async with supervised(a_program(tmp_path, "stays")) as (_, story):
        (born,) = await story.until(Started, 1)
        assert isinstance(born, Started)
        os.kill(born.process.pid, signal.SIGKILL)
        (death,) = await story.until(Ended, 1)
        again = (await story.until(Started, 2))[1]
    assert isinstance(death, Ended) and death.code == -signal.SIGKILL
    assert isinstance(again, Started) and again.process != born.process


async def test_a_program_that_cannot_be_started_is_tried_again_like_one_that_died(tmp_path):
    late = tmp_path / "late"
    program = Program("late", [str(late)], tmp_path / "late.log", lambda: "")
    async with supervised(program) as (_, story):
        deaths = await story.until(Ended, 3)
        late.write_text("#!/bin/sh\nexec sleep 1000\n")
        late.chmod(0o700)
        await story.until(Started, 1)
    assert all(isinstance(one, Ended) and "No such file" in one.unborn for one in deaths)
    assert isinstance(deaths[0], Ended)
    assert foreground.ended(deaths[0]).startswith("late could not be started: ")


async def test_a_look_that_fails_for_the_machines_sake_is_repeated(tmp_path):
    answers = iter([OSError(28, "No space left on device"), ""])

    def look():
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async with supervised(Program("one", [sys.executable, "-S", "-c", STAY], tmp_path / "log", look)) as (
        _,
        story,
    ):
        await story.until(Ready, 1)
    assert [one.missing for one in story.told if isinstance(one, Waiting)] == [
        "[Errno 28] No space left on device"
    ]


async def test_a_log_that_cannot_be_opened_ends_no_other_program(tmp_path):
    bad = Program("bad", [sys.executable, "-S", "-c", STAY], tmp_path / "none" / "bad.log", lambda: "")
    async with supervised(a_program(tmp_path, "good"), bad) as (_, story):
        await story.until(Ended, 2)
        assert [one.name for one in story.told if isinstance(one, Started)] == ["good"]
        (tmp_path / "none").mkdir()
        await story.until(Started, 2)


async def test_stopping_ends_the_programs_in_the_reverse_order(tmp_path):
    order = tmp_path / "order"
    code = (
        "import signal, sys\n"
        "def end(*_):\n    print(sys.argv[1], file=open(sys.argv[2], 'a'))\n    raise SystemExit\n"
        "signal.signal(signal.SIGTERM, end)\nprint('set', flush=True)\nsignal.pause()"
    )
    programs = []
    for name in ("first", "second", "third"):
        log = tmp_path / f"{name}.log"
        command = [sys.executable, "-S", "-c", code, name, str(order)]
        programs.append(Program(name, command, log, lambda log=log: "" if log.read_text() else "its handler"))
    async with supervised(*programs) as (_, story):
        await story.until(Ready, 3)
    assert order.read_text().split() == ["third", "second", "first"]


async def test_a_program_that_will_not_end_is_killed_after_its_grace(tmp_path):
    code = (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True)\nwhile True: signal.pause()"
    )
    log = tmp_path / "deaf.log"
    program = Program(
        "deaf", [sys.executable, "-S", "-c", code], log, lambda: "" if log.read_text() else "it", grace=0.2
    )
    async with supervised(program) as (_, story):
        await story.until(Ready, 1)
    (born,) = [one for one in story.told if isinstance(one, Started)]
    assert not born.process.alive


async def test_stopping_does_not_wait_for_readiness(tmp_path):
    never = Program("never", [sys.executable, "-c", STAY], tmp_path / "log", lambda: "a sign")
    async with supervised(never) as (keeper, story):
        await story.until(Started, 1)
        keeper.stop.set()
    assert not any(isinstance(one, Ready) for one in story.told)


async def test_what_a_program_prints_is_in_its_log(tmp_path):
    async with supervised(a_program(tmp_path, "talks", "print('hello'); raise SystemExit")) as (_, story):
        await story.until(Ended, 1)
    assert (tmp_path / "talks.log").read_text().startswith("hello")


def test_a_programs_pause_is_short_again_once_it_ran_for_a_while():
    pauses = Pauses(first=1.0, longest=30.0, steady=60.0)
    assert [pauses.after(0.0, 5), pauses.after(16.0, 5), pauses.after(30.0, 5), pauses.after(30.0, 61)] == [
        1,
        30,
        30,
        1,
    ]


def test_programs_do_not_outlive_a_supervisor_that_is_killed(tmp_path):
    code = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from kohakuriver.cli.local.supervisor import *\nfrom kohakuriver.clock import SystemClock\n"
        "def tell(one):\n    if isinstance(one, Started): print(one.process.pid, flush=True)\n"
        "line = [sys.executable, '-c', 'import signal; signal.pause()']\n"
        "child = Program('child', line, Path(sys.argv[1]), lambda: '')\n"
        "asyncio.run(Supervisor([child], tell=tell, clock=SystemClock()).run())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        child = process.identify(int(parent.stdout.readline()))
        assert child is not None
        parent.kill()
    assert child.wait_gone(10.0)


def test_a_log_that_grows_too_long_is_emptied_under_its_program_and_its_end_is_kept(tmp_path):
    log = tmp_path / "etcd.log"
    with log.open("ab", buffering=0) as program:
        program.write(b"old lines\n" * 10)
        logfiles.shorten(log, longest=30)
        program.write(b"new\n")
        assert log.read_text() == "new\n"
        assert (tmp_path / "etcd.log.1").read_text() == "old lines\n" * 3
        logfiles.shorten(log, longest=30)
        assert log.read_text() == "new\n", "it is short"


def test_where_nothing_can_be_kept_a_long_log_is_emptied_all_the_same(tmp_path):
    log = tmp_path / "etcd.log"
    log.write_text("long")
    (tmp_path / "etcd.log.1").mkdir()  # nothing can be written there
    logfiles.shorten(log, longest=3)
    assert log.read_text() == ""


async def test_logs_are_shortened_while_programs_run(tmp_path):
    program = a_program(tmp_path, "talks", "print('x' * 1000, flush=True)\n" + STAY)
    rule = LogRule(longest=100, every=0.01)
    keeper = Supervisor([program], tell=Story().tell, clock=SystemClock(), pauses=QUICK, logs=rule)
    task = asyncio.create_task(keeper.run())
    older = tmp_path / "talks.log.1"
    await asyncio.to_thread(eventually, lambda: older.exists() and not program.log.stat().st_size, within=60)
    keeper.stop.set()
    await task
    assert older.read_text() == "x" * 99 + "\n"
    assert {one.stat().st_mode & 0o777 for one in (program.log, older)} == {0o600}


def test_a_log_that_is_too_long_is_set_aside(tmp_path):
    log = tmp_path / "etcd.log"
    log.write_text("long")
    logfiles.set_aside(log, longest=3)
    assert not log.exists()
    assert (tmp_path / "etcd.log.1").read_text() == "long"
