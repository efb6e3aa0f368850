"""Headers whose bytes are no UTF-8, and handshakes that are none: each is refused in words, not by a 500."""

import asyncio
import json

import pytest
import yarl

from tests.apiserver.api import Api, running_api
from tests.apiserver.kubelet.kit import POD, a_vps

pytestmark = pytest.mark.looptime

WEBSOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
SPDY = (b"Connection: Upgrade", b"Upgrade: SPDY/3.1")
PODS = "/api/v1/pods"
EXEC = f"{POD}/exec?command=ls&stdout=1"
V5 = b"Sec-WebSocket-Protocol: v5.channel.k8s.io"


async def answer(api: Api, path: str, *lines: bytes, user: str) -> tuple[int, str]:
    """The code and the message of the refusal."""
    url = yarl.URL(api.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    bearer = f"Authorization: {api.headers(user)['Authorization']}"
    head = (f"GET {path} HTTP/1.1".encode(), b"Host: there", bearer.encode(), b"Connection: close", *lines)
    writer.write(b"\r\n".join((*head, b"", b"")))
    told = await reader.read()
    writer.close()
    top, _, body = told.partition(b"\r\n\r\n")
    return int(top.split()[1]), str(json.loads(body)["message"])


@pytest.mark.parametrize(
    ("path", "lines", "user", "code", "words"),
    [
        (PODS, (b"Impersonate-User: \xff",), "admin", 403, 'no token is of a user "?"'),
        (PODS, (b"Accept: \xff;as=\xff",), "admin", 406, "?"),
        (EXEC, (*WEBSOCKET, b"Sec-WebSocket-Key: abc", b"Sec-WebSocket-Protocol: \xff"), "alice", 400, "?"),
        (EXEC, (*SPDY, b"X-Stream-Protocol-Version: \xff"), "alice", 400, "offers ?"),
        (EXEC, (*WEBSOCKET, b"Sec-WebSocket-Key: \xff", V5), "alice", 400, "not a WebSocket handshake"),
        (f"{PODS}?watch=1", (*WEBSOCKET, b"Sec-WebSocket-Key: \xff"), "admin", 400, "not a WebSocket handsh"),
        (f"{PODS}?watch=1", (*WEBSOCKET, b"Sec-WebSocket-Key: a"), "admin", 400, "not a WebSocket handshake"),
    ],
)
async def test_it_is_refused_in_words(path, lines, user, code, words):
    async with running_api() as api:
        told = await answer(api, path, *lines, user=user)
        assert told[0] == code
        assert words in told[1]


async def test_and_nothing_is_asked_of_the_node_for_it():
    async with a_vps() as dev:
        lines = (*WEBSOCKET, b"Sec-WebSocket-Key: \xff", V5)
        assert (await answer(dev.api, EXEC, *lines, user="alice"))[0] == 400
