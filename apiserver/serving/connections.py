"""Connections before there is a request: sizes and times that somebody without a credential is held to.

aiohttp's own server, with three things more. What is no HTTP, or has too large a head, is answered with a
`Status` and a line in the log, like everything else. A connection whose next head is not complete in time is
closed, so that a thousand of them, a byte a minute each, hold nothing. So is one that does not finish its
handshake.
"""

import asyncio
import logging
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from kohakuriver import errors

LOG = logging.getLogger("apiserver.audit")

HEAD_WITHIN = 10.0  # seconds from a connection's first byte, or its opening, to the end of the head
HANDSHAKE_WITHIN = 10.0
LARGEST_LINE = 8190  # bytes of the request line, and of one header
MOST_HEADERS = 100
BACKLOG = 1024  # connections that wait to be taken: a thousand agents come back at once

_SLOW = errors.TooSlow(
    "the request's head did not come in time", hint=f"send all of it within {HEAD_WITHIN:g} seconds"
)


class Connection(web.RequestHandler):
    """One connection."""

    __slots__ = ("_due",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._due: asyncio.TimerHandle | None = self._loop.call_later(HEAD_WITHIN, self._give_up)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count > before:
            self._cancel_due()
        elif self._due is None and self._waiter is not None and not self._upgraded:
            # It waits for a request, and this was the first part of one.
            self._due = self._loop.call_later(HEAD_WITHIN, self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._cancel_due()
        super().connection_lost(exc)

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
        LOG.info("refused", extra={"who": "-", "from": request.remote or "-", "code": error.code})
        response = web.Response(
            status=error.code, body=orjson.dumps(error.to_status()), content_type="application/json"
        )
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A body that breaks off is its sender's trouble, and has been answered."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    def _cancel_due(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _give_up(self) -> None:
        self._due = None
        transport = self.transport
        if transport is None:
            return
        peer = transport.get_extra_info("peername")
        LOG.info("refused", extra={"who": "-", "from": peer[0] if peer else "-", "code": _SLOW.code})
        body = orjson.dumps(_SLOW.to_status())
        head = f"HTTP/1.1 {_SLOW.code} Request Timeout\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        transport.write(head.encode() + body)
        self.force_close()


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
    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


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
            auto_decompress=False,  # body.py refuses what is compressed: a little of it may be gigabytes
        )

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        made.__class__ = _Server
        return made


class Site(web.TCPSite):
    """aiohttp's, with a limit to the TLS handshake."""

    def __init__(self, runner: web.BaseRunner, host: str, port: int, *, ssl_context: Any = None) -> None:
        super().__init__(runner, host, port, ssl_context=ssl_context, backlog=BACKLOG)

    async def start(self) -> None:
        await web.BaseSite.start(self)
        server = self._runner.server
        assert server is not None, "BaseSite.start has looked"  # noqa: S101 - narrows the type
        self._server = await asyncio.get_running_loop().create_server(
            server,
            self._host,
            self._port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=HANDSHAKE_WITHIN if self._ssl_context is not None else None,
        )
        self._bound_port = self._server.sockets[0].getsockname()[1]
