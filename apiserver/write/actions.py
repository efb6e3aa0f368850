"""`POST …/NAME/ACTION`: which named transaction a kind's action is."""

from typing import Any, Protocol

from kohakuriver.apiserver.binding import confirming, transactions
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.write import node_forgetting, node_joining, node_revoking
from kohakuriver.apiserver.write.node_joining import Joining
from kohakuriver.apiserver.write.node_revoking import Revoking
from kohakuriver.resources import kinds


class Acting(Revoking, Joining, Protocol):
    """What all of them together need of the server."""


async def act(
    server: Acting,
    user: User,
    resource: kinds.ResourceType,
    *,
    namespace: str | None,
    name: str,
    action: str,
    body: Any,
) -> Written:
    """Carry it out, and answer with the object."""
    if action not in resource.actions:
        raise objects.not_found(resource, f"{name}/{action}")
    if resource is kinds.NODE and action == "join":
        return await node_joining.join(server, user, name=name, body=body)
    if resource is kinds.NODE and action == "revoke":
        return await node_revoking.revoke(server, user, name=name, body=body)
    if resource is kinds.NODE:
        return await node_forgetting.forget(server, user, name=name, body=body)
    if resource is kinds.NODE_ALLOCATION:
        return await confirming.confirm(server, user, name=name, body=body)
    return await transactions.act(server, user, namespace=namespace, name=name, action=action, body=body)
