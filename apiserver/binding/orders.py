"""What a named transaction is asked for, and whether it is about the VPS that is there.

Every order is checked here before anything is decided. Pure.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.auth import sight
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.booking.proofs import Proofs
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.objects import metadata, objects
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]
Records = Mapping[str, Record | None]

_TYPES: Mapping[str, type] = {
    "uid": str,
    "node": str,
    "resourceVersion": str,
    "reason": str,
    "message": str,
    "epoch": int,
    "taken": list,
    "destroyed": bool,
    "sha256": str,
    "container": str,
    "unproved": bool,
}
_LONGEST = 1024  # characters of a text, ports of a list


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """What is asked for of a VPS, and of which node."""

    call: Call
    body: Json
    node: str
    now: str
    proofs: Proofs

    @classmethod
    def of(cls, server: Backing, call: Call, body: Json, *, node: str) -> "Order":
        return cls(call, body, node, timestamp(server.clock.now()), server.proofs)

    @property
    def user(self) -> User:
        return self.call.user

    @property
    def name(self) -> str:
        return self.call.name

    @property
    def key(self) -> str:
        return self.call.key

    def conflict(self, why: str, *, hint: str = "read the VPS again") -> errors.Conflict:
        """The 409: the VPS is not as it is taken to be."""
        return objects.conflict(kinds.VPS, self.name, why, hint=hint)

    @property
    def allocation_key(self) -> str:
        return grants.allocation_key(self.node)

    @property
    def node_key(self) -> str:
        return grants.node_key(self.node)


def checked(body: Any, fields: Sequence[str], *, optional: Sequence[str] = ()) -> Json:
    """The body, if it has these fields, and of others but `optional` ones and resourceVersion none.

    Raises BadRequest.
    """
    if not isinstance(body, dict):
        raise errors.BadRequest("the body is not an object", hint=f"send {', '.join(fields)} as JSON")
    sent = {field: value for field, value in body.items() if field not in ("apiVersion", "kind")}
    for field in fields:
        if field not in sent:
            raise errors.BadRequest(f"{field} is missing", hint=f"send {', '.join(fields)}")
    for field, value in sent.items():
        if field not in (*fields, *optional, "resourceVersion"):
            raise errors.BadRequest(f'unknown field "{field}"', hint=f"send {', '.join(fields)}")
        if type(value) is not _TYPES[field] or not value:
            raise errors.BadRequest(f"{field}: expected a {_TYPES[field].__name__}, and not an empty one")
        if isinstance(value, str | list) and len(value) > _LONGEST:
            raise errors.BadRequest(f"{field}: at most {_LONGEST} of it are taken")
    if not all(type(port) is int for port in sent.get("taken", ())):
        raise errors.BadRequest("taken: expected a list of port numbers")
    return sent


def found(order: Order, records: Records) -> Json:
    """The VPS that is meant. One of the same name and another uid is another VPS."""
    record = records[order.key]
    if record is None:
        raise objects.not_found(kinds.VPS, order.name)
    vps = codec.decode(record)
    sight.check(order.user, kinds.VPS, vps)
    if vps["metadata"]["uid"] != order.body["uid"]:
        raise gone(order, f"the one with uid {order.body['uid']} is gone, and another has its name")
    version = order.body.get("resourceVersion")
    if version:
        metadata.check_version(kinds.VPS, vps["metadata"], version)
    return vps


def proof(order: Order, vps: Json, *, epoch: int) -> str:
    """That the store places this VPS on that node as this epoch."""
    fields = vps["metadata"]
    return order.proofs.of(
        node=order.node, namespace=fields["namespace"], name=order.name, uid=fields["uid"], epoch=epoch
    )


def namespace_uid(records: Records, vps: Json) -> Json:
    """What the assignment of this VPS says of its Namespace; nothing where that is not there."""
    record = records.get(codec.key(kinds.NAMESPACE, None, vps["metadata"]["namespace"]))
    uid = codec.decode(record)["metadata"].get("uid") if record is not None else None
    return {"namespaceUid": uid} if uid else {}


def gone(order: Order, why: str) -> errors.ApiError:
    """To a node that finishes, what is gone is gone; to everybody else, things have changed."""
    if order.user.role is Role.NODE:
        return errors.NotFound(
            f'vpses.kohakuriver.io "{order.name}" not found: {why}',
            details=objects.reference(kinds.VPS, order.name),
        )
    return order.conflict(why)


def assigned(order: Order, vps: Json) -> Json:
    assignment = objects.assignment_of(vps)
    if assignment is None or assignment["node"] != order.node:
        raise order.conflict(f"it is not placed on {order.node} any more")
    check_epoch(order, assignment)
    return assignment


def check_epoch(order: Order, assignment: Json) -> None:
    if order.body["epoch"] != assignment["epoch"]:
        raise order.conflict(
            f"stale epoch: the request is about placement {order.body['epoch']}, "
            f"and the VPS is at {assignment['epoch']}"
        )
