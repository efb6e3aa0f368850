"""What to do next for one VPS, and what is said of it meanwhile: each case once, its deed beside its word.

Pure. The middle of the agent: keeper.py gathers, `learn` settles what happened, `judge` says what follows,
and that is reported and done. What is said is what is so, never what is about to be: a container that still
runs is `running`, whatever was declared since. The rules that nothing here may break, each a property test:

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
from typing import Final

from kohakuriver.agent.deciding import actions, labels, news, recreation, restart
from kohakuriver.agent.deciding.actions import Action, Tell
from kohakuriver.agent.deciding.memory import SILENT, ImageState
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.runtime.base import ContainerState
from kohakuriver.resources import reasons
from kohakuriver.resources.vps import ObservedState, RunState

LOOK_AGAIN: Final = 1.0  # seconds, where the engine is in the middle of something
FOR_ITS_DISK: Final = 10.0  # seconds of grace at most for what fills the disk of its node
HELD: Final = 0.5  # seconds between looks at what keeps it from starting
ON_THE_WAY: Final = frozenset(
    {ObservedState.PREPARING, ObservedState.CREATING, ObservedState.STARTING, ObservedState.REMOVING}
)
"""States that are worth a write only if they last."""
_FAILING: Final = ON_THE_WAY | {ObservedState.BACKOFF, ObservedState.FAILED}

Deeds = tuple[Action, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What is so of a VPS, and what follows. Without actions and `again` all is as declared."""

    state: ObservedState
    reason: str = ""
    message: str = ""
    actions: Deeds = ()  # in order; each only once those before it are done
    again: float | None = None  # when to look again, beside all that brings news by itself
    probe: str | None = None  # the run in which SSH is to be asked for
    events: tuple[Tell, ...] = ()  # what people are told of what was learned

    def then(self, *deeds: Action) -> "Verdict":
        """The same is so, and these deeds follow."""
        return dataclasses.replace(self, actions=deeds)

    def later(self, until: float) -> "Verdict":
        """The same is so, and it is looked at again then."""
        return dataclasses.replace(self, again=until)


def judge(it: Situation) -> Verdict:
    """What is so, what to do, and what to tell."""
    if it.observed is not None and it.mine is None:
        return Verdict(ObservedState.FAILED, "OtherPlacement", _other(it))
    if it.desired.around.quarantine:
        verdict = _leave_alone(it)
    else:
        verdict = _in_trouble(it, _remove(it) if it.desired.deleting else _bring(it))
    return dataclasses.replace(verdict, events=news.of(it))


def _other(it: Situation) -> str:
    name, (_, epoch) = it.container.name, labels.identity(it.container.labels)
    return (
        f"container {name} has its name but is of placement {epoch or 'unknown'}: left alone; "
        f"look at it, then: docker rm {name}"
    )


def _leave_alone(it: Situation) -> Verdict:
    """What runs is said to run; what is not as declared stays so, until a person has looked at the node."""
    why, said = it.desired.around.quarantine, _bring(it)
    if it.desired.deleting:
        said = Verdict(ObservedState.REMOVING, reasons.NODE_QUARANTINED, why)
    elif it.observed is None:
        words = f"its container is not there, and {why}"
        said = Verdict(ObservedState.FAILED, reasons.NODE_QUARANTINED, words)
    elif not it.is_up and said.state is not ObservedState.STOPPED:
        said = Verdict(ObservedState.FAILED, reasons.NODE_QUARANTINED, why)
    return dataclasses.replace(said, actions=(), again=None, probe=it.unprobed_run)


def _in_trouble(it: Situation, calm: Verdict) -> Verdict:
    """What failed last is said, and waited out."""
    trouble = it.trouble
    if trouble is None:
        return calm
    if it.now < trouble.retry_at:
        calm = dataclasses.replace(calm, actions=(), again=trouble.retry_at, probe=None)
    state, message = calm.state, trouble.message
    if it.desired.deleting:
        pass
    elif trouble.reason in SILENT:
        message += "; looking again" if trouble.reason == "RuntimeTimeout" else ""
    elif state in _FAILING:
        state = ObservedState.FAILED
    return dataclasses.replace(calm, state=state, reason=trouble.reason, message=message)


