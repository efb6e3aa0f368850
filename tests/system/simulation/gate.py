"""Freezes one program of the simulation: none of its tasks takes another step until it is let go on.

Each task that begins inside the program's own is driven through its gate, which a context variable names.
What ran out meanwhile, and what came in, is there when it goes on: as after SIGSTOP and SIGCONT.
"""

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

_mine: contextvars.ContextVar["Gate | None"] = contextvars.ContextVar("gate", default=None)


class Gate:
    """Of one program; open at first."""

    def __init__(self) -> None:
        self.is_open = True
        self._waiting: list[asyncio.Future[None]] = []

    def close(self) -> None:
        self.is_open = False

    def open(self) -> None:
        self.is_open = True
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        """Tasks that are made inside pass this gate at each step, and so do those that they make."""
        before = _mine.set(self)
        try:
            yield
        finally:
            _mine.reset(before)

    def opened(self) -> "asyncio.Future[None]":
        """As a task's coroutine yields it: the task takes its next step when it is done."""
        future = asyncio.get_running_loop().create_future()
        future._asyncio_future_blocking = True
        self._waiting.append(future)
        return future


class _Driven(Coroutine[Any, Any, Any]):
    """A task's coroutine behind a gate."""

    def __init__(self, work: Coroutine[Any, Any, Any], gate: Gate) -> None:
        self._work = work
        self._gate = gate
        self._next: tuple[bool, Callable[[], Any]] | None = (
            None  # the step that is held up; whether it raises
        )

    def send(self, value: Any) -> Any:
        return self._go(False, functools.partial(self._work.send, value))

    def throw(self, *error: Any) -> Any:
        return self._go(True, functools.partial(self._work.throw, *error))

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()

    def _go(self, raises: bool, step: Callable[[], Any]) -> Any:
        if self._next is None or (raises and not self._next[0]):
            self._next = raises, step
        if not self._gate.is_open:
            return self._gate.opened()
        (_, step), self._next = self._next, None
        return step()


def install() -> None:
    """Every task that is made from now on looks for its gate."""

    def make(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
        context = options.get("context")
        gate = _mine.get() if context is None else context.get(_mine)
        return asyncio.Task(work if gate is None else _Driven(work, gate), loop=loop, **options)

    asyncio.get_running_loop().set_task_factory(make)
