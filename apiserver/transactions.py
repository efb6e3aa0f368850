"""The named transactions: bind, finish, release and regrant (CORRECTNESS 1, 2).

`POST …/vpses/NAME/VERB` ends here. Each is one store transaction that compares all that it was decided from:
the VPS, the node's allocation record and, where something is given, the Node, so that neither a second
controller nor a cordon can slip in between. The arithmetic is `booking.py`'s. When others' bookings came
between, the step is decided anew from what the conflict brought; nothing is read a second time.
"""

import dataclasses
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from apiserver import booking, codec, grants, metadata, objects, orders, owners, phase, turns
from apiserver.identity import Role, User
from apiserver.objects import Backing
from apiserver.orders import Order, Records
from apiserver.outcome import Written
from apiserver.store.base import Delete, Put, Record, StoreConflict
from kohakuriver import errors
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds
from kohakuriver.resources.vps import ObservedState, RunState

Json = dict[str, Any]

ATTEMPTS = 8  # a controller binds to one node from several tasks at once


@dataclasses.dataclass(frozen=True, slots=True)
class _Step:
    """What a transaction would write, and the VPS as it is then."""

    vps: Json
    writes: tuple[Put | Delete, ...] = ()  # none: it is so already
    removed: bool = False


_Decide = Callable[[Order, Records], _Step]


async def act(
    server: Backing,
    user: User,
    resource: kinds.ResourceType,
    *,
    namespace: str | None,
    name: str,
    action: str,
    body: Any,
) -> Written:
    """Carry out one named transaction and answer with the VPS."""
    if resource is not kinds.VPS or action not in _VERBS:
        raise objects.not_found(resource, f"{name}/{action}")
    decide, fields, gives = _VERBS[action]
    checked = orders.checked(body, fields)
    key = codec.key(kinds.VPS, namespace, name)
    node = checked.get("node") if action == "bind" else user.node
    if node is None:  # whoever is not a node itself asks where the VPS is
        node = _node_of(await server.store.get(key), name)
    order = Order(user, name, key, checked, node, timestamp(server.clock.now()))
    keys = (key, order.allocation_key, *((order.node_key,) if gives else ()))
    async with turns.turn(server.store, node):
        return await _transact(server, order, decide, await objects.read(server, keys))


async def _transact(server: Backing, order: Order, decide: _Decide, records: Records) -> Written:
    for _ in range(ATTEMPTS):
        step = decide(order, records)
        if not step.writes:
            return Written(step.vps)
        expect = {key: grants.revision_of(record) for key, record in records.items()}
        try:
            revision = await server.store.commit(expect=expect, writes=step.writes)
        except StoreConflict as conflict:
            records = conflict.actual
            continue
        step.vps["metadata"]["resourceVersion"] = str(revision)
        return Written(step.vps, removed=step.removed)
    raise objects.too_busy(kinds.NODE_ALLOCATION, order.node, ATTEMPTS)


def _bind(order: Order, records: Records) -> _Step:
    """Give an unbound VPS to a node: epoch + 1, and everything it needs booked."""
    vps = orders.found(order, records)
    _check_bindable(order, vps)
    node = _schedulable(order, records[order.node_key])
    epoch, id_ = int(objects.status_of(vps).get("epoch") or 0) + 1, uuid.uuid4().hex
    allocation = grants.allocation_of(records[order.allocation_key], node=order.node, now=order.now)
    booked = booking.book(allocation, node, vps, epoch=epoch, id_=id_)
    if isinstance(booked, booking.Refusal):
        raise grants.no_room(order.name, booked.message)
    assignment = {
        "node": order.node,
        "epoch": epoch,
        "id": id_,
        "boundAt": order.now,
        "grant": booked.grant,
    }
    status = {**objects.status_of(vps), "epoch": epoch, "assignment": assignment}
    for field in ("observed", "unreachableSince", "observedGeneration"):
        status.pop(field, None)  # all said of an earlier placement
    status["conditions"] = _scheduled(status, order, "Bound", f"placed on {order.node}")
    vps["status"] = status
    names = vps["metadata"].get("finalizers") or []
    vps["metadata"]["finalizers"] = [
        *(name for name in names if name != metadata.FINALIZER),
        metadata.FINALIZER,
    ]
    return _both(order, vps, booked.allocation)


def _finish(order: Order, records: Records) -> _Step:
    """The container is gone: free what was booked, and let the object go."""
    vps = orders.found(order, records)
    assignment = objects.assignment_of(vps)
    if assignment is None:
        raise orders.gone(order, f"it is bound to no node, {order.node} has nothing left to finish")
    if order.user.role is not Role.NODE or assignment["node"] != order.user.node:
        raise errors.Forbidden(
            f'vpses.kohakuriver.io "{order.name}" is forbidden: only the agent of its node may finish it',
            hint="delete the VPS, and its node's agent will",
            details=objects.reference(kinds.VPS, order.name),
        )
    orders.check_epoch(order, assignment)
    if not vps["metadata"].get("deletionTimestamp"):
        raise objects.conflict(
            kinds.VPS, order.name, "it is not being deleted", hint="keep its container; read the VPS again"
        )
    names = [name for name in vps["metadata"].get("finalizers") or () if name != metadata.FINALIZER]
    record = records[order.allocation_key]
    writes: list[Put | Delete] = []
    if record is not None:
        freed = booking.free(codec.decode(record), vps["metadata"]["uid"])
        writes.append(Put(order.allocation_key, codec.encode(freed)))
    del vps["status"]["assignment"]
    for field in ("observed", "unreachableSince"):
        vps["status"].pop(field, None)
    vps["metadata"]["finalizers"] = names
    phase.stamp(vps)
    writes.append(Put(order.key, codec.encode(vps)) if names else Delete(order.key))
    return _Step(vps, tuple(writes), removed=not names)


