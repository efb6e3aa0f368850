"""Whether a bound VPS should give what is booked for it back, or get it again.

A stopped VPS frees it and stays bound, for its files are on that node; started again it needs it on that
same node. So does one that was stopped because its node is drained, once that is over. Pure: reads a VPS and
the node it is bound to, decides; `granter.py` carries it out.
"""

import dataclasses
from collections.abc import Callable

from kohakuriver.controller.deciding import filters, refusing, schedule
from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.controller.deciding.view import NodeView, Object, condition, request_of
from kohakuriver.resources import reasons

NODE_DRAINED = reasons.NODE_DRAINED  # the agent's reason for a stop that the spec did not ask for
NO_ROOM = "NoRoom"


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """Declared Stopped, or drained, and seen stopped: its cores, memory and GPUs are free for others."""

    epoch: int
    why: str


@dataclasses.dataclass(frozen=True, slots=True)
class Regrant:
    """Declared Running or Paused again, or drained no more: book all it needs on its node."""

    epoch: int
    node: str


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """Its node has no room for it now, or never: the verdict says which."""

    node: str
    verdict: Unschedulable


@dataclasses.dataclass(frozen=True, slots=True)
class Rest:
    """Stopped by a drain: nothing to do or to say until its node changes."""

    node: str


@dataclasses.dataclass(frozen=True, slots=True)
class OverQuota:
    """Its node has room, and its namespace may book no more."""

    namespace: str
    verdict: Unschedulable


Refuse = Callable[[Object], Unschedulable | None]
Action = Release | Regrant | Wait | Rest | OverQuota


def decide(vps: Object, node: NodeView | None, *, refuse: Refuse = lambda vps: None) -> Action | None:
    """The next step for this VPS, bound to `node`; None when its grant is as it should be.

    `refuse` says why the namespace of the VPS may not book what it asks for, if it may not.
    """
    status = vps.get("status") or {}
    assignment = status.get("assignment")
    if not assignment or vps["metadata"].get("deletionTimestamp"):
        return None
    epoch, name = assignment["epoch"], assignment["node"]
    holds = assignment["grant"].get("cores") is not None
    observed = status.get("observed") or {}
    is_stopped = observed.get("state") == "stopped" and all(
        observed.get(field) == assignment.get(field) for field in ("epoch", "grantId")
    )
    if vps["spec"]["runState"] == "Stopped":
        return Release(epoch, "it is stopped") if holds and is_stopped else None
    is_draining = node is not None and node.facts.draining
    is_drained = is_stopped and observed.get("reason") == NODE_DRAINED
    if is_drained and holds:
        return Release(epoch, f"node {name} is being drained") if is_draining else Rest(name)
    if holds:
        return None
    if is_drained and is_draining:
        return Rest(name)
    short = shortage(vps, node)
    if short is not None:
        return Wait(name, short)
    over = refuse(vps)
    return OverQuota(vps["metadata"]["namespace"], over) if over is not None else Regrant(epoch, name)


def shortage(vps: Object, node: NodeView | None) -> Unschedulable | None:
    """Why the VPS cannot have its cores and memory on the node that has its files; None when it can."""
    name = vps["status"]["assignment"]["node"]
    if node is None:
        return Unschedulable(reasons.NODE_NOT_FOUND, f"its files are on {name}, which is not there")
    if node.facts.draining:
        return Unschedulable(reasons.NODE_DRAINING, f"its files are on {name}, which is being drained")
    if node.facts.unreadable:
        why = f"its files are on {name}, of which nobody knows what is free: {node.facts.unreadable}"
        return Unschedulable(NO_ROOM, why)
    to_pass = filters.to_hold(request_of(vps))
    for which, refused in schedule.refusals_of(to_pass, [node]):
        vain = schedule.vain(to_pass, which, node)
        words = f"its files are on {name}, which is {refusing.phrase(which, refused)}"
        return Unschedulable(vain or NO_ROOM, words)
    return None


def is_pending(vps: Object) -> bool:
    """Whether this VPS wants a node and has none."""
    return (
        not (vps.get("status") or {}).get("assignment")
        and not vps["metadata"].get("deletionTimestamp")
        and vps["spec"]["runState"] != "Stopped"
    )


def says_unscheduled(vps: Object) -> bool:
    """Whether the VPS carries a word of ours that nothing fits."""
    scheduled = condition(vps, "Scheduled")
    return scheduled is not None and scheduled["status"] == "False"
