"""What people are told, as Events, when the agent has learned something about a VPS. Pure."""

from kohakuriver import durations
from kohakuriver.agent.deciding import restart
from kohakuriver.agent.deciding.actions import Tell
from kohakuriver.agent.deciding.decide import ended
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Cause, Exit, Memory
from kohakuriver.agent.runtime.base import Container

OUTSIDE = "its container was stopped from outside"


def tell(desired: Desired, observed: Container | None, *, before: Memory, after: Memory) -> list[Tell]:
    """The Events that follow from going from one memory to the next."""
    if observed is None or desired.deleting:
        return []
    return [*_renamed(desired, before, after), *_ran(desired, observed, before, after)]


def _renamed(desired: Desired, before: Memory, after: Memory) -> list[Tell]:
    """Whoever did it; but for the agent itself, which does so to a container that it replaces."""
    same = before.name and before.container_id == after.container_id
    if not same or before.name == after.name or after.name == desired.container_name:
        return []
    if before.durable.recreation is not None or after.durable.recreation is not None:
        return []
    said = f"container {before.name} was renamed to {after.name} from outside; it stays this VPS's own"
    return [Tell("Warning", "RenamedOutside", said)]


def _ran(desired: Desired, observed: Container, before: Memory, after: Memory) -> list[Tell]:
    known = before.exit.run if before.exit is not None else None
    if after.exit is not None and after.exit.run != known:
        return _exited(desired, observed, after)
    if after.exit is None and after.run != before.run and before.exit is not None:
        return _back(before.exit)
    return []


def _exited(desired: Desired, observed: Container, memory: Memory) -> list[Tell]:
    last = memory.exit
    over = ended(desired, observed, memory)
    if last is None or last.cause is Cause.DECLARED:
        return []
    if over is not None and over.reason == "MemoryLost":
        return [Tell("Warning", over.reason, over.message)]
    if last.cause is Cause.ENGINE:
        return [
            Tell(
                "Warning", "Interrupted", "the engine or the machine went down under it; it is started again"
            )
        ]
    if last.cause is Cause.OUTSIDE:
        # An engine that shuts down looks the same for a moment: what is started again is told then.
        return [Tell("Warning", "StoppedOutside", f"{OUTSIDE}; {over.message}")] if over is not None else []
    if over is not None:
        return [Tell("Normal" if over.reason == "Completed" else "Warning", over.reason, over.message)]
    limit = desired.limits.memory if desired.limits is not None else None
    how = restart.exit_words(observed.exit_code, oom_killed=observed.oom_killed, memory=limit)
    how += f": {last.hint}" if last.hint else ""
    wait = durations.age(last.retry_at - last.at)
    reason = "OOMKilled" if observed.oom_killed else "Exited"
    return [Tell("Warning", reason, f"its main process {how}; it is started again in {wait}")]


def _back(last: Exit) -> list[Tell]:
    if last.cause is not Cause.OUTSIDE:
        return []
    return [Tell("Warning", "StoppedOutside", f"{OUTSIDE}; it was started again")]
