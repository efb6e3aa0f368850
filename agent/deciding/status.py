"""What the agent says of one VPS: status.observed and its conditions, from what is declared, seen and known.

Pure. It says what is so, never what is about to be: a container that still runs is `running`, whatever was
declared since. report.py sends it.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kohakuriver import cpuset, quantity
from kohakuriver.agent.deciding import labels, recreation, restart
from kohakuriver.agent.deciding.decide import ended
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import SILENT, ImageState, Memory, asked, heard, moment, replaces_files
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.resources import reasons
from kohakuriver.resources.vps import ObservedState, RunState


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """A state, and why."""

    state: ObservedState
    reason: str = ""
    message: str = ""


QUARANTINED = reasons.NODE_QUARANTINED
_UNANSWERED = "the engine may yet start it: it counts as stopped once the engine has answered a stop"
ON_THE_WAY = frozenset(
    {ObservedState.PREPARING, ObservedState.CREATING, ObservedState.STARTING, ObservedState.REMOVING}
)
"""States that are worth a write only if they last."""
_AWAITED = ON_THE_WAY | {ObservedState.FAILED, ObservedState.BACKOFF}


def observed_status(
    desired: Desired, observed: Container | None, memory: Memory, *, session: str
) -> dict[str, Any]:
    """`status.observed`, without absent fields."""
    mine = observed if observed is not None and labels.is_for(observed, desired) else None
    said = state_of(desired, observed, memory)
    answer: dict[str, Any] = {
        "epoch": desired.epoch,
        "grantId": desired.grant,
        "session": session,
        "state": said.state.value,
        "reason": said.reason,
        "message": said.message,
        "container": _container(mine, memory) if mine is not None else None,
        "ssh": _ssh(desired, memory),
        "restartRequest": memory.durable.handled_request,
        "replaceFiles": (heard(memory, mine) or None) if mine is not None else None,
        "grant": _grant(desired, mine) if mine is not None else None,
    }
    return {field: value for field, value in answer.items() if value not in (None, "")}


def is_awaited(desired: Desired, reported: Mapping[str, Any]) -> bool:
    """Whether somebody waits for the engine to do something here, by what was last reported of this epoch."""
    if desired.deleting:
        return True
    if desired.is_halted or desired.limits is None:
        return False
    return reported.get("state") is None or reported["state"] in _AWAITED


def conditions(desired: Desired, observed: Container | None, memory: Memory) -> list[dict[str, Any]]:
    """The conditions that are the agent's, without times."""
    found = [_ssh_ready(desired, observed, memory)]
    if observed is not None and labels.is_for(observed, desired):
        found.append(_restart_required(desired, observed, memory))
    found.append(_gpu_healthy(desired, observed))
    return [condition for condition in found if condition is not None]


def state_of(desired: Desired, observed: Container | None, memory: Memory) -> Said:
    """The one word for it, with its reason."""
    if observed is not None and not labels.is_for(observed, desired):
        return Said(ObservedState.FAILED, "OtherPlacement", _other(observed))
    if desired.around.quarantine:
        return _quarantined(desired, observed, memory)
    trouble = memory.trouble
    current = trouble if trouble is not None and trouble.asked == asked(desired) else None
    if desired.deleting:
        return (
            Said(ObservedState.REMOVING, current.reason, current.message)
            if current
            else Said(ObservedState.REMOVING)
        )
    said = _absent(desired, memory) if observed is None else _present(desired, observed, memory)
    if said.state is ObservedState.STOPPED and memory.starting is not None:
        said = Said(ObservedState.STARTING, "StartUnanswered", _UNANSWERED)
    if current is None:
        return said
    if current.reason in SILENT:
        again = "; looking again" if current.reason == "RuntimeTimeout" else ""
        return Said(said.state, current.reason, f"{current.message}{again}")
    failing = said.state in ON_THE_WAY or said.state in (ObservedState.BACKOFF, ObservedState.FAILED)
    state = ObservedState.FAILED if failing else said.state
    return Said(state, current.reason, current.message)


