"""Keeping what is booked in step with a VPS that changes while it is bound (CORRECTNESS 8).

A change asks here for what must be written together with a changed VPS. Growing is booked in the same
transaction, or the whole change is refused. Shrinking is granted at once and stays booked until the agent
reports, for this very spec, that the container is limited to it. Whoever takes our finalizer from a VPS
leaves a tombstone.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.admission import vps_rules
from kohakuriver.apiserver.binding import unbinding
from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.objects import metadata, objects
from kohakuriver.apiserver.objects.refusal import Refusal
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.placement.request import asked_by
from kohakuriver.resources import kinds

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Beside:
    """What a transaction expects and writes beside the object itself."""

    expect: Mapping[str, int] = dataclasses.field(default_factory=dict)
    writes: tuple[Put, ...] = ()


def allocation_key(node: str) -> str:
    """The key of a node's record."""
    return codec.key(kinds.NODE_ALLOCATION, None, node)


def node_key(node: str) -> str:
    """The key of a Node."""
    return codec.key(kinds.NODE, None, node)


def quota_key(namespace: str) -> str:
    """The key of the order in which a namespace's bookings are made, where a quota limits them."""
    return codec.QUOTA_TURNS + namespace


def allocation_of(record: Record | None, *, node: str, now: str) -> Json:
    """A node's record; a new one where nothing has been booked on it before."""
    if record is not None:
        return codec.decode(record)
    return {
        "apiVersion": kinds.NODE_ALLOCATION.api_version,
        "kind": kinds.NODE_ALLOCATION.kind,
        "metadata": {"name": node, "uid": str(uuid.uuid4()), "creationTimestamp": now},
        "bookings": {},
    }


def looks_at(old: Json, new: Json) -> tuple[str, ...]:
    """The keys that `beside` must see for this change; mostly none."""
    assignment = objects.assignment_of(new)
    if assignment is None:
        return ()
    if _resized(old, new):
        turn = quota_key(new["metadata"]["namespace"])
        return allocation_key(assignment["node"]), node_key(assignment["node"]), turn
    if _redisked(old, new):
        return allocation_key(assignment["node"]), quota_key(new["metadata"]["namespace"])
    needed = _abandoned(new) or _applied(old, new)
    return (allocation_key(assignment["node"]),) if needed else ()


def beside(old: Json, new: Json, seen: Mapping[str, Record | None], *, now: str) -> Beside:
    """What goes with the change; sets the new grant in `new`. Raises Invalid where it does not fit."""
    keys = looks_at(old, new)
    if not keys:
        return Beside()
    assignment = new["status"]["assignment"]
    allocation = allocation_of(seen[keys[0]], node=assignment["node"], now=now)
    expect = {key: revision_of(seen[key]) for key in keys}
    if _abandoned(new):
        by = vps_rules.forced_by(new)
        why = f"deleted by force by {by}" if by else "its finalizer was taken away by hand"
        buried = booking.bury(allocation, new, since=now, why=why)
        unbinding.unbind(new)
        return Beside(expect, (Put(keys[0], codec.encode(buried)),))
    if not _resized(old, new) and _redisked(old, new):
        return Beside(expect, (Put(keys[0], codec.encode(booking.with_disk(allocation, new))),))
    if not _resized(old, new):
        settled = booking.settle(allocation, new, _applied(old, new))
        return Beside(expect, (Put(keys[0], codec.encode(settled)),)) if settled else Beside()
    record = seen[keys[1]]
    result = booking.resize(allocation, codec.decode(record) if record else None, new, before=asked_by(old))
    if isinstance(result, Refusal):
        raise no_room(new["metadata"]["name"], result)
    new["status"] = {**new["status"], "assignment": {**assignment, "grant": result.grant}}
    return Beside(expect, (Put(keys[0], codec.encode(result.allocation)),))


def revision_of(record: Record | None) -> int:
    """What a commit expects of a key that was seen so."""
    return record.revision if record else 0


def no_room(name: str, refusal: Refusal) -> errors.Invalid:
    """The 422 of a booking that does not fit; nothing was changed."""
    error = objects.invalid(kinds.VPS, name, errors.Cause(refusal.field, refusal.message, "NoRoom"))
    error.hint = "ask for less, stop or delete other VPSes there, or wait"
    return error


def _resized(old: Json, new: Json) -> bool:
    """Whether the spec of a VPS that holds a grant now asks for something else of the node."""
    if old["spec"] == new["spec"] or not new["status"]["assignment"]["grant"].get("cores"):
        return False
    return asked_by(old) != asked_by(new)


def _redisked(old: Json, new: Json) -> bool:
    """Whether a bound VPS, running or stopped, now asks for another amount of disk."""
    return booking.disk_of(old) != booking.disk_of(new)


def _abandoned(vps: Json) -> bool:
    """Whether our finalizer was taken from a VPS that is being deleted: a forced delete (CORRECTNESS 5)."""
    fields = vps["metadata"]
    return bool(fields.get("deletionTimestamp")) and metadata.FINALIZER not in (
        fields.get("finalizers") or ()
    )


def _applied(old: Json, new: Json) -> Json:
    """What the agent newly says that it has applied, knowing the present spec; else empty."""
    before, after = objects.status_of(old), objects.status_of(new)
    applied: Json = (after.get("observed") or {}).get("grant") or {}
    if not after["assignment"]["grant"].get("cores"):
        return {}
    if after.get("observedGeneration") != new["metadata"].get("generation"):
        return {}
    known = (before.get("observed") or {}).get("grant"), before.get("observedGeneration")
    return {} if known == (applied, after["observedGeneration"]) else applied
