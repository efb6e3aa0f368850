"""The named transactions that give: bind, regrant, newport (CORRECTNESS 2, 9, 27).

Each decides from the VPS, the node's record and the Node as they were read, and gives nothing that
`booking.py` does not find free. Pure.
"""

import uuid
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.binding import grants, notices, orders
from kohakuriver.apiserver.binding.orders import Order, Records
from kohakuriver.apiserver.binding.steps import Step, both
from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.objects import metadata, objects, owners
from kohakuriver.apiserver.objects.refusal import Refusal
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import kinds
from kohakuriver.resources.offer import offer_of
from kohakuriver.resources.vps import RunState

Json = dict[str, Any]


def bind(order: Order, records: Records) -> Step:
    """Give an unbound VPS to a node: epoch + 1, and everything it needs booked."""
    vps = orders.found(order, records)
    _check_bindable(order, vps)
    node = _schedulable(order, records[order.node_key])
    _check_not_rejected(order, objects.status_of(vps), node)
    epoch, id_ = int(objects.status_of(vps).get("epoch") or 0) + 1, uuid.uuid4().hex
    allocation = grants.allocation_of(records[order.allocation_key], node=order.node, now=order.now)
    booked = booking.book(allocation, node, vps, epoch=epoch, id_=id_)
    if isinstance(booked, Refusal):
        raise grants.no_room(order.name, booked)
    assignment = {
        "node": order.node,
        "epoch": epoch,
        "id": id_,
        "grantId": uuid.uuid4().hex,
        **orders.namespace_uid(records, vps),
        "boundAt": order.now,
        "grant": booked.grant,
        "proof": orders.proof(order, vps, epoch=epoch),
    }
    status = {**objects.status_of(vps), "epoch": epoch, "assignment": assignment}
    for field in ("observed", "unreachableSince", "observedGeneration"):
        status.pop(field, None)  # all said of an earlier placement
    _without_rejection(status, order.node)
    status["conditions"] = _scheduled(status, order, f"placed on {order.node}")
    vps["status"] = status
    names = vps["metadata"].get("finalizers") or []
    vps["metadata"]["finalizers"] = [
        *(name for name in names if name != metadata.FINALIZER),
        metadata.FINALIZER,
    ]
    return both(order, vps, booked.allocation)


def regrant(order: Order, records: Records) -> Step:
    """Book everything again, on the node where the files are; a cordon keeps off only what is new."""
    vps = orders.found(order, records)
    assignment = orders.assigned(order, vps)
    if vps["spec"]["runState"] == RunState.STOPPED or vps["metadata"].get("deletionTimestamp"):
        raise order.conflict("it is declared Stopped, or being deleted")
    if assignment["grant"].get("cores"):
        return Step(vps)
    record = records[order.node_key]
    if record is None:
        raise _unfit(order, f"its files are on {order.node}, which is not registered")
    node = codec.decode(record)
    if (node.get("spec") or {}).get("drain"):
        raise _unfit(order, f"its files are on {order.node}, which is being drained")
    if objects.status_of(node).get("quarantine"):
        raise _unfit(order, f"its files are on {order.node}, which is in quarantine")
    allocation = grants.allocation_of(records[order.allocation_key], node=order.node, now=order.now)
    booked = booking.regrant(allocation, node, vps)
    if isinstance(booked, Refusal):
        raise grants.no_room(order.name, booked)
    vps["status"]["assignment"] = {
        **assignment,
        **orders.namespace_uid(records, vps),
        "grantId": uuid.uuid4().hex,
        "grant": booked.grant,
        "proof": orders.proof(
            order, vps, epoch=assignment["epoch"]
        ),  # one bound by a server of before has none
    }
    _without_state(vps["status"])
    vps["status"]["conditions"] = _scheduled(vps["status"], order, f"has room on {order.node} again")
    return both(order, vps, booked.allocation)


