"""The JSON form of what is said of one VPS: status.observed and its conditions. Pure.

judge.py says what is so; report.py sends it.
"""

from collections.abc import Mapping
from typing import Any, Final

from kohakuriver import cpuset, quantity
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.judge import ON_THE_WAY, Verdict
from kohakuriver.agent.deciding.memory import Memory, heard, moment
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.resources import reasons
from kohakuriver.resources.vps import ObservedState

_AWAITED: Final = ON_THE_WAY | {ObservedState.FAILED, ObservedState.BACKOFF}


def observed_status(it: Situation, verdict: Verdict, *, session: str) -> dict[str, Any]:
    """`status.observed`, without absent fields."""
    mine = it.mine
    answer: dict[str, Any] = {
        "epoch": it.desired.epoch,
        "grantId": it.desired.grant,
        "session": session,
        "state": verdict.state.value,
        "reason": verdict.reason,
        "message": verdict.message,
        "container": _container(mine, it.memory) if mine is not None else None,
        "ssh": _ssh(it),
        "restartRequest": it.memory.durable.handled_request,
        "replaceFiles": (heard(it.memory, mine) or None) if mine is not None else None,
        "grant": _grant(it.desired, mine) if mine is not None else None,
    }
    return {field: value for field, value in answer.items() if value not in (None, "")}


def is_awaited(desired: Desired, reported: Mapping[str, Any]) -> bool:
    """Whether somebody waits for the engine to do something here, by what was last reported of this epoch."""
    if desired.deleting:
        return True
    if not desired.wants_up:
        return False
    return reported.get("state") is None or reported["state"] in _AWAITED


def conditions(it: Situation) -> list[dict[str, Any]]:
    """The conditions that are the agent's, without times."""
    found = [_ssh_ready(it), _restart_required(it) if it.mine is not None else None, _gpu_healthy(it)]
    return [condition for condition in found if condition is not None]


def _container(observed: Container, memory: Memory) -> dict[str, Any]:
    is_up = observed.is_up
    finished = None if is_up or observed.finished_at is None else moment(observed.finished_at)
    answer = {
        "id": observed.id,
        "name": observed.name,
        "image": labels.image_of(observed),
        "ip": (observed.ip or None) if is_up else None,
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


def _ssh(it: Situation) -> dict[str, Any]:
    if it.desired.login.disabled:
        return {"state": "disabled"}
    ssh = it.memory.ssh
    view = ssh if ssh is not None and ssh.run == it.memory.run else None
    answer = {
        "state": view.state if view is not None else "waiting",
        "message": view.message if view is not None else "",
        "hostKey": it.memory.host_key,
    }
    return {field: value for field, value in answer.items() if value}


def _condition(type_: str, status: bool | None, reason: str, message: str = "") -> dict[str, Any]:
    """A condition; None is for what nobody can tell."""
    word = "Unknown" if status is None else str(status)
    return {"type": type_, "status": word, "reason": reason, "message": message}


def _ssh_ready(it: Situation) -> dict[str, Any] | None:
    if it.desired.login.disabled:
        return None
    ssh = _ssh(it)
    if it.state is not ContainerState.RUNNING and not it.is_held_still:
        return _condition("SSHReady", False, "NotRunning", "it does not run")
    if ssh["state"] == "ready":
        return _condition("SSHReady", True, "HandshakeSucceeded")
    reason = "Unavailable" if ssh["state"] == "unavailable" else "NoAnswer"
    return _condition("SSHReady", False, reason, ssh.get("message", ""))


def _gpu_healthy(it: Situation) -> dict[str, Any] | None:
    """Whether the GPUs that it holds, or is granted, are there and well; absent where there are none."""
    concerned = {*(labels.gpus(it.mine) if it.mine is not None else ()), *it.desired.gpus}
    if not concerned:
        return None
    wrong = [why for uuid, why in it.desired.around.bad_gpus if uuid in concerned]
    if wrong and it.desired.around.gpus_untold:
        return _condition("GPUHealthy", None, reasons.GPU_UNKNOWN, "; ".join(wrong))
    if wrong:
        return _condition("GPUHealthy", False, "GPUMissing", "; ".join(wrong))
    return _condition("GPUHealthy", True, "GPUsThere")


def _restart_required(it: Situation) -> dict[str, Any]:
    """What waits for a restart, what for its owner's word, and how that is given."""
    found = _waiting(it)
    if not found:
        return _condition("RestartRequired", False, "UpToDate")
    message = ". ".join(words[0].upper() + words[1:] if at else words for at, (_, words) in enumerate(found))
    return _condition("RestartRequired", True, found[0][0], message)


def _waiting(it: Situation) -> list[tuple[str, str]]:
    """Reasons and sentences, the most important first."""
    desired, container = it.desired, it.container
    made_from, lost = labels.origin(container), _lost(desired)
    if it.replaces_files:
        begun = f'Snapshot "{desired.snapshot}"' if desired.snapshot else desired.image
        words = f"its files are given up: at the next start it begins from {begun}"
        return [("ReplacesFiles", f"{words}, and what was written in the one from {made_from} {lost}")]
    found = []
    is_kept = labels.word(container) < desired.replace_files == it.memory.durable.passed_over
    if is_kept:
        words = f"its files were not replaced: {_why_kept(it)}; to ask again: {_replacing(desired)}"
        found.append(("FilesKept", words))
    if it.is_outdated:
        found.append(_outdated(it))
    if it.image_changed and not is_kept:
        kept = f"its files began from {made_from}, and a restart keeps both"
        word = f"{_replacing(desired)} begins from the new one: what was written in its container {lost}"
        found.append(("ImageChanged", f"{_now_named(desired)}; {kept}; {word}"))
    return found


def _now_named(desired: Desired) -> str:
    """What it is to begin from, where that is another than its files began from."""
    if desired.snapshot:
        return f'it names Snapshot "{desired.snapshot}" in spec.filesFrom now'
    if desired.environment:
        return f"the Environment {desired.environment} stands for {desired.image} now"
    return f"its image was changed to {desired.image}"


def _lost(desired: Desired) -> str:
    if desired.keep_replaced:
        return f"is kept then as a Snapshot, for {desired.keep_replaced}"
    return "is gone then, but for volumes and mounts"


def _why_kept(it: Situation) -> str:
    """Why its owner's word came to nothing."""
    desired = it.desired
    said = it.memory.durable.passed_why or desired.around.no_image
    if said:
        return said
    if desired.snapshot:
        return f'there was nothing to begin from in Snapshot "{desired.snapshot}" then'
    return f'its Environment "{desired.environment}" stood for no image then'


def _outdated(it: Situation) -> tuple[str, str]:
    words = (
        "env, command, mounts, volumes, privileged, security, GPUs or SSH were changed: that takes effect at "
        "the next restart; its files are kept"
    )
    kept = it.memory.kept_back
    if kept is not None and kept.spec == it.spec_on_its_files:
        return "RecreationRefused", f"{words}. The last try was refused: {kept.message}"
    return "SpecChanged", words


def _replacing(desired: Desired) -> str:
    """The command with which its owner gives the files up."""
    elsewhere = f" -n {desired.namespace}" if desired.namespace != "default" else ""
    if desired.snapshot:
        return f"kohakuriver vps restore {desired.name} {desired.snapshot}{elsewhere}"
    return f"kohakuriver vps restart {desired.name} --replace-files{elsewhere}"
