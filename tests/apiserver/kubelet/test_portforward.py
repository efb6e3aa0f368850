"""`kubectl port-forward`: each of its connections, over SPDY in a WebSocket, bare SPDY, and channels."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from kohakuriver import errors
from kohakuriver.apiserver.kubelet import spdy as codec
from kohakuriver.apiserver.kubelet.channels import V4, V5
from kohakuriver.apiserver.kubelet.forwarding import BARE, STALLS_AFTER, TUNNEL
from kohakuriver.streams.patience import PATIENCE
from kohakuriver.streams.stream import Stream
from tests.apiserver.kubelet.kit import POD, Dev, Spdy, a_vps, spdy, told
from tests.apiserver.kubelet.spdy_client import RST_STREAM, Frame, ping, reset, sent
from tests.apiserver.streaming.test_streams import an_agent

pytestmark = pytest.mark.looptime

REFUSED = errors.Conflict("nothing listens on port 80 in dev", details={"reason": "ConnectionRefused"})
NOT_UP = errors.Conflict("dev has no running container at the moment", retry_after=1)


class Tunnel(Spdy):
    """SPDY/3.1 in the messages of a WebSocket."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        reader: Any = asyncio.StreamReader()
        writer: Any = None
        super().__init__(reader, writer, "")
        self._websocket = websocket
        self._from = asyncio.create_task(self._read(reader))
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._to = asyncio.create_task(self._write())

    async def _read(self, reader: asyncio.StreamReader) -> None:
        async for message in self._websocket:
            reader.feed_data(message.data)
        reader.feed_eof()

    async def _write(self) -> None:
        while (data := await self._waiting.get()) is not None:
            for start in range(0, len(data), 1000):  # frames are cut anywhere
                await self._websocket.send_bytes(data[start : start + 1000])
        await self._websocket.close()

    def send(self, *frames: bytes) -> None:
        self._waiting.put_nowait(b"".join(frames))

    def close(self) -> None:
        self._waiting.put_nowait(None)


@contextlib.asynccontextmanager
async def a_forward(dev: Dev, way: str) -> AsyncIterator[Spdy]:
    """What kubectl opens before there is any connection; nothing is asked of the node by it."""
    if way == "websocket":
        client: Spdy = Tunnel(await dev.websocket("portforward", [], TUNNEL))
    else:
        client = await spdy(dev.api, f"{POD}/portforward", BARE)
    try:
        yield client
    finally:
        client.close()


async def connect(client: Spdy, id_: int, port: int = 80) -> tuple[int, int]:
    """The streams of data and of errors of one more connection, as kubectl opens them."""
    about = {"port": str(port), "requestid": str(id_)}
    error = await client.open(streamtype="error", **about)
    client.send(sent(error, b"", ends=True))
    return await client.open(streamtype="data", **about), error


async def brought(dev: Dev) -> Stream:
    wanted = await dev.asked()
    assert wanted["kind"] == "forward"
    return await dev.bring(wanted["id"])


async def refuse(dev: Dev, error: errors.ApiError) -> None:
    wanted = await dev.asked()
    await dev.control.send_control({"refuse": {"id": wanted["id"], "status": error.to_status()}})


WAYS = pytest.mark.parametrize("way", ["websocket", "bare"])


@WAYS
async def test_each_connection_is_a_stream_to_the_port_that_it_names(way):
    async with a_vps() as dev, a_forward(dev, way) as client:
        data, error = await connect(client, 0, port=8080)
        wanted = await dev.asked()
        assert (wanted["kind"], wanted["params"], wanted["user"]) == ("forward", {"port": ["8080"]}, "alice")
        inside = await dev.bring(wanted["id"])
        client.send(sent(data, b"GET"), sent(data, b"", ends=True))
        assert await inside.receive() == b"GET"
        assert await inside.receive() == {"eof": True}
        await inside.send(b"answer")
        await inside.send_control({"eof": True})
        inside.close()
        assert await client.rest(data) == b"answer"
        assert await client.rest(error) == b"", "a word would be the end of kubectl"


