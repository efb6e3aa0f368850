"""`python -m kohakuriver.apiserver` on a real etcd: options, start, signals, and etcd's bad days."""

import asyncio
import contextlib
import json
import signal
import socket
from pathlib import Path

import aiohttp
import pytest
from aetcd import rpc

from kohakuriver.apiserver import options
from kohakuriver.apiserver.store.etcd import EtcdStore
from kohakuriver.errors import ConfigError
from kohakuriver.options import Address
from kohakuriver.resources import kinds, quota
from tests.apiserver.program import HEADERS, a_server, until_answers
from tests.etcd import EtcdProcess

WHOLE = ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http"]
VPSES = kinds.VPS.path(namespace="default")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--etcd", "http://127.0.0.1:1", "--token-file", "t"],
        ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http", "--listen", "0.0.0.0:1"],
        ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http", "--listen", "nowhere"],
        ["--etcd", ",", "--token-file", "t", "--insecure-http"],
        ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http", "--tls-cert", "c"],
        ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http", "--etcd-cert", "c"],
        ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http", "--etcd-user", "u"],
        ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http", "--rate-limit", "-1"],
        ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http", "--rate-burst", "0"],
        ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http", "--client-ca", "c"],
        [*WHOLE, "--default-quota", "requests.cpu=4"],
        [*WHOLE, "--default-quota", "count/vpses.kohakuriver.io=x"],
        [*WHOLE, "--default-quota", "count/vpses.kohakuriver.io"],
        [*WHOLE, "--default-quota", "count/vpses.kohakuriver.io=1,count/vpses.kohakuriver.io=2"],
    ],
)
def test_options_that_make_no_sense_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as refused:
        options.parse(arguments)
    assert refused.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "limits"),
    [
        ([], {quota.VPSES: 500, quota.SNAPSHOTS: 200, quota.OBJECT_BYTES: 64 << 20}),
        (["--default-quota", "none"], {}),
        (["--default-quota", "kohakuriver.io/object-bytes=1Mi"], {quota.OBJECT_BYTES: 1 << 20}),
    ],
)
def test_the_default_quota_is_as_given_and_may_be_none(given, limits):
    assert options.parse([*WHOLE, *given]).default_quota == limits


def test_an_ipv6_address_is_understood():
    assert Address.parse("[::1]:6443") == Address("::1", 6443)
    assert Address.parse("[::1]:6443").is_loopback


async def create(session: aiohttp.ClientSession, url: str, name: str) -> int:
    body = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": name}}
    async with session.post(url + VPSES, json=body) as reply:
        return reply.status


async def names(session: aiohttp.ClientSession, url: str) -> list[str]:
    async with session.get(url + VPSES) as reply:
        return [item["metadata"]["name"] for item in (await reply.json())["items"]]


@pytest.fixture
def etcd(tmp_path):
    with EtcdProcess(tmp_path / "etcd") as process:
        yield process


@pytest.mark.etcd
@pytest.mark.fault(36)
async def test_a_server_that_is_told_to_stop_ends_its_watches_and_is_gone(etcd, tmp_path):
    async with a_server(etcd, tmp_path) as (url, process), aiohttp.ClientSession(headers=HEADERS) as session:
        assert await create(session, url, "dev") == 201
        async with session.get(url + VPSES, params={"watch": "1"}) as watch:
            assert json.loads(await watch.content.readline())["type"] == "ADDED"
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(60):
                assert await watch.content.readline() == b""
                assert await process.wait() == 0
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.etcd
@pytest.mark.fault(30)
async def test_what_a_server_acknowledged_is_there_after_it_was_killed(etcd, tmp_path):
    async with a_server(etcd, tmp_path) as (url, process), aiohttp.ClientSession(headers=HEADERS) as session:
        acknowledged = []

        async def write_on() -> None:
            number = 0
            while await create(session, url, f"v{number}") == 201:
                acknowledged.append(f"v{number}")
                number += 1

        writing = asyncio.create_task(write_on())
        async with asyncio.timeout(60):
            while len(acknowledged) < 20:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.01)
        process.kill()
        with contextlib.suppress(aiohttp.ClientError):
            await writing
    async with a_server(etcd, tmp_path) as (url, _), aiohttp.ClientSession(headers=HEADERS) as session:
        found = set(await names(session, url))
        assert set(acknowledged) <= found
        assert len(found - set(acknowledged)) <= 1