def _remove(it: Situation) -> Verdict:
    """It is deleted: nothing of it stays but the volumes that are to be kept."""
    why, found = "the VPS was deleted", it.observed
    said = Verdict(ObservedState.REMOVING)
    if found is not None and found.state is ContainerState.REMOVING:
        return said.later(it.now + LOOK_AGAIN)
    deeds: list[Action] = []
    if found is not None:
        deeds += [actions.Stop(found.id, it.desired.stop_grace, why=why)] if found.is_up else []
        deeds += [actions.Remove(found.id, why=why)]
    if it.filling is not None:
        deeds += recreation.settled(it) or (actions.PutBack(why),)
    if recreation.leaves_something(it):
        deeds += [actions.Clean(why)]
    names = tuple(volume.name for volume in it.desired.volumes if not volume.kept)
    if names:
        deeds += [actions.RemoveVolumes(names, why="the VPS was deleted, and they are not to be kept")]
    return said.then(*deeds, actions.Finish())


def _bring(it: Situation) -> Verdict:
    """To the declared run state."""
    verdict = _run(it) if it.desired.wants_up else _halt(it)
    verdict = verdict.then(*recreation.after(it), *verdict.actions)
    if it.filling is None or it.now >= it.memory.copying_until:
        return verdict
    until = it.memory.copying_until if verdict.again is None else min(verdict.again, it.memory.copying_until)
    return verdict.later(until)


def _halt(it: Situation) -> Verdict:
    """It is to be down, by its owner's wish or its node's."""
    around = it.desired.around
    if it.desired.run_state is RunState.STOPPED:
        return _down(it, why="the VPS is declared Stopped")
    ended = it.ended
    if around.drained:
        words = "its node is drained; it starts again at uncordon"
        ended = ended or restart.Ended("NodeDrained", words)
        return _down(it, ended, why="its node is drained")
    if around.over_disk:
        ended = ended or restart.Ended("DiskLimitExceeded", around.over_disk)
        return _down(it, ended, why=around.over_disk, most=FOR_ITS_DISK)
    return _down(it, ended, why="its cores and memory are released")


def _down(it: Situation, ended: restart.Ended | None = None, *, why: str, most: float = math.inf) -> Verdict:
    """What may yet come up is stopped too: only its answer says that it is down (CORRECTNESS 29)."""
    said = _seen(it)
    if said.state is ObservedState.STOPPED and it.memory.starting is not None:
        words = "the engine may yet start it: it counts as stopped once the engine has answered a stop"
        said = Verdict(ObservedState.STARTING, "StartUnanswered", words)
    elif said.state is ObservedState.STOPPED and ended is not None:
        said = Verdict(ObservedState.STOPPED, ended.reason, ended.message)
    return said.then(*_stop(it, why=why, most=most))


def _run(it: Situation) -> Verdict:
    """It is to be up."""
    match it.state:
        case None:
            return _create(it)
        case ContainerState.CREATED:
            return _start(it)
        case ContainerState.EXITED:
            return _again(it)
        case ContainerState.RUNNING | ContainerState.PAUSED:
            return _keep(it)
        case ContainerState.REMOVING | ContainerState.RESTARTING:
            return _seen(it).later(it.now + LOOK_AGAIN)
        case ContainerState.DEAD:
            # Only a person can tell whether something in it is worth saving.
            return _seen(it).then(*_settle(it))


def _seen(it: Situation) -> Verdict:
    """What can be said of its container, whatever is declared."""
    match it.state:
        case ContainerState.RUNNING | ContainerState.RESTARTING:
            return Verdict(ObservedState.STARTING if _waits_for_ssh(it) else ObservedState.RUNNING)
        case ContainerState.PAUSED if it.is_held_still:
            state = ObservedState.STARTING if _waits_for_ssh(it) else ObservedState.RUNNING
            words = f"paused for a moment: its snapshot {it.desired.around.frozen_for} is being taken"
            return Verdict(state, "SnapshotBeingTaken", words)
        case ContainerState.PAUSED:
            return Verdict(ObservedState.PAUSED)
        case ContainerState.REMOVING:
            words = "its container is being removed from outside"
            return Verdict(ObservedState.PREPARING, "RemovedOutside", words)
        case ContainerState.DEAD:
            words = f"the engine left container {it.container.name} dead; docker rm removes it"
            return Verdict(ObservedState.FAILED, "ContainerDead", words)
        case ContainerState.CREATED | ContainerState.EXITED | None:
            return Verdict(ObservedState.STOPPED, "Stopped")


def _waits_for_ssh(it: Situation) -> bool:
    ssh = it.memory.ssh
    if it.desired.login.disabled or it.desired.run_state is not RunState.RUNNING:
        return False
    return ssh is None or ssh.run != it.memory.run or (ssh.state == "waiting" and not ssh.overdue)


