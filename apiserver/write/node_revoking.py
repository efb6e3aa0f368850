"""`POST nodes/NAME/revoke`: a node's credentials open nothing from now on, whatever the node does or says.

Its VPSes and their bookings stay, and so does the Node: the machine gets in again with a new credential, at
once, for its Lease is freed of whoever held it. What is open with the old ones ends, on every API server,
when the record comes by (`revocation.py`). Giving a node up (`node_forgetting.py`) begins with the same
record, and removes the Lease.
"""

import contextlib
from typing import Any, Protocol

from kohakuriver.apiserver.admission import admission
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.identity import revocation, sessions
from kohakuriver.apiserver.identity.identity import TokenFile
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, Record
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds
from kohakuriver.resources.lease import MOST, number_in

Json = dict[str, Any]


class Revoking(Backing, Protocol):
    """What it needs of the server."""

    @property
    def tokens(self) -> TokenFile: ...


async def revoke(server: Revoking, call: Call, body: Json) -> Written:
    """End the credentials, and answer with the Node as it is."""
    name = call.name
    node_key, token_key = grants.node_key(name), codec.key(kinds.TOKEN, None, admission.node_token(name))
    lease_key = codec.key(kinds.LEASE, kinds.NODE_LEASE_NAMESPACE, name)
    keys = (node_key, token_key, lease_key, revocation.key(name))

    async def decide(records: Records) -> Step:
        hashes, node = await hashes_of(server, name), records[node_key]
        if node is None and not hashes and records[revocation.key(name)] is None:
            raise objects.not_found(kinds.NODE, name)
        writes: list[Put | Delete] = [
            revoked(server, call, records[revocation.key(name)], hashes, forgotten=False)
        ]
        if (lease := records[lease_key]) is not None:
            writes.append(_freed(lease))
        # A credential that is made in the same moment is one of those that are meant.
        expect = {key: grants.revision_of(records[key]) for key in keys if key != node_key}
        return Step(last(name, node), tuple(writes), expect=expect, moves=False)

    return await transact(server, keys, decide, about=(kinds.NODE, name))


def revoked(
    server: Revoking, call: Call, record: Record | None, hashes: tuple[str, ...], *, forgotten: bool
) -> Put:
    """The record by which every API server refuses these."""
    now = timestamp(server.clock.now())
    return revocation.write(call.name, record, tokens=hashes, by=call.user.name, now=now, forgotten=forgotten)


async def hashes_of(server: Revoking, name: str) -> tuple[str, ...]:
    """Of its credentials, in the token file and as objects, and of those that could get it a new one."""
    page = await server.store.list(codec.prefix(kinds.TOKEN))
    hashes = list(server.tokens.of_node(name))
    for record in page.records:
        with contextlib.suppress(*codec.NONSENSE):  # what is no Token opens nothing
            spec = codec.decode(record)["spec"]
            hashes += [str(spec["sha256"])] if spec.get("node") == name else []
    return tuple(hashes)


def _freed(record: Record) -> Put | Delete:
    """The Lease without whoever held it: nobody waits for what a thief wrote there.

    The number of the session stays, so that earlier ones are refused; but not one that leaves no next.
    """
    try:
        lease = codec.decode(record)
        sessions.sign(lease, sessions.NO_CLAIM)
        number = number_in((lease.get("spec") or {}).get("leaseTransitions"))
    except codec.NONSENSE:
        return Delete(record.key)
    lease["spec"] = {"leaseTransitions": number} if number < MOST // 2 else {}
    return Put(record.key, codec.encode(lease))


def last(name: str, record: Record | None) -> Json:
    """The Node as it is stored; its name alone where there is none that can be read."""
    with contextlib.suppress(codec.Unreadable):
        if record is not None:
            return codec.decode(record)
    return {"apiVersion": kinds.NODE.api_version, "kind": kinds.NODE.kind, "metadata": {"name": name}}