def _release(order: Order, records: Records) -> _Step:
    """Free the cores and memory of a VPS that is declared and seen stopped; node and port stay."""
    vps = orders.found(order, records)
    assignment = orders.assigned(order, vps)
    observed = objects.status_of(vps).get("observed") or {}
    seen = observed.get("state") if observed.get("epoch") == assignment["epoch"] else None
    if vps["spec"]["runState"] != RunState.STOPPED or seen != ObservedState.STOPPED:
        raise objects.conflict(
            kinds.VPS,
            order.name,
            f"it is declared {vps['spec']['runState']} and was last seen {seen or 'nowhere'}; "
            "only what is declared and seen stopped is released",
            hint="read the VPS again",
        )
    if not assignment["grant"].get("cores"):
        return _Step(vps)
    allocation = grants.allocation_of(records[order.allocation_key], node=order.node, now=order.now)
    released = booking.release(allocation, vps)
    vps["status"]["assignment"] = {**assignment, "grant": released.grant}
    return _both(order, vps, released.allocation)


def _regrant(order: Order, records: Records) -> _Step:
    """Book cores and memory again, on the node where the files are; a cordon keeps off only what is new."""
    vps = orders.found(order, records)
    assignment = orders.assigned(order, vps)
    if vps["spec"]["runState"] == RunState.STOPPED or vps["metadata"].get("deletionTimestamp"):
        raise objects.conflict(
            kinds.VPS, order.name, "it is declared Stopped, or being deleted", hint="read the VPS again"
        )
    if assignment["grant"].get("cores"):
        return _Step(vps)
    record = records[order.node_key]
    if record is None:
        raise grants.no_room(order.name, f"its files are on {order.node}, which is not registered")
    allocation = grants.allocation_of(records[order.allocation_key], node=order.node, now=order.now)
    booked = booking.regrant(allocation, codec.decode(record), vps)
    if isinstance(booked, booking.Refusal):
        raise grants.no_room(order.name, booked.message)
    vps["status"]["assignment"] = {**assignment, "grant": booked.grant}
    vps["status"]["conditions"] = _scheduled(vps["status"], order, "Bound", f"has room on {order.node} again")
    return _both(order, vps, booked.allocation)


# verb -> (decides, the fields its body must have, whether it gives and so compares the Node)
_VERBS: Mapping[str, tuple[_Decide, Sequence[str], bool]] = {
    "bind": (_bind, ("uid", "node"), True),
    "finish": (_finish, ("uid", "epoch"), False),
    "release": (_release, ("uid", "epoch"), False),
    "regrant": (_regrant, ("uid", "epoch"), True),
}


def _node_of(record: Record | None, name: str) -> str:
    if record is None:
        raise objects.not_found(kinds.VPS, name)
    assignment = objects.assignment_of(codec.decode(record))
    if assignment is None:
        raise objects.conflict(kinds.VPS, name, "it is bound to no node", hint="read the VPS again")
    return str(assignment["node"])


def _check_bindable(order: Order, vps: Json) -> None:
    assignment = objects.assignment_of(vps)
    pinned = (vps["spec"].get("placement") or {}).get("node")
    why = ""
    if assignment is not None:
        why = f"it is bound to {assignment['node']} already"
    elif vps["metadata"].get("deletionTimestamp"):
        why = "it is being deleted"
    elif vps["spec"]["runState"] == RunState.STOPPED:
        why = "it is declared Stopped, and gets a node when it is started"
    elif pinned and pinned != order.node:
        why = f"its spec.placement.node is {pinned}, not {order.node}"
    if why:
        raise objects.conflict(kinds.VPS, order.name, why, hint="read the VPS again")


def _schedulable(order: Order, record: Record | None) -> Json:
    """The Node, if something new may be placed on it. Raises Invalid with the reason in words."""
    why = f"node {order.node} is not registered"
    if record is not None:
        node = codec.decode(record)
        conditions = {one["type"]: one for one in objects.status_of(node).get("conditions") or ()}
        ready = conditions.get(owners.NODE_READY) or {"status": "Unknown"}
        runtime = conditions.get("RuntimeReady") or {"status": "Unknown"}
        if (node.get("spec") or {}).get("unschedulable"):
            why = f"node {order.node} is cordoned"
        elif ready["status"] != "True":
            why = f"node {order.node} is not ready: {ready.get('message') or ready['status']}"
        elif runtime["status"] == "False":
            why = f"the engine of node {order.node} is not ready: {runtime.get('message') or 'False'}"
        else:
            return node
    raise objects.invalid(kinds.VPS, order.name, errors.Cause("node", why, "NodeUnfit"))


def _scheduled(status: Json, order: Order, reason: str, message: str) -> list[Json]:
    condition = {"type": "Scheduled", "status": "True", "reason": reason, "message": message}
    return owners.merge_conditions(status.get("conditions"), [condition], now=order.now)


def _both(order: Order, vps: Json, allocation: Json) -> _Step:
    """The VPS and the record, to be written together."""
    phase.stamp(vps)
    writes = (
        Put(order.key, codec.encode(vps)),
        Put(order.allocation_key, codec.encode(allocation)),
    )
    return _Step(vps, writes)
