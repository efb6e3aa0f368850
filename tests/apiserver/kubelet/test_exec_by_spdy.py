"""`kubectl exec` over SPDY/3.1, as kubectl before 1.30 speaks it and later ones where a WebSocket fails."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kohakuriver.apiserver.kubelet.spdy_client import OPENS_WITHIN
from kohakuriver.streams.stream import Stream
from tests.apiserver.kubelet.kit import POD, Dev, Spdy, a_vps, query, spdy
from tests.apiserver.kubelet.spdy_client import PING, ping, reset, sent

pytestmark = pytest.mark.looptime

OFFERED = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io")


@contextlib.asynccontextmanager
async def an_exec(
    dev: Dev, *command: str, offered: tuple[str, ...] = OFFERED, **flags: str
) -> AsyncIterator[tuple[Spdy, Stream, dict[str, int]]]:
    """The client with its streams open, and the agent's end."""
    params = query(*command, **flags)
    opening = asyncio.create_task(spdy(dev.api, f"{POD}/exec", *offered, params=params))
    inside = await dev.bring((await dev.asked())["id"])
    client = await opening
    asked = dict(params)
    kinds = ["error", *(kind for kind in ("stdin", "stdout", "stderr") if asked.get(kind) == "true")]
    try:
        yield client, inside, {kind: await client.open(streamtype=kind) for kind in kinds}
    finally:
        client.close()
        inside.framed.abort()


async def test_a_command_has_a_stream_for_each_of_its_own():
    async with a_vps() as dev, an_exec(dev, "cat", stdin="true") as (client, inside, streams):
        assert "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n" in client.head
        client.send(sent(streams["stdin"], b"typed"), sent(streams["stdin"], b"", ends=True))
        assert await inside.receive() == b"typed"
        assert await inside.receive() == {"eof": True}
        await inside.send(b"out")
        await inside.send_control({"channel": "stderr"})
        await inside.send(b"err")
        await inside.send_control({"exit": {"code": 7}})
        assert await client.rest(streams["stdout"]) == b"out"
        assert await client.rest(streams["stderr"]) == b"err"
        told: dict[str, Any] = json.loads(await client.rest(streams["error"]))
        assert told["details"] == {"causes": [{"reason": "ExitCode", "message": "7"}]}
        assert await client.closed()


async def test_version_3_tells_an_end_in_words():
    async with (
        a_vps() as dev,
        an_exec(dev, "false", offered=("v3.channel.k8s.io",)) as (client, inside, streams),
    ):
        await inside.send_control({"exit": {"code": 7}})
        assert b"exit status 7" in await client.rest(streams["error"])


async def test_a_terminal_hears_its_size_however_that_is_cut():
    async with a_vps() as dev:
        params = query("sh", stdin="true", tty="true", stderr="false")
        client = await spdy(dev.api, f"{POD}/exec", *OFFERED, params=params)
        streams = {
            kind: await client.open(streamtype=kind) for kind in ("error", "stdin", "stdout", "resize")
        }
        size = b'{"Width":80,"Height":24}\n{"Width":81,"Height":25}\n'
        for start in range(0, len(size), 7):
            client.send(sent(streams["resize"], size[start : start + 7]))
        asked = await dev.asked()
        inside = await dev.bring(asked["id"])
        assert (asked["params"]["rows"], asked["params"]["cols"]) == (["24"], ["80"])
        assert await inside.receive() == {"resize": {"rows": 25, "cols": 81}}
        client.close()
        inside.framed.abort()


async def test_pings_come_back():
    async with a_vps() as dev, an_exec(dev, "cat") as (client, _, _):
        client.send(ping(77))
        frame = await client.frame()
        assert (frame.kind, frame.stream) == (PING, 77)


async def test_a_client_that_goes_ends_the_stream_to_its_command():
    async with a_vps() as dev, an_exec(dev, "sleep", "1h") as (client, inside, _):
        client.close()
        assert await inside.receive() is None


async def test_a_client_that_opens_no_streams_is_not_waited_for():
    async with a_vps() as dev:
        opening = asyncio.create_task(spdy(dev.api, f"{POD}/exec", *OFFERED, params=query("cat")))
        inside = await dev.bring((await dev.asked())["id"])
        client = await opening
        began = asyncio.get_running_loop().time()
        assert await inside.receive() is None
        assert asyncio.get_running_loop().time() - began == pytest.approx(OPENS_WITHIN, abs=3)
        assert await client.closed()
        client.close()


async def test_streams_of_another_type_end_the_connection():
    async with a_vps() as dev:
        opening = asyncio.create_task(spdy(dev.api, f"{POD}/exec", *OFFERED, params=query("cat")))
        inside = await dev.bring((await dev.asked())["id"])
        client = await opening
        await client.open(streamtype="nonsense")
        assert await inside.receive() is None
        client.close()


async def test_output_goes_on_where_the_client_gives_one_of_its_streams_up():
    async with a_vps() as dev, an_exec(dev, "sh", stdin="true") as (client, inside, streams):
        client.send(reset(streams["stdin"]))
        await inside.send(b"out")
        assert (await client.frame(streams["stdout"])).content == b"out"


async def test_input_that_nobody_reads_stays_where_it_is():
    async with a_vps() as dev, an_exec(dev, "sleep", "1h", stdin="true") as (client, inside, streams):
        inside.framed.pause_reading()
        client.writer.transport.set_write_buffer_limits(high=0)
        gone = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                while gone < 64 << 20:
                    client.send(sent(streams["stdin"], b"x" * 65536))
                    await client.writer.drain()
                    gone += 65536
        assert gone < 32 << 20


async def test_what_is_no_spdy_ends_the_stream_to_the_command():
    async with a_vps() as dev, an_exec(dev, "sleep", "1h") as (client, inside, _):
        client.send(b"\x80\x02" + bytes(10))
        assert await inside.receive() is None
