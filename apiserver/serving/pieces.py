"""A long answer, sent piece by piece: it is not encrypted in one turn of the loop, nor kept twice.

Whoever does not take a piece in time is dropped, so that nobody's silence keeps a list of everything here.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence

from aiohttp import web

from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.limits.shares import Share
from kohakuriver.resources import kinds

LOG = logging.getLogger(__name__)

PIECE = 128 * 1024  # bytes
WRITE_WITHIN = 30.0  # seconds for a client to take one
HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-cache"}


async def send(
    server: Server, request: web.Request, share: Share, around: tuple[bytes, bytes], items: Sequence[bytes]
) -> web.StreamResponse:
    """Answer with a list of this JSON; at once where it is short."""
    before, behind = around
    length = len(before) + len(behind) + sum(map(len, items)) + max(0, len(items) - 1)
    if length <= PIECE:
        return web.Response(body=b"%b%b%b" % (before, b",".join(items), behind), headers=HEADERS)
    response = web.StreamResponse(headers=HEADERS)
    response.content_length = length
    return await _sent(server, request, share, response, _parts(before, items, behind))


async def resend(
    server: Server, request: web.Request, share: Share, whole: web.Response
) -> web.StreamResponse:
    """An answer that was made in one piece."""
    content = whole.body
    if not isinstance(content, bytes) or len(content) <= PIECE:
        return whole
    headers = whole.headers.copy()
    headers.popall("Content-Length", None)
    response = web.StreamResponse(status=whole.status, headers=headers)
    response.content_length = len(content)
    return await _sent(server, request, share, response, (content,))


def _parts(before: bytes, items: Sequence[bytes], behind: bytes) -> Iterator[bytes]:
    yield before
    for number, item in enumerate(items):
        if number:
            yield b","
        yield item
    yield behind


async def _sent(
    server: Server,
    request: web.Request,
    share: Share,
    response: web.StreamResponse,
    parts: Iterable[bytes],
) -> web.StreamResponse:
    response.headers[kinds.HISTORY_HEADER] = server.history.id
    try:
        await response.prepare(request)
        for piece in cut(parts):
            await share.turn()
            await write(response, piece)
        await response.write_eof()
    except (ConnectionResetError, TimeoutError) as error:
        LOG.info("a client has gone before its answer was sent", extra={"error": type(error).__name__})
        if request.transport is not None:
            request.transport.abort()
    return response


def cut(parts: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """The same bytes in pieces of a size that suits the wire."""
    small, size = list[bytes](), 0
    for part in parts:
        if len(part) < PIECE:
            small.append(part)
            size += len(part)
            if size < PIECE:
                continue
        if small:
            yield b"".join(small)
            small, size = [], 0
        if len(part) >= PIECE:
            with memoryview(part) as whole:
                for start in range(0, len(part), PIECE):
                    yield whole[start : start + PIECE]
    if small:
        yield b"".join(small)


async def write(response: web.StreamResponse, piece: bytes | memoryview) -> None:
    """Raises TimeoutError for a client that does not take it."""
    async with asyncio.timeout(WRITE_WITHIN):
        await response.write(piece)
