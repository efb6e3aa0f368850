"""What to do next for one VPS, from what is declared, what is seen and what is known. Pure.

The middle of the agent: loop.py gathers, `learn` (memory.py) judges what happened, `decide` says what
follows, apply.py does it. The rules that nothing here may break, each a property test:

* a container is removed only for an object bound here of equal (uid, epoch): with a deletionTimestamp, or
  when it never ran and its VPS needs one made otherwise;
* nothing is created or started without a grant, for a Stopped VPS, on a drained node, for one that has more
  on the disk than it may, for what the node refuses, or for one that is being deleted;
* a second container is never made while one is there;
* what belongs to another placement or another object is left alone;
* files are given up for no reason but their owner's word;
* nothing at all is changed while the node is in quarantine.
"""

import dataclasses
import math

from kohakuriver.agent.deciding import labels, recreation, restart
from kohakuriver.agent.deciding.actions import (
    Action,
    Clean,
    Create,
    Finish,
    MakeAnew,
    Pause,
    Probe,
    PullImage,
    Reject,
    Remove,
    RemoveVolumes,
    Start,
    Stop,
    Tell,
    Unpause,
    Update,
    Wait,
    WriteFiles,
)
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Cause, ImageState, Memory, asked, replaces_files, run_of
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.resources.vps import RunState

LOOK_AGAIN = 1.0  # seconds, where the engine is in the middle of something
FOR_ITS_DISK = 10.0  # seconds of grace at most for what fills the disk of its node
HELD = 0.5  # seconds between looks at what keeps it from starting


def decide(desired: Desired, observed: Container | None, memory: Memory, now: float) -> list[Action]:
    """The next actions, in order; empty when everything is as declared."""
    if observed is not None and not labels.is_for(observed, desired):
        return []
    if desired.around.quarantine:
        return _keep_watch(desired, observed, memory)
    trouble = memory.trouble
    if trouble is not None and trouble.asked == asked(desired) and now < trouble.retry_at:
        return [Wait(trouble.retry_at, why=trouble.message)]
    if desired.deleting:
        return _remove(desired, observed, memory, now)
    return [*recreation.after(desired, observed, memory), *_bring(desired, observed, memory, now)]


def _bring(desired: Desired, observed: Container | None, memory: Memory, now: float) -> list[Action]:
    """To the declared run state."""
    if desired.run_state is RunState.STOPPED:
        return _stop(desired, observed, memory, why="the VPS is declared Stopped")
    if desired.around.drained:
        return _stop(desired, observed, memory, why="its node is drained")
    if desired.around.over_disk:
        return _stop(desired, observed, memory, why=desired.around.over_disk, most=FOR_ITS_DISK)
    if desired.limits is None:
        return _stop(desired, observed, memory, why="its cores and memory are released")
    return _run(desired, observed, memory, now)


def ended(desired: Desired, observed: Container, memory: Memory) -> restart.Ended | None:
    """Why an exited container is left as it is; None when it is to run again."""
    last = memory.exit
    if last is None or _is_asked_for(desired, observed, memory):
        return None
    if desired.run_state is RunState.PAUSED and memory.was_paused and last.cause is not Cause.DECLARED:
        return restart.Ended(
            "MemoryLost", "it was paused when it was ended: its memory was lost, its files are kept"
        )
    if last.cause in (Cause.DECLARED, Cause.ENGINE):
        return None
    return restart.ended(
        desired.restart_policy,
        exit_code=observed.exit_code,
        oom_killed=observed.oom_killed,
        memory=desired.limits.memory if desired.limits is not None else None,
    )


def _is_asked_for(desired: Desired, observed: Container, memory: Memory) -> bool:
    """Whether a start is asked for in so many words, so that no policy and no backoff is in its way."""
    return memory.durable.restart is not None or replaces_files(memory, desired, observed)


def _remove(desired: Desired, observed: Container | None, memory: Memory, now: float) -> list[Action]:
    why = "the VPS was deleted"
    clean = [Clean(why)] if recreation.leaves_something(observed, memory) else []
    if observed is None:
        return [*clean, *_remove_volumes(desired), Finish()]
    if observed.state is ContainerState.REMOVING:
        return [Wait(now + LOOK_AGAIN, why="the engine is still removing the container")]
    stop = [Stop(observed.id, desired.stop_grace, why=why)] if observed.is_up else []
    return [*stop, Remove(observed.id, why=why), *clean, *_remove_volumes(desired), Finish()]


