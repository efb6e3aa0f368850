"""Connections before there is a request: sizes and times that somebody without a credential is held to.

aiohttp's own server, with three things more. What is no HTTP, or has too large a head, is answered with a
`Status` and a line in the log, like everything else. A connection whose next head is not complete in time is
closed, so that a thousand of them, a byte a minute each, hold nothing; so is one on which nobody has shown a
credential, a moment after its last answer. How many of these there may be is `crowd.py`'s.
"""

import asyncio
import contextlib
import logging
import resource
from typing import Any

import orjson
from aiohttp import StreamReader, web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from kohakuriver import errors
from kohakuriver.apiserver.audit.refusals import refused
from kohakuriver.apiserver.limits.shares import Share
from kohakuriver.apiserver.serving import accepting
from kohakuriver.apiserver.serving.crowd import Crowd, Visitor

LOG = logging.getLogger("kohakuriver.apiserver.audit")

HEAD_WITHIN = 10.0  # seconds from a connection's first byte, or its opening, to the end of the head
KEPT_FOR = 10.0  # seconds that a connection without a credential stays after an answer
AWAY_WITHIN = 0.1  # seconds for the last words to somebody who is turned away
LARGEST_LINE = 8190  # bytes of the request line, and of one header
MOST_HEADERS = 100
BACKLOG = 1024  # connections that wait to be taken: a thousand agents come back at once

PASSES_WITHIN = 10.0  # seconds for the rest of a body that was refused: many send all before they read
STRANGERS_PASS = 64 * 1024  # bytes of such a rest from somebody unknown

MOST_STRANGERS = 16_384  # or a quarter of the files this process may have open: those who are known find one

_SLOW = errors.TooSlow(
    "the request's head did not come in time", hint=f"send all of it within {HEAD_WITHIN:g} seconds"
)
_CROWDED = errors.TooManyRequests(
    "too many connections without a credential are open from your address",
    hint="close some of them, or send your token with the first request of each",
    retry_after=1,
)