def _quarantined(desired: Desired, observed: Container | None, memory: Memory) -> Said:
    """What runs is said to run; what is not as declared stays so, until a person has looked at the node."""
    said = _absent(desired, memory) if observed is None else _present(desired, observed, memory)
    if desired.deleting:
        return Said(ObservedState.REMOVING, QUARANTINED, desired.around.quarantine)
    if said.state in (ObservedState.RUNNING, ObservedState.PAUSED, ObservedState.STARTING):
        return said
    if said.state is ObservedState.STOPPED and observed is not None and memory.starting is None:
        return said
    missing = "" if observed is not None else "its container is not there, and "
    return Said(ObservedState.FAILED, QUARANTINED, missing + desired.around.quarantine)


def _absent(desired: Desired, memory: Memory) -> Said:
    if desired.is_halted or desired.limits is None:
        return _halted(desired)
    if desired.around.refusal is not None:
        return Said(ObservedState.FAILED, desired.around.refusal.reason, desired.around.refusal.message)
    if memory.hold is not None and memory.hold.failed:
        return Said(ObservedState.FAILED, memory.hold.reason, memory.hold.message)
    return _fetching(desired, memory) or Said(ObservedState.CREATING)


def _fetching(desired: Desired, memory: Memory) -> Said | None:
    """How the image stands; None when it can be used."""
    image = memory.image
    match image.state:
        case ImageState.ABSENT | ImageState.PULLING:
            return Said(ObservedState.PREPARING, "Pulling", image.message or f"pulling {desired.image}")
        case ImageState.FAILED:
            return Said(ObservedState.FAILED, image.reason or "ImagePullFailed", image.message)
        case ImageState.USABLE:
            return None


def _present(desired: Desired, observed: Container, memory: Memory) -> Said:
    wants_up = not desired.is_halted and desired.limits is not None
    match observed.state:
        case ContainerState.CREATED:
            return _kept_down(desired, observed, memory) if wants_up else _halted(desired)
        case ContainerState.RUNNING | ContainerState.RESTARTING:
            return _running(desired, memory)
        case ContainerState.PAUSED:
            return Said(ObservedState.PAUSED)
        case ContainerState.REMOVING:
            return Said(
                ObservedState.PREPARING, "RemovedOutside", "its container is being removed from outside"
            )
        case ContainerState.DEAD:
            words = f"the engine left container {observed.name} dead; docker rm removes it"
            return Said(ObservedState.FAILED, "ContainerDead", words)
        case ContainerState.EXITED:
            return _exited(desired, observed, memory, wants_up=wants_up)


def _halted(desired: Desired) -> Said:
    if desired.around.drained and desired.run_state is not RunState.STOPPED:
        return Said(ObservedState.STOPPED, "NodeDrained", "its node is drained; it starts again at uncordon")
    if desired.around.over_disk and desired.run_state is not RunState.STOPPED:
        return Said(ObservedState.STOPPED, "DiskLimitExceeded", desired.around.over_disk)
    return Said(ObservedState.STOPPED, "Stopped")


def _kept_down(desired: Desired, observed: Container, memory: Memory) -> Said:
    """It is to be started, and why it is not yet."""
    if desired.around.refusal is not None:
        return Said(ObservedState.FAILED, desired.around.refusal.reason, desired.around.refusal.message)
    hold = memory.hold
    if hold is not None:
        return Said(
            ObservedState.FAILED if hold.failed else ObservedState.CREATING, hold.reason, hold.message
        )
    if labels.never_ran(observed):
        return Said(ObservedState.CREATING)
    if recreation.is_due(desired, observed, memory):
        return _made_anew(desired, observed, memory)
    unfit = labels.unfit(observed, desired)
    if unfit:
        kept = f"; it could not be made anew: {memory.kept_back.message}" if memory.kept_back else ""
        return Said(ObservedState.FAILED, "ContainerOutdated", f"{unfit}{kept}")
    if observed.state is ContainerState.EXITED:
        return Said(ObservedState.CREATING, "Starting", "it is being started again")
    return Said(ObservedState.CREATING)


def _made_anew(desired: Desired, observed: Container, memory: Memory) -> Said:
    if not recreation.needs_image(desired, observed, memory):
        words = "its container is made anew as it is declared now; its files are carried over"
        return Said(ObservedState.CREATING, "Recreating", words)
    words = f"its container is made anew from image {desired.image}"
    return _fetching(desired, memory) or Said(ObservedState.CREATING, "Recreating", words)


