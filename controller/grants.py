"""Whether a bound VPS should give its cores and memory back, or get them again.

A stopped VPS frees them and stays bound, for its files are on that node; started again it needs them on that
same node. Pure: reads a VPS and the node it is bound to, decides; `granter.py` carries it out.
"""

import dataclasses

from controller import filters, schedule
from controller.view import NodeView, Object, condition, request_of


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """Declared Stopped, and seen stopped: its cores and memory are free for others."""

    epoch: int


@dataclasses.dataclass(frozen=True, slots=True)
class Regrant:
    """Declared Running or Paused again: book its cores and memory on its node."""

    epoch: int
    node: str


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """Its node has no room for it now."""

    node: str
    message: str


def decide(vps: Object, node: NodeView | None) -> Release | Regrant | Wait | None:
    """The next step for this VPS, bound to `node`; None when its grant is as it should be."""
    status = vps.get("status") or {}
    assignment = status.get("assignment")
    if not assignment or vps["metadata"].get("deletionTimestamp"):
        return None
    epoch = assignment["epoch"]
    holds = assignment["grant"].get("cores") is not None
    if vps["spec"]["runState"] == "Stopped":
        observed = status.get("observed") or {}
        is_stopped = observed.get("state") == "stopped" and observed.get("epoch") == epoch
        return Release(epoch) if holds and is_stopped else None
    if holds:
        return None
    short = shortage(vps, node)
    if short is not None:
        return Wait(assignment["node"], short)
    return Regrant(epoch, assignment["node"])


def shortage(vps: Object, node: NodeView | None) -> str | None:
    """Why the VPS cannot have its cores and memory on the node that has its files; None when it can."""
    name = vps["status"]["assignment"]["node"]
    if node is None:
        return f"its files are on {name}, which is not there"
    refusals = schedule.refusals_of(filters.to_hold(request_of(vps)), [node])
    if not refusals:
        return None
    ((each, refused),) = refusals
    return f"its files are on {name}, which is {each.phrase(refused)}"


def is_pending(vps: Object) -> bool:
    """Whether this VPS wants a node and has none."""
    return (
        not (vps.get("status") or {}).get("assignment")
        and not vps["metadata"].get("deletionTimestamp")
        and vps["spec"]["runState"] != "Stopped"
    )


def says_unscheduled(vps: Object) -> bool:
    """Whether the VPS still carries a word of ours that nothing fits."""
    scheduled = condition(vps, "Scheduled")
    return scheduled is not None and scheduled["status"] != "True"
