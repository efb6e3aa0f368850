"""A web page of a few files, as its build leaves them; and a browser, as far as a server sees of one."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from kohakuriver.apiserver.identity import cookies
from tests.apiserver.api import Api, Reply

INDEX = """<!doctype html><meta name="csp-nonce" content="__NONCE__">
<meta name="came-from" content="__CAME_FROM__"><script type="module" src="assets/a-1.js">"""
SCRIPT = "export const words = 'the same and the same and the same and the same';\n"


def a_page(folder: Path) -> Path:
    """Its folder."""
    assets = folder / "web" / "assets"
    assets.mkdir(parents=True)
    (folder / "web" / "index.html").write_text(INDEX)
    (folder / "web" / "icon.svg").write_text("<svg/>")
    (assets / "a-1.js").write_text(SCRIPT)
    (assets / "a-1.js.gz").write_bytes(gzip.compress(SCRIPT.encode()))
    (assets / "b-2.css").write_text("a{}")
    (assets / "c-3.woff2").write_bytes(b"wOF2")
    return folder / "web"


class Browser:
    """What a browser has of one server, and says of each request: it holds the cookie, and names the page."""

    def __init__(self, api: Api, *, secret: str = "", key: str = "") -> None:
        self.api = api
        self.secret = secret
        self.key = key
        self.set_cookie = ""
        self.says = {"Sec-Fetch-Site": "same-origin"}

    @property
    def headers(self) -> dict[str, str]:
        """The cookie goes to whoever is at this host; the key the page adds."""
        cookie = {"Cookie": f"theme=dark; {cookies.NAME}={self.secret}"} if self.secret else {}
        key = {cookies.KEY: self.key} if self.key else {}
        return self.says | cookie | key

    async def logs_in(self, token: str) -> Reply:
        """By pasting a token."""
        return await self._begin(headers={"Authorization": f"Bearer {token}"})

    async def redeems(self, code: str) -> Reply:
        return await self._begin(json={"code": code})

    async def _begin(self, *, headers: Mapping[str, str] | None = None, json: Any = None) -> Reply:
        reply = await self.asks("POST", "/ui/session", headers=headers, json=json)
        if reply.code == 201:
            self.set_cookie = reply.headers["Set-Cookie"]
            self.secret = self.set_cookie.partition(";")[0].partition("=")[2]
            self.key = reply.body["key"]
        return reply

    async def asks(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, json: Any = None
    ) -> Reply:
        """What the page gets; never followed to anywhere else."""
        sent = self.headers | dict(headers or {})
        content = {"json": json} if json is not None else {}
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            url = self.api.url + path
            async with session.request(method, url, headers=sent, allow_redirects=False, **content) as reply:
                is_json = reply.content_type == "application/json" and await reply.read()
                return Reply(reply.status, await (reply.json() if is_json else reply.text()), reply.headers)

    async def is_let_in(self) -> bool:
        reply = await self.asks("GET", "/ui/session")
        assert reply.code in (200, 401), reply.body
        return reply.code == 200