def _running(desired: Desired, memory: Memory) -> Said:
    ssh = memory.ssh
    if desired.login.disabled or desired.run_state is not RunState.RUNNING:
        return Said(ObservedState.RUNNING)
    if ssh is None or ssh.run != memory.run or (ssh.state == "waiting" and not ssh.overdue):
        return Said(ObservedState.STARTING)
    return Said(ObservedState.RUNNING)


def _exited(desired: Desired, observed: Container, memory: Memory, *, wants_up: bool) -> Said:
    over = ended(desired, observed, memory)
    if desired.run_state is RunState.STOPPED:
        return _halted(desired)
    if over is not None:
        return Said(ObservedState.STOPPED, over.reason, over.message)
    if not wants_up:
        return _halted(desired)
    kept_down = _kept_down(desired, observed, memory)
    is_failed = kept_down.state is ObservedState.FAILED
    if memory.exit is None or not memory.failures or memory.durable.restart is not None or is_failed:
        return kept_down
    return _backing_off(desired, observed, memory, hint=memory.exit.hint)


def _backing_off(desired: Desired, observed: Container, memory: Memory, *, hint: str) -> Said:
    """It ended, perhaps again and again, and is to be started once more."""
    limit = desired.limits.memory if desired.limits is not None else None
    how = restart.exit_words(observed.exit_code, oom_killed=observed.oom_killed, memory=limit)
    if observed.oom_killed:
        reason = "OOMKilled"
    elif memory.failures <= 1:
        reason = "Error"
    else:
        is_none = observed.exit_code in restart.NOTHING_TO_RUN
        reason = reasons.NOTHING_TO_RUN if is_none else reasons.CRASH_LOOP
    what = restart.remedy(
        name=desired.name, namespace=desired.namespace, oom_killed=observed.oom_killed, memory=limit
    )
    why = f": {hint}" if hint else ""
    wait = f"next start in {restart.delay(memory.failures):g} s"
    return Said(ObservedState.BACKOFF, reason, f"its main process {how}{why}; {wait}; {what}")


def _other(observed: Container) -> str:
    _, epoch = labels.identity(observed.labels)
    return (
        f"container {observed.name} has its name but is of placement {epoch or 'unknown'}: left alone; "
        f"look at it, then: docker rm {observed.name}"
    )


def _container(observed: Container, memory: Memory) -> dict[str, Any]:
    is_up = observed.is_up
    finished = None if is_up or observed.finished_at is None else moment(observed.finished_at)
    answer = {
        "id": observed.id,
        "name": observed.name,
        "image": labels.image_of(observed),
        "startedAt": moment(observed.started_at) if observed.started_at else None,
        "finishedAt": finished,
        "restarts": memory.restarts,
        "exitCode": None if is_up else observed.exit_code,
        "oomKilled": True if observed.oom_killed and not is_up else None,
    }
    return {field: value for field, value in answer.items() if value is not None}


def _grant(desired: Desired, observed: Container) -> dict[str, Any] | None:
    """What it is limited to. Shared cores are not named: they change with what others hold alone.

    Cores that it held alone are named until it runs on what it shares, which may be the same ones.
    """
    if observed.limits is None:
        return None
    answer: dict[str, Any] = {
        "cores": quantity.format_cores(observed.limits.millicores),
        "memory": quantity.format_size(observed.limits.memory),
    }
    own = cpuset.parse(desired.around.held) & cpuset.parse(observed.limits.cpuset or desired.around.machine)
    shares = desired.limits is not None and observed.limits.cpuset == desired.limits.cpuset
    if observed.limits.cpuset and (desired.exclusive or (own and not shares)):
        answer["cpuset"] = observed.limits.cpuset
    if labels.gpus(observed):
        answer["gpus"] = list(labels.gpus(observed))
    return answer


