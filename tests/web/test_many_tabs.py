"""The page in more tabs than a browser has connections to one server: each shows and follows the VPSes."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import BrowserContext, async_playwright

from kohakuriver import certificates
from kohakuriver.apiserver.pages import files
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, token_of
from tests.web.conftest import CHROMIUM, QUIET

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not files.FOLDER.exists(), reason="the page was not built: make web"),
]
TABS = 7
VPSES = kinds.VPS.path(namespace="default")
TOKENS = kinds.TOKEN.path()


@pytest.fixture
async def context() -> AsyncIterator[BrowserContext]:
    async with async_playwright() as running:
        browser = await running.chromium.launch(executable_path=CHROMIUM, args=[*QUIET])
        yield await browser.new_context(ignore_https_errors=True)
        await browser.close()


async def call(api: Api, method: str, path: str, body: object = None) -> aiohttp.ClientResponse:
    headers = api.headers("admin")
    async with api.session.request(method, api.url + path, json=body, headers=headers, ssl=False) as reply:
        assert reply.status in (200, 201), await reply.text()
        await reply.read()
        return reply


async def a_vps(api: Api, name: str) -> None:
    body = {"apiVersion": kinds.VPS.api_version, "kind": "VPS", "metadata": {"name": name}}
    await call(api, "POST", VPSES, body | {"spec": {"image": "x"}})


async def test_seven_tabs_show_the_same_and_all_are_logged_out_when_the_session_is_revoked(
    tmp_path: Path, context: BrowserContext
) -> None:
    now = SystemClock().now()
    authority = certificates.new_authority("test", now=now)
    certificates.sign(authority, "server", hosts=["127.0.0.1"], now=now).save(tmp_path, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    async with running_api(clock=SystemClock(), tls=tls) as api:
        await a_vps(api, "first")
        tabs = [await context.new_page() for _ in range(TABS)]
        await tabs[0].goto(f"{api.url}/ui/")
        await tabs[0].get_by_label("Or paste a token").fill(token_of("admin"))
        await tabs[0].get_by_role("button", name="Log in").click()
        await tabs[0].get_by_text("first").first.wait_for()
        for tab in tabs[1:]:
            await tab.goto(f"{api.url}/ui/")
            await tab.get_by_text("first").first.wait_for()
        await a_vps(api, "second")
        for tab in tabs:
            await tab.get_by_text("second").first.wait_for()
        listed = await (await call(api, "GET", TOKENS)).json()
        [session] = [one for one in listed["items"] if "session" in one["spec"]]
        await call(api, "DELETE", f"{TOKENS}/{session['metadata']['name']}")
        for tab in tabs:
            await tab.get_by_label("Or paste a token").wait_for()
