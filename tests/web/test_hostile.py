"""Somebody who means harm, around a browser that is logged in at a real cluster.

On another port of the same host, on another host, in the names and messages that the page shows, and with a
cookie that was stolen.
"""

import dataclasses
import http.server
import json
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from kohakuriver.apiserver.identity import cookies
from tests.e2e.conftest import BUSYBOX, Cluster
from tests.web.conftest import Visitor, admin_token, new_token

COOKIE = "__Host-kohakuriver"
VPS = "/apis/kohakuriver.io/v1alpha1/namespaces/default/vpses/target"
MARKUP = "<img src=x onerror=window.owned=1><script>window.owned=1</script>"
FILE = "<img src=x onerror=window.owned=1>"
COMMAND = f"echo '{MARKUP}'; touch '/root/{FILE}'; sleep 100000"
TARGET = f"""\
apiVersion: kohakuriver.io/v1alpha1
kind: VPS
metadata:
  name: target
  annotations: {{note: {json.dumps(MARKUP)}}}
spec:
  image: {BUSYBOX}
  resources: {{cores: "0.1", memory: 64Mi}}
  ssh: {{disabled: true}}
  command: [sh, -c, {json.dumps(COMMAND)}]
"""
# What a page tries; each answers what it got.
FORM = """([url, enctype, name, value]) => new Promise((tell) => {
    const frame = Object.assign(document.createElement("iframe"), {name: "into" + Math.random()});
    document.body.append(frame);
    const how = {action: url, method: "post", enctype, target: frame.name};
    const form = Object.assign(document.createElement("form"), how);
    form.append(Object.assign(document.createElement("input"), {name, value}));
    document.body.append(form);
    frame.onload = () => tell("answered");
    form.submit();
})"""
OPENS = "(url) => { window.other = window.open(url); }"
HOLDS = """() => {
    try { return window.other.closed ? "severed" : String(window.other.document); }
    catch (error) { return "refused"; }
}"""
FRAMES = """(url) => new Promise((tell) => {
    const frame = Object.assign(document.createElement("iframe"), {onload: () => tell(""), src: url});
    document.body.append(frame);
})"""
LOADS = """([tag, url]) => new Promise((tell) => {
    const one = document.createElement(tag);
    one.onload = () => tell("loaded");
    one.onerror = () => tell("refused");
    if (tag === "link") one.rel = "stylesheet";
    one[tag === "link" ? "href" : "src"] = url;
    document.head.append(one);
})"""
# Those of these URLs, each with protocols, at which somebody answered.
LISTENS = """async (all) => {
    const one = ([url, protocols]) => new Promise((tell) => {
        const socket = new WebSocket(url, protocols);
        socket.onopen = () => { tell(url); socket.close(); };
        socket.onerror = () => tell("");
    });
    return (await Promise.all(all.map(one))).filter(Boolean);
}"""
# A body without a type is one that no question precedes. What of the answers could be read.
SENDS = """async (all) => {
    const read = [];
    const ask = async (url, init) => {
        const reply = await fetch(url, init).catch(() => undefined);
        if (reply && (reply.type !== "opaque" || reply.status || await reply.text())) read.push([url, init]);
    };
    for (const [url, method, body] of all) {
        for (const type of ["", "text/plain"])
            for (const mode of ["no-cors", "cors"])
                for (const credentials of ["include", "omit"]) {
                    const init = {method, mode, credentials};
                    if (method !== "GET") init.body = new Blob([body], type ? {type} : {});
                    await ask(url, init);
                }
        navigator.sendBeacon(url, body);
    }
    return read;
}"""
READS = """async ([url, headers]) => {
    const init = {credentials: "include", headers};
    return await fetch(url, init).then((reply) => reply.text()).catch(() => "");
}"""
# The half of the session's secret that the page has.
KEY = "localStorage.getItem('kohakuriver-page-key')"
CAME_FROM = "document.querySelector('meta[name=\"came-from\"]').content"


# A stream of the page's own, which notes its end.
OPENS_STREAM = """([name, url]) => new Promise((tell, fail) => {
    const key = localStorage.getItem("kohakuriver-page-key");
    const socket = new WebSocket(url, ["page.kohakuriver.io", `key.page.kohakuriver.io.${key}`]);
    window.ended ??= [];
    socket.onopen = tell;
    socket.onclose = () => { window.ended.push(name); fail(name); };
})"""
WRITES = (
    ("POST", "/api/v1/namespaces"),
    ("PATCH", VPS),
    ("DELETE", VPS),
    ("DELETE", "/ui/session"),
    ("PUT", "/ui/session"),
    ("POST", "/ui/codes"),
    ("GET", "/apis/kohakuriver.io/v1alpha1/tokens"),
)