def _create(it: Situation) -> Verdict:
    """There is no container."""
    refusal, hold, lost = it.desired.around.refusal, it.memory.hold, it.memory.container_id
    if refusal is not None:
        deed = actions.Reject(refusal.reason, refusal.message)
        return Verdict(ObservedState.FAILED, refusal.reason, refusal.message, (deed,))
    if it.is_filling_stale:
        return _put_back(it)
    if hold is not None and hold.failed:
        return Verdict(ObservedState.FAILED, hold.reason, hold.message, again=it.now + LOOK_AGAIN)
    if hold is not None and hold.uncreated:
        return Verdict(ObservedState.CREATING, hold.reason, hold.message, again=it.now + LOOK_AGAIN)
    fetching = _fetch(it) if recreation.needs_image(it) else None
    if fetching is not None:
        return fetching
    said = Verdict(ObservedState.CREATING)
    if recreation.settled(it):  # its container is gone, and what it wrote into them is not
        return _copy_or(it, actions.Settle(), said)
    if recreation.needs_image(it) and it.needs_filling:
        return _copy_or(it, actions.Fill(), said)
    if it.recreation is not None:
        return _copy_or(it, actions.MakeAnew(), said)
    create = actions.Create(lost=lost)
    return said.then(create, news.filesystem_lost(it, lost)) if lost else said.then(create)


def _fetch(it: Situation) -> Verdict | None:
    """What is to be done before the image can be used; None when it can."""
    image, fetch = it.memory.image, actions.PullImage(it.desired.image)
    pulling = Verdict(ObservedState.PREPARING, "Pulling", image.message or f"pulling {it.desired.image}")
    failed = Verdict(ObservedState.FAILED, image.reason or "ImagePullFailed", image.message)
    match image.state:
        case ImageState.USABLE:
            return None
        case ImageState.ABSENT:
            return pulling.then(fetch)
        case ImageState.PULLING:
            return pulling.later(it.now + restart.LONGEST)
        case ImageState.FAILED if it.now < image.retry_at:
            return failed.later(image.retry_at)
        case ImageState.FAILED:
            return failed.then(fetch)


def _again(it: Situation) -> Verdict:
    """Its container has exited."""
    ended, last = it.ended, it.memory.exit
    if ended is not None:
        return _down(it, ended, why="it stays as it ended, and might yet come up")
    start = _start(it)
    if last is None or not it.memory.failures or it.is_asked_for:
        return start
    if start.state is not ObservedState.FAILED:
        said = _backing_off(it, hint=last.hint)
        start = dataclasses.replace(said, actions=start.actions, again=start.again)
    return start.then().later(last.retry_at) if it.now < last.retry_at else start


def _backing_off(it: Situation, *, hint: str) -> Verdict:
    """It ended, perhaps again and again, and is to be started once more."""
    desired, ended, failures = it.desired, it.container, it.memory.failures
    if ended.oom_killed:
        reason = "OOMKilled"
    elif failures <= 1:
        reason = "Error"
    else:
        is_none = ended.exit_code in restart.NOTHING_TO_RUN
        reason = reasons.NOTHING_TO_RUN if is_none else reasons.CRASH_LOOP
    what = restart.remedy(
        name=desired.name,
        namespace=desired.namespace,
        oom_killed=ended.oom_killed,
        memory=it.granted_memory,
    )
    why = f": {hint}" if hint else ""
    wait = f"next start in {restart.delay(failures):g} s"
    return Verdict(ObservedState.BACKOFF, reason, f"its main process {it.how_it_ended}{why}; {wait}; {what}")


def _start(it: Situation) -> Verdict:
    """Its container is down."""
    refusal, hold, unfit = it.desired.around.refusal, it.memory.hold, it.unfit
    if refusal is not None:
        return Verdict(ObservedState.FAILED, refusal.reason, refusal.message, _settle(it))
    if it.never_ran and it.is_otherwise:
        deed = actions.Remove(it.container.id, why="it never ran, and is to be made otherwise")
        return Verdict(ObservedState.CREATING, actions=(deed,))
    if hold is not None:
        state = ObservedState.FAILED if hold.failed else ObservedState.CREATING
        said = Verdict(state, hold.reason, hold.message, () if hold.unheard else _settle(it))
        return _or_wait(said, until=it.now + HELD)
    if it.is_filling_stale:
        return _put_back(it)
    if recreation.is_due(it):
        return _make_anew(it)
    if unfit:
        kept = it.memory.kept_back
        why = f"; it could not be made anew: {kept.message}" if kept is not None else ""
        said = Verdict(ObservedState.FAILED, "ContainerOutdated", f"{unfit}{why}", _settle(it))
        return _or_wait(said, until=it.now + restart.LONGEST)
    said = Verdict(ObservedState.CREATING)
    if it.state is ContainerState.EXITED:
        said = Verdict(ObservedState.CREATING, "Starting", "it is being started again")
    return said.then(*_adjust(it), actions.Start(it.container.id))


