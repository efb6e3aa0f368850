"""When a container is made anew, and which step of that is next. Pure; judge.py asks.

A changed spec that only a new container can give is taken up at the next declared start: a restart request, a
stop and start, an uncordon. A container that cannot be started as it is (another port or GPU is granted, or
the engine holds a run of it that is over) is made anew at any start. Its files are carried over, with
the image that they began from, whatever is named since: only its owner's word (`spec.replaceFiles`) gives
them up (CORRECTNESS 30). What was begun is brought to its end first; see recreate.py for the steps.
"""

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.actions import Action, MakeAnew, Retire, SetAside, Tell
from kohakuriver.agent.deciding.memory import Cause
from kohakuriver.agent.deciding.situation import Situation


def is_due(it: Situation) -> bool:
    """Whether this start is one at which the container is made anew."""
    if _is_under_way(it) or it.replaces_files:
        return True
    if it.is_kept_back:
        return False
    if it.memory.unstartable == it.container.id:
        return True
    if not it.is_outdated:
        return False
    last = it.memory.exit
    declared = it.memory.durable.restart is not None or (last is not None and last.cause is Cause.DECLARED)
    return declared or it.run is None or bool(it.unfit)


def step(it: Situation) -> Action:
    """What is next for a container that does not run and is to be made anew."""
    note = it.recreation
    if note is None:
        return SetAside(it.container.id)
    if note.old != it.container.id:
        # An earlier try's, that never ran; or one that has, whose predecessor goes first.
        return MakeAnew() if it.run is None else Retire(note.old)
    stale = note.run != it.run or bool(note.image) == it.replaces_files
    return SetAside(it.container.id) if stale else MakeAnew()


def needs_image(it: Situation) -> bool:
    """Whether what is made anew begins from the image that the VPS names now."""
    note = it.recreation
    is_successor = note is not None and it.observed is not None and note.old != it.observed.id
    if it.observed is not None and not is_successor:
        return it.replaces_files
    return note is None or not note.image


def after(it: Situation) -> tuple[Action, ...]:
    """Once the new container has run, the old one goes."""
    note = it.recreation
    if note is None or it.run is None or note.old == it.container.id:
        return ()
    if note.image:
        said = "its container was made anew as it is declared now; its files were kept"
        return Retire(note.old), Tell("Normal", "Recreated", said)
    said = (
        f"its container was made anew from image {it.desired.image}, as its owner gave its files up; "
        f"what was written in the one from {note.base} is gone, but for volumes and mounts"
    )
    return Retire(note.old), Tell("Warning", "FilesystemReplaced", said)


def leaves_something(it: Situation) -> bool:
    """Whether there may be images or containers of re-creations."""
    marked = it.observed is not None and labels.commit_number(it.observed) > 0
    return marked or it.memory.durable.recreated


def _is_under_way(it: Situation) -> bool:
    """Whether the old container has given its name up, and no new one is there."""
    note = it.recreation
    return note is not None and note.old == it.container.id and it.container.name != it.desired.container_name
