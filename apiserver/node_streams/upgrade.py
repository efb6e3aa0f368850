"""An HTTP request turned into a bare connection: answered 101, then its bytes are somebody else's.

aiohttp keeps the connection on its books, so that it is closed when the server stops, until the handler
returns the `Upgraded` of it.
"""

import asyncio
import base64
import hashlib
from collections.abc import Sequence

from aiohttp import web

from kohakuriver.apiserver.identity import cookies
from kohakuriver.errors import BadRequest, Unavailable
from kohakuriver.streams.dial import BARE, WEBSOCKET

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


def asked_for(request: web.Request) -> str:
    """The protocol that the request wants to go on with. Raises BadRequest where it is none of ours."""
    wanted = request.headers.get("Upgrade", "").lower()
    if wanted == BARE:
        return BARE
    if wanted != WEBSOCKET:
        raise BadRequest(
            f"{request.path} is a stream, not a document",
            hint="ask for it with an upgrade to WebSocket, as kohakuriver connect does",
        )
    check_websocket(request)
    return WEBSOCKET


def check_websocket(request: web.Request) -> None:
    """Raise BadRequest unless the WebSocket handshake is one that can be answered."""
    key = request.headers.get("Sec-WebSocket-Key", "")
    if request.headers.get("Sec-WebSocket-Version") != "13" or not key or not key.isascii():
        raise BadRequest("this is not a WebSocket handshake of version 13 (RFC 6455)")


class Upgraded(web.StreamResponse):
    """What a handler returns in the end for a connection that it took over; `status` is told of it."""

    def __init__(self, request: web.Request, *, status: int = 101) -> None:
        super().__init__(status=status)
        self.force_close()
        self._books = request.protocol

    @property
    def prepared(self) -> bool:
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing: the answer went out with the upgrade."""

    async def write_eof(self, data: bytes = b"") -> None:
        """The connection is over: off aiohttp's books, which no longer hears of that by itself."""
        asyncio.get_running_loop().call_soon(self._books.connection_lost, None)


def take(request: web.Request, *, upgrade: str = "", spoken: Sequence[str] = ()) -> asyncio.Transport:
    """Answer 101, and the connection. Its protocol has to be set before the event loop runs again. Raises
    Unavailable when the client has gone.

    `upgrade` is the protocol where it is none of ours, and `spoken` the header lines that name its dialect.
    """
    wanted, transport = upgrade or asked_for(request), request.transport
    if transport is None or transport.is_closing():
        raise Unavailable("the client has gone")
    lines = ["HTTP/1.1 101 Switching Protocols", f"Upgrade: {wanted}", "Connection: Upgrade", *spoken]
    if wanted == WEBSOCKET:
        key = request.headers["Sec-WebSocket-Key"].encode()
        digest = hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest()
        lines.append(f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}")
        if not spoken and cookies.speaks_as_a_page(request.headers):
            lines.append(f"Sec-WebSocket-Protocol: {cookies.PROTOCOL}")
    assert isinstance(transport, asyncio.Transport) or hasattr(transport, "set_protocol")  # noqa: S101
    transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    return transport