@WAYS
async def test_what_refuses_a_connection_ends_that_one_and_the_next_one_works(way):
    async with a_vps() as dev, a_forward(dev, way) as client:
        data, error = await connect(client, 0)
        await refuse(dev, REFUSED)
        assert await client.frame(error) == Frame(0, error, b"", ends=True)
        assert (await client.frame(data)).kind == RST_STREAM
        data, _ = await connect(client, 1)
        inside = await brought(dev)
        await inside.send(b"there now")
        assert (await client.frame(data)).content == b"there now"


async def test_a_connection_waits_for_a_vps_that_is_being_restarted():
    async with a_vps() as dev, a_forward(dev, "websocket") as client:
        data, _ = await connect(client, 0)
        client.send(sent(data, b"early"))
        await refuse(dev, NOT_UP)
        await refuse(dev, NOT_UP)
        inside = await brought(dev)
        assert await inside.receive() == b"early"


async def test_and_for_its_agent_and_not_for_ever():
    async with a_vps() as dev, a_forward(dev, "websocket") as client:
        dev.control.framed.abort()
        await asyncio.sleep(0.1)
        data, _ = await connect(client, 0)
        await asyncio.sleep(1)
        async with an_agent(dev.api) as control:
            dev.control = control
            inside = await brought(dev)
            await inside.send(b"back")
            assert (await client.frame(data)).content == b"back"
        await asyncio.sleep(0.1)
        data, error = await connect(client, 1)
        began = asyncio.get_running_loop().time()
        assert await client.rest(error) == b""
        assert (await client.frame(data)).kind == RST_STREAM
        assert asyncio.get_running_loop().time() - began <= PATIENCE + 1


async def test_a_connection_that_breaks_is_reset_and_the_forward_goes_on():
    async with a_vps() as dev, a_forward(dev, "websocket") as client:
        data, error = await connect(client, 0)
        inside = await brought(dev)
        await inside.send(b"half")
        assert (await client.frame(data)).content == b"half"
        inside.framed.abort()
        assert await client.rest(error) == b""
        assert (await client.frame(data)).kind == RST_STREAM
        client.send(ping(5))
        assert (await client.frame()).stream == 5


async def test_a_connection_that_its_client_resets_ends_in_the_vps_too():
    async with a_vps() as dev, a_forward(dev, "bare") as client:
        data, _ = await connect(client, 0)
        inside = await brought(dev)
        client.send(reset(data))
        assert await inside.receive() is None


async def test_a_client_that_goes_ends_all_its_connections():
    async with a_vps() as dev, a_forward(dev, "bare") as client:
        await connect(client, 0)
        one = await brought(dev)
        await connect(client, 1)
        two = await brought(dev)
        await connect(client, 2)
        waiting = await dev.asked()
        client.close()
        assert await one.receive() is None and await two.receive() is None
        await asyncio.sleep(0.1)
        with pytest.raises(errors.NotFound):
            await dev.bring(waiting["id"])


async def test_two_hundred_connections_do_not_mix():
    async with a_vps() as dev, a_forward(dev, "websocket") as client:
        there = []
        for number in range(200):
            data, _ = await connect(client, number)
            inside = await brought(dev)
            there.append((data, inside))
        for data, _ in there:
            client.send(sent(data, b"%d" % data))
        for data, inside in there:
            assert await inside.receive() == b"%d" % data
            await inside.send(b"of %d" % data)
        for data, _ in there:
            assert (await client.frame(data)).content == b"of %d" % data


async def test_a_reader_that_stalls_does_not_stop_the_others():
    """Up to a bound; behind it, what nobody reads is given up, and the others go on."""
    async with a_vps() as dev, a_forward(dev, "bare") as client:
        stalled, _ = await connect(client, 0)
        deaf = await brought(dev)
        deaf.framed.pause_reading()
        other, _ = await connect(client, 1)
        inside = await brought(dev)
        client.send(*(sent(stalled, b"x" * 65536) for _ in range(20)))
        client.send(sent(other, b"beside it"))
        assert await inside.receive() == b"beside it"
        client.send(*(sent(stalled, b"x" * 65536) for _ in range(400)))
        client.send(sent(other, b"behind it"))
        began = asyncio.get_running_loop().time()
        assert await inside.receive() == b"behind it"
        assert asyncio.get_running_loop().time() - began == pytest.approx(STALLS_AFTER, abs=3)
        assert (await client.frame(stalled)).kind == RST_STREAM