def _remove_volumes(desired: Desired) -> list[Action]:
    names = tuple(volume.name for volume in desired.volumes if not volume.kept)
    return [RemoveVolumes(names, why="the VPS was deleted, and they are not to be kept")] if names else []


def _stop(
    desired: Desired, observed: Container | None, memory: Memory, *, why: str, most: float = math.inf
) -> list[Action]:
    """What may yet come up is stopped too: only its answer says that it is down (CORRECTNESS 29)."""
    if observed is None or not (observed.is_up or memory.starting is not None):
        return []
    return [Stop(observed.id, min(desired.stop_grace, most), why=why)]


def _run(desired: Desired, observed: Container | None, memory: Memory, now: float) -> list[Action]:
    if observed is None:
        return _create(desired, memory, now)
    match observed.state:
        case ContainerState.REMOVING | ContainerState.RESTARTING:
            return [Wait(now + LOOK_AGAIN, why=f"the container is {observed.state}")]
        case ContainerState.DEAD:
            # Only a person can tell whether something in it is worth saving.
            return _settle(desired, observed, memory)
        case ContainerState.CREATED:
            return _start(desired, observed, memory, now)
        case ContainerState.EXITED:
            return _again(desired, observed, memory, now)
        case ContainerState.RUNNING | ContainerState.PAUSED:
            return _keep(desired, observed, memory, now)


def _create(desired: Desired, memory: Memory, now: float) -> list[Action]:
    if desired.around.refusal is not None:
        return [Reject(desired.around.refusal.reason, desired.around.refusal.message)]
    if memory.hold is not None and memory.hold.failed:
        return [Wait(now + LOOK_AGAIN, why=memory.hold.message)]
    fetch = _fetch(desired, memory, now) if recreation.needs_image(desired, None, memory) else []
    if fetch:
        return fetch
    if memory.durable.recreation is not None:
        return _copying(memory, now) or [MakeAnew()]
    lost = memory.container_id
    return [Create(lost=lost), *([_filesystem_lost(desired, lost, base=memory.base)] if lost else [])]


def _fetch(desired: Desired, memory: Memory, now: float) -> list[Action]:
    """What is to be done before the image can be used; nothing when it can."""
    match memory.image.state:
        case ImageState.USABLE:
            return []
        case ImageState.ABSENT:
            return [PullImage(desired.image)]
        case ImageState.PULLING:
            return [Wait(now + restart.LONGEST, why=memory.image.message)]
        case ImageState.FAILED if now < memory.image.retry_at:
            return [Wait(memory.image.retry_at, why=memory.image.message)]
        case ImageState.FAILED:
            return [PullImage(desired.image)]


def _filesystem_lost(desired: Desired, lost: str, *, base: str) -> Tell:
    other = f" (the one before it was made from {base})" if base not in ("", desired.image) else ""
    return Tell(
        "Warning",
        "FilesystemLost",
        f"container {lost[:12]} was removed from outside; created again from image {desired.image}{other}, "
        "what was written in it is gone",
    )


def _again(desired: Desired, observed: Container, memory: Memory, now: float) -> list[Action]:
    if ended(desired, observed, memory) is not None:
        return _stop(desired, observed, memory, why="it stays as it ended, and might yet come up")
    last = memory.exit
    waits = last is not None and not _is_asked_for(desired, observed, memory) and now < last.retry_at
    if last is not None and waits:
        return [Wait(last.retry_at, why="backing off after an exit")]
    return _start(desired, observed, memory, now)


