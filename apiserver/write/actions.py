"""`POST …/NAME/ACTION`: which named transaction a kind's action is, and what its body must have."""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from kohakuriver.apiserver.binding import adopting, confirming, giving, orders, taking
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.transactions import OnVPS
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.write import node_forgetting, node_joining, node_revoking, snapshots
from kohakuriver.apiserver.write.node_joining import Joining
from kohakuriver.resources.kinds import NODE, NODE_ALLOCATION, SNAPSHOT, VPS, ResourceType


@dataclasses.dataclass(frozen=True, slots=True)
class Action:
    """How one is carried out, and the fields of its body."""

    carry_out: Callable[[Joining, Call, dict[str, Any]], Awaitable[Written]]
    fields: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


ACTIONS: Mapping[tuple[ResourceType, str], Action] = {
    (VPS, "bind"): Action(OnVPS(giving.bind, gives=True, places=True), ("uid", "node")),
    (VPS, "regrant"): Action(OnVPS(giving.regrant, gives=True), ("uid", "epoch")),
    (VPS, "newport"): Action(OnVPS(giving.newport), ("uid", "epoch", "taken")),
    (VPS, "adopt"): Action(OnVPS(adopting.adopt, gives=True), ("uid", "node", "container"), ("unproved",)),
    (VPS, "finish"): Action(OnVPS(taking.finish, reads_node=False), ("uid", "epoch")),
    (VPS, "release"): Action(OnVPS(taking.release), ("uid", "epoch")),
    (VPS, "reject"): Action(OnVPS(taking.reject), ("uid", "epoch", "reason", "message")),
    (VPS, "forget"): Action(OnVPS(taking.forget), ("uid",)),
    (NODE, "join"): Action(node_joining.join, ("sha256",)),
    (NODE, "revoke"): Action(node_revoking.revoke),
    (NODE, "forget"): Action(node_forgetting.forget, ("destroyed",)),
    (SNAPSHOT, "finish"): Action(snapshots.finish, ("uid",)),
    (NODE_ALLOCATION, "confirm"): Action(confirming.confirm, ("uid", "epoch")),
}


async def act(server: Joining, call: Call, body: Any) -> Written:
    """Carry out the action that the call names, and answer with the object."""
    action = ACTIONS.get((call.resource, call.subresource))
    if action is None:
        raise objects.not_found(call.resource, f"{call.name}/{call.subresource}")
    return await action.carry_out(server, call, orders.checked(body, action.fields, optional=action.optional))
