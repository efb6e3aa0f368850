"""What a VPS's main process wrote, from the engine's record of it. Works on stopped VPSes too."""

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.agent.runtime.container_logs import logs, running_since
from kohakuriver.agent.runtime.demux import STDOUT, Demux
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.errors import EngineError, NotFound
from kohakuriver.agent.streams.door import Opened, Opening
from kohakuriver.clock import Clock, parse_timestamp
from kohakuriver.streams.stream import Framed

_MOST_LINES: Final = 1 << 31
_SHOWN: Final = 300  # bytes of what the engine says in place of a log


class Logs:
    """The door."""

    def __init__(self, engine: EngineSocket, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def open(self, opening: Opening) -> Opened:
        follow, container = opening.flag("follow"), opening.container.id
        since = await running_since(self._engine, container) if follow else ""

        async def cut() -> str:
            """Why a log that has ended is not whole; empty where it is: an engine that dies says nothing."""
            try:
                still = await running_since(self._engine, container)
            except NotFound:
                return ""  # it was removed
            except EngineError as error:
                return f"the container engine went away ({error})"
            return "the container engine broke off" if since and still == since else ""

        made = _Log(follows=follow, cut=cut)
        return await logs(
            self._engine,
            container,
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

    def __init__(self, *, follows: bool, cut: Callable[[], Awaitable[str]]) -> None:
        self._cut = cut
        self._was_reset = False
        self._framed = Framed(self, masks=False)
        self._follows = follows
        self._demux = Demux()
        self._channel = STDOUT
        self._engine: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = loop.create_future()
        self._read: asyncio.Future[None] = loop.create_future()  # all that the engine has to say
        self._early: list[bytes] = []

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        self._framed.adopt(transport, first)
        for data in self._early:
            self.data_received(data)
        self._early.clear()
        if self._engine is not None:
            self._engine.resume_reading()
        await asyncio.wait((self._read, self._over), return_when=asyncio.FIRST_COMPLETED)
        if not self._over.done():
            self._end(self._broke() or await self._cut())
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
        self._was_reset = error is not None
        if not self._read.done():
            self._read.set_result(None)

    def _broke(self) -> str:
        """What the engine did in place of sending the rest, by what came from it."""
        if complaint := self._demux.complaint[:_SHOWN].decode(errors="replace").strip():
            return f"the container engine says: {complaint}"
        broke = self._was_reset or not self._demux.is_between
        return "the container engine broke off" if broke else ""

    def _end(self, why: str) -> None:
        if why:
            error = errors.Unavailable(
                f"the log is cut short: {why}", hint="ask again, where wanted from a moment on (--since)"
            )
            self._framed.send_control({"error": error.to_status()})
        else:
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
