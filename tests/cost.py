"""What work costs, without a clock that others can slow down: as calls, or against other work.

`calls` counts; it is the same on every machine. `ratio` is for what C does within one call, such as a regular
expression or a copy: both sides are measured in turn, in this thread's own processor time, and of each the
cheapest round counts, so that a busy machine slows both or neither.
"""

import contextlib
import sys
import time
import types
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


def ratio(work: Callable[[], object], floor: Callable[[], object], *, rounds: int = 7) -> float:
    """How many times as much `work` costs as `floor`."""
    costs = [(_seconds(work), _seconds(floor)) for _ in range(rounds)]
    return min(one for one, _ in costs) / min(other for _, other in costs)


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began
