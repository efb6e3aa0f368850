"""The named transactions on a VPS (CORRECTNESS 1, 2).

`POST …/vpses/NAME/VERB` ends here. Each is one store transaction that compares all that it was decided from:
the VPS, the node's allocation record and, where the Node matters, the Node, so that neither a second
controller nor a cordon can slip in between. What is decided stands in `giving.py`, `taking.py` and
`adopting.py`.
"""

import dataclasses
from functools import partial

from kohakuriver import errors
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants, quotas, turns
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Json, Order, Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Decide, Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.objects import objects, speaking, unreadable
from kohakuriver.apiserver.store import codec
from kohakuriver.resources import kinds


@dataclasses.dataclass(frozen=True, slots=True)
class OnVPS:
    """One of them: what it decides, and from what besides the VPS and the node's record."""

    decide: Decide
    reads_node: bool = True
    gives: bool = False  # asks what the namespace may book, and says which Namespace the VPS is of
    places: bool = False  # puts a new container where none may be that the store does not know

    async def __call__(self, server: Backing, call: Call, body: Json) -> Written:
        """Carry it out and answer with the VPS."""
        if self.places:
            _check_clear(server, call, body["uid"])
        node = body.get("node", call.user.node)
        if node is None:  # whoever is not a node itself asks where the VPS is
            node = await _node_of(server, call)
        order = Order.of(server, call, body, node=node)
        reads = (order.node_key,) if self.reads_node else ()
        keys = [call.key, order.allocation_key, *reads, *speaking.keys(call.user)]
        if not (self.gives and call.namespace):
            return await _transact(server, order, keys, self._spoken)
        keys += codec.key(kinds.NAMESPACE, None, call.namespace), grants.quota_key(call.namespace)
        async with quotas.turn(server, call.namespace):
            within = quotas.within(server, call.namespace, self._spoken)
            given = await _transact(server, order, keys, within)
            await quotas.shown(server, call.namespace, given)
        return given

    def _spoken(self, order: Order, records: Records) -> Step:
        """The decision, unless an agent asks that is not the node any more; its Lease has been read too."""
        speaking.expect(order.user, records)
        return self.decide(order, records)


async def _transact(server: Backing, order: Order, keys: list[str], decide: Decide) -> Written:
    async def decided(records: Records) -> Step:
        return await quotas.decided(server, records, partial(decide, order, records))

    about = kinds.NODE_ALLOCATION, order.node
    async with turns.turn(server.store, order.node):
        return await transact(server, keys, decided, about=about, from_memory=True)


def _check_clear(server: Backing, call: Call, uid: str) -> None:
    """Raises Invalid while an agent reports a container of that VPS which the store does not know."""
    why = server.obstacle(call.namespace, call.name, uid)
    if why:
        raise objects.invalid(kinds.VPS, call.name, errors.Cause("node", why, "ContainerUnknown"))


async def _node_of(server: Backing, call: Call) -> str:
    record = await server.store.get(call.key)
    if record is None:
        raise objects.not_found(kinds.VPS, call.name)
    with unreadable.told({record.key: record}):
        assignment = objects.assignment_of(codec.decode(record))
        if assignment is not None:
            return str(assignment["node"])
    raise objects.conflict(kinds.VPS, call.name, "it is placed on no node", hint="read the VPS again")
