"""Forwarded ports through the real API server; the agent's end is `an_agent`, and simulated time waits."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from kohakuriver.cli.access.datagrams import Datagrams
from kohakuriver.cli.access.telling import Telling
from kohakuriver.cli.access.tunnel import Tunnel
from kohakuriver.cli.session.opening import PATIENCE, Opener
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.streaming.test_streams import place
from tests.cli.access.an_agent import an_agent, connection, to_port
from tests.cli.vps.objects import a_vps
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime


@contextlib.asynccontextmanager
async def a_tunnel(api: Api, *, verbose: bool = False) -> AsyncIterator[tuple[int, list[str]]]:
    """A forward of dev's port 80: its local port, and what is said."""
    said: list[str] = []
    opener = Opener(connection(api), "dev", clock=LoopClock())
    tunnel = Tunnel(opener, 80, Telling("dev:80", verbose=verbose, say=said.append))
    port = await tunnel.listen("127.0.0.1", 0)
    try:
        yield port, said
    finally:
        await tunnel.aclose()


@contextlib.asynccontextmanager
async def a_service() -> AsyncIterator[int]:
    """Says how many bytes it got once its client has said all, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got = await reader.read()
        writer.write(b"%d" % len(got) + got[:10])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def ask(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()


async def closed_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


async def test_bytes_go_both_ways_and_a_half_close_is_no_end():
    async with running_api() as api, a_service() as service, a_tunnel(api) as (port, said):
        await place(api)
        async with an_agent(api, to_port(service)):
            big = b"0123456789" * 30_000
            assert await ask(port, big) == b"3000000123456789"
        assert said == []


@pytest.mark.fault(54)
async def test_connections_at_once_do_not_mix():
    async with running_api() as api, a_service() as service, a_tunnel(api) as (port, _):
        await place(api)
        async with an_agent(api, to_port(service)):
            answers = await asyncio.gather(*(ask(port, b"%07d" % number) for number in range(20)))
        assert answers == [b"7%07d" % number for number in range(20)]


@pytest.mark.fault(54)
async def test_where_nothing_listens_that_is_told_once_and_the_listener_stays():
    async with running_api() as api, a_tunnel(api) as (port, said):
        await place(api)
        async with an_agent(api, to_port(await closed_port())):
            for _ in range(5):
                with pytest.raises(ConnectionResetError):
                    await ask(port, b"")
        assert said == ["dev:80: nothing listens on port 80 in dev"]
        async with a_service() as service, an_agent(api, to_port(service)):
            assert await ask(port, b"x") == b"1x"
        assert said[1:] == ["dev:80 answers again"]


@pytest.mark.fault(54)
async def test_a_connection_made_while_the_agent_restarts_waits_for_it():
    async with running_api() as api, a_service() as service, a_tunnel(api) as (port, said):
        await place(api)
        asked = asyncio.create_task(ask(port, b"patient"))
        await asyncio.sleep(PATIENCE / 2)
        async with an_agent(api, to_port(service)):
            assert await asked == b"7patient"
        assert said == []


async def test_a_wait_for_an_agent_is_bounded_and_says_why():
    async with running_api() as api, a_tunnel(api) as (port, said):
        await place(api)
        began = asyncio.get_running_loop().time()
        with pytest.raises(ConnectionResetError):
            await ask(port, b"")
        assert PATIENCE / 2 < asyncio.get_running_loop().time() - began <= PATIENCE
        assert len(said) == 1 and said[0].startswith("dev:80: node n1 is not connected to the API server")


async def test_a_stopped_vps_is_not_waited_for():
    async with running_api() as api, a_tunnel(api) as (port, said):
        await place(api, "stopped")
        with pytest.raises(ConnectionResetError):
            await ask(port, b"")
        assert asyncio.get_running_loop().time() < PATIENCE / 2
        assert said == ["dev:80: dev is stopped (start it: kohakuriver vps start dev)"]


async def test_connections_are_told_of_when_asked():
    async with running_api() as api, a_service() as service, a_tunnel(api, verbose=True) as (port, said):
        await place(api)
        async with an_agent(api, to_port(service)):
            await ask(port, b"x")
            await asyncio.sleep(0.1)
        assert said[0].startswith("dev:80: connection 1 from 127.0.0.1:")
        assert said[1] == "dev:80: connection 1 ended"


class Echo(asyncio.DatagramProtocol):
    """Sends back what comes, and counts who sent it."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.seen.add(addr)
        self.transport.sendto(data, addr)


class Client(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.got.put_nowait(data)


async def test_a_datagram_is_a_datagram_and_each_address_has_a_stream_until_it_is_idle():
    loop = asyncio.get_running_loop()
    async with running_api() as api:
        await place(api)
        service, echo = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        opener = Opener(connection(api), "dev", clock=LoopClock())
        forward = Datagrams(opener, 53, Telling("dev:53", verbose=False), idle=5)
        port = await forward.listen("127.0.0.1", 0)
        async with an_agent(api, to_port(service.get_extra_info("sockname")[1])):
            ends = [
                await loop.create_datagram_endpoint(Client, remote_addr=("127.0.0.1", port)) for _ in range(2)
            ]
            for size in (1, 9000, 65_507):
                for transport, client in ends:
                    transport.sendto(b"x" * size)
                    assert len(await client.got.get()) == size
            assert len(echo.seen) == 2
            await asyncio.sleep(6)
            ends[0][0].sendto(b"again")
            assert await ends[0][1].got.get() == b"again"
            assert len(echo.seen) == 3, "an idle stream was kept"
            await forward.aclose()
            for transport, _ in ends:
                transport.close()
        service.close()


async def test_what_cannot_be_meant_is_told_before_anything_is_opened(shell):
    await shell.put(kinds.VPS, a_vps("off", phase="stopped", run_state="Stopped"))
    assert await shell("forward off 80") == (
        1,
        "",
        "error: off is stopped\nhint: start it: kohakuriver vps start off\n",
    )
    assert (await shell("forward nobody 80"))[0] == 1
    assert (await shell("forward off"))[0] == 2
    code, _, err = await shell("forward off 80 --address everywhere")
    assert code == 2 and '--address: invalid IP address "everywhere"' in err


async def test_a_local_port_that_is_taken_is_told_with_its_holder(shell):
    await shell.put(kinds.VPS, a_vps())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = await shell(f"forward dev 80 --local-port {port}")
        assert (code, out) == (1, "")
        assert f"error: port {port} of this machine is taken by " in err
        assert "0:80" in err