@dataclasses.dataclass
class Evil:
    """A server of somebody who means harm, and what browsers sent it."""

    port: int
    scheme: str
    asked: list[tuple[str, dict[str, str]]]
    sets: list[str]

    def lures(self, visitor: Visitor, host: str, path: str = "/") -> Page:
        """The visitor's browser, at one of its pages."""
        there = Visitor(f"{self.scheme}://{host}:{self.port}", visitor.context, visitor.context.new_page())
        return there.goto(path, drawn="body")


@pytest.fixture(scope="module")
def evils(cluster: Cluster) -> Iterator[tuple[Evil, Evil]]:
    """One over TLS and one in the open, on other ports of the host of the API server."""
    made = [_evil(None), _evil(cluster)]
    yield made[0][0], made[1][0]
    for _, server in made:
        server.shutdown()
        server.server_close()


def _evil(cluster: Cluster | None) -> tuple[Evil, http.server.ThreadingHTTPServer]:
    asked: list[tuple[str, dict[str, str]]] = []
    sets: list[str] = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, dict(self.headers)))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            for cookie in sets if self.path == "/ui/toss" else ():
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(b"<!doctype html><body>harmless")

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    if cluster is not None:  # whoever serves on the same host over TLS may well be trusted
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(cluster.data_dir / "pki/apiserver.crt", cluster.data_dir / "pki/apiserver.key")
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return Evil(server.server_port, "https" if cluster else "http", asked, sets), server


@pytest.fixture(scope="module")
def target(cluster: Cluster) -> Cluster:
    """A running VPS, with markup wherever somebody may write some."""
    cluster.apply(TARGET)
    cluster.wait_running("target")
    return cluster


def world(cluster: Cluster) -> Any:
    """All that somebody might have changed."""
    kinds = ("namespaces", "tokens", "nodes", "vpses")
    found = [json.loads(cluster.ok("get", kind, "-A", "-o", "json"))["items"] for kind in kinds]
    return [
        [(one["metadata"]["name"], one["metadata"]["uid"], one.get("spec")) for one in items]
        for items in found
    ]


def test_the_page_itself_reads_writes_and_listens(visitor: Visitor, target: Cluster) -> None:
    """What follows is refused to others for who they are, and works; and the cookie alone is half."""
    page, site = visitor.page, visitor.site
    key = page.evaluate(KEY)
    assert len(key) == 43
    shows = {"KohakuRiver-Page-Key": key}
    assert '"target"' in page.evaluate(READS, [site + VPS, shows])
    assert '"Unauthorized"' in page.evaluate(READS, [site + VPS, {}])
    watch = f"{sockets(site)}/api/v1/namespaces?watch=1"
    assert page.evaluate(LISTENS, [[watch, protocols(key)]]) == [watch]
    assert page.evaluate(LISTENS, [[watch, protocols(key)[:1]]]) == []
    assert page.evaluate("document.cookie") == "", "no script sees the session"
    page.get_by_role("link", name="target", exact=True).wait_for()
    visitor.complaints.clear()  # of the socket that was refused


