"""The HTTP side of a watch: chunked JSON lines until its end, the client's leaving, or its standstill."""

import asyncio
import contextlib
import logging

from aiohttp import web

from apiserver.auditing.visit import opened as audit
from apiserver.context import Server
from apiserver.reading import watch
from apiserver.reading.query import WatchQuery
from apiserver.serving.forms import Form
from kohakuriver.errors import Expired
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

LOG = logging.getLogger(__name__)

WRITE_WITHIN = 30.0  # seconds for a client to take what was written before its connection is dropped


async def follow(
    server: Server, request: web.Request, resource: ResourceType, query: WatchQuery, form: Form
) -> web.StreamResponse:
    """Answer a watch. What is wrong with the request is raised; what comes later is an ERROR event."""
    headers = {kinds.HISTORY_HEADER: server.history.id}
    headers |= {"Content-Type": "application/json", "Cache-Control": "no-cache"}
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    try:
        opened = await watch.open_watch(server, resource, query, form)
    except Expired as error:
        # As the Kubernetes API server does it, and kopf wants it: an event, not an HTTP status.
        await response.prepare(request)
        await response.write_eof(watch.error_line(error))
        return response
    audit(request, "watch")
    try:
        await response.prepare(request)
        await _send(response, server, opened)
    except (ConnectionResetError, TimeoutError) as error:
        LOG.info("a watcher has gone", extra={"error": str(error) or type(error).__name__})
        if request.transport is not None:
            request.transport.abort()
    finally:
        watch.close_watch(server, resource, opened)
    return response


async def _send(response: web.StreamResponse, server: Server, opened: watch.OpenWatch) -> None:
    async with contextlib.aclosing(watch.lines(server, opened)) as lines:
        async for chunk in lines:
            async with asyncio.timeout(WRITE_WITHIN):
                await response.write(chunk)
    await response.write_eof()
