"""A stream between two ends over a real socket pair: order, back-pressure, ends, silence."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncIterator

import pytest

from kohakuriver import errors
from kohakuriver.cli.session import remote
from kohakuriver.streams.frames import Opcode, header
from kohakuriver.streams.splice import splice
from kohakuriver.streams.stream import GONE_AFTER, HIGH, PING_AFTER, Stream
from tests import cost

pytestmark = pytest.mark.looptime


async def adopted(end: socket.socket, stream: Stream) -> Stream:
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=end)
    stream.framed.adopt(transport)
    return stream


@contextlib.asynccontextmanager
async def ends() -> AsyncIterator[tuple[Stream, Stream]]:
    """A client's end and an agent's, connected."""
    near, far = socket.socketpair()
    client = await adopted(near, Stream(masks=True))
    agent = await adopted(far, Stream(masks=False))
    try:
        yield client, agent
    finally:
        client.framed.abort()
        agent.framed.abort()
        await asyncio.sleep(0)


async def test_bytes_and_control_messages_keep_their_order():
    async with ends() as (client, agent):
        await client.send(b"one")
        await client.send_control({"resize": {"rows": 2, "cols": 3}})
        await client.send(b"two")
        client.close()
        assert [await agent.receive() for _ in range(4)] == [
            b"one",
            {"resize": {"rows": 2, "cols": 3}},
            b"two",
            None,
        ]


async def test_what_was_sent_before_the_end_arrives_though_the_other_side_still_sends():
    async with ends() as (client, agent):
        await client.send(b"x" * 1000)
        await agent.send(b"the last words")
        agent.close()
        assert await client.receive() == b"the last words"
        assert await client.receive() is None


async def test_a_connection_that_breaks_is_no_end():
    async with ends() as (client, agent):
        await agent.send(b"half")
        await asyncio.sleep(0.01)
        agent.framed.abort()
        assert await client.receive() == b"half"
        with pytest.raises(errors.Unreachable):
            await client.receive()


async def test_a_reader_that_waits_stops_the_writer():
    async with ends() as (client, agent):
        sent = 0

        async def write() -> None:
            nonlocal sent
            while True:
                await client.send(b"x" * 65536)
                sent += 65536

        writer = asyncio.create_task(write())
        await asyncio.sleep(0.3)
        assert HIGH <= sent < 16 * HIGH, "a reader that does not read does not stop the writer"
        stood = sent
        await asyncio.sleep(0.05)
        assert sent == stood
        for _ in range(100):
            await agent.receive()
        assert sent > stood, "a reader that reads again does not let the writer go on"
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer


async def test_control_messages_that_nobody_reads_stop_the_writer_too():
    async with ends() as (client, agent):
        sent = 0

        async def write() -> None:
            nonlocal sent
            while True:
                await client.send_control({"x": "y" * 1000})
                sent += 1

        writer = asyncio.create_task(write())
        await asyncio.sleep(0.3)
        stood = sent
        assert stood < 5_000
        await asyncio.sleep(0.1)
        assert sent == stood
        for _ in range(stood):
            assert await agent.receive() == {"x": "y" * 1000}
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer


async def test_pings_whose_answers_nobody_reads_fill_no_memory_and_the_last_is_answered():
    near, far = socket.socketpair()
    near.setblocking(False)
    agent = await adopted(far, Stream(masks=False))
    transport = agent.framed._transport
    loop = asyncio.get_running_loop()
    ping = b"".join(header(Opcode.PING, 125, masked=True) + b"%0125d" % number for number in range(2000))
    for _ in range(40):  # 10 MB
        await loop.sock_sendall(near, ping)
    last = header(Opcode.PING, 4, masked=True) + b"last"
    await loop.sock_sendall(near, last)
    await asyncio.sleep(0.1)
    assert transport.get_write_buffer_size() < 2 * HIGH
    answered = b""
    while not answered.endswith(header(Opcode.PONG, 4, masked=False) + b"last"):
        answered += await loop.sock_recv(near, 1 << 16)
    agent.framed.abort()
    near.close()


PIECE = b"\x00\x81\0\0\0\0 "  # of a message that goes on


def begun(stream: Stream, size: int) -> None:
    """So much of a control message is there."""
    stream.framed.data_received(b"\x01" + header(Opcode.TEXT, size, masked=True)[1:] + b" " * size)


async def test_the_next_piece_of_a_long_message_costs_what_one_of_a_short_one_costs():
    async with ends() as (_, long), ends() as (_, short):
        begun(long, 900_000)
        begun(short, 1)
        pieces = PIECE * 10_000
        # Were what is there copied for each piece, it would be twenty times.
        behind_much, behind_nothing = (
            functools.partial(stream.framed.data_received, pieces) for stream in (long, short)
        )
        assert cost.ratio(behind_much, behind_nothing) < 5
        assert long.framed.is_open and short.framed.is_open


async def test_pieces_that_come_all_at_once_cost_what_they_cost_one_after_the_other():
    async with ends() as (_, at_once), ends() as (_, singly):
        begun(at_once, 1)
        begun(singly, 1)
        few, many = PIECE * 100, PIECE * 100_000
        all_at_once = functools.partial(at_once.framed.data_received, many)

        def one_after_the_other() -> None:
            for _ in range(1000):
                singly.framed.data_received(few)

        # Were the rest of what came copied for each piece, it would be four times.
        assert cost.ratio(all_at_once, one_after_the_other, rounds=4) < 2.5
        assert at_once.framed.is_open and singly.framed.is_open


async def test_a_message_that_nests_too_deep_ends_the_stream():
    async with ends() as (client, agent):
        agent.framed._write(1, b"[" * 100_000)
        with pytest.raises(errors.BadRequest):
            await client.receive()


class Wire(asyncio.Transport):
    """One end of a connection in memory, which moves with the loop's own time."""

    def __init__(self) -> None:
        super().__init__()
        self.other: Wire
        self.protocol: asyncio.Protocol = asyncio.Protocol()
        self.is_frozen = False

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def write(self, data: bytes) -> None:
        if not self.other.is_frozen:
            asyncio.get_running_loop().call_soon(self.other.protocol.data_received, data)

    def abort(self) -> None:
        asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