@pytest.mark.fault(47)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_hostile_page_changes_nothing_and_sees_nothing(
    visitor: Visitor, target: Cluster, evils: tuple[Evil, Evil], host: str
) -> None:
    site = visitor.site
    key = visitor.page.evaluate(KEY)
    code = json.loads(sent(f"{site}/ui/codes", new_token(target, "--user", f"eve-{host}", "-n", "default")))
    before = world(target)
    body = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "stolen"}, "x": "'
    kinds = ("terminal", "exec?command=id", "logs", "files", "stats", "forward?port=22")
    streams = [f"{sockets(site)}{VPS}/{kind}" for kind in kinds]
    streams.append(f"{sockets(site)}/api/v1/namespaces?watch=1")
    # Whoever has found out the page's half included.
    tried = [[url, each] for url in streams for each in ([], protocols("a" * 43), protocols(key))]
    for evil in evils:
        page = evil.lures(visitor, host)
        for enctype in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
            page.evaluate(FORM, [f"{site}/api/v1/namespaces", enctype, body, '"}'])
            page.evaluate(FORM, [f"{site}/ui/session", enctype, '{"code": "', '"}'])
        writes = [[site + path, method, body + '"}'] for method, path in WRITES]
        writes.append([f"{site}/ui/session", "POST", json.dumps({"code": code["code"]})])
        assert page.evaluate(SENDS, writes) == []
        for path in (VPS, "/ui/session"):
            for headers in ({}, {"KohakuRiver-Page-Key": key}):
                assert page.evaluate(READS, [site + path, headers]) == "", path
        assert page.evaluate(LISTENS, tried) == []
        script = visitor.page.locator("script[type=module]").first.get_attribute("src")
        for tag, path in (
            ("script", "/api/v1/namespaces"),
            ("link", "/api/v1/namespaces"),
            ("img", "/api/v1/namespaces"),
            ("script", script),
        ):
            assert page.evaluate(LOADS, [tag, f"{site}{path}"]) == "refused", path
        with visitor.context.expect_page() as opened:
            page.evaluate(OPENS, f"{site}/ui/people")
        expect(opened.value.get_by_role("heading", name="People")).to_be_visible()
        assert page.evaluate(HOLDS) in ("severed", "refused")
        assert opened.value.evaluate("window.opener") is None
        opened.value.close()
        page.evaluate(FRAMES, f"{site}/ui/")
        assert "csp-nonce" not in "".join(frame.content() for frame in page.main_frame.child_frames)
        page.close()
    assert world(target) == before
    expect(visitor.goto("/people/you").get_by_role("definition").first).to_have_text("admin")


@pytest.mark.parametrize(("host", "led"), [("127.0.0.1", "same-site"), ("localhost", "cross-site")])
def test_the_page_is_told_who_has_led_a_browser_to_it_with_a_code(
    visitor: Visitor, evils: tuple[Evil, Evil], host: str, led: str
) -> None:
    """So that it redeems none of somebody else's unasked."""
    page = evils[1].lures(visitor, host)
    page.evaluate("(url) => { location.href = url }", f"{visitor.site}/ui/vpses#code=mine")
    page.locator('meta[name="came-from"]').wait_for(state="attached")
    assert page.evaluate(CAME_FROM) == led
    page.close()
    assert visitor.goto("/vpses").evaluate(CAME_FROM) == "none", "as the command opens it"


@pytest.mark.fault(47)
def test_whoever_is_at_another_port_of_the_host_has_no_use_of_the_cookie(
    visitor: Visitor, target: Cluster, evils: tuple[Evil, Evil]
) -> None:
    """What `kohakuriver forward` brings to one's own machine is served there, by whatever runs in a VPS."""
    before = world(target)
    for evil in evils:
        page = evil.lures(visitor, "127.0.0.1", "/lure")
        assert page.evaluate("JSON.stringify(localStorage)") == "{}", "a page's key stays with its port"
        page.close()
        shown = next(headers for path, headers in evil.asked if path == "/ui/lure")
        assert COOKIE in shown["Cookie"], "cookies know no ports: that is why a key goes with them"
        assert "Referer" not in shown
        claims = {"Cookie": shown["Cookie"], "Sec-Fetch-Site": "same-origin", "Origin": visitor.site}
        for path, method, more in (
            ("/ui/session", "GET", {}),
            ("/api/v1/namespaces", "POST", {"Content-Type": "application/json"}),
            (f"{VPS}/terminal", "GET", UPGRADE),
            (f"{VPS}/terminal", "GET", UPGRADE | {"KohakuRiver-Page-Key": "a" * 43}),
        ):
            assert answered(visitor.site + path, method, claims | more) == 401, (path, method)
    assert world(target) == before


@pytest.mark.fault(47)
def test_nobody_is_brought_to_act_under_another_name(
    visit: Callable[..., Visitor], target: Cluster, evils: tuple[Evil, Evil]
) -> None:
    """Neither by a cookie that another port sets, nor by a link with a login in it."""
    mallory = new_token(target, "--user", "mallory", "-n", "default")
    for evil in evils:
        visitor = visit()
        visitor.log_in(admin_token(target))
        with session_of(visitor.site, mallory) as reply:
            evil.sets[:] = [reply.headers["Set-Cookie"]]
        evil.lures(visitor, "127.0.0.1", "/toss").close()
        page = visitor.goto("/people")
        expect(page.get_by_role("heading", name="KohakuRiver")).to_be_visible()
        expect(page.get_by_text("mallory")).to_have_count(0)

        visitor.log_in(admin_token(target))
        lure = evil.lures(visitor, "localhost")
        code = json.loads(sent(f"{visitor.site}/ui/codes", mallory))["code"]
        lure.evaluate("(url) => { location.href = url }", f"{visitor.site}/ui/people#code={code}")
        expect(lure.get_by_role("heading", name="Log in by this link?")).to_be_visible()
        assert "code" not in lure.url
        lure.get_by_role("button", name=re.compile("^Stay ")).click()
        expect(lure.get_by_text("mallory")).not_to_have_count(0)  # among the tokens, which an admin sees
        lure.goto(f"{visitor.site}/ui/people/you")
        expect(lure.get_by_role("definition").first).not_to_have_text("mallory")
        visitor.complaints.clear()  # of watches that ended with the cookie