def _start(desired: Desired, observed: Container, memory: Memory, now: float) -> list[Action]:
    if desired.around.refusal is not None:
        return _settle(desired, observed, memory)
    if labels.never_ran(observed) and _is_otherwise(desired, observed, memory):
        return [Remove(observed.id, why="it never ran, and is to be made otherwise")]
    if memory.hold is not None:
        wait = Wait(now + HELD, why=memory.hold.message)
        return ([] if memory.hold.unheard else _settle(desired, observed, memory)) or [wait]
    if recreation.is_due(desired, observed, memory):
        if memory.starting is not None:
            return _stop(desired, observed, memory, why="it is to be made anew, and may yet come up")
        anew = recreation.needs_image(desired, observed, memory)
        waits = _fetch(desired, memory, now) if anew else _copying(memory, now)
        return waits or [recreation.step(desired, observed, memory)]
    unfit = labels.unfit(observed, desired)
    if unfit:
        return _settle(desired, observed, memory) or [Wait(now + restart.LONGEST, why=unfit)]
    return [*_adjust(desired, observed, memory), Start(observed.id)]


def _settle(desired: Desired, observed: Container, memory: Memory) -> list[Action]:
    """Others wait for what may yet come up, so it is settled, where it is not to be started for now."""
    return _stop(desired, observed, memory, why="it is not to be started now, and might yet come up")


def _copying(memory: Memory, now: float) -> list[Action]:
    if now >= memory.copying_until:
        return []
    return [Wait(memory.copying_until, why="its files are being taken into an image")]


def _is_otherwise(desired: Desired, observed: Container, memory: Memory) -> bool:
    """Whether one with nothing in it is not what is wanted, or of no use."""
    another = labels.image_changed(observed, desired) or labels.word(observed) != desired.replace_files
    return another or labels.is_outdated(observed, desired) or memory.unstartable == observed.id


def _keep(desired: Desired, observed: Container, memory: Memory, now: float) -> list[Action]:
    pending = memory.durable.restart
    if pending is not None and pending.run == run_of(observed):
        return [Stop(observed.id, desired.stop_grace, why="a restart was requested")]
    if replaces_files(memory, desired, observed):
        return [Stop(observed.id, desired.stop_grace, why="its owner has given its files up")]
    held = memory.hold is not None and needs_update(desired, observed)
    wait = [Wait(now + HELD, why=memory.hold.message)] if memory.hold is not None and held else []
    return [*_adjust(desired, observed, memory), *_freeze(desired, observed, memory), *wait]


def _keep_watch(desired: Desired, observed: Container | None, memory: Memory) -> list[Action]:
    """What changes nothing."""
    if observed is None or observed.state is not ContainerState.RUNNING:
        return []
    return _probe(desired, observed, memory)


def _freeze(desired: Desired, observed: Container, memory: Memory) -> list[Action]:
    frozen = observed.state is ContainerState.PAUSED
    if desired.run_state is RunState.PAUSED:
        return [] if frozen else [Pause(observed.id, why="the VPS is declared Paused")]
    if not frozen:
        return _probe(desired, observed, memory)
    if memory.paused_run == run_of(observed):
        return [Unpause(observed.id, why="the VPS is declared Running")]
    why = "it was paused from outside"
    return [
        Unpause(observed.id, why=why),
        Tell("Warning", "PausedOutside", f"container {observed.name} was paused from outside; it runs again"),
    ]


def needs_update(desired: Desired, observed: Container) -> bool:
    """Whether the container is limited otherwise than granted. No set of cores at all means all of them."""
    has, wanted = observed.limits, desired.limits
    if has is None or wanted is None:
        return has != wanted
    if not has.cpuset and wanted.cpuset == desired.around.machine:
        has = dataclasses.replace(has, cpuset=wanted.cpuset)
    return has != wanted


def _adjust(desired: Desired, observed: Container, memory: Memory) -> list[Action]:
    """What may change without a new container: limits, and who may log in."""
    actions: list[Action] = []
    if desired.limits is not None and memory.hold is None and needs_update(desired, observed):
        actions.append(Update(observed.id, desired.limits))
    if memory.durable.login != labels.login_hash(desired):
        actions.append(WriteFiles(observed.id))
    return actions


def _probe(desired: Desired, observed: Container, memory: Memory) -> list[Action]:
    run = run_of(observed)
    if desired.login.disabled or run is None or (memory.ssh is not None and memory.ssh.run == run):
        return []
    return [Probe(observed.id, run)]