def _ssh(desired: Desired, memory: Memory) -> dict[str, Any]:
    if desired.login.disabled:
        return {"state": "disabled"}
    view = memory.ssh if memory.ssh is not None and memory.ssh.run == memory.run else None
    answer = {
        "state": view.state if view is not None else "waiting",
        "message": view.message if view is not None else "",
        "hostKey": memory.host_key,
    }
    return {field: value for field, value in answer.items() if value}


def _ssh_ready(desired: Desired, observed: Container | None, memory: Memory) -> dict[str, Any] | None:
    if desired.login.disabled:
        return None
    ssh = _ssh(desired, memory)
    runs = observed is not None and observed.state is ContainerState.RUNNING
    if ssh["state"] == "ready" and runs:
        return {"type": "SSHReady", "status": "True", "reason": "HandshakeSucceeded", "message": ""}
    if not runs:
        return {"type": "SSHReady", "status": "False", "reason": "NotRunning", "message": "it does not run"}
    reason = "Unavailable" if ssh["state"] == "unavailable" else "NoAnswer"
    return {"type": "SSHReady", "status": "False", "reason": reason, "message": ssh.get("message", "")}


def _gpu_healthy(desired: Desired, observed: Container | None) -> dict[str, Any] | None:
    """Whether the GPUs that it holds, or is granted, are there and well; absent where there are none."""
    held = labels.gpus(observed) if observed is not None and labels.is_for(observed, desired) else ()
    if not held and not desired.gpus:
        return None
    wrong = [why for uuid, why in desired.around.bad_gpus if uuid in {*held, *desired.gpus}]
    if wrong:
        return {"type": "GPUHealthy", "status": "False", "reason": "GPUMissing", "message": "; ".join(wrong)}
    return {"type": "GPUHealthy", "status": "True", "reason": "GPUsThere", "message": ""}


def _restart_required(desired: Desired, observed: Container, memory: Memory) -> dict[str, Any]:
    """What waits for a restart, what for its owner's word, and how that is given."""
    found = _waiting(desired, observed, memory)
    if not found:
        return {"type": "RestartRequired", "status": "False", "reason": "UpToDate", "message": ""}
    message = ". ".join(words[0].upper() + words[1:] if at else words for at, (_, words) in enumerate(found))
    return {"type": "RestartRequired", "status": "True", "reason": found[0][0], "message": message}


def _waiting(desired: Desired, observed: Container, memory: Memory) -> list[tuple[str, str]]:
    """Reasons and sentences, the most important first."""
    made_from, lost = labels.image_of(observed), "is gone then, but for volumes and mounts"
    if replaces_files(memory, desired, observed):
        words = f"its files are given up: at the next start it begins from {desired.image}"
        return [("ReplacesFiles", f"{words}, and what was written in the one from {made_from} {lost}")]
    found = []
    if labels.word(observed) < desired.replace_files == memory.durable.passed_over:
        why = desired.around.no_image or f'its Environment "{desired.environment}" stood for no image then'
        words = f"its files were not replaced: {why}; to ask again: {_replacing(desired)}"
        found.append(("FilesKept", words))
    if labels.is_outdated(observed, desired):
        found.append(_outdated(desired, observed, memory))
    if labels.image_changed(observed, desired):
        now = f"its image was changed to {desired.image}"
        if desired.environment:
            now = f"the Environment {desired.environment} stands for {desired.image} now"
        kept = f"its files began from {made_from}, and a restart keeps both"
        word = f"{_replacing(desired)} begins from the new one: what was written in its container {lost}"
        found.append(("ImageChanged", f"{now}; {kept}; {word}"))
    return found


def _outdated(desired: Desired, observed: Container, memory: Memory) -> tuple[str, str]:
    words = (
        "env, command, mounts, volumes, privileged, security, GPUs or SSH were changed: that takes effect at "
        "the next restart; its files are kept"
    )
    kept = memory.kept_back
    if kept is not None and kept.spec == labels.hash_with_files(observed, desired):
        return "RecreationRefused", f"{words}. The last try was refused: {kept.message}"
    return "SpecChanged", words


def _replacing(desired: Desired) -> str:
    """The command with which its owner gives the files up."""
    elsewhere = f" -n {desired.namespace}" if desired.namespace != "default" else ""
    return f"kohakuriver vps restart {desired.name} --replace-files{elsewhere}"
