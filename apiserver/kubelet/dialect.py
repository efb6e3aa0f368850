"""Which protocol a client wants to go on with, of those that are spoken there, and the answer to it."""

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from kohakuriver.apiserver.node_streams import upgrade
from kohakuriver.errors import BadRequest
from kohakuriver.streams.dial import WEBSOCKET

SPDY: Final = "SPDY/3.1"
_WEBSOCKETS, _SPDYS = "Sec-WebSocket-Protocol", "X-Stream-Protocol-Version"


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """What is spoken on one connection."""

    upgrade: str
    protocol: str
    was_named: bool = True  # by the client; what it has not named is not in the answer either

    @property
    def is_websocket(self) -> bool:
        return self.upgrade == WEBSOCKET

    def take(self, request: web.Request) -> asyncio.Transport:
        """Answer 101, and the connection. Its protocol has to be set before the event loop runs again. Raises
        Unavailable when the client has gone."""
        header = _WEBSOCKETS if self.upgrade == WEBSOCKET else _SPDYS
        spoken = (f"{header}: {self.protocol}",) if self.was_named else ()
        return upgrade.take(request, upgrade=self.upgrade, spoken=spoken)


def agreed(
    request: web.Request, *, websocket: Sequence[str], spdy: Sequence[str], unnamed: str = ""
) -> Dialect:
    """The first protocol of the client's list that is one of these; `unnamed` is what a WebSocket that
    has no list means. Raises BadRequest."""
    asked = request.headers.get("Upgrade", "").lower()
    if asked == WEBSOCKET:
        upgrade.check_websocket(request)
        if unnamed and not request.headers.get(_WEBSOCKETS):
            return Dialect(WEBSOCKET, unnamed, was_named=False)
        return Dialect(WEBSOCKET, _first(request, _WEBSOCKETS, websocket))
    if asked == SPDY.lower():
        return Dialect(SPDY, _first(request, _SPDYS, spdy))
    raise BadRequest(
        f"{request.path} is a stream, not a document",
        hint="ask for it with an upgrade to WebSocket or to SPDY/3.1, as kubectl does",
    )


def _first(request: web.Request, header: str, spoken: Sequence[str]) -> str:
    offered = [word.strip() for line in request.headers.getall(header, ()) for word in line.split(",")]
    for protocol in offered:
        if protocol in spoken:
            return protocol
    said = ", ".join(offered)[:200] or "nothing"
    raise BadRequest(f"{header} offers {said}: offer {' or '.join(spoken)}")
