"""The HTTP side of a watch: chunked JSON lines until its end, the client's leaving, or its standstill."""

import contextlib
import logging

from aiohttp import web

from kohakuriver.apiserver.audit.visit import opened as audit
from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.limits.shares import Holding, Share
from kohakuriver.apiserver.objects.query import WatchQuery
from kohakuriver.apiserver.printers.forms import Form
from kohakuriver.apiserver.read import watch
from kohakuriver.apiserver.serving import pieces
from kohakuriver.errors import Expired, TooManyRequests
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

LOG = logging.getLogger(__name__)


async def follow(
    server: Server, request: web.Request, resource: ResourceType, query: WatchQuery, form: Form, share: Share
) -> web.StreamResponse:
    """Answer a watch. What is wrong with the request is raised; what comes later is an ERROR event."""
    headers = {kinds.HISTORY_HEADER: server.history.id}
    headers |= {"Content-Type": "application/json", "Cache-Control": "no-cache"}
    response = web.StreamResponse(headers=headers)
    response.enable_chunked_encoding()
    with share.holding() as there, share.holding() as chunk:
        try:
            opened = await watch.open_watch(server, resource, query, form, share, there)
        except Expired as error:
            # As the Kubernetes API server does it, and kopf wants it: an event, not an HTTP status.
            await response.prepare(request)
            await response.write_eof(watch.error_line(error))
            return response
        await audit(request, "watch")
        try:
            await response.prepare(request)
            await _send(response, server, opened, chunk)
        except (ConnectionResetError, TimeoutError) as error:
            LOG.info("a watcher has gone", extra={"error": str(error) or type(error).__name__})
            if request.transport is not None:
                request.transport.abort()
        finally:
            watch.close_watch(server, resource, opened)
    return response


async def _send(
    response: web.StreamResponse, server: Server, opened: watch.OpenWatch, holding: Holding
) -> None:
    async with contextlib.aclosing(watch.lines(server, opened)) as lines:
        async for chunk in lines:
            try:
                holding.add(len(chunk))
            except TooManyRequests as error:
                await pieces.write(response, watch.error_line(Expired(error.message, hint=error.hint)))
                break
            for piece in pieces.cut((chunk,)):
                await pieces.write(response, piece)
            holding.clear()
    await response.write_eof()