def newport(order: Order, records: Records) -> Step:
    """Give another SSH port to a VPS whose own is held by a stranger on its node (FAULTS 28)."""
    vps = orders.found(order, records)
    assignment = orders.assigned(order, vps)
    former, strangers = assignment["grant"].get("sshPort"), set(order.body["taken"])
    if former is None:
        raise order.conflict("it has no SSH port")
    record = records[order.node_key]
    if former not in strangers:
        return Step(vps)  # it has another already: the answer was lost
    if record is None:
        raise _unfit(order, f"node {order.node} is not registered")
    allocation = grants.allocation_of(records[order.allocation_key], node=order.node, now=order.now)
    moved = booking.move_port(allocation, codec.decode(record), vps, strangers=strangers)
    if isinstance(moved, Refusal):
        raise grants.no_room(order.name, moved)
    vps["status"]["assignment"] = {**assignment, "grant": moved.grant}
    words = (
        f"another program on {order.node} holds SSH port {former}; "
        f"the VPS has port {moved.grant['sshPort']} now"
    )
    notice = notices.warning(vps, reason="SSHPortChanged", message=words, now=order.now)
    return both(order, vps, moved.allocation, notice)


def _check_bindable(order: Order, vps: Json) -> None:
    assignment = objects.assignment_of(vps)
    pinned = (vps["spec"].get("placement") or {}).get("node")
    why = ""
    if assignment is not None:
        why = f"it is placed on {assignment['node']} already"
    elif vps["metadata"].get("deletionTimestamp"):
        why = "it is being deleted"
    elif vps["spec"]["runState"] == RunState.STOPPED:
        why = "it is declared Stopped, and gets a node when it is started"
    elif pinned and pinned != order.node:
        why = f"its spec.placement.node is {pinned}, not {order.node}"
    if why:
        raise order.conflict(why)


def _check_not_rejected(order: Order, status: Json, node: Json) -> None:
    """What the node's agent said holds while the node offers what it did then."""
    rejected = (status.get("rejectedBy") or {}).get(order.node)
    under = (status.get("rejectedUnder") or {}).get(order.node)
    if rejected is not None and under in (None, offer_of(node)):
        raise _unfit(order, f"node {order.node} will not take it: {rejected}")


def _without_state(status: Json) -> None:
    """What was seen before this grant proves nothing of it. Which container it has, and the order of the
    reports, are no matter of the grant."""
    kept = ("epoch", "session", "sequence", "container", "ssh", "restartRequest")
    observed = {field: value for field, value in (status.get("observed") or {}).items() if field in kept}
    status.pop("observed", None)
    if observed:
        status["observed"] = observed


def _without_rejection(status: Json, node: str) -> None:
    for field in ("rejectedBy", "rejectedUnder"):
        kept = {name: said for name, said in (status.pop(field, None) or {}).items() if name != node}
        if kept:
            status[field] = kept


def _schedulable(order: Order, record: Record | None) -> Json:
    """The Node, if something new may be placed on it. Raises Invalid with the reason in words."""
    if record is None:
        raise _unfit(order, f"node {order.node} is not registered")
    node = codec.decode(record)
    spec = node.get("spec") or {}
    conditions = {one["type"]: one for one in objects.status_of(node).get("conditions") or ()}
    ready = conditions.get(owners.NODE_READY) or {"status": "Unknown"}
    quarantine = objects.status_of(node).get("quarantine")
    runtime = conditions.get("RuntimeReady") or {"status": "Unknown"}
    if spec.get("drain"):
        raise _unfit(order, f"node {order.node} is being drained")
    if spec.get("unschedulable"):
        raise _unfit(order, f"node {order.node} is cordoned")
    if quarantine:
        raise _unfit(order, f"node {order.node} is in quarantine: {quarantine.get('why')}")
    if ready["status"] != "True":
        raise _unfit(order, f"node {order.node} is not ready: {ready.get('message') or ready['status']}")
    if runtime["status"] == "False":
        why = runtime.get("message") or "False"
        raise _unfit(order, f"the engine of node {order.node} is not ready: {why}")
    return node


def _unfit(order: Order, why: str) -> errors.Invalid:
    return objects.invalid(kinds.VPS, order.name, errors.Cause("node", why, "NodeUnfit"))


def _scheduled(status: Json, order: Order, message: str) -> list[Json]:
    condition = {"type": owners.SCHEDULED, "status": "True", "reason": "Placed", "message": message}
    return owners.merge_conditions(status.get("conditions"), [condition], now=order.now)
