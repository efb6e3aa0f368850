"""What a page of another site gets out of a browser that has a session here: nothing, whatever it tries.

Method × upgrade × Sec-Fetch-Site × Origin × credential, over HTTP, against a table written out by hand.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from kohakuriver.apiserver.identity import cookies, sites
from kohakuriver.errors import Forbidden
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import BARE
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.pages.kit import Browser, a_page

VPSES = kinds.VPS.path(namespace="default")
DEV = kinds.VPS.path(namespace="default", name="dev")
POD = "/api/v1/namespaces/default/pods/dev"
OWN = "http://HOST"  # HOST is the server's own address, with its port
SOCKET = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "v5.channel.k8s.io",
}  # fmt: skip
STREAM = {"Connection": "Upgrade", "Upgrade": BARE}
SPDY = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1", "X-Stream-Protocol-Version": "v4.channel.k8s.io"}
PLAIN: Mapping[str, str] = {}
PAGE, KEY = "page.kohakuriver.io", "key.page.kohakuriver.io."

READS = (
    ("GET", VPSES, PLAIN),
    ("GET", f"{VPSES}?watch=1&timeoutSeconds=1", PLAIN),
    ("GET", "/version", PLAIN),
    ("GET", "/ui/session", PLAIN),
)
WRITES = (
    ("POST", VPSES, PLAIN),
    ("PUT", DEV, PLAIN),
    ("PATCH", DEV, PLAIN),
    ("DELETE", DEV, PLAIN),
    ("DELETE", VPSES, PLAIN),
    ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", PLAIN),
    ("GET", f"{VPSES}?watch=1", SOCKET),
    ("GET", f"{DEV}/terminal", SOCKET),
    ("GET", f"{DEV}/forward", STREAM),
    ("GET", f"{DEV}/logs", SOCKET),
    ("GET", f"{DEV}/files", PLAIN),
    ("GET", f"{POD}/exec?command=id", SOCKET),
    ("GET", f"{POD}/exec?command=id", SPDY),
    ("POST", f"{POD}/exec?command=id", SPDY),
    ("POST", f"{POD}/portforward", SPDY),
    ("GET", f"{POD}/log", PLAIN),
)
# What the browser says of who asks, and whether it may read, and write.
TABLE = (
    ({"Sec-Fetch-Site": "same-origin"}, True, True),
    ({"Sec-Fetch-Site": "same-origin", "Origin": OWN}, True, True),
    ({"Origin": OWN}, True, True),  # a browser that does not say who asks, and Chromium's WebSockets
    ({}, True, False),  # no browser writes without a word about the page
    ({"Sec-Fetch-Site": "none"}, True, False),  # typed by the person
    ({"Sec-Fetch-Site": "same-site"}, False, False),  # another port of this machine
    ({"Sec-Fetch-Site": "same-site", "Origin": OWN}, False, False),
    ({"Sec-Fetch-Site": "cross-site"}, False, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": OWN}, False, False),
    ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, False, False),
    ({"Sec-Fetch-Site": ""}, False, False),
    ({"Sec-Fetch-Site": "SAME-ORIGIN"}, False, False),
    ({"Origin": "null"}, False, False),  # a sandboxed frame, a file
    ({"Origin": "https://evil.example"}, False, False),
    ({"Origin": "http://127.0.0.1:1"}, False, False),
    ({"Origin": "http://127.0.0.1"}, False, False),
    ({"Origin": f"{OWN}.evil.example"}, False, False),
    ({"Origin": f"{OWN}@evil.example"}, False, False),
    ({"Origin": "http://["}, False, False),
    ({"Origin": ""}, False, False),
)


async def code_of(api: Api, method: str, path: str, headers: Mapping[str, str]) -> int:
    """The status of the answer, of which no more is read."""
    host = api.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.rsplit(":", 1))
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value.replace('HOST', host)}" for name, value in headers.items()]
    if method in ("POST", "PUT", "PATCH"):
        lines += ["Content-Type: application/json", "Content-Length: 2"]
    writer.write(
        ("\r\n".join(lines) + "\r\n\r\n").encode() + (b"{}" if "Content-Length: 2" in lines else b"")
    )
    try:
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


@pytest.mark.fault(47)
@pytest.mark.parametrize(("says", "reads", "writes"), TABLE)
async def test_a_session_is_for_the_pages_of_this_server_alone(
    says: dict[str, str], reads: bool, writes: bool
) -> None:
    async with running_api() as api:
        browser = Browser(api)
        assert (await browser.logs_in(token_of("alice"))).code == 201
        shown = says | cookies.shown(browser.secret + browser.key)
        for requests, allowed in ((READS, reads), (WRITES, writes)):
            for method, path, how in requests:
                code = await code_of(api, method, path, shown | how)
                assert (code != 403) == allowed, (method, path, how, code)
                assert code not in (401, 500), (method, path, how, code)
        assert await browser.is_let_in(), "and nobody was logged out"


@pytest.mark.fault(47)
@pytest.mark.parametrize("says", [says for says, _, _ in TABLE])
async def test_a_token_that_a_program_sends_is_good_whatever_it_says_of_pages(says: dict[str, str]) -> None:
    async with running_api() as api:
        bearer = says | {"Authorization": f"Bearer {token_of('alice')}"}
        for method, path, how in (*READS, *WRITES):
            assert await code_of(api, method, path, bearer | how) not in (401, 403, 500), (method, path)
            assert await code_of(api, method, path, says | how) == 401, "and without it nothing is"


async def test_who_is_at_another_port_of_this_host_gets_the_cookie_and_nothing_by_it() -> None:
    """Cookies know no ports: what is forwarded to this machine is sent them, by whoever opens it there."""
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("admin"))
        for key in ("", "x", "y" * 43, browser.secret):
            thief = Browser(api, secret=browser.secret, key=key)
            assert not await thief.is_let_in()
            assert (await thief.asks("POST", VPSES, json={})).code == 401
            socket = thief.headers | SOCKET | {"Sec-WebSocket-Protocol": f"{PAGE}, {KEY}{key}"}
            assert await code_of(api, "GET", f"{DEV}/terminal", socket) == 401
        assert await browser.is_let_in()


async def test_who_is_at_another_port_of_this_host_sets_a_cookie_and_nobody_acts_as_him() -> None:
    async with running_api() as api:
        victim, attacker = Browser(api), Browser(api)
        await victim.logs_in(token_of("alice"))
        await attacker.logs_in(token_of("viewer"))
        victim.secret = attacker.secret
        assert not await victim.is_let_in()


async def test_a_page_shows_its_key_among_the_protocols_of_a_websocket() -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("alice"))
        cookie = {"Cookie": f"{cookies.NAME}={browser.secret}", "Sec-Fetch-Site": "same-origin"}
        for protocols, code in (
            (f"{PAGE}, {KEY}{browser.key}", 404),  # let in, and there is no such VPS
            (f"{PAGE}, {KEY}{'a' * 43}, {KEY}{browser.key}", 401),
            (PAGE, 401),
        ):
            socket = SOCKET | {"Sec-WebSocket-Protocol": protocols}
            assert await code_of(api, "GET", f"{DEV}/terminal", cookie | socket) == code


@pytest.mark.parametrize(
    ("site", "told"),
    [
        ("none", "none"),
        ("cross-site", "cross-site"),
        ("same-site", "same-site"),
        ('"><script>', ""),
        (None, ""),
    ],
)
async def test_the_page_is_told_who_has_led_the_browser_to_it(
    tmp_path: Path, site: str | None, told: str
) -> None:
    """By that it knows whether a login that comes along in the address is the person's own."""
    folder = a_page(tmp_path)
    (folder / "index.html").write_text('<meta name="came-from" content="__CAME_FROM__">')
    async with running_api(page=folder) as api:
        browser = Browser(api)
        browser.says = {"Sec-Fetch-Site": site} if site is not None else {}
        assert (await browser.asks("GET", "/ui/")).body == f'<meta name="came-from" content="{told}">'