@pytest.mark.parametrize(
    ("ping_after", "gone_after", "longest"),
    [(PING_AFTER, GONE_AFTER, 80), (remote.PING_AFTER, remote.GONE_AFTER, 9)],
    ids=["of programs", "of a person's terminal"],
)
async def test_a_living_side_answers_pings_and_a_frozen_one_is_given_up(ping_after, gone_after, longest):
    near, far = Wire(), Wire()
    near.other, far.other = far, near
    client = Stream(masks=True, ping_after=ping_after, gone_after=gone_after)
    agent = Stream(masks=False)
    client.framed.adopt(near)
    agent.framed.adopt(far)
    await asyncio.sleep(3600)
    await client.send(b"still here")
    assert await agent.receive() == b"still here"
    near.is_frozen = far.is_frozen = True
    frozen_at = asyncio.get_running_loop().time()
    with pytest.raises(errors.Unreachable, match="silent"):
        await client.receive()
    silence = asyncio.get_running_loop().time() - frozen_at
    assert gone_after - ping_after <= silence <= gone_after + ping_after <= longest
    agent.framed.abort()


async def test_what_is_no_json_object_ends_the_stream():
    async with ends() as (client, agent):
        agent.framed._write(1, b"[1]")
        with pytest.raises(errors.BadRequest):
            await client.receive()


async def test_a_splice_copies_both_ways_and_ends_with_either_side():
    loop = asyncio.get_running_loop()
    client_end, near = socket.socketpair()
    far, agent_end = socket.socketpair()
    first, _ = await loop.create_connection(asyncio.Protocol, sock=near)
    second, _ = await loop.create_connection(asyncio.Protocol, sock=far)
    client = await adopted(client_end, Stream(masks=True))
    agent = await adopted(agent_end, Stream(masks=False))
    copying = asyncio.create_task(splice(first, second))
    await client.send(b"x" * 300_000)
    got = b""
    while len(got) < 300_000:
        got += await agent.receive()
    await agent.send(b"back")
    assert await client.receive() == b"back"
    client.close()
    assert await agent.receive() is None
    async with asyncio.timeout(5):
        await copying
        with contextlib.suppress(errors.Unreachable):
            assert await client.receive() is None
