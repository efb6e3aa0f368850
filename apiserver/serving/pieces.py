"""A long answer, sent piece by piece: it is not encrypted in one turn of the loop, nor kept three times over.

Whoever does not take a piece in time is dropped, so that nobody's silence keeps a list of everything here.
"""

import asyncio
import logging

from aiohttp import web

from apiserver.context import Server
from kohakuriver.resources import kinds

LOG = logging.getLogger(__name__)

PIECE = 128 * 1024  # bytes
WRITE_WITHIN = 30.0  # seconds for a client to take one


async def send(server: Server, request: web.Request, content: bytes) -> web.StreamResponse:
    """Answer with this JSON; at once where it is short."""
    headers = {"Content-Type": "application/json", "Cache-Control": "no-cache"}
    if len(content) <= PIECE:
        return web.Response(body=content, headers=headers)
    response = web.StreamResponse(headers=headers | {kinds.HISTORY_HEADER: server.history.id})
    response.content_length = len(content)
    try:
        await response.prepare(request)
        with memoryview(content) as whole:
            for start in range(0, len(content), PIECE):
                async with asyncio.timeout(WRITE_WITHIN):
                    await response.write(whole[start : start + PIECE])
                await asyncio.sleep(0)
        await response.write_eof()
    except (ConnectionResetError, TimeoutError) as error:
        LOG.info("a client has gone before its list was sent", extra={"error": type(error).__name__})
        if request.transport is not None:
            request.transport.abort()
    return response
