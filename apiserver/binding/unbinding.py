"""A VPS that leaves its node: nothing that was said of the placement stays, but that it was.

Used by every transaction that unbinds. Pure; whoever calls it stores the VPS, and stamps its phase.
"""

from typing import Any

from kohakuriver.apiserver.objects import metadata, objects, owners, phase

Json = dict[str, Any]

_OF_THE_PLACEMENT = ("assignment", "observed", "unreachableSince", "observedGeneration")
_STAY = (owners.SCHEDULED, phase.FILES_LOST)


def unbind(vps: Json, *, scheduled: Json | None = None, now: str = "") -> None:
    """Take the placement from a VPS, and our finalizer; `scheduled` says why it has no node now."""
    status = {
        field: value for field, value in objects.status_of(vps).items() if field not in _OF_THE_PLACEMENT
    }
    conditions = [one for one in status.pop("conditions", None) or () if one["type"] in _STAY]
    if scheduled is not None:
        conditions = owners.merge_conditions(conditions, [scheduled], now=now)
    if conditions:
        status["conditions"] = conditions
    fields = dict(vps["metadata"])
    names = [name for name in fields.pop("finalizers", None) or () if name != metadata.FINALIZER]
    if names:
        fields["finalizers"] = names
    vps["status"], vps["metadata"] = status, fields


def unscheduled(reason: str, message: str) -> Json:
    """The condition of a VPS that has lost its node."""
    return {"type": owners.SCHEDULED, "status": "False", "reason": reason, "message": message}


def lose_files(vps: Json, node: str, *, now: str) -> None:
    """Remember, for good, where the files of an unbound VPS were (FAULTS 9)."""
    lost = {
        "type": phase.FILES_LOST,
        "status": "True",
        "reason": "NodeForgotten",
        "message": f"its files were on {node}, which was given up at {now}; they are gone",
    }
    others = [
        one for one in objects.status_of(vps).get("conditions") or () if one["type"] != phase.FILES_LOST
    ]
    merged = owners.merge_conditions(others, [lost], now=now)
    vps["status"] = {**objects.status_of(vps), "conditions": merged}
