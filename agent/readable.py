"""Nonsense is contained: what stands in for an object of the API that this node cannot read.

Each object is read in a try of its own, once, where it comes in (`watches.py`). A VPS that cannot be read is
left as it is, container and all, and the others are kept as ever. Pure.
"""

from typing import Any

from kohakuriver import cpuset, durations
from kohakuriver.agent.deciding import desired
from kohakuriver.readable import Object, checked, conditions, stand_in, trouble
from kohakuriver.resources import snapshot as snapshots


def vps(body: Object) -> Object:
    """A VPS; of one that cannot be read, its placement and what was reported of it, if those can be."""
    why = trouble(lambda: _read_vps(body))
    if not why:
        return body
    status = body.get("status")
    found = status if isinstance(status, dict) else {}
    kept = {
        field: found[field]
        for field, read in (("assignment", _read_assignment), ("observed", _read_observed))
        if field in found and not trouble(lambda field=field, read=read: read(found[field]))  # type: ignore[misc]
    }
    return {**stand_in(body, why), "status": {**kept, "conditions": conditions(body)}}


def node(body: Object) -> Object:
    """This node's own; of one that cannot be read, what is wanted of it: its status is written anew."""
    why = trouble(lambda: _read_node(body))
    if not why:
        return body
    spec = body.get("spec")
    found = spec if isinstance(spec, dict) else {}
    accepts = {"accepts": found["accepts"]} if isinstance(found.get("accepts"), str) else {}
    wanted = {"drain": bool(found.get("drain")), **accepts}
    return {**stand_in(body, why), "spec": wanted, "status": {"conditions": conditions(body)}}


def allocation(body: Object) -> Object:
    """What is booked here, entry by entry: one that cannot be read holds up nobody but its own VPS."""
    bookings = body.get("bookings")
    found = bookings if isinstance(bookings, dict) else {}
    bad = {uid: why for uid, one in found.items() if (why := trouble(lambda one=one: _read_booking(one)))}  # type: ignore[misc]
    if not bad and isinstance(bookings, dict | None):
        return body
    kept = {uid: one for uid, one in found.items() if uid not in bad}
    why = "; ".join(f"{uid}: {said}" for uid, said in bad.items()) or "its bookings are not an object"
    return {**stand_in(body, why), "bookings": kept}


def environment(body: Object) -> Object:
    """An Environment; one that cannot be read stands for no image."""
    why = trouble(lambda: _read_environment(body))
    return {**stand_in(body, why), "spec": {}} if why else body


def snapshot(body: Object) -> Object:
    """A Snapshot; one that cannot be read is neither taken nor begun from, and its files are left."""
    why = trouble(lambda: _read_snapshot(body))
    return {**stand_in(body, why), "spec": {}, "status": {}} if why else body


def _read_vps(body: Object) -> None:
    status = body.get("status") or {}
    assignment = status.get("assignment") or {}
    checked(str, body["metadata"]["uid"])
    if assignment:
        _read_assignment(assignment)
        checked(desired.Desired | None, desired.read(body, node=assignment["node"]))
    durations.parse(((body["spec"].get("sessions") or {}).get("detachedFor")) or 0)
    _read_observed(status.get("observed") or {})
    checked(int, status.get("observedGeneration") or 0)
    _read_conditions(body)


def _read_assignment(found: Any) -> None:
    checked(str, found["node"])
    checked(int, found["epoch"])
    checked(str, found.get("grantId") or "")
    grant = checked(dict[str, Any], found.get("grant") or {})
    cpuset.parse(grant.get("cpuset") or "")


def _read_observed(found: Any) -> None:
    for field in ("container", "grant", "ssh"):
        checked(dict[str, Any], found.get(field) or {})
    container = found.get("container") or {}
    for text in (
        *(found.get(field) for field in ("state", "reason", "message", "restartRequest", "grantId")),
        container.get("id"),
        container.get("startedAt"),
        (found.get("ssh") or {}).get("hostKey"),
    ):
        checked(str | None, text)
    checked(int, container.get("restarts") or 0)
    checked(int, found.get("sequence") or 0)


def _read_node(body: Object) -> None:
    spec, status = body.get("spec") or {}, body.get("status") or {}
    checked(str, spec.get("accepts") or "")
    checked(dict[str, Any], status)
    checked(dict[str, str], body["metadata"].get("labels") or {})
    _read_conditions(body)


def _read_conditions(body: Object) -> None:
    for one in (body.get("status") or {}).get("conditions") or ():
        for field in ("type", "status"):
            checked(str, one[field])
        for field in ("reason", "message"):
            checked(str, one.get(field) or "")


def _read_booking(found: Any) -> None:
    checked(str, found["namespace"])
    checked(str, found["name"])
    checked(int, found["epoch"])
    cpuset.parse(found.get("cpuset") or "")
    tombstone = found.get("tombstone")
    if tombstone:
        checked(str, tombstone["why"])
        for volume in tombstone.get("volumes") or ():
            checked(str, volume)


def _read_environment(body: Object) -> None:
    spec, status = body["spec"], checked(dict[str, Any], body.get("status") or {})
    checked(str, body["metadata"]["uid"])
    for field in ("image", "tarball", "digest"):
        checked(str, spec.get(field) or "")
        checked(str, status.get(field) or "")
    made_of = spec.get("vps")
    if made_of:
        for field in ("namespace", "name", "uid", "node"):
            checked(str, made_of[field])
    if spec.get("tarball"):
        checked(str, spec["digest"])


def _read_snapshot(body: Object) -> None:
    spec, status = body["spec"], checked(dict[str, Any], body.get("status") or {})
    for field in ("name", "namespace", "uid"):
        checked(str, body["metadata"][field])
    for field in ("name", "uid", "node"):
        checked(str, spec["vps"][field])
    snapshots.Volumes(spec.get("volumes") or snapshots.Volumes.INCLUDE)
    snapshots.Cause(spec.get("cause") or snapshots.Cause.MANUAL)
    checked(bool, spec.get("pause", True))
    if status.get("phase"):
        snapshots.Phase(status["phase"])
    for field in ("image", "base", "message"):
        checked(str, status.get(field) or "")
    for one in checked(list[dict[str, Any]], status.get("volumes") or []):
        checked(str | None, one.get("name"))
        checked(int, one["size"])
        for field in ("target", "digest"):
            checked(str, one[field])
