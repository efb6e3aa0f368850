"""What work costs, without a clock that others can slow down: as calls, or against other work.

`calls` counts; it is the same on every machine. `ratio` is for what C does within one call, such as a regular
expression or a copy: both sides are measured in turn, in this thread's own processor time, and of each the
cheapest round counts, so that a busy machine slows both or neither. `turns` counts how often one function is
called between two turns of an event loop.
"""

import contextlib
import sys
import time
import types
from asyncio import base_events
from collections.abc import Callable, Iterator


class Calls:
    """How many functions were called, those of C included."""

    def __init__(self) -> None:
        self.count = 0

    def look(self, _: types.FrameType, event: str, __: object) -> None:
        if event in ("call", "c_call"):
            self.count += 1


@contextlib.contextmanager
def calls() -> Iterator[Calls]:
    """Counts what this thread calls inside, whichever task it is for."""
    found = Calls()
    sys.setprofile(found.look)
    try:
        yield found
    finally:
        sys.setprofile(None)


class Turns:
    """How often a function was called, in all and at most in one turn of the loop."""

    def __init__(self, function: types.CodeType) -> None:
        self.total, self.most = 0, 0
        self._function, self._now = function, 0

    def look(self, frame: types.FrameType, event: str, _: object) -> None:
        if event != "call":
            return
        if frame.f_code is self._function:
            self._now += 1
            self.total, self.most = self.total + 1, max(self.most, self._now)
        elif frame.f_code is base_events.BaseEventLoop._run_once.__code__:
            self._now = 0


@contextlib.contextmanager
def turns(function: Callable[..., object]) -> Iterator[Turns]:
    """Counts calls of this function of Python inside."""
    found = Turns(function.__code__)
    sys.setprofile(found.look)
    try:
        yield found
    finally:
        sys.setprofile(None)


def ratio(work: Callable[[], object], floor: Callable[[], object], *, rounds: int = 7) -> float:
    """How many times as much `work` costs as `floor`."""
    costs = [(_seconds(work), _seconds(floor)) for _ in range(rounds)]
    return min(one for one, _ in costs) / min(other for _, other in costs)


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