@pytest.mark.parametrize(
    "headers",
    [
        {"streamtype": "data", "port": "80"},
        {"streamtype": "data", "port": "0", "requestid": "1"},
        {"streamtype": "data", "port": "x", "requestid": "1"},
        {"streamtype": "other", "port": "80", "requestid": "1"},
        {},
    ],
)
async def test_streams_that_make_no_sense_are_reset_and_the_rest_goes_on(headers):
    async with a_vps() as dev, a_forward(dev, "bare") as client:
        number = await client.open(**headers)
        assert (await client.frame(number)).kind == RST_STREAM
        data, _ = await connect(client, 7)
        await (await brought(dev)).send(b"fine")
        assert (await client.frame(data)).content == b"fine"


async def test_two_halves_of_one_kind_are_no_connection():
    async with a_vps() as dev, a_forward(dev, "bare") as client:
        one = await client.open(streamtype="data", port="80", requestid="1")
        two = await client.open(streamtype="data", port="80", requestid="1")
        for number in (one, two):
            assert (await client.frame(number)).kind == RST_STREAM


@pytest.mark.parametrize(("protocols", "answered"), [((V5, V4), V4), ((), None)], ids=["named", "unnamed"])
async def test_pythons_clients_get_a_port_by_channels(protocols, answered):
    """`kubernetes` names the sub-protocol, and `kr8s` none."""
    async with a_vps() as dev:
        opening = asyncio.create_task(dev.websocket("portforward", [("ports", "80,8080")], *protocols))
        insides = {}
        for _ in range(2):
            wanted = await dev.asked()
            insides[wanted["params"]["port"][0]] = await dev.bring(wanted["id"])
        client = await opening
        assert client.protocol == answered
        ports = [await told(client) for _ in range(4)]
        assert ports == [(0, b"\x50\0"), (1, b"\x50\0"), (2, b"\x90\x1f"), (3, b"\x90\x1f")]
        await client.send_bytes(b"\x02to 8080")
        assert await insides["8080"].receive() == b"to 8080"
        await client.send_bytes(b"\x00to 80")
        assert await insides["80"].receive() == b"to 80"
        await insides["80"].send(b"from 80")
        assert await told(client) == (0, b"from 80")
        for inside in insides.values():
            inside.close()
        assert (await client.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_and_are_told_in_words_where_nothing_listens():
    async with a_vps() as dev:
        client = await dev.websocket("portforward", [("ports", "80")], V4)
        await refuse(dev, REFUSED)
        await told(client), await told(client)
        assert await told(client) == (1, b"nothing listens on port 80 in dev")
        assert (await client.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize("ports", ["", "0", "x", "65536", ",".join(["80"] * 33)])
async def test_ports_that_are_none_are_refused_in_words(ports):
    async with a_vps() as dev:
        headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Protocol": V4}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
        reply = await dev.api.get(
            f"{POD}/portforward", user="alice", headers=headers, params={"ports": ports}
        )
        assert reply.code == 400
        assert "65535" in reply.body["message"] or "at most" in reply.body["message"]


async def test_a_stopped_vps_is_told_before_anything_is_upgraded():
    async with a_vps("stopped") as dev:
        headers = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": BARE}
        reply = await dev.api.call("POST", f"{POD}/portforward", user="alice", headers=headers)
        assert (reply.code, reply.body["message"]) == (
            409,
            "dev is stopped; start it: kohakuriver vps start dev",
        )


def test_the_codec_has_the_frames_that_these_tests_read():
    assert codec.reset(1, codec.CANCEL)[2:4] == RST_STREAM.to_bytes(2, "big")
