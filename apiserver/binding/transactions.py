"""The named transactions on a VPS (CORRECTNESS 1, 2).

`POST …/vpses/NAME/VERB` ends here. Each is one store transaction that compares all that it was decided from:
the VPS, the node's allocation record and, where the Node matters, the Node, so that neither a second
controller nor a cordon can slip in between. What is decided stands in `giving.py` and `taking.py`. When
others' bookings came between, the step is decided anew from what the conflict brought; nothing is read twice.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import adopting, giving, grants, orders, quotas, taking, turns
from kohakuriver.apiserver.binding.orders import Order, Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Decide, Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.objects import objects, speaking, unreadable
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

# verb -> (decides, the fields its body must have, whether it compares the Node)
_VERBS: Mapping[str, tuple[Decide, Sequence[str], bool]] = {
    "bind": (giving.bind, ("uid", "node"), True),
    "finish": (taking.finish, ("uid", "epoch"), False),
    "release": (taking.release, ("uid", "epoch"), True),
    "regrant": (giving.regrant, ("uid", "epoch"), True),
    "reject": (taking.reject, ("uid", "epoch", "reason", "message"), True),
    "newport": (giving.newport, ("uid", "epoch", "taken"), True),
    "forget": (taking.forget, ("uid",), True),
    "adopt": (adopting.adopt, ("uid", "node", "container"), True),
}

_NAMING = frozenset({"bind", "regrant", "adopt"})  # these say which Namespace the VPS is of


async def act(
    server: Backing,
    user: User,
    *,
    namespace: str | None,
    name: str,
    action: str,
    body: Any,
) -> Written:
    """Carry out one named transaction and answer with the VPS."""
    decide, fields, looks_at_node = _VERBS[action]
    checked = orders.checked(body, fields, optional=("unproved",) if action == "adopt" else ())
    key = codec.key(kinds.VPS, namespace, name)
    node = checked.get("node", user.node)
    if action == "bind":
        _check_clear(server, namespace, name, checked["uid"])
    if node is None:  # whoever is not a node itself asks where the VPS is
        node = _node_of(await server.store.get(key), name)
    now = timestamp(server.clock.now())
    order = Order(user, name, key, checked, node, now, server.proofs)
    keys = (key, order.allocation_key, *((order.node_key,) if looks_at_node else ()), *speaking.keys(user))
    if action in _NAMING and namespace:
        keys += (codec.key(kinds.NAMESPACE, None, namespace),)
    if namespace is None or action not in quotas.GIVES:
        async with turns.turn(server.store, node):
            return await _carried_out(server, order, _spoken(decide), keys)
    keys = (*keys, grants.quota_key(namespace))
    allowed = quotas.within(server, namespace, _spoken(decide))
    async with quotas.turn(server, namespace):
        async with turns.turn(server.store, node):
            given = await _carried_out(server, order, allowed, keys)
        await quotas.shown(server, namespace, given)
    return given


async def _carried_out(server: Backing, order: Order, decide: Decide, keys: Sequence[str]) -> Written:
    async def decided(records: Records) -> Step:
        return await quotas.decided(server, records, partial(decide, order, records))

    about = kinds.NODE_ALLOCATION, order.node
    return await transact(server, keys, decided, about=about, from_memory=True)


def _spoken(decide: Decide) -> Decide:
    """The same, if it is asked for by an agent that still is the node; the Lease is one of the records."""

    def decided(order: Order, records: Records) -> Step:
        speaking.expect(order.user, records)
        return decide(order, records)

    return decided


def _check_clear(server: Backing, namespace: str | None, name: str, uid: str) -> None:
    """Raises Invalid while an agent reports a container of that VPS which the store does not know."""
    why = server.obstacle(namespace, name, uid)
    if why:
        raise objects.invalid(kinds.VPS, name, errors.Cause("node", why, "ContainerUnknown"))


def _node_of(record: Record | None, name: str) -> str:
    if record is None:
        raise objects.not_found(kinds.VPS, name)
    with unreadable.told({record.key: record}):
        assignment = objects.assignment_of(codec.decode(record))
        if assignment is not None:
            return str(assignment["node"])
    raise objects.conflict(kinds.VPS, name, "it is placed on no node", hint="read the VPS again")
