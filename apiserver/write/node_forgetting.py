"""`POST nodes/NAME/forget`: a person says that a machine and everything on it is destroyed (FAULTS 9).

    revoke its credentials, cordon it ── unbind each VPS, mark each Snapshot ── remove its records and Node

Any step may be the last before a crash: the same request again takes up where it stopped, because the Node
goes last. What is bound to the node in the meantime is found by looking again.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants, taking, turns
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Order, Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.identity import revocation
from kohakuriver.apiserver.objects import objects, owners
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, Record
from kohakuriver.apiserver.write import node_revoking, snapshots
from kohakuriver.apiserver.write.node_revoking import Revoking
from kohakuriver.resources import kinds

Json = dict[str, Any]

_AT_ONCE = 500  # VPSes read in one go


async def forget(server: Revoking, call: Call, body: Json) -> Written:
    """Give the node up for good, and answer with the Node as it was last."""
    await _close(server, call)
    name = call.name
    lease_key = codec.key(kinds.LEASE, kinds.NODE_LEASE_NAMESPACE, name)
    keys = (grants.node_key(name), grants.allocation_key(name), lease_key)

    async def decide(records: Records) -> Step:
        """Whatever is bound writes the allocation, and giving a VPS up does so too: after that the commit
        finds a conflict, and what is bound is looked for once more."""
        async for namespace, vps in _bound(server, name):
            await _give_up(server, Call(call.user, kinds.VPS, namespace, vps), node=name)
        await snapshots.give_up(server, call)  # no VPS is here by now of which another could be made
        node = node_revoking.last(name, records[grants.node_key(name)])
        return Step(node, tuple(Delete(key) for key in records), removed=True, moves=False)

    return await transact(server, keys, decide, about=(kinds.NODE, name))


async def _close(server: Revoking, call: Call) -> None:
    """Let nobody in with the node's credentials, and nothing new be bound to it."""
    name = call.name
    keys = (grants.node_key(name), grants.allocation_key(name), revocation.key(name))

    async def decide(records: Records) -> Step:
        node, allocation, there = (records[key] for key in keys)
        if node is None and allocation is None:
            raise objects.not_found(kinds.NODE, name)
        _check_silent(name, node)
        hashes = await node_revoking.hashes_of(server, name)
        revoked = node_revoking.revoked(server, call, there, hashes, forgotten=True)
        return Step({}, (revoked, *((_cordoned(node),) if node is not None else ())), moves=False)

    await transact(server, keys, decide, about=(kinds.NODE, name))


def _check_silent(name: str, record: Record | None) -> None:
    if record is None:
        return
    conditions = objects.conditions_of(objects.status_of(codec.decode(record)))
    if any(one["type"] == owners.NODE_READY and one["status"] == "True" for one in conditions):
        raise objects.conflict(
            kinds.NODE,
            name,
            "it is Ready, and so it is not destroyed",
            hint=f"stop its agent first, or move its VPSes away: kohakuriver node drain {name}",
        )


def _cordoned(record: Record) -> Put:
    node = codec.decode(record)
    node["spec"] = {**(node.get("spec") or {}), "unschedulable": True}
    return Put(record.key, codec.encode(node))


async def _bound(server: Backing, name: str) -> AsyncIterator[tuple[str, str]]:
    """Namespace and name of every VPS that is bound to the node, read from the store."""
    prefix = codec.prefix(kinds.VPS)
    after: str | None = None
    more = True
    while more:
        page = await server.store.list(prefix, limit=_AT_ONCE, after=after)
        for record in page.records:
            with contextlib.suppress(*codec.NONSENSE):  # one that cannot be read keeps no node from going
                assignment = objects.assignment_of(codec.decode(record)) or {}
                if assignment.get("node") == name:
                    namespace, _, vps = record.key.removeprefix(prefix).partition("/")
                    yield namespace, vps
        more, after = page.more, page.records[-1].key if page.records else None


async def _give_up(server: Backing, call: Call, *, node: str) -> None:
    order = Order.of(server, call, {}, node=node)

    async def decide(records: Records) -> Step:
        return _given_up(order, records)

    async with turns.turn(server.store, node):
        keys = (order.key, order.allocation_key)
        await transact(server, keys, decide, about=(kinds.NODE_ALLOCATION, node))


def _given_up(order: Order, records: Records) -> Step:
    """Nothing is left on the node that a tombstone could remind anybody of."""
    record = records[order.key]
    vps = codec.decode(record) if record is not None else {}
    if (objects.assignment_of(vps) or {}).get("node") != order.node:
        return Step(vps)  # gone meanwhile
    return taking.give_up(order, vps, records[order.allocation_key], why="", buried=False)
