"""When a container is made anew, and which step of that is next. Pure; judge.py asks.

A changed spec that only a new container can give is taken up at the next declared start: a restart request, a
stop and start, an uncordon. A container that cannot be started as it is (another port or GPU is granted, or
the engine holds a run of it that is over) is made anew at any start. Its files are carried over, with
the image that they began from, whatever is named since: only its owner's word (`spec.replaceFiles`) gives
them up (CORRECTNESS 30). What was begun is brought to its end first; see recreate.py for the steps.
"""

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.actions import Action, Fill, MakeAnew, Retire, SetAside, Settle, Tell
from kohakuriver.agent.deciding.memory import Cause, Recreation
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
    if note.run != it.run or bool(note.image) == it.replaces_files:
        return SetAside(it.container.id)
    return Fill() if it.replaces_files and it.needs_filling else MakeAnew()


def needs_image(it: Situation) -> bool:
    """Whether what is made anew begins from the image that the VPS names now."""
    note = it.recreation
    is_successor = note is not None and it.observed is not None and note.old != it.observed.id
    if it.observed is not None and not is_successor:
        return it.replaces_files
    return note is None or not note.image


def after(it: Situation) -> tuple[Action, ...]:
    """Once the new container has run, the old one goes, and what was in its volumes."""
    note = it.recreation
    if it.run is None:
        return ()
    settle = settled(it) if it.now >= it.memory.copying_until else ()
    if note is None or note.old == it.container.id:
        return settle
    if note.image:
        said = "its container was made anew as it is declared now; its files were kept"
        return Retire(note.old), *settle, Tell("Normal", "Recreated", said)
    return Retire(note.old), *settle, Tell("Warning", "FilesystemReplaced", _replaced(it, note))


def settled(it: Situation) -> tuple[Action, ...]:
    """Once a container has run with what its volumes were given, what was in them is not needed any more."""
    return (Settle(),) if it.has_run_filled else ()


def _replaced(it: Situation, note: Recreation) -> str:
    """What became of files that were given up."""
    snapshot, filling = labels.snapshot_of(it.container), it.filling
    begun = f'Snapshot "{snapshot}"' if snapshot else f"image {labels.image_of(it.container)}"
    brought = [one.name or one.target for one in filling.volumes] if filling is not None else []
    names = ", ".join(brought)
    what = f", and so are its volumes ({names})" if names else ""
    said = f"its container was made anew from {begun}{what}, as its owner gave its files up"
    was = f'the one from Snapshot "{note.snapshot}"' if note.snapshot else f"the one from {note.base}"
    if note.kept_as:
        return f'{said}; what was written in {was} is kept as Snapshot "{note.kept_as}"'
    but = "other volumes" if names else "volumes"
    return f"{said}; what was written in {was} is gone, but for {but} and mounts"


def leaves_something(it: Situation) -> bool:
    """Whether there may be images or containers of re-creations."""
    marked = it.observed is not None and labels.commit_number(it.observed) > 0
    return marked or it.memory.durable.recreated or it.filling is not None


def _is_under_way(it: Situation) -> bool:
    """Whether the old container has given its name up, and no new one is there."""
    note = it.recreation
    return note is not None and note.old == it.container.id and it.container.name != it.desired.container_name