@pytest.mark.etcd
@pytest.mark.fault(37)
async def test_a_watch_outlives_an_etcd_that_is_killed_and_started_again(etcd, tmp_path):
    async with a_server(etcd, tmp_path) as (url, _), aiohttp.ClientSession(headers=HEADERS) as session:
        forever = {"params": {"watch": "1"}, "timeout": None}
        async with session.get(url + VPSES, **forever) as watch:
            assert await create(session, url, "before") == 201
            assert json.loads(await watch.content.readline())["object"]["metadata"]["name"] == "before"
            await asyncio.to_thread(etcd.kill)
            async with session.get(f"{url}{VPSES}/before") as reply:
                assert reply.status in (503, 504)
                assert "Retry-After" in reply.headers
            await asyncio.to_thread(etcd.start)
            async with asyncio.timeout(60):
                while await create(session, url, "after") != 201:  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.1)
                event = json.loads(await watch.content.readline())
            assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "after")
            assert await names(session, url) == ["after", "before"]


@pytest.mark.etcd
@pytest.mark.fault(38)
async def test_a_frozen_etcd_is_an_answer_and_then_not_ready(etcd, tmp_path):
    async with a_server(etcd, tmp_path) as (url, _), aiohttp.ClientSession(headers=HEADERS) as session:
        etcd.freeze()
        async with asyncio.timeout(60), session.get(url + VPSES) as reply:
            assert reply.status in (503, 504)
        await until_answers(url + "/readyz", 503)
        async with session.get(url + VPSES, params={"watch": "1"}) as reply:
            assert reply.status == 503
        etcd.thaw()
        await until_answers(url + "/readyz", 200)
        assert await create(session, url, "dev") == 201
        assert await names(session, url) == ["dev"]


@pytest.mark.parametrize(
    ("listen", "advertise", "url"),
    [
        ("127.0.0.1:6443", None, "https://127.0.0.1:6443"),
        ("0.0.0.0:6443", "river.example.org", "https://river.example.org:6443"),
        ("0.0.0.0:6443", "river.example.org:443", "https://river.example.org:443"),
        ("[::]:6443", "fd00::1", "https://[fd00::1]:6443"),
        ("[::]:6443", "[fd00::1]:443", "https://[fd00::1]:443"),
        ("0.0.0.0:6443", None, f"https://{socket.gethostname()}:6443"),
    ],
)
def test_a_server_says_where_it_is_reached(listen, advertise, url):
    words = ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--tls-cert", "c", "--tls-key", "k"]
    words += ["--listen", listen, *(("--advertise", advertise) if advertise else ())]
    assert options.parse(words).advertised_url() == url


@pytest.mark.etcd
async def test_it_logs_in_to_an_etcd_that_wants_a_password_from_a_file(etcd, tmp_path):
    admin = await EtcdStore.connect([etcd.url])
    for request in (
        rpc.AuthUserAddRequest(name="root", password="of-etcd"),
        rpc.AuthUserGrantRoleRequest(user="root", role="root"),
        rpc.AuthEnableRequest(),
    ):
        verb = type(request).__name__.removeprefix("Auth").removesuffix("Request")
        verb = "AuthEnable" if verb == "Enable" else verb
        await admin._wire.call(lambda link, verb=verb: getattr(link.auth, verb), request)
    await admin.aclose()
    (tmp_path / "password").write_text("of-etcd\n")
    words = ("--etcd-user", "root", "--etcd-password-file", str(tmp_path / "password"))
    async with (
        a_server(etcd, tmp_path, *words) as (url, process),
        aiohttp.ClientSession(headers=HEADERS) as session,
    ):
        assert await create(session, url, "dev") == 201
        command = (Path("/proc") / str(process.pid) / "cmdline").read_bytes()
        assert b"of-etcd" not in command
    assert "of-etcd" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("content", [None, ""])
def test_a_password_file_that_holds_none_is_told_by_name(tmp_path, content):
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)
    words = ["--etcd", "http://127.0.0.1:1", "--token-file", "t", "--insecure-http"]
    given = options.parse([*words, "--etcd-user", "root", "--etcd-password-file", str(file)])
    with pytest.raises(ConfigError, match="password"):
        given.etcd_password()
