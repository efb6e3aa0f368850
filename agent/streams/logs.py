"""What a VPS's main process wrote, from the engine's record of it. Works on stopped VPSes too."""

import asyncio
import datetime
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.agent.runtime.container_logs import logs
from kohakuriver.agent.runtime.demux import STDOUT, Demux
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.streams.door import Opened, Opening
from kohakuriver.clock import Clock, parse_timestamp
from kohakuriver.streams.stream import Framed

_MOST_LINES: Final = 1 << 31


class Logs:
    """The door."""

    def __init__(self, engine: EngineSocket, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def open(self, opening: Opening) -> Opened:
        follow = opening.flag("follow")
        made = _Log(follows=follow)
        return await logs(
            self._engine,
            opening.container.id,
            made,
            follow=follow,
            tail=opening.number("tail", 0, most=_MOST_LINES) if opening.text("tail") else None,
            since=_since(opening.text("since"), self._clock.now()),
            timestamps=opening.flag("timestamps"),
        )


def _since(text: str, now: datetime.datetime) -> float | None:
    """A moment, or how many seconds ago: by the clock of this node, as the engine's."""
    if not text:
        return None
    try:
        if text.replace(".", "", 1).isdigit():
            return now.timestamp() - float(text)
        return parse_timestamp(text).timestamp()
    except ValueError:
        raise errors.BadRequest(
            f"since={text!r} is neither a number of seconds nor a time such as 2026-01-31T12:00:00Z"
        ) from None


class _Log(asyncio.Protocol):
    """Both protocols in one: of the engine's connection, and of the stream (a `Receiver`)."""

    def __init__(self, *, follows: bool) -> None:
        self._framed = Framed(self, masks=False)
        self._follows = follows
        self._demux = Demux()
        self._channel = STDOUT
        self._engine: asyncio.Transport | None = None
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._early: list[bytes] = []
        self._has_ended = False

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        self._framed.adopt(transport, first)
        for data in self._early:
            self.data_received(data)
        self._early.clear()
        if self._engine is not None:
            self._engine.resume_reading()
        elif self._has_ended:
            self._end()
        await self._over

    async def aclose(self) -> None:
        if self._engine is not None:
            self._engine.abort()

    # The engine's connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._engine = transport  # type: ignore[assignment]  # uvloop's transports are no subclasses

    def data_received(self, data: bytes) -> None:
        if not self._framed.is_open:
            self._early.append(data)
            if self._engine is not None:
                self._engine.pause_reading()
            return
        for channel, part in self._demux.feed(data):
            if channel != self._channel:
                self._channel = channel
                self._framed.send_control({"channel": channel})
            self._framed.send(part)

    def connection_lost(self, error: Exception | None) -> None:
        self._engine = None
        self._has_ended = True
        if self._framed.is_open:
            self._end()

    def _end(self) -> None:
        message = "the VPS stopped" if self._follows else "that is all"
        self._framed.send_control({"end": {"reason": "Ended", "message": message}})
        self._framed.close()

    # The stream.

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        """Nothing is asked of the client."""

    def control_came(self, message: dict[str, Any]) -> None:
        """Nor this way."""

    def writable(self, yes: bool) -> None:
        if self._engine is None or self._engine.is_closing():
            return
        if yes:
            self._engine.resume_reading()
        else:
            self._engine.pause_reading()

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        if self._engine is not None:
            self._engine.abort()
        if not self._over.done():
            self._over.set_result(None)
