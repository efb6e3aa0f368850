"""The named transactions that take: finish, release, reject, forget; and the forced delete (CORRECTNESS 2-5).

What is booked ends here in one of two ways: it is freed, where the node itself says that the container is
gone or never was, or it becomes a tombstone, where nobody can know. Pure.
"""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.binding import grants, notices, orders, unbinding
from kohakuriver.apiserver.binding.orders import Order, Records
from kohakuriver.apiserver.binding.steps import Step, both
from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.identity.identity import Role
from kohakuriver.apiserver.objects import objects, phase
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, Record
from kohakuriver.resources import kinds
from kohakuriver.resources.offer import offer_of
from kohakuriver.resources.vps import ObservedState, RunState

Json = dict[str, Any]


def finish(order: Order, records: Records) -> Step:
    """The container is gone: free what was booked, and let the object go."""
    vps = orders.found(order, records)
    assignment = objects.assignment_of(vps)
    if assignment is None:
        raise orders.gone(order, f"it is placed on no node, {order.node} has nothing left to finish")
    _check_own_agent(order, assignment, "finish it", "delete the VPS, and its node's agent will")
    orders.check_epoch(order, assignment)
    if not vps["metadata"].get("deletionTimestamp"):
        raise order.conflict("it is not being deleted", hint="keep its container; read the VPS again")
    freed = _freed(order, vps, records[order.allocation_key])
    unbinding.unbind(vps)
    return without_placement(order.key, vps, *freed)


def release(order: Order, records: Records) -> Step:
    """Free cores, memory and GPUs of what is declared stopped, or drained, and has been seen stopped.

    Only what its agent said of the present grant counts (CORRECTNESS 28): `stopped` may have been said before
    the start that this stop is to end.
    """
    vps = orders.found(order, records)
    assignment = orders.assigned(order, vps)
    observed = objects.status_of(vps).get("observed") or {}
    is_of_grant = all(observed.get(field) == assignment.get(field) for field in ("epoch", "grantId"))
    seen = observed.get("state") if is_of_grant else None
    drained = _is_drained(records[order.node_key]) and observed.get("reason") == phase.NODE_DRAINED
    declared = vps["spec"]["runState"]
    if not (declared == RunState.STOPPED or drained) or seen != ObservedState.STOPPED:
        raise order.conflict(
            f"it is declared {declared} and was last seen {seen or 'nowhere'}; "
            "only what is declared stopped or drained, and seen stopped, is released"
        )
    if not assignment["grant"].get("cores"):
        return Step(vps)
    allocation = grants.allocation_of(records[order.allocation_key], node=order.node, now=order.now)
    released = booking.release(allocation, vps)
    vps["status"]["assignment"] = {**assignment, "grant": released.grant}
    return both(order, vps, released.allocation)


def reject(order: Order, records: Records) -> Step:
    """The node's agent will never make a container for this placement: the VPS goes elsewhere."""
    vps = orders.found(order, records)
    assignment = orders.assigned(order, vps)
    _check_own_agent(order, assignment, "reject it", "correct the spec instead")
    why = ""
    if vps["metadata"].get("deletionTimestamp"):
        why = "it is being deleted: finish it"
    elif (objects.status_of(vps).get("observed") or {}).get("container"):
        why = "a container was reported, and only what never had one is rejected"
    if why:
        raise order.conflict(why)
    freed = _freed(order, vps, records[order.allocation_key])
    message = order.body["message"]
    condition = unbinding.unscheduled(order.body["reason"], f"{order.node} will not take it: {message}")
    unbinding.unbind(vps, scheduled=condition, now=order.now)
    rejected = objects.status_of(vps).get("rejectedBy") or {}
    vps["status"]["rejectedBy"] = {**rejected, order.node: message}
    under = objects.status_of(vps).get("rejectedUnder") or {}
    vps["status"]["rejectedUnder"] = {**under, order.node: _offer(records[order.node_key])}
    words = f"node {order.node} will not take it: {message}"
    notice = notices.warning(vps, reason="Rejected", message=words, now=order.now)
    return without_placement(order.key, vps, *freed, notice)


def forget(order: Order, records: Records) -> Step:
    """A person gives the silent node up for this VPS: it is pending again, its container has a tombstone."""
    vps = orders.found(order, records)
    assignment = objects.assignment_of(vps)
    if assignment is None or assignment["node"] != order.node:
        raise order.conflict("it is placed on no node")
    silent = objects.status_of(vps).get("unreachableSince")
    if not silent and records[order.node_key] is not None:
        raise order.conflict(
            f"node {order.node} is not known to be silent, and its files are there",
            hint="to start over without the files, delete the VPS and create it again",
        )
    return give_up(order, vps, records[order.allocation_key], why=f"given up by {order.user.name}")


def give_up(order: Order, vps: Json, record: Record | None, *, why: str, buried: bool = True) -> Step:
    """Unbind a VPS whose node does not answer; what it had becomes a tombstone, unless nothing is left."""
    allocation = grants.allocation_of(record, node=order.node, now=order.now)
    if buried:
        allocation = booking.bury(allocation, vps, since=order.now, why=why)
    else:
        allocation = booking.free(allocation, vps["metadata"]["uid"])
    condition = unbinding.unscheduled("NodeForgotten", f"node {order.node} was given up")
    unbinding.unbind(vps, scheduled=condition, now=order.now)
    words = f"node {order.node} was given up by {order.user.name}: the files of the VPS there are gone"
    if vps["metadata"].get("deletionTimestamp"):
        words = f"deleted by {order.user.name} without word from node {order.node}"
    else:
        unbinding.lose_files(vps, order.node, now=order.now)
    notice = notices.warning(vps, reason="NodeForgotten", message=words, now=order.now)
    kept = Put(order.allocation_key, codec.encode(allocation))
    return without_placement(order.key, vps, *((kept,) if buried or record else ()), notice)


def without_placement(key: str, vps: Json, *more: Put) -> Step:
    """The writes for a VPS that is bound no more: it stays, unless only its node had kept it."""
    phase.stamp(vps)
    gone = objects.is_due(vps)
    return Step(vps, (Delete(key) if gone else Put(key, codec.encode(vps)), *more), removed=gone)


def _freed(order: Order, vps: Json, record: Record | None) -> tuple[Put, ...]:
    if record is None:
        return ()
    freed = booking.free(codec.decode(record), vps["metadata"]["uid"])
    return (Put(order.allocation_key, codec.encode(freed)),)


def _check_own_agent(order: Order, assignment: Json, what: str, hint: str) -> None:
    if order.user.role is not Role.NODE or assignment["node"] != order.user.node:
        raise errors.Forbidden(
            f'vpses.kohakuriver.io "{order.name}" is forbidden: only the agent of its node may {what}',
            hint=hint,
            details=objects.reference(kinds.VPS, order.name),
        )


def _offer(record: Record | None) -> str:
    return offer_of(codec.decode(record)) if record is not None else ""


def _is_drained(record: Record | None) -> bool:
    return record is not None and bool((codec.decode(record).get("spec") or {}).get("drain"))
