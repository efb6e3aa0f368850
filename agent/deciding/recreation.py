"""When a container is made anew, and which step of that is next. Pure; decide.py asks.

A changed spec that only a new container can give is taken up at the next declared start: a restart request, a
stop and start, an uncordon. A container that cannot be started as it is (another port or GPU is granted, or
the engine holds a run of it that is over) is made anew at any start. Its files are carried over, with
the image that they began from, whatever is named since: only its owner's word (`spec.replaceFiles`) gives
them up (CORRECTNESS 30). What was begun is brought to its end first; see recreate.py for the steps.
"""

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.actions import Action, MakeAnew, Retire, SetAside, Tell
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Cause, Memory, replaces_files, run_of
from kohakuriver.agent.runtime.base import Container


def is_due(desired: Desired, observed: Container, memory: Memory) -> bool:
    """Whether this start is one at which the container is made anew."""
    if is_under_way(desired, observed, memory) or replaces_files(memory, desired, observed):
        return True
    if _is_kept_back(desired, observed, memory):
        return False
    if memory.unstartable == observed.id:
        return True
    if not labels.is_outdated(observed, desired):
        return False
    last = memory.exit
    declared = memory.durable.restart is not None or (last is not None and last.cause is Cause.DECLARED)
    return declared or run_of(observed) is None or bool(labels.unfit(observed, desired))


def is_under_way(desired: Desired, observed: Container, memory: Memory) -> bool:
    """Whether the old container has given its name up, and no new one is there."""
    note = memory.durable.recreation
    return note is not None and note.old == observed.id and observed.name != desired.container_name


def step(desired: Desired, observed: Container, memory: Memory) -> Action:
    """What is next for a container that does not run and is to be made anew."""
    note = memory.durable.recreation
    if note is None:
        return SetAside(observed.id)
    if note.old != observed.id:
        # An earlier try's, that never ran; or one that has, whose predecessor goes first.
        return MakeAnew() if run_of(observed) is None else Retire(note.old)
    stale = note.run != run_of(observed) or bool(note.image) == replaces_files(memory, desired, observed)
    return SetAside(observed.id) if stale else MakeAnew()


def needs_image(desired: Desired, observed: Container | None, memory: Memory) -> bool:
    """Whether what is made anew begins from the image that the VPS names now."""
    if observed is not None and not _is_successor(observed, memory):
        return replaces_files(memory, desired, observed)
    note = memory.durable.recreation
    return note is None or not note.image


def after(desired: Desired, observed: Container | None, memory: Memory) -> list[Action]:
    """Once the new container has run, the old one goes."""
    note = memory.durable.recreation
    if note is None or observed is None or note.old == observed.id or run_of(observed) is None:
        return []
    return [Retire(note.old), _said(desired, note.image, note.base)]


def leaves_something(observed: Container | None, memory: Memory) -> bool:
    """Whether there may be images or containers of re-creations."""
    marked = observed is not None and labels.commit_number(observed) > 0
    return marked or memory.durable.recreated


def _is_successor(observed: Container, memory: Memory) -> bool:
    note = memory.durable.recreation
    return note is not None and note.old != observed.id


def _is_kept_back(desired: Desired, observed: Container, memory: Memory) -> bool:
    kept = memory.kept_back
    wanted = labels.hash_with_files(observed, desired)
    return kept is not None and (kept.spec, kept.run) == (wanted, run_of(observed))


def _said(desired: Desired, image: str, base: str) -> Tell:
    if image:
        return Tell(
            "Normal", "Recreated", "its container was made anew as it is declared now; its files were kept"
        )
    return Tell(
        "Warning",
        "FilesystemReplaced",
        f"its container was made anew from image {desired.image}, as its owner gave its files up; what was "
        f"written in the one from {base} is gone, but for volumes and mounts",
    )
