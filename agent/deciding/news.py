"""What people are told, as Events, when something was learned about a VPS. Pure; judge.py asks."""

from kohakuriver import durations
from kohakuriver.agent.deciding.actions import Tell
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Cause, Exit, Memory
from kohakuriver.agent.deciding.situation import Situation

OUTSIDE = "its container was stopped from outside"


def of(it: Situation) -> tuple[Tell, ...]:
    """The Events that follow from what was known before this look, and what is known now."""
    if it.before is None or it.mine is None or it.desired.deleting:
        return ()
    return (*_renamed(it, it.before), *_kept(it, it.before), *_ran(it, it.before))


def files_kept(desired: Desired, why: str) -> Tell:
    """The Event of an owner's word that came to nothing."""
    if desired.snapshot:
        said = f'its files were not replaced by those of Snapshot "{desired.snapshot}": {why}'
        return Tell("Warning", "RestoreFailed", f"{said}; it goes on with the files it has")
    return Tell("Warning", "FilesKept", f"its files were not replaced: {why}")


def filesystem_lost(it: Situation, lost: str) -> Tell:
    """The Event of a container that somebody removed, once there is another."""
    image, base, snapshot = it.desired.image, it.memory.base, it.desired.snapshot
    other = f" (the one before it was made from {base})" if base not in ("", image) else ""
    begun = f'Snapshot "{snapshot}"' if snapshot else f"image {image}"
    words = (
        f"container {lost[:12]} was removed from outside; created again from {begun}{other}, "
        "what was written in it is gone"
    )
    return Tell("Warning", "FilesystemLost", words)


def _renamed(it: Situation, before: Memory) -> tuple[Tell, ...]:
    """Whoever did it; but for the agent itself, which does so to a container that it replaces."""
    name = it.memory.name
    same = before.name and before.container_id == it.memory.container_id
    if not same or name in (before.name, it.desired.container_name):
        return ()
    if before.durable.recreation is not None or it.recreation is not None:
        return ()
    said = f"container {before.name} was renamed to {name} from outside; it stays this VPS's own"
    return (Tell("Warning", "RenamedOutside", said),)


def _kept(it: Situation, before: Memory) -> tuple[Tell, ...]:
    """There was nothing to begin from when its owner gave the files up."""
    if it.memory.durable.passed_over <= before.durable.passed_over or not it.desired.around.no_image:
        return ()
    return (files_kept(it.desired, it.desired.around.no_image),)


def _ran(it: Situation, before: Memory) -> tuple[Tell, ...]:
    last, known = it.memory.exit, before.exit
    if last is not None and (known is None or last.run != known.run):
        return _exited(it, last)
    is_back = last is None and known is not None and it.memory.run != before.run
    if is_back and known is not None and known.cause is Cause.OUTSIDE:
        return (Tell("Warning", "StoppedOutside", f"{OUTSIDE}; it was started again"),)
    return ()


def _exited(it: Situation, last: Exit) -> tuple[Tell, ...]:
    over = it.ended
    if last.cause is Cause.DECLARED:
        return ()
    if over is not None and over.reason == "MemoryLost":
        return (Tell("Warning", over.reason, over.message),)
    if last.cause is Cause.ENGINE:
        said = "the engine or the machine went down under it; it is started again"
        return (Tell("Warning", "Interrupted", said),)
    if last.cause is Cause.OUTSIDE:
        # An engine that shuts down looks the same for a moment: what is started again is told then.
        return (Tell("Warning", "StoppedOutside", f"{OUTSIDE}; {over.message}"),) if over is not None else ()
    if over is not None:
        return (Tell("Normal" if over.reason == "Completed" else "Warning", over.reason, over.message),)
    hint = f": {last.hint}" if last.hint else ""
    wait = durations.age(last.retry_at - last.at)
    reason = "OOMKilled" if it.container.oom_killed else "Exited"
    return (
        Tell("Warning", reason, f"its main process {it.how_it_ended}{hint}; it is started again in {wait}"),
    )
