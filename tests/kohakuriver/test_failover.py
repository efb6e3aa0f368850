"""A client with several API servers goes to the next when one fails, and repeats nothing that may be done."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from kohakuriver import errors
from kohakuriver.client.config import Connection
from kohakuriver.client.failover import Servers
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.resources.kinds import VPS
from tests.apiserver.api import Api, running_api
from tests.etcd import free_port
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

PATH = VPS.path(namespace="default")
BODY = {"metadata": {"name": "dev", "namespace": "default"}, "apiVersion": VPS.api_version, "kind": "VPS"}


def a_client(*urls: str, timeout: float = 60.0) -> Client:
    connection = Connection(server=urls[0], others=urls[1:], token="token-of-admin")
    return Client(connection, program="test", timeout=timeout)


@contextlib.asynccontextmanager
async def answering(code: int | None) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that says so to everything, or nothing at all; and what it was asked."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.method)
        if code is None:
            await asyncio.Event().wait()
        return web.json_response({"message": "ill"}, status=code or 500)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def test_a_request_that_could_not_be_sent_goes_to_the_next_server() -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    async with running_api() as api, a_client(dead, api.url) as client:
        created = await client.create(VPS, BODY)
        assert created["metadata"]["name"] == "dev"
        assert client.server == api.url, "and so does what comes later"


async def test_when_no_server_is_there_the_last_one_is_named() -> None:
    first, last = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    async with a_client(first, last) as client:
        with pytest.raises(errors.Unreachable, match=last):
            await client.get(VPS, "dev", namespace="default")


@pytest.mark.parametrize("code", [500, 503, 504])
async def test_a_server_that_fails_is_left_and_the_request_not_repeated(code: int) -> None:
    async with answering(code) as (ill, asked), running_api() as api, a_client(ill, api.url) as client:
        with pytest.raises(errors.ApiError):
            await client.create(VPS, BODY)
        assert asked == ["POST"]
        with pytest.raises(errors.NotFound):
            await client.get(VPS, "dev", namespace="default")


@pytest.mark.looptime
async def test_a_server_that_does_not_answer_in_time_is_left() -> None:
    async with (
        answering(None) as (mute, asked),
        running_api() as api,
        a_client(mute, api.url, timeout=0.3) as client,
    ):
        with pytest.raises(errors.OutcomeUnknown):
            await client.create(VPS, BODY)
        assert (await client.create(VPS, BODY))["metadata"]["name"] == "dev"
        assert asked == ["POST"]


@pytest.mark.parametrize("code", [400, 403, 404, 409, 429])
async def test_a_refusal_is_no_failure_of_the_server(code: int) -> None:
    async with answering(code) as (strict, _), a_client(strict, "http://127.0.0.1:1") as client:
        with pytest.raises(errors.ApiError):
            await client.get(VPS, "dev", namespace="default")
        assert client.server == strict


@pytest.mark.fault(36)
async def test_a_watch_goes_on_at_the_next_server_and_misses_nothing() -> None:
    store = MemoryStore()
    async with running_api(store) as second, contextlib.AsyncExitStack() as stack:
        first: Api = await stack.enter_async_context(running_api(store))
        async with a_client(first.url, second.url) as client:
            told: asyncio.Queue[ObjectKey] = asyncio.Queue()
            informer = Informer(client, VPS, clock=LoopClock(), listener=told.put_nowait)
            task = asyncio.create_task(informer.run())
            await informer.wait_synced()
            await stack.aclose()
            await second.create(VPS, {"metadata": {"name": "dev", "namespace": "default"}})
            async with asyncio.timeout(60):
                assert (await told.get()).name == "dev"
            assert (client.server, informer.missed) == (second.url, 0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_registered_servers_are_tried_after_the_configured_ones() -> None:
    servers = Servers(["https://a:1", "https://b:1"])
    assert servers.learn(["https://b:1", "https://c:1"])
    assert not servers.learn(["https://b:1", "https://c:1"]), "that is no news"
    assert servers.all == ("https://a:1", "https://b:1", "https://c:1")
    assert [servers.after(url) for url in servers.all] == ["https://b:1", "https://c:1", "https://a:1"]
    servers.learn([])
    assert servers.after("https://c:1") == "https://a:1", "one that is no longer there is left for the first"


def test_a_credential_goes_nowhere_less_safe_than_configured() -> None:
    servers = Servers(["https://a:1"])
    servers.learn(
        ["http://c:1", "https://127.0.0.1:1", "https://localhost:1", "https://:1", "https://d:x", "nonsense"]
    )
    assert servers.all == ("https://a:1",)
    local = Servers(["https://127.0.0.1:1"])
    local.learn(["https://127.0.0.1:2"])
    assert len(local.all) == 2
