"""A page on another origin, in a real browser that is logged in: it tries all it can, and gets nothing.

Two such pages: on another port of the same machine, to which the cookie is sent, and on another site.
"""

import contextlib
import dataclasses
import json
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import BrowserContext, Page, async_playwright

from kohakuriver import certificates
from kohakuriver.apiserver.identity import cookies
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.pages.kit import a_page

pytestmark = pytest.mark.e2e

VPSES = kinds.VPS.path(namespace="default")
A_VPS = {
    "apiVersion": kinds.VPS.api_version,
    "kind": "VPS",
    "metadata": {"name": "x"},
    "spec": {"image": "x"},
}
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)
# What a page may try; each answers what it got. A body without a type is one that no question precedes.
SENDS = """async ([url, method, body, type, headers]) => {
    const init = {method, credentials: "include", mode: "no-cors", headers: headers ?? {}};
    if (body) init.body = new Blob([body], type ? {type} : {});
    try { const reply = await fetch(url, init); return [reply.type, reply.status, await reply.text()]; }
    catch (error) { return ["nothing", 0, ""]; }
}"""
# Chromium gives up what is under way when a network of the machine comes or goes, as containers' do.
LOGS_IN = """async (token) => {
    const init = {method: "POST", headers: {Authorization: `Bearer ${token}`}};
    for (let tries = 0; ; tries++)
        try { return (await (await fetch("/ui/session", init)).json()).key; }
        catch (error) { if (tries == 5) throw error; }
}"""
READS = """async ([url, headers]) => {
    const init = {credentials: "include", headers: headers ?? {}};
    try { return await (await fetch(url, init)).text(); }
    catch (error) { return ""; }
}"""
LISTENS = """([url, protocols]) => new Promise((tell) => {
    const socket = new WebSocket(url, protocols ?? []);
    socket.onopen = () => { socket.close(); tell("open"); };
    socket.onerror = () => tell("refused");
})"""
FRAMES = """(url) => new Promise((tell) => {
    const frame = document.createElement("iframe");
    frame.onload = () => tell("loaded");
    frame.src = url;
    document.body.append(frame);
})"""
ASKS = SENDS.replace("no-cors", "cors")
LOADS = """(url) => new Promise((tell) => {
    const script = document.createElement("script");
    script.onload = () => tell("ran");
    script.onerror = () => tell("refused");
    script.src = url;
    document.body.append(script);
})"""


@dataclasses.dataclass
class Victim:
    """Somebody at the page of a server."""

    api: Api
    page: Page
    key: str  # the half of the session's secret that the page has
    port: int  # where the one who means harm is

    @property
    def shows(self) -> dict[str, str]:
        return {cookies.KEY: self.key}

    @property
    def protocols(self) -> list[str]:
        """What shows it for a WebSocket."""
        return [cookies.PROTOCOL, f"key.{cookies.PROTOCOL}.{self.key}"]

    def socket(self, path: str) -> str:
        return (self.api.url + path).replace("https:", "wss:")


@contextlib.asynccontextmanager
async def another_origin(tls: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server with one page, of somebody who means harm."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><body>harmless", content_type="text/html")

    server = web.Application()
    server.router.add_get("/", answer)
    runner = web.AppRunner(server)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.fixture
async def context() -> AsyncIterator[BrowserContext]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.fail("this machine has no Chromium: manifests/development/system-packages tests")
    async with async_playwright() as running:
        browser = await running.chromium.launch(executable_path=chromium, args=[*QUIET])
        yield await browser.new_context(ignore_https_errors=True)
        await browser.close()


