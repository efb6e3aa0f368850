"""Keeping what is booked in step with a VPS that changes while it is bound (CORRECTNESS 8).

`write.py` asks here for what must be written together with a changed VPS. Growing is booked in the same
transaction, or the whole change is refused. Shrinking is granted at once and stays booked until the agent
reports, for this very spec, that the container is limited to it.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from apiserver import booking, codec, objects
from apiserver.store.base import Put, Record
from kohakuriver import errors
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
        return allocation_key(assignment["node"]), node_key(assignment["node"])
    return (allocation_key(assignment["node"]),) if _applied(old, new) else ()


def beside(old: Json, new: Json, seen: Mapping[str, Record | None], *, now: str) -> Beside:
    """What goes with the change; sets the new grant in `new`. Raises Invalid where it does not fit."""
    keys = looks_at(old, new)
    if not keys:
        return Beside()
    node = new["status"]["assignment"]["node"]
    allocation = allocation_of(seen[keys[0]], node=node, now=now)
    expect = {key: revision_of(seen[key]) for key in keys}
    if not _resized(old, new):
        settled = booking.settle(allocation, new)
        return Beside(expect, (Put(keys[0], codec.encode(settled)),)) if settled else Beside()
    node_record = seen[keys[1]]
    result = booking.resize(allocation, codec.decode(node_record) if node_record else None, new)
    if isinstance(result, booking.Refusal):
        raise no_room(new["metadata"]["name"], result.message)
    new["status"] = {
        **new["status"],
        "assignment": {**new["status"]["assignment"], "grant": result.grant},
    }
    return Beside(expect, (Put(keys[0], codec.encode(result.allocation)),))


def revision_of(record: Record | None) -> int:
    """What a commit expects of a key that was seen so."""
    return record.revision if record else 0


def no_room(name: str, why: str) -> errors.Invalid:
    """The 422 of a booking that does not fit; nothing was changed."""
    error = objects.invalid(kinds.VPS, name, errors.Cause("spec.resources", why, "NoRoom"))
    error.hint = "ask for less, stop or delete other VPSes there, or wait"
    return error


def _resized(old: Json, new: Json) -> bool:
    """Whether the spec now asks for another size than is granted to a VPS that holds a grant."""
    grant = new["status"]["assignment"]["grant"]
    if old["spec"].get("resources") == new["spec"].get("resources") or not grant.get("cores"):
        return False
    return not booking.same(grant, booking.needed(new))


def _applied(old: Json, new: Json) -> bool:
    """Whether the agent newly says that it has applied the grant, knowing the present spec."""
    before, after = objects.status_of(old), objects.status_of(new)
    applied = (after.get("observed") or {}).get("grant")
    grant = after["assignment"]["grant"]
    if not applied or not grant.get("cores") or not booking.same(applied, grant):
        return False
    if after.get("observedGeneration") != new["metadata"].get("generation"):
        return False
    known = (before.get("observed") or {}).get("grant"), before.get("observedGeneration")
    return known != (applied, after["observedGeneration"])