class Connection(web.RequestHandler):
    """One connection."""

    __slots__ = ("_crowd", "_due", "_is_idle", "_share", "_visitor")

    def __init__(self, manager: web.Server, crowd: Crowd, visitor: Visitor, **options: Any) -> None:
        super().__init__(manager, **options)
        self._crowd = crowd
        self._visitor = visitor
        self._due: asyncio.TimerHandle | None = None
        self._is_idle = False  # whether `_due` is the end of a silence
        self._share: Share | None = None  # of whoever asked here last

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._due = self._loop.call_later(HEAD_WITHIN, self._give_up)
        self._visitor.turn_away = self._turn_away

    def known(self, share: Share) -> None:
        """Somebody has shown a credential here."""
        self._crowd.knows(self._visitor)
        self._visitor.turn_away = self.force_close
        self._share = share

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count > before:
            self._cancel_due()
            self._crowd.works(self._visitor)
        elif (self._due is None or self._is_idle) and self._waiter is not None and not self._upgraded:
            # It waits for a request, and this was the first part of one.
            self._cancel_due()
            self._due = self._loop.call_later(HEAD_WITHIN, self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel_due()
        self._crowd.left(self._visitor)
        super().connection_lost(exc)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        answered = await super().finish_response(request, resp, start_time)
        if not self._visitor.is_known and self._due is None and not self._messages:
            self._is_idle = True
            self._due = self._loop.call_later(KEPT_FOR, self.force_close)
        if request.body_exists and not request.content.is_eof():
            await self._let_pass(request.content)
        if self._share is not None and not self._messages:
            goes = self._crowd.rests(self._visitor, self._share)
            if goes is not None:
                goes.turn_away()
        return answered

    async def _let_pass(self, rest: StreamReader) -> None:
        """What is left of a body that nobody wants: so slowly that it costs others nothing."""
        share, left = self._share, STRANGERS_PASS
        with contextlib.suppress(TimeoutError, OSError, web.RequestPayloadError, HttpProcessingError):
            async with asyncio.timeout(PASSES_WITHIN):
                while not rest.is_eof() and left > 0:
                    taken = len(await rest.readany())
                    if share is None:
                        left -= taken
                    elif not await share.let_pass(taken):
                        break

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What is answered to what is no request, and to what got past the door's own handling."""
        if request.writer is not None and request.writer.output_size > 0:
            raise ConnectionError("an answer was already under way")
        error = _explained(exc) if status == 400 else _unexpected(request, exc)
        refused("refused", **{"from": request.remote or "-"}, code=error.code, reason=error.reason)
        response = web.Response(
            status=error.code, body=orjson.dumps(error.to_status()), content_type="application/json"
        )
        response.force_close()
        return response

    def force_close(self) -> None:
        """Of one that was upgraded no protocol of ours hears the end."""
        transport = self.transport
        try:
            protocol = transport.get_protocol() if transport is not None else self
        except AttributeError:  # a TLS transport that was closed already knows none
            protocol = self
        super().force_close()
        if protocol is not self:
            self._loop.call_soon(self.connection_lost, None)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A body that breaks off is its sender's trouble, and has been answered."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    def _cancel_due(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
        self._is_idle = False

    def _give_up(self) -> None:
        self._due = None
        transport = self.transport
        if transport is None:
            return
        peer = transport.get_extra_info("peername")
        refused("refused", **{"from": peer[0] if peer else "-"}, code=_SLOW.code, reason=_SLOW.reason)
        transport.write(_last_words(_SLOW, "Request Timeout"))
        self.force_close()

    def _turn_away(self) -> None:
        """Somebody else needs the place."""
        self._cancel_due()
        transport = self.transport
        if transport is None:
            return
        if not self._request_in_progress:
            transport.write(_last_words(_CROWDED, "Too Many Requests"))
        self.force_close()
        self._loop.call_later(AWAY_WITHIN, transport.abort)


def _last_words(error: errors.ApiError, reason: str) -> bytes:
    """An answer to no request."""
    body = orjson.dumps(error.to_status())
    head = f"HTTP/1.1 {error.code} {reason}\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def _explained(exc: BaseException | None) -> errors.ApiError:
    if isinstance(exc, LineTooLong):
        return errors.HeaderTooLarge(
            f"the request line, or one of the headers, is longer than {LARGEST_LINE} bytes",
            hint="use shorter selectors; send what is long in a body",
        )
    return errors.BadRequest(
        "this is not an HTTP request that can be understood",
        hint=f"speak HTTP/1.1, with at most {MOST_HEADERS} headers",
    )


def _unexpected(request: web.BaseRequest, exc: BaseException | None) -> errors.ApiError:
    LOG.error(
        "a connection failed in a way nobody expected", exc_info=exc, extra={"from": request.remote or "-"}
    )
    return errors.InternalError("an internal error occurred", hint="the API server's log says more")


class _Server(web.Server):
    crowd: Crowd

    def connection(self, visitor: Visitor) -> Connection:
        return Connection(self, self.crowd, visitor, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """aiohttp's, with these connections."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float) -> None:
        super().__init__(
            app,
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=shutdown_timeout,
            max_line_size=LARGEST_LINE,
            max_field_size=LARGEST_LINE,
            max_headers=MOST_HEADERS,
            lingering_time=0,  # `_let_pass` does it
            auto_decompress=False,  # body.py refuses what is compressed: a little of it may be gigabytes
        )

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        made.__class__ = _Server
        assert isinstance(made, _Server)  # noqa: S101 - narrows the type
        made.crowd = Crowd(_most_strangers())
        return made


def _most_strangers() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_STRANGERS if files == resource.RLIM_INFINITY else min(MOST_STRANGERS, files // 4)


class Site(web.TCPSite):
    """aiohttp's, whose connections count before their handshake."""

    def __init__(self, runner: web.BaseRunner, host: str, port: int, *, ssl_context: Any = None) -> None:
        super().__init__(runner, host, port, ssl_context=ssl_context, backlog=BACKLOG)

    async def start(self) -> None:
        await web.BaseSite.start(self)
        server = self._runner.server
        assert isinstance(server, _Server) and self._host is not None  # noqa: S101 - narrows the types
        sockets = await accepting.listen(self._host, self._port, backlog=self._backlog)
        # As far as aiohttp wants to know it, it is an asyncio.Server: it has sockets, and can be closed.
        self._server = accepting.Door(sockets, server.crowd, server.connection, self._ssl_context)  # type: ignore[assignment]
        self._bound_port = sockets[0].getsockname()[1]
