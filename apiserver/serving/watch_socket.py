"""A watch over a WebSocket, as Headlamp and other pages in a browser ask for one: each event a text message.

The sub-protocol that such clients name is answered with the same, as is our own page's, though what is sent
is text and never base64: so Kubernetes does it. What the client sends is read for its close and its pings
alone.
"""

import asyncio
import contextlib
from typing import Final

from aiohttp import WSCloseCode, web

from kohakuriver.apiserver.identity import cookies
from kohakuriver.apiserver.serving import pieces
from kohakuriver.errors import BadRequest
from kohakuriver.streams.dial import WEBSOCKET

BASE64: Final = "base64.binary.k8s.io"
PROTOCOLS: Final = (BASE64, "binary.k8s.io", cookies.PROTOCOL)
LARGEST_MESSAGE: Final = 4096  # bytes from the client, which has nothing to say
PING_EVERY: Final = 30.0  # seconds; who answers none is gone


def socket_wanted(request: web.Request) -> bool:
    """Whether a watch is asked for over a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == WEBSOCKET


class WatchSocket:
    """The messages of one watch."""

    def __init__(self) -> None:
        self._reading: asyncio.Task[None] | None = None
        self.response = web.WebSocketResponse(
            protocols=PROTOCOLS, heartbeat=PING_EVERY, max_msg_size=LARGEST_MESSAGE, compress=False
        )

    async def begin(self, request: web.Request) -> None:
        """Answer the handshake, and from now on hear whether the client goes. Raises BadRequest."""
        try:
            await self.response.prepare(request)
        except (ValueError, web.HTTPBadRequest) as error:
            raise BadRequest("this is not a WebSocket handshake of version 13 (RFC 6455)") from error
        self._reading = asyncio.create_task(self._until_it_closes(), name="watch-socket")

    async def write(self, chunk: bytes) -> None:
        """Send each line as a message. Raises TimeoutError, and ConnectionResetError."""
        for line in chunk.splitlines():
            async with asyncio.timeout(pieces.WRITE_WITHIN):
                await self.response.send_str(line.decode())

    async def end(self, chunk: bytes = b"") -> None:
        """Send the last lines, then close in good order."""
        await self.write(chunk)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait((self._reading,))
        await self.response.close(code=WSCloseCode.OK)

    def release(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()

    async def _until_it_closes(self) -> None:
        """The client's close is answered and ends the connection, and so the watch."""
        with contextlib.suppress(RuntimeError, ConnectionResetError):
            async for _ in self.response:
                pass
