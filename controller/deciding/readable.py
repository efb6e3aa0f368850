"""Nonsense is contained: what stands in for an object that the controller cannot read.

Every object is read in a try of its own, once, where it comes in (`world.py`), and what `view.py` makes of it
is of the types that it says. What fails is replaced by as much of it as can be read, and says why under
`UNREADABLE`: such a node takes nothing new, such a VPS is left as it is, and all others are served as ever.
Pure.
"""

from collections.abc import Mapping
from typing import Any

from kohakuriver import cpuset, image_name
from kohakuriver.controller.deciding import snapshot_view, view, volumes
from kohakuriver.controller.deciding.snapshots import Kept, Planned
from kohakuriver.placement import origin
from kohakuriver.placement.booking import Booking, bookings_of, grant_of
from kohakuriver.readable import Object, checked, conditions, stand_in, trouble

_PORTS = range(1, 65536)


def vps(body: Object) -> Object:
    """A VPS, or what can be read of one. Without a spec it is left as it is, as if it were stopped."""
    why = trouble(lambda: _read_vps(body))
    if not why:
        return body
    kept = {**_kept_status(body, ("assignment", "unreachableSince")), "conditions": conditions(body)}
    return {**stand_in(body, why), "spec": {"runState": "Stopped"}, "status": kept}


def node(body: Object) -> Object:
    """A Node, or what can be read of one: what an administrator wants of it, and whether it is ready."""
    why = trouble(lambda: _read_node(body))
    if not why:
        return body
    spec = body.get("spec")
    ordered = (
        {field: bool(spec.get(field)) for field in ("unschedulable", "drain")}
        if isinstance(spec, dict)
        else {}
    )
    return {**stand_in(body, why), "spec": ordered, "status": {"conditions": conditions(body)}}


def allocation(body: Object) -> Object:
    """A NodeAllocation; nobody knows what is free where it cannot be read."""
    why = trouble(lambda: checked(dict[str, Booking], bookings_of(body), _is_booking))
    return {**stand_in(body, why), "bookings": {}} if why else body


def lease(body: Object) -> Object:
    """A Lease. That it was renewed is told by its revision, whatever it holds."""
    why = trouble(lambda: _read_lease(body))
    return {**stand_in(body, why), "spec": {}} if why else body


def environment(body: Object) -> Object:
    """An Environment; one that cannot be read stands for no image."""
    why = trouble(lambda: checked(str, image_name.of_environment(body)))
    return {**stand_in(body, why), "spec": {}} if why else body


def snapshot(body: Object) -> Object:
    """A Snapshot; from one that cannot be read nothing begins, and it is left as it is."""
    why = trouble(lambda: _read_snapshot(body))
    return {**stand_in(body, why), "spec": {"vps": {}}, "status": {}} if why else body


def _read_vps(body: Object) -> None:
    checked(view.VPSRequest, view.request_of(body))
    checked(tuple[str, ...], volumes.wanted_by(body))
    checked(str, origin.named_by(body))
    checked(Planned | None, snapshot_view.planned_of(body))
    checked(str, snapshot_view.awaits(body))
    spec, status = body["spec"], body.get("status") or {}
    checked(int, spec.get("priority") or 0)
    checked(str, spec["runState"])
    checked(str, spec.get("environment") or "")
    _check_status(body)
    assignment = status.get("assignment")
    if assignment:
        checked(str, assignment["node"])
        checked(int, assignment["epoch"])
        checked(Booking, grant_of(assignment["grant"]), _is_booking)
    observed = status.get("observed") or {}
    checked(str, observed.get("state") or "")
    checked(int, observed.get("epoch") or 0)
    checked(str, status.get("unreachableSince") or "")


def _read_snapshot(body: Object) -> None:
    spec, status = body["spec"], body.get("status") or {}
    checked(dict[str, Any], spec["vps"])
    for field in ("name", "uid", "node"):
        checked(str, spec["vps"].get(field) or "")
    for field in ("phase", "message"):
        checked(str, status.get(field) or "")
    _check_status(body)
    checked(Kept, snapshot_view.kept_of(body))


def _read_node(body: Object) -> None:
    facts = checked(view.NodeFacts, view.facts_of(body))
    checked(frozenset[tuple[tuple[str, str], str]], volumes.listed_by(body))
    _check_status(body)
    if facts.cores < 0 or facts.memory < 0 or facts.cores > cpuset.MOST * 1000 or facts.memory >= 2**63:
        raise ValueError(f"no machine has {facts.cores} millicores and {facts.memory} bytes of memory")
    if facts.ports and not (facts.ports[0] in _PORTS and facts.ports[-1] in _PORTS):
        raise ValueError(f"there are no ports from {facts.ports[0]} to {facts.ports[-1]}")
    for _, stray in facts.strays:
        _is_booking(stray)


def _read_lease(body: Object) -> None:
    spec, metadata = body.get("spec") or {}, body["metadata"]
    duration = spec.get("leaseDurationSeconds")
    checked(int | float, duration or 0)
    checked(str, spec.get("holderIdentity") or "")
    for field in ("labels", "annotations"):
        checked(dict[str, str], metadata.get(field) or {})


def _check_status(body: Object) -> None:
    for one in (body.get("status") or {}).get("conditions") or ():
        checked(dict[str, Any], one)
        checked(str, one["type"])
        checked(str, one["status"])
    for field in ("uid", "creationTimestamp", "deletionTimestamp"):
        checked(str, body["metadata"].get(field) or "")
    checked(dict[str, str], body["metadata"].get("labels") or {})


def _is_booking(booking: Booking | Mapping[str, Booking]) -> None:
    for one in booking.values() if isinstance(booking, Mapping) else (booking,):
        if one.cores < 0 or one.memory < 0:
            raise ValueError("something is booked that is less than nothing")


def _kept_status(body: Object, fields: tuple[str, ...]) -> Object:
    """Those fields of a VPS's status that say where it is, where they can be read."""
    status = body.get("status")
    found = status if isinstance(status, dict) else {}
    kept = {field: found[field] for field in fields if field in found}
    placed = {"metadata": {}, "spec": _NOTHING_ASKED, "status": kept}
    return {} if trouble(lambda: _read_vps(placed)) else kept


_NOTHING_ASKED = {"runState": "Stopped", "resources": {"cores": 1, "memory": "1Gi"}}