def _make_anew(it: Situation) -> Verdict:
    """Its container takes up what only a new one can."""
    anew = recreation.needs_image(it)
    words = "its container is made anew as it is declared now; its files are carried over"
    if anew:
        snapshot = it.desired.snapshot
        begun = f'Snapshot "{snapshot}"' if snapshot else f"image {it.desired.image}"
        words = f"its container is made anew from {begun}"
    said = Verdict(ObservedState.CREATING, "Recreating", words)
    if it.memory.starting is not None:
        return said.then(*_stop(it, why="it is to be made anew, and may yet come up"))
    if recreation.settled(it):  # of the restore before this one
        return _copy_or(it, actions.Settle(), said)
    if anew and (fetching := _fetch(it)) is not None:
        return fetching
    return _copy_or(it, recreation.step(it), said)


def _copy_or(it: Situation, deed: Action, said: Verdict) -> Verdict:
    """Its files are being taken or brought; or that is over, and the deed follows."""
    if it.now < it.memory.copying_until:
        said = dataclasses.replace(said, message=it.memory.copying or said.message)
        return said.later(it.memory.copying_until)
    return said.then(deed)


def _put_back(it: Situation) -> Verdict:
    """What its volumes were given is not to be used, so they get back what was in them."""
    words = "its volumes get back what was in them before"
    said = Verdict(ObservedState.CREATING, "PuttingBack", words)
    if it.memory.starting is not None:
        return said.then(*_stop(it, why=f"{words}, and it may yet come up"))
    return said.then(actions.PutBack(why="nothing is to run with what they were given"))


def _or_wait(said: Verdict, *, until: float) -> Verdict:
    """Where there is nothing to do, it is looked at again then."""
    return said if said.actions else said.later(until)


def _settle(it: Situation) -> Deeds:
    """Others wait for what may yet come up, so it is settled, where it is not to be started for now."""
    return _stop(it, why="it is not to be started now, and might yet come up")


def _stop(it: Situation, *, why: str, most: float = math.inf) -> Deeds:
    if it.observed is None or not (it.is_up or it.memory.starting is not None):
        return ()
    return (actions.Stop(it.observed.id, min(it.desired.stop_grace, most), why=why),)


def _keep(it: Situation) -> Verdict:
    """Its container is up, as it is to be."""
    said = _seen(it)
    if it.restarts:
        return said.then(*_stop(it, why="a restart was requested"))
    if it.replaces_files:
        return said.then(*_stop(it, why="its owner has given its files up"))
    if it.is_filling_stale:
        return said.then(*_stop(it, why="its volumes get back what was in them"))
    if it.is_held_still:
        # What it is to be but stopped or paused waits for the thaw, which is looked for.
        wanted = () if it.desired.run_state is not RunState.PAUSED else _pause(it)
        return said.then(*wanted).later(it.now + LOOK_AGAIN)
    held = it.memory.hold is not None and it.needs_update
    is_to_run = it.desired.run_state is not RunState.PAUSED
    return dataclasses.replace(
        said,
        actions=(*_adjust(it), *_freeze(it)),
        again=it.now + HELD if held else None,
        probe=it.unprobed_run if is_to_run else None,
    )


def _adjust(it: Situation) -> Deeds:
    """What may change without a new container: limits, and who may log in."""
    limits, found = it.desired.limits, it.container
    deeds: list[Action] = []
    if limits is not None and it.memory.hold is None and it.needs_update:
        deeds.append(actions.Update(found.id, limits))
    if it.needs_login:
        deeds.append(actions.WriteFiles(found.id))
    return tuple(deeds)


def _freeze(it: Situation) -> Deeds:
    """It runs or is frozen, as declared."""
    found, frozen = it.container, it.state is ContainerState.PAUSED
    if it.desired.run_state is RunState.PAUSED:
        return () if frozen else _pause(it)
    if not frozen:
        return ()
    if it.memory.paused_run == it.run:
        return (actions.Unpause(found.id, why="the VPS is declared Running"),)
    words = f"container {found.name} was paused from outside; it runs again"
    return actions.Unpause(found.id, why="it was paused from outside"), Tell(
        "Warning", "PausedOutside", words
    )


def _pause(it: Situation) -> Deeds:
    return (actions.Pause(it.container.id, why="the VPS is declared Paused"),)