@contextlib.asynccontextmanager
async def a_victim(folder: Path, context: BrowserContext) -> AsyncIterator[Victim]:
    """An administrator at the page, logged in."""
    now = SystemClock().now()
    authority = certificates.new_authority("test", now=now)
    certificates.sign(authority, "server", hosts=["127.0.0.1", "localhost"], now=now).save(folder, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.crt", folder / "server.key")
    async with (
        running_api(clock=SystemClock(), tls=tls, page=a_page(folder)) as api,
        another_origin(tls) as port,
        api.session.get(f"{api.url}/healthz", ssl=False),
    ):
        page = await context.new_page()
        await page.goto(f"{api.url}/ui/")
        key = await page.evaluate(LOGS_IN, token_of("admin"))
        assert len(key) == 43
        yield Victim(api, page, key, port)


async def asked(api: Api, path: str) -> Any:
    """What an administrator's program sees there."""
    async with api.session.get(api.url + path, headers=api.headers("admin"), ssl=False) as reply:
        return await reply.json()


async def test_the_pages_of_the_server_itself_read_write_and_listen(
    tmp_path: Path, context: BrowserContext
) -> None:
    """What follows is refused to others for who they are, and works."""
    async with a_victim(tmp_path, context) as victim:
        page, shows = victim.page, victim.shows
        assert '"VPSList"' in await page.evaluate(READS, [VPSES, shows])
        sent = await page.evaluate(ASKS, [VPSES, "POST", json.dumps(A_VPS), "", shows])
        assert sent[1] == 201, sent
        watch = victim.socket(f"{VPSES}?watch=1")
        assert await page.evaluate(LISTENS, [watch, victim.protocols]) == "open"
        assert await page.evaluate(LISTENS, [watch, [cookies.PROTOCOL]]) == "refused", "the cookie is half"
        assert '"Unauthorized"' in await page.evaluate(READS, [VPSES])
        assert await page.evaluate("document.cookie") == "", "no script sees the session"


@pytest.mark.fault(47)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_page_of_another_origin_gets_nothing_of_a_browser_that_is_logged_in(
    tmp_path: Path, context: BrowserContext, host: str
) -> None:
    async with a_victim(tmp_path, context) as victim:
        api, evil = victim.api, await context.new_page()
        await evil.goto(f"https://{host}:{victim.port}/")
        for path, method, body in (
            (VPSES, "POST", json.dumps(A_VPS)),
            ("/ui/codes", "POST", "{}"),
            ("/ui/session", "POST", json.dumps({"code": await code_of(api)})),
            (f"{kinds.TOKEN.path()}", "GET", ""),
        ):
            for media_type in ("", "text/plain"):
                got = await evil.evaluate(SENDS, [api.url + path, method, body, media_type])
                assert got[0] in ("opaque", "nothing") and got[2] == "", (path, got)
        for method in ("DELETE", "PUT"):  # these are preceded by a question, which nobody answers
            got = await evil.evaluate(ASKS, [f"{api.url}/ui/session", method, "", ""])
            assert got == ["nothing", 0, ""]
        for headers in ({}, victim.shows):
            assert await evil.evaluate(READS, [f"{api.url}{VPSES}", headers]) == ""
            assert await evil.evaluate(READS, [f"{api.url}/ui/session", headers]) == ""
        assert await evil.evaluate(LOADS, f"{api.url}/ui/assets/a-1.js") == "refused"
        for path in (f"{VPSES}?watch=1", f"{VPSES}/x/terminal"):
            for protocols in ([], victim.protocols):  # even who had found out the page's half
                assert await evil.evaluate(LISTENS, [victim.socket(path), protocols]) == "refused"
        await evil.evaluate(FRAMES, f"{api.url}/ui/")
        [frame] = evil.main_frame.child_frames
        assert "csp-nonce" not in await frame.content(), "no page frames ours"
        assert (await asked(api, VPSES))["items"] == []
        me = await victim.page.evaluate(READS, ["/ui/session", victim.shows])
        assert '"admin"' in me, "nobody was logged out"


async def code_of(api: Api) -> str:
    """A code of the one who means harm, who is a user too."""
    url = f"{api.url}/ui/codes"
    async with api.session.post(url, headers=api.headers("alice"), ssl=False) as reply:
        return str((await reply.json())["code"])


@pytest.mark.parametrize(("host", "site"), [("127.0.0.1", "same-site"), ("localhost", "cross-site")])
async def test_the_page_is_told_who_has_led_a_browser_to_it_with_a_code(
    tmp_path: Path, context: BrowserContext, host: str, site: str
) -> None:
    """So that it redeems none of somebody else's unasked."""
    came_from = "document.querySelector('meta[name=\"came-from\"]').content"
    async with a_victim(tmp_path, context) as victim:
        api, evil = victim.api, await context.new_page()
        await evil.goto(f"https://{host}:{victim.port}/")
        await evil.evaluate(
            "(url) => { location.href = url; }", f"{api.url}/ui/vps/a/b#code={await code_of(api)}"
        )
        await evil.wait_for_selector('meta[name="came-from"]', state="attached")
        assert await evil.evaluate(came_from) == site
        typed = await context.new_page()
        await typed.goto(f"{api.url}/ui/#code=mine")
        assert await typed.evaluate(came_from) == "none", "as the command opens it"
