"""Where a VPS stands, in one word and one sentence: derived at every write of a VPS, by one pure function.

Nobody writes phase, reason or message (CORRECTNESS 12): they follow from spec, assignment, what the agent of
that placement observed, since when its node has been silent, and whether the object is being deleted. Never
reads a clock, and never raises, whatever it is given.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kohakuriver.clock import in_words
from kohakuriver.resources import conditions as types
from kohakuriver.resources import reasons
from kohakuriver.resources.vps import ObservedState, Phase, RunState

# The word and the sentence for a state about which the agent gave none of its own.
_ASSIGNING = {
    None: (reasons.ASSIGNED, "waiting for node {node} to take it up"),
    ObservedState.PREPARING: ("Preparing", "node {node} is getting its image ready"),
    ObservedState.CREATING: ("Creating", "node {node} is creating its container"),
    ObservedState.STARTING: ("Starting", "its container runs; waiting for SSH to answer"),
    ObservedState.BACKOFF: ("BackOff", "its container ended; node {node} will start it again"),
    ObservedState.FAILED: ("Failed", "node {node} cannot start it, and keeps trying"),
}
_ACTIVE = (Phase.ASSIGNING, Phase.RUNNING, Phase.PAUSED)  # what a silent node turns into `lost`
FILES_LOST = types.FILES_LOST
NODE_DRAINED = reasons.NODE_DRAINED  # the agent's reason for a stop that the spec did not ask for
_STOPPED_AS_DECLARED = ("", reasons.STOPPED)  # the agent's reasons for a stop that policy had no part in


@dataclasses.dataclass(frozen=True, slots=True)
class Derived:
    """What `status` says; an empty reason or message is left out of it."""

    phase: Phase
    reason: str = ""
    message: str = ""


def derive(vps: Mapping[str, Any]) -> Derived:
    """The phase of a VPS, why, and what it waits for."""
    status = _mapping(vps.get("status"))
    assignment = _mapping(status.get("assignment"))
    base = _bound(vps, status, assignment) if assignment else _unbound(vps, status)
    since = _text(status.get("unreachableSince"))
    if assignment and since and base.phase in _ACTIVE:
        node = _text(assignment.get("node"))
        base = Derived(
            Phase.LOST,
            "NodeUnreachable",
            f"node {node} has been silent since {in_words(since)}; it was {base.phase} then",
        )
    return _terminating(vps, base, assignment, since)


def stamp(vps: dict[str, Any]) -> None:
    """Put the derived fields into a VPS about to be stored: its status is replaced, nothing else touched."""
    derived = derive(vps)
    old = _mapping(vps.get("status"))
    status = {"phase": derived.phase.value}
    if derived.reason:
        status["reason"] = derived.reason
    if derived.message:
        status["message"] = derived.message
    for field, value in old.items():
        if field not in ("phase", "reason", "message"):
            status[field] = value
    vps["status"] = status


def _unbound(vps: Mapping[str, Any], status: Mapping[str, Any]) -> Derived:
    if _run_state(vps) == RunState.STOPPED:
        return Derived(Phase.STOPPED, "Stopped", "it gets a node when it is started")
    reason, message = _unscheduled(status)
    message = message or "waiting for the controller to find it a node"
    lost = _files_lost(status)
    if lost:
        message = f"{message}; {lost}"
    return Derived(Phase.PENDING, reason or "Scheduling", message)


def _bound(vps: Mapping[str, Any], status: Mapping[str, Any], assignment: Mapping[str, Any]) -> Derived:
    observed = _mapping(status.get("observed"))
    if observed.get("epoch") != assignment.get("epoch"):
        observed = {}  # what was seen of an earlier placement says nothing about this one
    said = _text(observed.get("reason")), _text(observed.get("message"))
    match observed.get("state"):
        case ObservedState.RUNNING:
            return _running(vps, observed, said)
        case ObservedState.PAUSED:
            return _paused(vps, said)
        case ObservedState.STOPPED:
            return _stopped(vps, status, assignment, said)
        case ObservedState.REMOVING:
            before = status.get("phase")
            kept = next((phase for phase in (*_ACTIVE, Phase.STOPPED) if phase == before), Phase.ASSIGNING)
            return Derived(kept, said[0] or "Removing", said[1] or "its container is being removed")
        case state:
            known = state if isinstance(state, str) and state in _ASSIGNING else None
            reason, message = _ASSIGNING[known]  # type: ignore[index]  # a StrEnum's value is its key
            message = said[1] or message.format(node=_text(assignment.get("node")))
            lost = _files_lost(status)
            if lost:
                message = f"{message}; {lost}"
            return Derived(Phase.ASSIGNING, said[0] or reason, message)


def _running(vps: Mapping[str, Any], observed: Mapping[str, Any], said: tuple[str, str]) -> Derived:
    declared = _run_state(vps)
    if declared == RunState.STOPPED:
        return Derived(Phase.RUNNING, "Stopping", said[1] or "it is being stopped")
    if declared == RunState.PAUSED:
        return Derived(Phase.RUNNING, "Pausing", said[1] or "it is being paused")
    return Derived(Phase.RUNNING, said[0], said[1] or _ssh_trouble(vps, observed))


def _paused(vps: Mapping[str, Any], said: tuple[str, str]) -> Derived:
    declared = _run_state(vps)
    if declared == RunState.STOPPED:
        return Derived(Phase.PAUSED, "Stopping", said[1] or "it is being stopped")
    if declared == RunState.RUNNING:
        return Derived(Phase.PAUSED, "Resuming", said[1] or "it is being resumed")
    return Derived(Phase.PAUSED, said[0] or "Paused", said[1])


def _stopped(
    vps: Mapping[str, Any], status: Mapping[str, Any], assignment: Mapping[str, Any], said: tuple[str, str]
) -> Derived:
    node = _text(assignment.get("node"))
    if _run_state(vps) == RunState.STOPPED:
        return Derived(Phase.STOPPED, said[0] or "Stopped", said[1] or f"its files are kept on {node}")
    if not _mapping(assignment.get("grant")).get("cores"):
        reason, message = _unscheduled(status)
        if said[0] == NODE_DRAINED and not reason:
            return Derived(Phase.STOPPED, NODE_DRAINED, said[1] or _drained(node))
        waiting = f"its files are on {node}; waiting for room there"
        return Derived(Phase.PENDING, reason or "Scheduling", message or waiting)
    if said[0] in _STOPPED_AS_DECLARED:
        return Derived(Phase.ASSIGNING, "Starting", f"waiting for node {node} to start it again")
    return Derived(Phase.STOPPED, said[0], said[1] or (_drained(node) if said[0] == NODE_DRAINED else ""))


def _drained(node: str) -> str:
    return f"node {node} is being drained; it starts again when the node is uncordoned"


def _terminating(vps: Mapping[str, Any], base: Derived, assignment: Mapping[str, Any], since: str) -> Derived:
    """An object that is being deleted keeps its phase and says what it waits for."""
    metadata = _mapping(vps.get("metadata"))
    if not metadata.get("deletionTimestamp"):
        return base
    node = _text(assignment.get("node"))
    if assignment and since:
        away = f"node {node} unreachable since {in_words(since)}"
        waits = f"{away}; it goes when the node is back; --force to forget"
    elif assignment:
        observed = _mapping(_mapping(vps.get("status")).get("observed"))
        trouble = _text(observed.get("message")) if observed.get("state") == ObservedState.REMOVING else ""
        waits = trouble or f"waiting for node {node} to remove its container"
    else:
        finalizers = metadata.get("finalizers")
        names = map(str, finalizers) if isinstance(finalizers, list) else ()
        waits = f"waiting for its finalizers: {', '.join(names)}"
    return Derived(base.phase, "Terminating", waits)


def _ssh_trouble(vps: Mapping[str, Any], observed: Mapping[str, Any]) -> str:
    """One line for a VPS that runs and that nobody can log in to."""
    ssh = _mapping(_mapping(vps.get("spec")).get("ssh"))
    if ssh.get("disabled"):
        return ""
    said = _mapping(observed.get("ssh"))
    if said.get("state") in ("waiting", "unavailable"):
        return _text(said.get("message"))
    if not ssh.get("authorizedKeys") and not ssh.get("passwordless"):
        return "nobody can log in over SSH: add a public key to spec.ssh.authorizedKeys"
    return ""


def _unscheduled(status: Mapping[str, Any]) -> tuple[str, str]:
    """The controller's word and sentence for why there is no room, if it has found none."""
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        found = _mapping(condition)
        if found.get("type") == types.SCHEDULED and found.get("status") == "False":
            return _text(found.get("reason")), _text(found.get("message"))
    return "", ""


def _files_lost(status: Mapping[str, Any]) -> str:
    """Where the files of this VPS were, if they are gone for good; empty if they are not."""
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else ():
        found = _mapping(condition)
        if found.get("type") == FILES_LOST and found.get("status") == "True":
            return _text(found.get("message"))
    return ""


def _run_state(vps: Mapping[str, Any]) -> str:
    return _text(_mapping(vps.get("spec")).get("runState")) or RunState.RUNNING.value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
