"""Opens a stream: one HTTP request with an upgrade, answered 101, or with a Status that is raised.

Over asyncio alone, so that `kohakuriver connect` starts without importing an HTTP client. Nothing is retried.
"""

import asyncio
import base64
import os
import ssl
import urllib.parse
from collections.abc import Callable, Iterable, Mapping

from kohakuriver import __version__, errors
from kohakuriver.client import wire
from kohakuriver.client.config import Connection
from kohakuriver.streams.head import Head, HeadReader, NotHTTP
from kohakuriver.streams.stream import Stream

WEBSOCKET = "websocket"
BARE = "kohakuriver-stream"  # an agent's end: the frames of the other side's WebSocket
_BODY_LIMIT = 1 << 20  # bytes of a Status

Params = Iterable[tuple[str, str]]


class Dialer:
    """One identity on one API server; opens any number of streams."""

    def __init__(self, connection: Connection, *, program: str, timeout: float = 15.0) -> None:
        self.server = connection.server
        self._url = urllib.parse.urlsplit(connection.server)
        self._connection = connection
        self._program = program
        self._timeout = timeout
        self._tls: ssl.SSLContext | None = connection.tls()
        self.also: Callable[[], Mapping[str, str]] = dict  # headers that every request carries besides

    async def stream(
        self, path: str, params: Params = (), *, ping_after: float = 20.0, gone_after: float = 60.0
    ) -> Stream:
        """A stream as its client. Raises ApiError as the server answers, and Unreachable."""
        stream = Stream(masks=True, ping_after=ping_after, gone_after=gone_after)
        transport, first = await self.transport(path, params)
        stream.framed.adopt(transport, first)
        return stream

    async def transport(
        self,
        path: str,
        params: Params = (),
        *,
        upgrade: str = WEBSOCKET,
        headers: Params = (),
    ) -> tuple[asyncio.Transport, bytes]:
        """The connection after its upgrade, with reading paused, and the bytes that came behind the answer.
        One of the `headers` may be there more than once.

        Raises ApiError as the server answers, and Unreachable.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                transport, handshake = await loop.create_connection(
                    lambda: _Handshake(
                        self._request(path, params, upgrade, [*self.also().items(), *headers])
                    ),
                    self._url.hostname or "",
                    self._url.port or (443 if self._tls else 80),
                    ssl=self._tls,
                )
                try:
                    code, first = await handshake.answer
                except BaseException:
                    transport.abort()
                    raise
        except (OSError, TimeoutError) as error:
            raise wire.unreachable(self._connection.server, error) from error
        if code != 101:
            transport.abort()
            raise errors.from_status(wire.parsed(first), code=code)
        return transport, first

    def _request(self, path: str, params: Params, upgrade: str, headers: Params) -> bytes:
        query = urllib.parse.urlencode(list(params))
        target = self._url.path.rstrip("/") + path + (f"?{query}" if query else "")
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {self._url.netloc}",
            "Connection: Upgrade",
            f"Upgrade: {upgrade}",
            f"User-Agent: {self._program}/{__version__}",
        ]
        if upgrade == WEBSOCKET:
            key = base64.b64encode(os.urandom(16)).decode()
            lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        if token := self._connection.bearer():
            lines.append(f"Authorization: Bearer {token}")
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class _Handshake(asyncio.Protocol):
    """Sends the request, and reads the answer: its head if that is 101, else its body too."""

    def __init__(self, request: bytes) -> None:
        self.answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self._request = request
        self._reader = HeadReader()
        self._head: Head | None = None
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]  # uvloop's are no subclasses
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._head is None:
            try:
                found = self._reader.feed(data)
            except NotHTTP as error:
                self._fail(str(error))
                return
            if found is None:
                return
            self._head, data = found
        self._body += data
        if self._head.code == 101:
            self._transport.pause_reading()  # what follows is for the next protocol
        if self._head.code == 101 or len(self._body) >= min(self._head.length, _BODY_LIMIT):
            self._done(self._head.code, self._body)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(str(error or "it closed the connection"))

    def _done(self, code: int, rest: bytes) -> None:
        if not self.answer.done():
            self.answer.set_result((code, rest))

    def _fail(self, why: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(ConnectionError(why))
