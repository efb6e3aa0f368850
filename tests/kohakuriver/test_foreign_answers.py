"""What answers in place of the API: a proxy, a login page, nonsense. Each is an error, never an object."""

import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from kohakuriver import errors
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.resources.kinds import NODE, VPS

FOREIGN = "something else than the API answers"
PAGE = b"<!DOCTYPE html><title>Log in</title>"
BODY = {"metadata": {"name": "dev", "namespace": "default"}}


@contextlib.asynccontextmanager
async def answered_with(content: bytes, kind: str = "application/json") -> AsyncIterator[Client]:
    """A client of a server that answers 200 and this, whatever it is asked."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with Client(Connection(server=url, token="t"), program="test") as client:
            yield client
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "content", [PAGE, b"", b"[]", b"null", b"7", b"{", b"{}", b'{"error": "login_required"}', b"[" * 100_000]
)
async def test_what_is_no_object_of_the_api_is_never_taken_for_one(content: bytes) -> None:
    async with answered_with(content, "text/html") as client:
        with pytest.raises(errors.Unreachable, match=FOREIGN) as caught:
            await client.get(VPS, "dev", namespace="default")
        assert "login page" in caught.value.hint
        with pytest.raises(errors.OutcomeUnknown, match=FOREIGN):
            await client.create(VPS, BODY)
        with pytest.raises(errors.OutcomeUnknown, match=FOREIGN):
            await client.act(VPS, "dev", "finish", {}, namespace="default")


@pytest.mark.parametrize(
    "content",
    [
        b'{"kind": "VPSList"}',
        b'{"kind": "VPSList", "metadata": {"resourceVersion": "1"}, "items": {}}',
        b'{"kind": "VPSList", "metadata": {"resourceVersion": "x"}, "items": []}',
        b'{"kind": "VPSList", "metadata": {"resourceVersion": "1", "continue": 7}, "items": []}',
        b'{"kind": "VPSList", "metadata": {"resourceVersion": "1"}, "items": [7]}',
        b'{"kind": "VPSList", "metadata": {"resourceVersion": "1"}, "items": [{"metadata": {}}]}',
    ],
)
async def test_a_list_that_makes_no_sense_is_none(content: bytes) -> None:
    async with answered_with(content) as client:
        with pytest.raises(errors.Unreachable, match=FOREIGN):
            await client.list(VPS)


@pytest.mark.parametrize(
    "content",
    [
        PAGE,
        b"7",
        b"{}",
        b'{"type": "ADDED"}',
        b'{"type": 1, "object": {}}',
        b'{"type": "ADDED", "object": 7}',
        b'{"type": "ADDED", "object": {"metadata": {}}}',
        b'{"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": null}}}',
    ],
)
async def test_a_line_of_a_watch_that_is_no_event_ends_it(content: bytes) -> None:
    async with answered_with(content + b"\n") as client:
        with pytest.raises(errors.Unreachable, match=FOREIGN):
            async for _ in client.watch(VPS, resource_version="1"):
                pytest.fail("that was no event")


async def test_a_server_that_answers_so_is_left_for_the_next() -> None:
    async with answered_with(PAGE) as client:
        client.servers.learn(["http://127.0.0.1:1"])
        before = client.server
        with pytest.raises(errors.Unreachable):
            await client.get(NODE, "n1")
        assert client.server != before


async def test_a_path_that_answers_with_no_kind_has_an_object_all_the_same() -> None:
    path = NODE.path(name="n1", subresource="egress")
    async with answered_with(b'{"policies": {}}') as client:
        assert await client.call("GET", path, has_kind=False) == {"policies": {}}
        with pytest.raises(errors.Unreachable, match=FOREIGN):
            await client.call("GET", path)
    async with answered_with(PAGE) as client:
        with pytest.raises(errors.Unreachable, match=FOREIGN):
            await client.call("GET", path, has_kind=False)
