"""A log that is read to its end, and one that is cut: by the engine, in the middle, or without a word."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.errors import NotFound, RuntimeUnavailable
from kohakuriver.agent.streams.door import Opening, Waiting
from kohakuriver.agent.streams.logs import Logs
from kohakuriver.clock import SystemClock
from kohakuriver.streams.stream import Stream
from tests.agent.builders import a_container
from tests.agent.holder.memory import Wire

RUNS = {"State": {"Running": True, "StartedAt": "2026-01-01T00:00:00Z"}}
AGAIN = {"State": {"Running": True, "StartedAt": "2026-01-01T00:00:05Z"}}
STOPPED = {"State": {"Running": False, "StartedAt": "2026-01-01T00:00:00Z"}}


class Engine(EngineSocket):
    """Has one container: how it stands, asked by asked, and what reads its log."""

    def __init__(self, *stands: Any) -> None:
        super().__init__("/nowhere")
        self.stands = list(stands)
        self.reader: Any = None

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        found = self.stands.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    async def open(
        self, method: str, path: str, protocol: Any, body: Any = None, *, upgrade: bool = False
    ) -> Any:
        self.reader = protocol
        protocol.connection_made(Wire())
        return protocol


def framed(text: bytes, channel: int = 1) -> bytes:
    return struct.pack(">BxxxI", channel, len(text)) + text


@contextlib.asynccontextmanager
async def reading(engine: Engine, **params: str) -> AsyncIterator[Stream]:
    """The log as its client reads it."""
    asks = {name: (value,) for name, value in params.items()}
    opening = Opening("1", "logs", "default", "dev", "u1", 1, "ann", asks, a_container())
    opened = await Logs(engine, clock=SystemClock()).open(opening)
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    client = Stream(masks=True)
    transport, _ = await loop.create_connection(Waiting, sock=ours)
    client.framed.adopt(transport)
    there, _ = await loop.create_connection(Waiting, sock=theirs)
    serving = asyncio.create_task(opened.serve(there, b""))
    try:
        yield client
    finally:
        client.framed.abort()
        await asyncio.wait_for(serving, 10)


async def ending(client: Stream) -> tuple[bytes, Any]:
    """What came, and what is said at the end of it."""
    came = b""
    while isinstance(found := await client.receive(), bytes):
        came += found
    return came, found


@pytest.mark.parametrize(
    ("follow", "stands", "message"),
    [
        ("", [RUNS], "that is all"),
        ("", [STOPPED], "that is all"),
        ("", [NotFound("gone")], "that is all"),
        ("1", [RUNS, STOPPED], "the VPS stopped"),
        ("1", [RUNS, AGAIN], "the VPS stopped"),
        ("1", [RUNS, NotFound("gone")], "the VPS stopped"),
        ("1", [STOPPED, STOPPED], "the VPS stopped"),
    ],
)
async def test_a_log_that_is_whole_ends_so(follow: str, stands: list[Any], message: str) -> None:
    engine = Engine(*stands)
    async with reading(engine, follow=follow) as client:
        engine.reader.data_received(framed(b"out"))
        engine.reader.connection_lost(None)
        assert await ending(client) == (b"out", {"end": {"reason": "Ended", "message": message}})


@pytest.mark.parametrize(
    ("follow", "stands", "last", "error", "says"),
    [
        ("", [RUNS], framed(b"more")[:-1], None, "the container engine broke off"),
        ("", [RUNS], framed(b"more")[:5], None, "the container engine broke off"),
        ("", [RUNS], b"", ConnectionResetError(), "the container engine broke off"),
        ("", [RUNS], b"\x03no such file", None, "the container engine says"),
        (
            "",
            [RuntimeUnavailable("no container engine answers")],
            b"",
            None,
            "went away (no container engine",
        ),
        ("1", [RUNS, RUNS], b"", None, "the container engine broke off"),
    ],
)
async def test_a_log_that_is_cut_says_so(
    follow: str, stands: list[Any], last: bytes, error: Exception | None, says: str
) -> None:
    engine = Engine(*stands)
    async with reading(engine, follow=follow) as client:
        engine.reader.data_received(framed(b"out") + last)
        engine.reader.connection_lost(error)
        came, found = await ending(client)
        assert came.startswith(b"out")
        assert "the log is cut short: " in found["error"]["message"] and says in found["error"]["message"]
