"""Opens one of our streams into a VPS: judged for its caller, then asked of the node that has the VPS, or of
the API server that the node is connected to.

Whoever opens it answers to the client: `routes.py` splices the two connections, `kubelet` translates.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

import orjson

from kohakuriver.apiserver.auth import rights
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.node_streams.nodes import not_connected
from kohakuriver.apiserver.read import read
from kohakuriver.apiserver.serving.middleware import USER
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.streaming import compared, reach
from kohakuriver.apiserver.streaming.relay import is_relayed, relay
from kohakuriver.resources import kinds

Query = Mapping[str, Sequence[str]]
"""What is asked for, as a URL's query has it: each name with its values."""


async def look(call: Call, kind: str) -> reach.Target:
    """Where the stream leads, as the VPS is now. Raises NotFound, Forbidden, Conflict and Unavailable."""
    access.check(call.user, access.Attributes("create", kinds.VPS, kind, call.namespace, call.name))
    entry = await read.get(call.server, call.user, kinds.VPS, namespace=call.namespace, name=call.name)
    vps = orjson.loads(entry.raw)
    rights.check_entered(call.user, vps, kind)
    return reach.target(vps, kind)


@contextlib.asynccontextmanager
async def opened(
    call: Call, kind: str, found: reach.Target, query: Query
) -> AsyncIterator[tuple[asyncio.Transport, bytes]]:
    """The connection to the stream's other end, with reading paused, and what came over it already; it is
    closed with the block. Raises what the node refuses with, and Unavailable."""
    server = call.server
    if not server.streams.is_connected(found.node) and not is_relayed(call.request):
        path = kinds.VPS.path(namespace=call.namespace, name=call.name, subresource=kind)
        given = [(name, value) for name, values in query.items() for value in values]
        there, first = await relay(server, call.request, path, given, not_connected(found.node))
        try:
            yield there, first
        finally:
            there.close()
        return
    if kind == compared.KIND:
        query = await compared.meant(call, found, query)
    leg = await server.streams.ask(found.node, _opening(call, kind, found, query))
    try:
        yield leg.transport, b""
    finally:
        leg.end()


def _opening(call: Call, kind: str, found: reach.Target, query: Query) -> dict[str, object]:
    return {
        "kind": kind,
        "namespace": call.namespace,
        "name": call.name,
        "uid": found.uid,
        "epoch": found.epoch,
        "user": call.request[USER].name,
        "rights": rights.held(call.user),  # its container may have been made of what the spec was before
        "params": {name: list(values) for name, values in query.items()},
    }
