"""The URLs of streams: an agent's control connection, the connection it brings, and what people open.

GET …/nodes/NODE/streams            an agent says that it is there, and hears what is wanted
GET …/nodes/NODE/streams/ID         an agent brings a stream that was asked of it
GET …/vpses/NAME/KIND               somebody opens one
GET …/environments/NAME/tarball     an agent fetches one that another has (tarball.py)

The door (`middleware.py`) ends all of them when their credential ends.
"""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.visit import VISIT, opened
from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.context import SERVER
from kohakuriver.apiserver.node_streams.nodes import Leg
from kohakuriver.apiserver.node_streams.upgrade import Upgraded, asked_for, take
from kohakuriver.apiserver.serving.middleware import USER
from kohakuriver.apiserver.serving.requests import Call
from kohakuriver.apiserver.streaming import opening, told
from kohakuriver.apiserver.streaming.tarball import open_tarball
from kohakuriver.resources import kinds
from kohakuriver.streams.splice import splice
from kohakuriver.streams.stream import Stream

# An agent is found gone within this, so that nobody waits on a dead control connection.
_CONTROL_PING, _CONTROL_GONE = 5.0, 15.0


async def control(request: web.Request) -> web.StreamResponse:
    """An agent's control connection, until it ends."""
    server = request.app[SERVER]
    asked_for(request)
    await opened(request, "control", node=request.match_info["name"])
    stream = Stream(masks=False, ping_after=_CONTROL_PING, gone_after=_CONTROL_GONE)
    stream.framed.adopt(take(request))
    await server.streams.hold(request.match_info["name"], stream, request[USER].claim)
    return Upgraded(request)


async def bring(request: web.Request) -> web.StreamResponse:
    """An agent's connection for one stream, until that is over."""
    server = request.app[SERVER]
    node, id_ = request.match_info["name"], request.match_info["id"]
    asked_for(request)
    if not server.streams.expects(node, id_):
        raise errors.NotFound(
            "no such stream has been asked for", hint="its client has gone, or was too slow"
        )
    transport = take(request)
    transport.pause_reading()
    leg = Leg(transport, asyncio.get_running_loop().create_future(), request[USER].claim)
    server.streams.arrived(id_, leg)
    try:
        await leg.over
    finally:
        leg.end()
    return Upgraded(request)


async def open_stream(kind: str, request: web.Request) -> web.StreamResponse:
    """What a person opens, until it is over."""
    call = Call.of(request, kinds.VPS)
    asked_for(request)
    query = {key: request.query.getall(key) for key in dict.fromkeys(request.query)}
    as_message = query.pop("refusal", None) == ["message"]
    async with contextlib.AsyncExitStack() as stack:
        try:
            found = await opening.look(call, kind)
            await opened(request, kind, uid=found.uid, node=found.node, **told.asked(kind, request))
            there, first = await stack.enter_async_context(opening.opened(call, kind, found, query))
        except errors.ApiError as error:
            if not as_message:
                raise
            return await _refused(request, error)
        with told.counted(request) as passed:
            await splice(take(request), there, from_second=first, passed=passed)
    return Upgraded(request)


async def _refused(request: web.Request, error: errors.ApiError) -> web.StreamResponse:
    """The refusal as a message on the stream, for who cannot read the answer to a handshake: a browser."""
    request[VISIT].reason = error.reason
    stream = Stream(masks=False)
    stream.framed.adopt(take(request))
    stream.framed.send_control({"error": error.to_status()})
    stream.close()
    await stream.wait_closed()
    return Upgraded(request, status=error.code)


def add(app: web.Application) -> None:
    """Routes and endpoints."""
    node = kinds.NODE.path(name="{name}")
    _add(app, f"{node}/streams", control, Endpoint("get", kinds.NODE, "streams"))
    _add(app, f"{node}/streams/{{id}}", bring, Endpoint("get", kinds.NODE, "streams"))
    vps = kinds.VPS.path(namespace="{namespace}", name="{name}")
    for kind in kinds.VPS.streams:
        handler = functools.partial(open_stream, kind)
        _add(app, f"{vps}/{kind}", handler, Endpoint("create", kinds.VPS, kind))
    environment = kinds.ENVIRONMENT.path(name="{name}")
    _add(app, f"{environment}/tarball", open_tarball, Endpoint("create", kinds.ENVIRONMENT, "tarball"))


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _add(app: web.Application, path: str, handler: Handler, endpoint: Endpoint) -> None:
    app[ENDPOINTS][app.router.add_get(path, handler, allow_head=False)] = endpoint