@pytest.mark.fault(47)
def test_markup_is_text_on_every_screen(visitor: Visitor, target: Cluster) -> None:
    token = new_token(target, "--user", MARKUP, "-n", "default")
    uid = target.get("target")["metadata"]["uid"]
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "lure", "namespace": "default"},
        "involvedObject": {"kind": "VPS", "name": "target", "namespace": "default", "uid": uid},
        "type": "Warning",
        "reason": "Lure",
        "message": MARKUP,
        "firstTimestamp": "2026-12-01T00:00:00Z",
        "lastTimestamp": "2026-12-01T00:00:00Z",
        "source": {"component": "someone"},
    }
    target.apply(json.dumps(event))
    node = json.loads(target.ok("get", "nodes", "-o", "json"))["items"][0]["metadata"]["name"]
    one = "/vps/default/target"
    for path, text in (
        ("/vpses", "target"),
        (f"{one}/overview", MARKUP),
        (f"{one}/logs", MARKUP),
        (f"{one}/files", FILE),
        (f"{one}/yaml", "<img src=x"),
        (f"{one}/ports", "target"),
        (f"/cluster/nodes/{node}", "default/target"),
        ("/cluster/queue", "Queue"),
        ("/people/tokens", MARKUP),
        ("/people/namespaces", MARKUP),
        ("/people/you", "Role"),
    ):
        page = visitor.goto(path)
        expect(page.locator("#main")).to_contain_text(text)
        assert page.evaluate("window.owned ?? ''") == "", path
        assert page.locator("img[src=x]").count() == 0, path
    visitor.goto(f"/vps/default/{MARKUP.replace('/', '%2F').replace('<', '%3C')}")
    assert visitor.page.evaluate("window.owned ?? ''") == ""
    assert token


def test_a_session_whose_token_is_revoked_ends_with_all_it_has_open(
    visit: Callable[..., Visitor], target: Cluster
) -> None:
    bea = new_token(target, "--user", "bea", "-n", "default")
    visitor = visit()
    page, wss = visitor.log_in(bea), visitor.site.replace("https", "wss")
    for path in (f"{VPS.removesuffix('/target')}?watch=1", f"{VPS}/terminal?session=s&rows=24&cols=80"):
        page.evaluate(OPENS_STREAM, [path, f"{wss}{path}"])
    assert page.evaluate("window.ended") == []
    target.ok("token", "revoke", "--user", "bea")
    expect(page.get_by_text("The session is over")).to_be_visible()
    page.wait_for_function("window.ended.length === 2")
    assert page.evaluate("document.querySelectorAll('nav').length") == 0


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def sockets(site: str) -> str:
    """The same place, for WebSockets."""
    return site.replace("https:", "wss:")


def protocols(key: str) -> list[str]:
    """What shows the page's half of the secret for a WebSocket."""
    return [cookies.PROTOCOL, f"key.{cookies.PROTOCOL}.{key}"]


def answered(url: str, method: str, headers: dict[str, str]) -> int:
    """The status of the answer to a program that says all that a browser would."""
    data = b"{}" if method == "POST" else None
    request = urllib.request.Request(url, data=data, headers=headers, method=method)  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, context=ANY, timeout=30) as reply:  # noqa: S310
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def sent(url: str, token: str) -> bytes:
    """The body of the answer to a POST of somebody with this token."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=b"{}", headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, context=ANY, timeout=30) as reply:  # noqa: S310
        return bytes(reply.read())


def session_of(site: str, token: str) -> Any:
    """The answer to a login by this token."""
    headers = {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{site}/ui/session", data=b"", headers=headers)  # noqa: S310
    return urllib.request.urlopen(request, context=ANY, timeout=30)  # noqa: S310


ANY = ssl.create_default_context()
ANY.check_hostname = False
ANY.verify_mode = ssl.CERT_NONE
