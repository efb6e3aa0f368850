"""The tarball of an Environment, from a node that has it to one that lacks it.

    GET …/environments/NAME/tarball     an agent fetches it; another agent brings it, read from its own disk

One made from a VPS is on the node that made it; a path may be good on any node, so all that are connected are
asked in turn. What arrives is checked against the digest by whoever fetched it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.visit import opened
from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.node_streams.nodes import Leg
from kohakuriver.apiserver.node_streams.upgrade import Upgraded, asked_for, take
from kohakuriver.apiserver.read import read
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.streaming.relay import is_relayed, relay
from kohakuriver.apiserver.streaming.told import counted
from kohakuriver.resources import kinds
from kohakuriver.streams.splice import splice


async def open_tarball(request: web.Request) -> web.StreamResponse:
    """Until it is over."""
    call = Call.of(request, kinds.ENVIRONMENT)
    asked_for(request)
    server = call.server
    entry = await read.get(server, call.user, kinds.ENVIRONMENT, namespace=None, name=call.name)
    environment = orjson.loads(entry.raw)
    await opened(request, "tarball", uid=environment["metadata"]["uid"])
    leg = await _first(server, holders(server, environment, call.user), call.name)
    if leg is None:
        nobody = _nobody(environment)
        if is_relayed(request):
            raise nobody
        there, first = await relay(
            server, request, request.rel_url.raw_path, list(request.query.items()), nobody
        )
        with counted(request) as passed:
            await splice(take(request), there, from_second=first, passed=passed)
        return Upgraded(request)
    try:
        with counted(request) as passed:
            await splice(take(request), leg.transport, passed=passed)
    finally:
        leg.end()
    return Upgraded(request)


def holders(server: Server, environment: Mapping[str, Any], user: User) -> Sequence[str]:
    """The connected nodes that may have it. Raises Conflict where it is nobody's to bring."""
    spec, status = environment["spec"], environment.get("status") or {}
    if spec.get("vps"):
        if status.get("phase") != "Ready":
            raise errors.Conflict(
                f"the Environment {environment['metadata']['name']} has not been made yet", retry_after=5
            )
        wanted: Sequence[str] = (spec["vps"]["node"],)
    elif str(spec.get("tarball") or "").startswith("/"):
        wanted = server.streams.connected
    else:
        raise errors.Conflict(
            f"the Environment {environment['metadata']['name']} has no tarball on a node",
            hint="images come from their registry, and URLs from their server",
        )
    return [node for node in wanted if node != user.node and server.streams.is_connected(node)]


async def _first(server: Server, nodes: Sequence[str], name: str) -> Leg | None:
    """The first that brings it."""
    for node in nodes:
        try:
            return await server.streams.ask(node, {"kind": "tarball", "environment": name})
        except (errors.NotFound, errors.Unavailable):
            continue
    return None


def _nobody(environment: Mapping[str, Any]) -> errors.Unavailable:
    spec, status = environment["spec"], environment.get("status") or {}
    if spec.get("vps"):
        where = f"on node {spec['vps']['node']}, as {status.get('tarball')}, which cannot be reached"
    else:
        where = f"{spec['tarball']} on no node that is connected"
    return errors.Unavailable(
        f"the tarball of the Environment {environment['metadata']['name']} is {where}",
        hint="it is tried again by itself; see which nodes are there: kohakuriver node list",
        retry_after=5,
    )
