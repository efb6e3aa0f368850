"""A watch over a WebSocket, as pages in a browser ask for one."""

import asyncio
from typing import Any

import aiohttp
import orjson
import pytest

from kohakuriver.apiserver.identity import cookies
from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.pages.kit import Browser

pytestmark = pytest.mark.looptime

VPSES = kinds.VPS.path(namespace="default")
HEADLAMP = ("base64.binary.k8s.io",)


def opened(api: Api, *, user: str = "admin", protocols: tuple[str, ...] = HEADLAMP, **query: str) -> Any:
    url = api.url + VPSES
    params = {"watch": "1", **query}
    return api.session.ws_connect(url, params=params, headers=api.headers(user), protocols=protocols)


async def event(socket: Any) -> tuple[str, str]:
    message = await socket.receive()
    assert message.type is aiohttp.WSMsgType.TEXT, message
    told = orjson.loads(message.data)
    return told["type"], told["object"]["metadata"].get("name", "")


async def test_each_event_is_a_text_message_under_the_sub_protocol_that_was_asked_for() -> None:
    async with running_api() as api:
        await api.create(kinds.VPS, {"metadata": {"name": "a"}})
        start = (await api.get(VPSES)).body["metadata"]["resourceVersion"]
        async with opened(api, resourceVersion=start) as socket:
            assert socket.protocol == "base64.binary.k8s.io"
            for name in "bc":
                await api.create(kinds.VPS, {"metadata": {"name": name}})
            assert [await event(socket) for _ in "bc"] == [("ADDED", "b"), ("ADDED", "c")]


async def test_one_that_names_no_sub_protocol_gets_what_is_there_too() -> None:
    async with running_api() as api:
        for name in "ab":
            await api.create(kinds.VPS, {"metadata": {"name": name}})
        async with opened(api, protocols=()) as socket:
            assert socket.protocol is None
            assert [await event(socket) for _ in "ab"] == [("ADDED", "a"), ("ADDED", "b")]


async def test_our_own_page_watches_with_its_session_and_hears_its_end() -> None:
    async with running_api() as api:
        browser = Browser(api)
        session = (await browser.logs_in(token_of("admin"))).body["session"]
        protocols = (cookies.PROTOCOL, f"key.{cookies.PROTOCOL}.{browser.key}")
        headers = {"Cookie": browser.headers["Cookie"], "Origin": api.url}
        url = f"{api.url}{VPSES}?watch=1"
        async with api.session.ws_connect(url, headers=headers, protocols=protocols) as socket:
            assert socket.protocol == cookies.PROTOCOL
            await api.create(kinds.VPS, {"metadata": {"name": "a"}})
            assert await event(socket) == ("ADDED", "a")
            await api.call("DELETE", kinds.TOKEN.path(name=session))
            async with asyncio.timeout(1):
                message = await socket.receive()
            assert message.type is not aiohttp.WSMsgType.TEXT and socket.close_code != 1000
        with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
            await api.session.ws_connect(url, headers=headers, protocols=protocols)


async def test_it_closes_in_good_order_when_its_time_is_over() -> None:
    async with running_api() as api, opened(api, timeoutSeconds="1") as socket:
        message = await socket.receive()
        assert (message.type, socket.close_code) == (aiohttp.WSMsgType.CLOSE, 1000)


async def test_what_is_forgotten_is_an_event_and_then_the_end() -> None:
    async with running_api() as api:
        await api.create(kinds.VPS, {"metadata": {"name": "a"}})
        api.server.cache.kinds[kinds.VPS].history.restart(api.server.cache.revision)
        async with opened(api, resourceVersion="1") as socket:
            told = orjson.loads((await socket.receive()).data)
            assert (told["type"], told["object"]["code"]) == ("ERROR", 410)
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE


@pytest.mark.parametrize("goes", ["politely", "at once", "but keeps its connection"])
async def test_a_client_that_goes_leaves_nothing_behind(goes: str) -> None:
    async with running_api() as api:
        watchers = api.server.cache.kinds[kinds.VPS].watchers
        socket = await opened(api)
        await api.create(kinds.VPS, {"metadata": {"name": "a"}})
        await event(socket)
        assert len(watchers) == 1
        if goes == "politely":
            await socket.close()
        elif goes == "at once":
            socket._response.connection.transport.abort()
        else:
            await socket._writer.close(1000)
        await asyncio.sleep(1)
        assert len(watchers) == 0
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "watch-socket"]


async def test_who_may_not_watch_gets_no_socket() -> None:
    async with running_api() as api:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await opened(api, user="viewer-of-nothing")
        assert refused.value.status == 401


async def test_a_socket_ends_with_its_credential() -> None:
    async with running_api() as api:
        spec = {"role": "viewer", "user": "eve", "sha256": fingerprint("of-eve")}
        await api.create(kinds.TOKEN, {"metadata": {"name": "t"}, "spec": spec})
        headers = {"Authorization": "Bearer of-eve"}
        url, params = api.url + VPSES, {"watch": "1"}
        async with api.session.ws_connect(url, params=params, headers=headers) as socket:
            await api.create(kinds.VPS, {"metadata": {"name": "a"}})
            assert await event(socket) == ("ADDED", "a")
            assert (await api.call("DELETE", kinds.TOKEN.path(name="t"))).code == 200
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE)
