"""A page on another origin, in a real browser that is logged in: it tries all it can, and gets nothing.

Two such pages: on another port of the same machine, to which the cookie is sent, and on another site.
"""

import contextlib
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
SENDS = """async ([url, method, body, type]) => {
    const init = {method, credentials: "include", mode: "no-cors"};
    if (body) init.body = new Blob([body], type ? {type} : {});
    if (globalThis.key) init.headers = {"KohakuRiver-Page-Key": globalThis.key};
    try { const reply = await fetch(url, init); return [reply.type, reply.status, await reply.text()]; }
    catch (error) { return ["nothing", 0, ""]; }
}"""
# Chromium gives up what is under way when a network of the machine comes or goes, as containers' do.
LOGS_IN = """async (token) => {
    const init = {method: "POST", headers: {Authorization: `Bearer ${token}`}};
    for (let tries = 0; ; tries++)
        try {
            const reply = await fetch("/ui/session", init);
            globalThis.key = (await reply.json()).key;
            return reply.status;
        }
        catch (error) { if (tries == 5) throw error; }
}"""
READS = """async (url) => {
    const headers = globalThis.key ? {"KohakuRiver-Page-Key": globalThis.key} : {};
    try { const reply = await fetch(url, {credentials: "include", headers}); return await reply.text(); }
    catch (error) { return ""; }
}"""
LISTENS = """(url) => new Promise((tell) => {
    const own = globalThis.key ? ["page.kohakuriver.io", `key.page.kohakuriver.io.${globalThis.key}`] : [];
    const socket = new WebSocket(url, own);
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
        pytest.skip("this machine has no Chromium")
    async with async_playwright() as running:
        browser = await running.chromium.launch(executable_path=chromium, args=[*QUIET])
        yield await browser.new_context(ignore_https_errors=True)
        await browser.close()


@contextlib.asynccontextmanager
async def a_victim(folder: Path, context: BrowserContext) -> AsyncIterator[tuple[Api, Page, int]]:
    """An administrator at the page, logged in; and the port of the others."""
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
        assert await page.evaluate(LOGS_IN, token_of("admin")) == 201
        yield api, page, port


async def asked(api: Api, path: str) -> Any:
    """What an administrator's program sees there."""
    async with api.session.get(api.url + path, headers=api.headers("admin"), ssl=False) as reply:
        return await reply.json()


async def test_the_pages_of_the_server_itself_read_write_and_listen(
    tmp_path: Path, context: BrowserContext
) -> None:
    """What follows is refused to others for who they are, and works."""
    async with a_victim(tmp_path, context) as (api, page, _):
        assert '"VPSList"' in await page.evaluate(READS, VPSES)
        sent = await page.evaluate(ASKS, [VPSES, "POST", json.dumps(A_VPS), ""])
        assert sent[1] == 201, sent
        socket = f"{api.url}{VPSES}?watch=1".replace("https:", "wss:")
        assert await page.evaluate(LISTENS, socket) == "open"
        assert await page.evaluate("document.cookie") == "", "no script sees the session"


@pytest.mark.fault(47)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_page_of_another_origin_gets_nothing_of_a_browser_that_is_logged_in(
    tmp_path: Path, context: BrowserContext, host: str
) -> None:
    async with a_victim(tmp_path, context) as (api, victim, port):
        evil = await context.new_page()
        await evil.goto(f"https://{host}:{port}/")
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
        assert await evil.evaluate(READS, f"{api.url}{VPSES}") == ""
        assert await evil.evaluate(READS, f"{api.url}/ui/session") == ""
        assert await evil.evaluate(LOADS, f"{api.url}/ui/assets/a-1.js") == "refused"
        for path in (f"{VPSES}?watch=1", f"{VPSES}/x/terminal"):
            assert await evil.evaluate(LISTENS, (api.url + path).replace("https:", "wss:")) == "refused"
        await evil.evaluate(FRAMES, f"{api.url}/ui/")
        [frame] = evil.main_frame.child_frames
        assert "csp-nonce" not in await frame.content(), "no page frames ours"
        assert (await asked(api, VPSES))["items"] == []
        assert '"admin"' in await victim.evaluate(READS, "/ui/session"), "nobody was logged out"


async def code_of(api: Api) -> str:
    """A code of the one who means harm, who is a user too."""
    url = f"{api.url}/ui/codes"
    async with api.session.post(url, headers=api.headers("alice"), ssl=False) as reply:
        return str((await reply.json())["code"])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_the_page_is_told_that_another_site_has_led_the_browser_there(
    tmp_path: Path, context: BrowserContext, host: str
) -> None:
    async with a_victim(tmp_path, context) as (api, _, port):
        evil = await context.new_page()
        await evil.goto(f"https://{host}:{port}/")
        await evil.evaluate(
            "(url) => { location.href = url; }", f"{api.url}/ui/vps/a/b#code={await code_of(api)}"
        )
        led = await evil.wait_for_selector('meta[name="came-from"]', state="attached")
        assert await led.get_attribute("content") in ("cross-site", "same-site")
        typed = await context.new_page()
        await typed.goto(f"{api.url}/ui/#code=mine")
        led = await typed.wait_for_selector('meta[name="came-from"]', state="attached")
        assert await led.get_attribute("content") == "none", "as the command opens it"
