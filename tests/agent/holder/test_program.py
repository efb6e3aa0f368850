"""What is typed into a program, around the first size of its terminal."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from kohakuriver.agent.holder.program import TerminalProgram
from kohakuriver.agent.holder.session import Facts, Session, Size
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.runtime.execs import Execs
from tests.agent.holder.memory import Wire

pytestmark = pytest.mark.looptime


class SlowExecs(Execs):
    """An engine that takes its time to set a size, and says how it went."""

    def __init__(self) -> None:
        super().__init__(EngineSocket("/nowhere"))
        self.may_answer = asyncio.Event()
        self.refuses = False
        self.sizes: list[tuple[int, int]] = []

    async def resize(self, exec_id: str, rows: int, cols: int) -> None:
        await self.may_answer.wait()
        if self.refuses:
            raise EngineRefused("the command does not run yet")
        self.sizes.append((rows, cols))


class Terminal(Wire):
    """The engine's connection to the program."""

    def get_write_buffer_size(self) -> int:
        return 0


class Told(Session):
    """Counts how often it was told that its program has taken everything."""

    times = 0

    def fed(self) -> None:
        self.times += 1


class Story:
    """A program on a terminal in memory."""

    def __init__(self) -> None:
        self.execs = SlowExecs()
        self.session = Told(Facts("s1", "somebody", "login shell"), window=60.0, gone=lambda one: None)
        self.tasks: list[asyncio.Task[None]] = []
        self.program = self.session.program = TerminalProgram(
            self.execs, "e1", "c1", self.session, spawn=self._spawn
        )
        self.terminal = Terminal()
        self.program.connection_made(self.terminal)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def until_resized(self) -> None:
        await asyncio.gather(*self.tasks)


async def test_what_is_typed_at_once_waits_for_the_first_size_and_keeps_its_order():
    story = Story()
    story.program.resize(Size(40, 132))
    for word in (b"stty ", b"size", b"\r"):
        story.program.feed(word)
    await asyncio.sleep(1)
    assert story.terminal.written == b"", "input came before the terminal had a size"
    assert story.program.unfed() == len(b"stty size\r"), "input counts as taken that the program has not got"
    story.execs.may_answer.set()
    await story.until_resized()
    story.program.feed(b"next\r")
    assert story.execs.sizes == [(40, 132)]
    assert story.terminal.written == b"stty size\rnext\r"
    assert story.program.unfed() == 0


async def test_a_later_size_holds_nothing_up():
    story = Story()
    story.execs.may_answer.set()
    story.program.resize(Size(40, 132))
    await story.until_resized()
    story.execs.may_answer.clear()
    story.program.resize(Size(24, 80))
    story.program.feed(b"x")
    assert story.terminal.written == b"x"
    story.execs.may_answer.set()
    await story.until_resized()


async def test_input_goes_in_without_a_size_where_the_engine_refuses_it_or_says_nothing():
    refused, silent = Story(), Story()
    refused.execs.refuses = True
    refused.execs.may_answer.set()
    for story in (refused, silent):
        story.program.resize(Size(40, 132))
        story.program.feed(b"ls\r")
    await refused.until_resized()
    assert refused.terminal.written == b"ls\r"
    await asyncio.sleep(10)
    assert silent.terminal.written == b"ls\r", "a silent engine keeps what was typed for ever"
    silent.execs.may_answer.set()
    await silent.until_resized()


async def test_a_program_that_is_given_no_size_is_typed_into_at_once():
    story = Story()
    story.program.feed(b"ls\r")
    assert story.terminal.written == b"ls\r"


async def test_a_client_that_was_stopped_for_held_input_may_go_on_once_it_is_in():
    story = Story()
    story.program.resize(Size(40, 132))
    story.program.feed(b"x" * (1 << 21))
    story.execs.may_answer.set()
    await story.until_resized()
    assert story.session.times == 1
    assert len(story.terminal.written) == 1 << 21
