"""`POST vpses/NAME/adopt`: a VPS takes over a container that the store does not know (CORRECTNESS 19).

A person declares the VPS again, and it becomes the one that the container was made for: with its uid and its
placement, bound to its node, everything booked that the container has. The agent finds it in place. Only
what a Node's status names as unknown can be adopted, by a VPS of the same namespace and name, and only with
the proof that the store once placed it there (`proofs.py`): what is adopted gets the VPS's `env`. One that
was made before there were proofs an administrator adopts by saying so (`unproved`). Pure.
"""

import shlex
import uuid
from typing import Any

from kohakuriver.apiserver.binding import grants, notices, orders
from kohakuriver.apiserver.binding.orders import Order, Records
from kohakuriver.apiserver.binding.steps import Step, both
from kohakuriver.apiserver.booking import booking
from kohakuriver.apiserver.cache.strays import is_of
from kohakuriver.apiserver.objects import metadata, objects, owners
from kohakuriver.apiserver.objects.refusal import Refusal
from kohakuriver.apiserver.store import codec

Json = dict[str, Any]


def adopt(order: Order, records: Records) -> Step:
    """Bind it where its container is, as the placement that the container is of."""
    vps = orders.found(order, records)
    if objects.assignment_of(vps) is not None or vps["metadata"].get("deletionTimestamp"):
        raise order.conflict("it is placed on a node already, or being deleted")
    held = _unknown(order, vps, records)
    _check_proved(order, held)
    vps["metadata"] = {**vps["metadata"], "uid": held["uid"]}
    vps["status"] = {**objects.status_of(vps), "assignment": {"grant": {"sshPort": held.get("sshPort")}}}
    record = records[order.node_key]
    node = codec.decode(record) if record is not None else {}
    allocation = grants.allocation_of(records[order.allocation_key], node=order.node, now=order.now)
    id_ = uuid.uuid4().hex
    booked = booking.adopt(allocation, node, vps, held, id_=id_)
    if isinstance(booked, Refusal):
        raise grants.no_room(order.name, booked)
    _place(
        order,
        vps,
        {"epoch": held["epoch"], "id": id_, "grantId": uuid.uuid4().hex, "grant": booked.grant}
        | {"proof": orders.proof(order, vps, epoch=held["epoch"])}
        | orders.namespace_uid(records, vps),
    )
    words = (
        f"container {held['container']} on {order.node}, which the store did not know, is this VPS's again"
    )
    notice = notices.warning(vps, reason="Adopted", message=words, now=order.now)
    return both(order, vps, booked.allocation, notice)


def _unknown(order: Order, vps: Json, records: Records) -> Json:
    """What the Node says of the container. Raises Conflict where it names none of this VPS."""
    record = records[order.node_key]
    status = objects.status_of(codec.decode(record)) if record is not None else {}
    where = {"namespace": vps["metadata"]["namespace"], "name": order.name, "uid": vps["metadata"]["uid"]}
    for one in status.get("unknown") or ():
        if one.get("container") == order.body["container"] and is_of(one, **where) and one.get("epoch"):
            found: Json = one
            return found
    why = f"{order.node} reports no unknown container {order.body['container']} of it"
    raise order.conflict(why, hint=f"kohakuriver node status {order.node} names those that there are")


def _check_proved(order: Order, held: Json) -> None:
    """Raises Conflict for a container of which only its node says that it is this VPS's."""
    if order.proofs.hold(order.node, held) or order.body.get("unproved"):
        return
    hint = (
        f"look at it on {order.node} (docker inspect {shlex.quote(held['container'])}), for it gets the "
        "VPS's env; if it is the VPS's, and was made before there were proofs, add --unproved; "
        f"if {order.node} lies: kohakuriver node revoke {order.node}"
    )
    alone = f"{order.node} alone says that {held['container']} is its container: nothing proves it"
    raise order.conflict(alone, hint=hint)


def _place(order: Order, vps: Json, placement: Json) -> None:
    status = {**objects.status_of(vps), "epoch": placement["epoch"]}
    for field in ("observed", "unreachableSince", "observedGeneration"):
        status.pop(field, None)
    status["assignment"] = {"node": order.node, "boundAt": order.now, **placement}
    message = f"adopted with its container on {order.node}"
    condition = {"type": owners.SCHEDULED, "status": "True", "reason": "Adopted", "message": message}
    status["conditions"] = owners.merge_conditions(status.get("conditions"), [condition], now=order.now)
    vps["status"] = status
    names = [name for name in vps["metadata"].get("finalizers") or () if name != metadata.FINALIZER]
    vps["metadata"]["finalizers"] = [*names, metadata.FINALIZER]