async def test_no_answer_lets_another_site_read_it() -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("alice"))
        asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        for method, path in (("OPTIONS", VPSES), ("OPTIONS", "/ui/session"), ("GET", VPSES), ("GET", "/ui/")):
            reply = await browser.asks(method, path, headers=asks)
            assert not [name for name in reply.headers if name.lower().startswith("access-control-")]


async def test_a_refusal_says_who_asked_and_what_else_to_do() -> None:
    async with running_api() as api:
        browser = Browser(api)
        await browser.logs_in(token_of("alice"))
        browser.says = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        reply = await browser.asks("POST", VPSES, json={})
        assert reply.code == 403 and "https://evil.example" in reply.body["message"]
        assert "web page of this server" in reply.body["details"]["hint"]


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "own"),
    [
        ("https://river.example", "river.example", "https", True),
        ("https://river.example", "river.example:443", "https", True),
        ("https://River.example:6443", "river.example:6443", "https", True),
        ("https://[::1]:6443", "[::1]:6443", "https", True),
        ("https://river.example", "river.example", "http", True),  # TLS ends before it
        ("http://river.example", "river.example", "https", False),  # anybody on the way may have made it
        ("http://localhost:6443", "localhost:6443", "http", True),
        ("https://river.example:8888", "river.example:6443", "https", False),
        ("https://river.example", "river.example:6443", "https", False),
        ("https://a.river.example", "river.example", "https", False),
        ("https://river.example/", "river.example", "https", False),
        ("https://river.example", "", "https", False),
        ("null", "", "https", False),
        ("https://", "", "https", False),
        ("https://river.example:x", "river.example", "https", False),
        ("file://river.example", "river.example", "https", False),
    ],
)
def test_which_page_is_one_of_this_servers(origin: str, host: str, scheme: str, own: bool) -> None:
    assert sites.is_own(origin, host, scheme) is own
    headers = {"Origin": origin, "Host": host}
    if own:
        sites.check_session(headers, writes=True, scheme=scheme)
    else:
        with pytest.raises(Forbidden):
            sites.check_session(headers, writes=False, scheme=scheme)
