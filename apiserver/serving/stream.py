"""The HTTP side of a watch: JSON lines until its end, the client's leaving, or its standstill.

They come as a chunked answer, or each as a text message of a WebSocket where the request asks for one.
"""

import contextlib
import logging
from typing import Protocol

from aiohttp import web

from kohakuriver.apiserver.audit.visit import opened as audit
from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.limits.shares import Holding, Share
from kohakuriver.apiserver.objects.query import WatchQuery
from kohakuriver.apiserver.printers.forms import Form
from kohakuriver.apiserver.read import watch
from kohakuriver.apiserver.serving import pieces
from kohakuriver.apiserver.serving.watch_socket import WatchSocket, socket_wanted
from kohakuriver.errors import Expired, TooManyRequests
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

LOG = logging.getLogger(__name__)


class Lines(Protocol):
    """What a watch is answered with."""

    @property
    def response(self) -> web.StreamResponse:
        """The answer itself."""
        ...

    async def begin(self, request: web.Request) -> None:
        """Send the head of the answer."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Send whole lines. Raises TimeoutError, and ConnectionResetError when the client has gone."""
        ...

    async def end(self, chunk: bytes = b"") -> None:
        """Send the last lines, and say that these are all."""
        ...

    def release(self) -> None:
        """Let go of what was begun, however it ended."""
        ...


async def follow(
    server: Server, request: web.Request, resource: ResourceType, query: WatchQuery, form: Form, share: Share
) -> web.StreamResponse:
    """Answer a watch. What is wrong with the request is raised; what comes later is an ERROR event."""
    lines: Lines = WatchSocket() if socket_wanted(request) else Chunked(server)
    with share.holding() as there, share.holding() as chunk:
        try:
            opened = await watch.open_watch(server, resource, query, form, share, there)
        except Expired as error:
            # As the Kubernetes API server does it, and kopf wants it: an event, not an HTTP status.
            await lines.begin(request)
            await lines.end(watch.error_line(error))
            lines.release()
            return lines.response
        await audit(request, "watch")
        try:
            await lines.begin(request)
            await _send(lines, server, opened, chunk)
        except (ConnectionResetError, TimeoutError) as error:
            LOG.info("a watcher has gone", extra={"error": str(error) or type(error).__name__})
            if request.transport is not None:
                request.transport.abort()
        finally:
            lines.release()
            watch.close_watch(server, resource, opened)
    return lines.response


class Chunked:
    """A chunked answer."""

    def __init__(self, server: Server) -> None:
        headers = {kinds.HISTORY_HEADER: server.history.id}
        headers |= {"Content-Type": "application/json", "Cache-Control": "no-cache"}
        self.response: web.StreamResponse = web.StreamResponse(headers=headers)
        self.response.enable_chunked_encoding()

    async def begin(self, request: web.Request) -> None:
        await self.response.prepare(request)

    async def write(self, chunk: bytes) -> None:
        for piece in pieces.cut((chunk,)):
            await pieces.write(self.response, piece)

    async def end(self, chunk: bytes = b"") -> None:
        if chunk:
            await pieces.write(self.response, chunk)
        await self.response.write_eof()

    def release(self) -> None:
        """Nothing: the answer is all there is."""


async def _send(lines: Lines, server: Server, opened: watch.OpenWatch, holding: Holding) -> None:
    async with contextlib.aclosing(watch.lines(server, opened)) as chunks:
        async for chunk in chunks:
            try:
                holding.add(len(chunk))
            except TooManyRequests as error:
                await lines.end(watch.error_line(Expired(error.message, hint=error.hint)))
                return
            await lines.write(chunk)
            holding.clear()
    await lines.end()
