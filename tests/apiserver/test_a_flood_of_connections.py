"""Hundreds of connections without a credential, at a real server: few stay, and nobody else notices."""

import asyncio
import contextlib
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from kohakuriver.apiserver.limits.limits import Limits
from kohakuriver.apiserver.serving.connections import KEPT_FOR
from kohakuriver.apiserver.serving.crowd import EACH, IDLE
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api, token_of
from tests.apiserver.background import address
from tests.apiserver.program import HEADERS, a_server, with_tls
from tests.etcd import EtcdProcess, free_port

VPSES = kinds.VPS.path(namespace="default")
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
MANY = 300


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    with EtcdProcess(tmp_path / "etcd") as process:
        yield process


@contextlib.contextmanager
def flood(url: str, count: int = MANY, text: bytes = b"", source: str = "127.0.0.1") -> Iterator[None]:
    """So many connections, held for the length of the block."""
    host, port = url.rpartition("/")[2].split(":")
    with contextlib.ExitStack() as open_:
        for _ in range(count):
            wire = open_.enter_context(socket.create_connection((host, int(port)), 30, (source, 0)))
            wire.sendall(text)
        yield


def held(pid: int, url: str) -> int:
    """Connections that the process holds at its door."""
    door = f"{int(url.rpartition(':')[2]):04X}"
    ours = set(re.findall(r"socket:\[(\d+)\]", " ".join(_links(Path(f"/proc/{pid}/fd")))))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{door}") and row[3] != "0A" and row[9] in ours for row in rows)


def _links(folder: Path) -> Iterator[str]:
    for entry in folder.iterdir():
        with contextlib.suppress(OSError):
            yield str(entry.readlink())


async def until_few(pid: int, url: str, most: int, log: Path) -> None:
    """It has been too many, and no more than so many are left."""
    async with asyncio.timeout(60):
        while not _was_too_many(log) or held(pid, url) > most:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)


@pytest.mark.etcd
@pytest.mark.parametrize("text", [b"", b"GET /healthz"], ids=["no handshake", "nonsense for one"])
async def test_connections_without_a_handshake_count_from_their_first_moment(etcd, tmp_path, text):
    async with a_server(etcd, tmp_path, *with_tls(tmp_path)) as (url, process):
        with await asyncio.to_thread(_entered, flood(url, text=text)) as closing:
            await until_few(process.pid, url, EACH + 1, tmp_path / "log")
            assert await listed(url) == 200, "a newcomer with a credential, from the same address"
            closing.close()
    assert "Traceback" not in (tmp_path / "log").read_text()


def _was_too_many(log: Path) -> bool:
    return "too many connections without a credential" in log.read_text()


def _entered(block: contextlib.AbstractContextManager[None]) -> contextlib.ExitStack:
    with contextlib.ExitStack() as stack:
        stack.enter_context(block)
        return stack.pop_all()


async def listed(url: str) -> int:
    async with (
        aiohttp.ClientSession(headers=HEADERS) as session,
        session.get(url + VPSES, ssl=False) as reply,
    ):
        return reply.status


@pytest.mark.etcd
async def test_of_300_who_ask_open_endpoints_few_stay_and_those_who_are_known_stay_all(etcd, tmp_path):
    async with (
        a_server(etcd, tmp_path) as (url, process),
        aiohttp.ClientSession(headers=HEADERS, connector=aiohttp.TCPConnector(limit=0)) as session,
    ):

        async def watch() -> aiohttp.ClientResponse:
            return await session.get(url + VPSES, params={"watch": "1"})

        known = await asyncio.gather(*(watch() for _ in range(2 * EACH)))
        with await asyncio.to_thread(_entered, flood(url, text=HEALTH, source="127.0.0.2")):
            await until_few(process.pid, url, 2 * EACH + EACH, tmp_path / "log")
            assert await listed(url) == 200
        assert not any(one.content.at_eof() for one in known)
        for one in known:
            one.close()


@pytest.mark.etcd
async def test_a_server_without_a_file_for_one_more_takes_connections_again_when_it_has_some(etcd, tmp_path):
    async with a_server(etcd, tmp_path) as (url, process):
        files = len(list(_links(Path(f"/proc/{process.pid}/fd")))) + 20
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (files, files))
        with await asyncio.to_thread(_entered, flood(url, EACH)):
            async with asyncio.timeout(60):
                while not _has_no_room(tmp_path / "log"):  # noqa: ASYNC110 - of another process
                    await asyncio.sleep(0.05)
        assert await listed(url) == 200


def _has_no_room(log: Path) -> bool:
    return "no connection can be taken" in log.read_text()


@pytest.mark.looptime
async def test_a_connection_that_only_asked_an_open_endpoint_ends_soon_after_its_answer() -> None:
    async with running_api() as api:
        host, _, port = api.url.partition("://")[2].partition(":")
        began = asyncio.get_running_loop().time()
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(3):
            writer.write(HEALTH)
            await reader.readuntil(b"ok")
            await asyncio.sleep(KEPT_FOR - 1)
        assert await reader.read() == b""
        assert 3 * KEPT_FOR - 3 <= asyncio.get_running_loop().time() - began < 3 * KEPT_FOR + 1
        writer.close()


async def test_who_is_turned_away_hears_why() -> None:
    async with running_api() as api:
        host, _, port = api.url.partition("://")[2].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(HEALTH)
        await reader.readuntil(b"ok")
        with flood(api.url, EACH):
            async with asyncio.timeout(30):
                answer = await reader.read()
        assert b"HTTP/1.1 429 " in answer and b"send your token" in answer
        writer.close()


@pytest.mark.etcd
async def test_where_metrics_are_served_without_a_credential_no_more_stay_than_at_the_door(etcd, tmp_path):
    numbers = f"http://127.0.0.1:{free_port()}"
    async with a_server(etcd, tmp_path, "--metrics-listen", numbers.rpartition("/")[2]) as (_, process):
        with await asyncio.to_thread(_entered, flood(numbers)) as closing:
            await until_few(process.pid, numbers, EACH + 1, tmp_path / "log")
            async with aiohttp.ClientSession() as session, session.get(f"{numbers}/metrics") as reply:
                assert reply.status == 200 and "kohakuriver_apiserver_ready" in await reply.text()
            closing.close()


@pytest.mark.looptime
async def test_one_credential_keeps_so_many_idle_connections_and_all_that_are_at_work():
    head = f"GET {VPSES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token_of('alice')}\r\n\r\n".encode()
    watch = head.replace(b" HTTP", b"?watch=1 HTTP", 1)
    async with running_api(limits=Limits(rate=1000, burst=10_000)) as api:
        host, port = address(api)
        wires = []
        for text in [watch, *[head] * (IDLE + 10)]:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(text)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            wires.append((reader, writer))
        await asyncio.sleep(1)
        assert len(api.connections()) == IDLE + 1, "the idle ones and the watch"
        over = []
        for reader, _ in wires:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await reader.read()
                    over.append(reader)
        assert over == [reader for reader, _ in wires[1:11]]
        for _, writer in wires:
            writer.transport.abort()
