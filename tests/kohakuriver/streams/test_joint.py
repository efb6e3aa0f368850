"""A TCP connection joined to a stream, at a listener and at a dialled end: order, half-close, resets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from kohakuriver.streams.joint import Joint
from kohakuriver.streams.stream import Stream

pytestmark = pytest.mark.looptime


@contextlib.asynccontextmanager
async def joined(
    *, early: bytes = b""
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, Stream]]:
    """Somebody at a listener that is joined to a stream, and the stream's other end."""
    loop = asyncio.get_running_loop()
    made: asyncio.Queue[Joint] = asyncio.Queue()

    def joint() -> Joint:
        made.put_nowait(Joint(masks=True))
        return made._queue[-1]  # type: ignore[attr-defined]

    server = await loop.create_server(joint, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    if early:
        writer.write(early)
        await asyncio.sleep(0.1)
    near, far = socket.socketpair()
    other = Stream(masks=False)
    other_transport, _ = await loop.create_connection(asyncio.Protocol, sock=far)
    other.framed.adopt(other_transport)
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
    one = await made.get()
    assert one.local is not None
    one.join(one.local, transport)
    try:
        yield reader, writer, other
    finally:
        server.close()
        writer.close()
        other.framed.abort()
        one.framed.abort()
        await asyncio.sleep(0)


async def test_what_came_before_the_stream_was_dialled_is_the_first_to_arrive():
    async with joined(early=b"GET / ") as (reader, writer, other):
        writer.write(b"HTTP/1.0")
        got = b""
        while len(got) < 14:
            got += await other.receive()
        assert got == b"GET / HTTP/1.0"
        await other.send(b"200")
        assert await reader.readexactly(3) == b"200"


async def test_an_upload_that_is_whole_is_answered_after_its_end():
    async with joined() as (reader, writer, other):
        writer.write(b"all of it")
        writer.write_eof()
        assert await other.receive() == b"all of it"
        assert await other.receive() == {"eof": True}
        await other.send(b"thanks")
        await other.send_control({"eof": True})
        assert await reader.read() == b"thanks"


async def test_the_other_sides_end_leaves_this_direction_open():
    async with joined() as (reader, writer, other):
        await other.send_control({"eof": True})
        assert await reader.read() == b""
        writer.write(b"still going")
        assert await other.receive() == b"still going"


async def test_a_stream_that_breaks_resets_the_connection():
    async with joined() as (reader, _, other):
        await other.send(b"half of")
        assert await reader.readexactly(7) == b"half of"
        other.framed.abort()
        with pytest.raises(ConnectionResetError):
            await reader.read()


async def test_a_connection_that_is_reset_is_told_as_an_error():
    async with joined() as (_, writer, other):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()
        message = await other.receive()
        assert message["error"]["reason"] == "ServiceUnavailable"
        assert await other.receive() is None
