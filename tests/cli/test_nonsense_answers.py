"""Whatever a server answers, a command ends with an exit code and a sentence: it never falls over.

A proxy stands between the commands and the real API server, and puts nonsense somewhere into what it answers.
"""

import asyncio
import contextlib
import http.client
import http.server
import io
import json
import random
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.cli.main import run
from kohakuriver.client import config
from kohakuriver.client.config import Connection
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api, token_of
from tests.cli.shell import Shell
from tests.cli.vps.objects import a_node, a_vps

T = TypeVar("T")
Json = dict[str, Any]
Spoil = Callable[[Any], Any]

COMMANDS = [
    "get vps",
    "get vps dev",
    "get vps,nodes,ns -A -o wide",
    "get vps --sort-by .spec.priority",
    "get vps -o yaml",
    "get vps dev -o json",
    "get vps -o name",
    "get vps -o jsonpath={.items[*].metadata.name}",
    "get vps -o custom-columns=A:.metadata.name,B:.status.phase",
    "get events -A",
    "get tokens",
    "get nope",
    "describe vps dev",
    "describe node n1",
    "describe ns default",
    "describe quota",
    "events",
    "api-resources",
    "api-resources -o wide",
    "api-resources -o name",
    "explain vps.spec",
    "vps list",
    "vps list --wide",
    "vps status dev",
    "vps status d",
    "vps start dev --no-wait",
    "node list",
    "node status n1",
    "node cordon n1",
    "env list",
    "token list",
    "token revoke nope",
    "label vps dev a=b",
    "annotate vps dev a=b",
    'patch vps dev -p {"spec":{"priority":7}}',
    "wait vps dev --for=condition=Nope --timeout=0.05s",
    "wait vps dev --for=delete --timeout=0.05s",
    "delete vps nope",
    "delete vps dev --dry-run=server",
    "version",
]
NONSENSE: tuple[Any, ...] = (
    None,
    True,
    -1,
    1e300,
    "",
    "x",
    "\ud800",
    "\x1b[2J",
    [],
    ["x"],
    [[]],
    {},
    {"a": 5},
)


def places(whole: Any, inside: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in an answer something could stand: the whole of it, and each field and item below."""
    yield inside
    found = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    for key, value in found:
        yield from places(value, (*inside, key))


def spoiled(whole: Any, chance: random.Random) -> Any:
    """With something else in one or two places, or without what was there."""
    for _ in range(chance.choice((1, 1, 2))):
        shallow = sorted(places(whole), key=len)[:200] if chance.random() < 0.7 else list(places(whole))
        place = chance.choice(shallow)
        if not place:
            return chance.choice(NONSENSE)
        inside = whole
        for key in place[:-1]:
            inside = inside[key]
        if chance.random() < 0.3:
            del inside[place[-1]]
        else:
            inside[place[-1]] = chance.choice(NONSENSE)
    return whole


class Proxy(http.server.ThreadingHTTPServer):
    """Answers what the API server answers, spoiled."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port_behind = port
        self.chance: random.Random | None = None  # None: nothing is spoiled


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        behind = http.client.HTTPConnection("127.0.0.1", self.server.port_behind, timeout=10)
        with contextlib.closing(behind):
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            behind.request(self.command, self.path, body or None, headers)
            if "watch=1" in self.path:  # it is told one thing, and ends
                reply, content = behind.getresponse(), b'{"type": "ADDED", "object": {"kind": "VPS"}}\n'
            else:
                reply = behind.getresponse()
                content = reply.read()
        kind = reply.headers.get("Content-Type", "")
        if self.server.chance is not None and "json" in kind:
            lines = content.splitlines() if "watch=1" in self.path else [content]
            content = b"\n".join(
                json.dumps(spoiled(json.loads(one), self.server.chance)).encode() for one in lines if one
            )
        self.send_response(reply.status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

    def handle_one_request(self) -> None:
        with contextlib.suppress(ConnectionError):  # whoever has read enough hangs up
            super().handle_one_request()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextlib.asynccontextmanager
async def _a_cluster() -> AsyncIterator[str]:
    async with running_api(clock=SystemClock()) as api:
        shell = Shell(api, None, None)  # type: ignore[arg-type]  # for `put` alone
        for name in ("dev", "dev-2"):
            await shell.put(kinds.VPS, a_vps(name))
        await shell.put(kinds.NODE, a_node("n1"))
        quota = {
            "metadata": {"name": "q", "namespace": "default"},
            "spec": {"hard": {"count/vpses.kohakuriver.io": "9"}},
        }
        await api.create(kinds.RESOURCE_QUOTA, quota)
        event = {
            "metadata": {"name": "e", "namespace": "default"},
            "involvedObject": {"kind": "VPS", "name": "dev", "namespace": "default"},
            "reason": "Started",
            "message": "it runs",
            "type": "Normal",
        }
        await api.create(kinds.EVENT, event)
        yield api.url


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    """In front of a server with a few objects, each in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def done(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    cluster = _a_cluster()
    url = done(cluster.__aenter__())
    made = Proxy(int(url.rpartition(":")[2]))
    serving = threading.Thread(target=made.serve_forever, args=(0.05,))
    serving.start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()
        serving.join()
        done(cluster.__aexit__(None, None, None))
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@given(line=st.sampled_from(COMMANDS), number=st.integers(0, 2**32))
def test_a_command_survives_whatever_is_answered(proxy, tmp_path_factory, line, number):
    file = tmp_path_factory.getbasetemp() / "config-of-nonsense"
    url = f"http://127.0.0.1:{proxy.server_address[1]}"
    config.write(file, Connection(url, token=token_of("admin")), cluster="test", user="admin")
    proxy.chance = random.Random(number)  # noqa: S311 - no secret
    out, err = _Text(), _Text()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([*line.split(" "), "--config", str(file), "--request-timeout", "5s", "-v"])
    assert "this should not have happened" not in err.whole, err.whole[-3000:]
    assert code in (0, 1, 2, 124), err.whole
    assert code == 0 or "error: " in err.whole, f"{code} without a sentence"


class _Text(io.StringIO):
    """A stream that takes UTF-8, as those of a process do."""

    def write(self, text: str) -> int:
        text.encode()
        return super().write(text)

    @property
    def whole(self) -> str:
        return self.getvalue()
