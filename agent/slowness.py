"""Says of a VPS that the engine is at something about it for long, while it is. Below keeper.py, which would
hear of it only minutes later, when the call is given up."""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Final

from kohakuriver.agent.deciding import actions, memory
from kohakuriver.agent.deciding.actions import Action
from kohakuriver.agent.deciding.memory import Trouble
from kohakuriver.agent.roster import Entry

AFTER: Final = 10.0  # seconds, beyond the grace period of a stop
_WORDS: Final[dict[type[Action], str]] = {
    actions.Create: "making",
    actions.Start: "starting",
    actions.Stop: "stopping",
    actions.Remove: "removing",
    actions.Update: "resizing",
    actions.Pause: "pausing",
    actions.Unpause: "unpausing",
    actions.WriteFiles: "writing files into",
}


@contextlib.contextmanager
def told(action: Action, entry: Entry, *, now: float, report: Callable[[Entry], None]) -> Iterator[None]:
    """While the action is carried out."""
    words = _WORDS.get(type(action))
    if words is None:
        yield
        return
    seconds = AFTER + (action.grace if isinstance(action, actions.Stop) else 0.0)
    before = entry.memory.trouble
    slow = Trouble(
        reason="EngineSlow",
        message=f"the engine is {words} container {entry.desired.container_name} for over {seconds:g} s",
        failures=before.failures if before is not None else 0,
        retry_at=now,
        asked=memory.asked(entry.desired),
    )

    def say() -> None:
        entry.memory = dataclasses.replace(entry.memory, trouble=slow)
        report(entry)

    timer = asyncio.get_running_loop().call_later(seconds, say)
    try:
        yield
    finally:
        timer.cancel()
        if entry.memory.trouble is slow:
            entry.memory = dataclasses.replace(entry.memory, trouble=before)
