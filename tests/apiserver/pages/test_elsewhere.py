"""Sessions beside the rest: streams to a node of another server, people of an identity provider."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.identity import cookies
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from tests.apiserver.api import token_of
from tests.apiserver.oidc.test_login import a_server
from tests.apiserver.pages.kit import Browser, a_page
from tests.apiserver.pages.test_sessions import sessions
from tests.apiserver.streaming.test_streams import FORWARD, an_agent, asked, bring, two_servers
from tests.fakes.oidc import FakeProvider

TOKENS = kinds.TOKEN.path()
VPSES = kinds.VPS.path(namespace="default")


@pytest.mark.looptime
async def test_a_browsers_stream_goes_by_the_server_that_has_the_node_and_ends_with_its_session() -> None:
    async with two_servers() as (api, other):
        browser = Browser(other)
        await browser.logs_in(token_of("alice"))
        dialer = Dialer(Connection(server=other.url), program="browser")
        dialer.also = lambda: cookies.shown(browser.secret + browser.key) | {"Origin": other.url}
        async with an_agent(api) as control:
            opening = asyncio.create_task(dialer.stream(FORWARD, [("port", "80")]))
            async with asyncio.timeout(60):
                wanted = await asked(control)
            assert wanted["user"] == "alice"
            far = await bring(api, wanted["id"])
            near = await opening
            await near.send(b"ping")
            assert await far.receive() == b"ping"
            [token] = await sessions(api)
            await api.call("DELETE", f"{TOKENS}/{token['metadata']['name']}")
            async with asyncio.timeout(60):
                with pytest.raises(errors.Unreachable):
                    await far.receive()
            far.close()


async def test_who_logs_in_with_a_provider_has_a_session_that_ends_with_that_login(tmp_path: Path) -> None:
    async with FakeProvider().running() as provider, a_server(provider, page=a_page(tmp_path)) as api:
        token = provider.token()
        browser, other = Browser(api), Browser(api)
        reply = await browser.logs_in(token)
        assert (reply.code, reply.body["user"], reply.body["namespaces"]) == (201, "oidc:alice", ["default"])
        assert int(browser.set_cookie.partition("Max-Age=")[2].partition(";")[0]) <= 600, (
            "as long as its token"
        )
        assert (await browser.asks("GET", VPSES)).code == 200
        assert (await browser.asks("GET", kinds.VPS.path(namespace="b"))).code == 403
        bearer = {"Authorization": f"Bearer {token}"}
        code = (await api.call("POST", "/ui/codes", headers=bearer)).body["code"]
        assert (await other.redeems(code)).body["user"] == "oidc:alice"
        assert (await Browser(api).logs_in(provider.token(groups=["nobody"]))).code == 403
        assert {one["spec"]["session"]["credential"] for one in await sessions(api)} == {"issuer"}
