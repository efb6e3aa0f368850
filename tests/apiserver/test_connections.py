"""What comes in that is no request, or no whole one: answered in a Status, in time, and forgotten."""

import asyncio
import json
import logging
import socket
from collections.abc import Iterator

import pytest

from kohakuriver.apiserver.serving import body, connections, pieces
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.background import background_api, converse

VPSES = kinds.VPS.path(namespace="default")
AUTHORIZATION = f"Authorization: Bearer {token_of('admin')}\r\n".encode()
REQUEST = b"GET /version HTTP/1.1\r\nHost: x\r\n" + AUTHORIZATION + b"\r\n"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with background_api() as running:
        yield running


def status_of(answer: bytes) -> dict[str, object]:
    """The one Status that an answer has."""
    head, _, content = answer.partition(b"\r\n\r\n")
    assert b"application/json" in head, answer
    status = json.loads(content)
    assert status["kind"] == "Status" and status["message"] and status["details"].get("hint"), status
    assert str(status["code"]).encode() in head.split(b"\r\n")[0]
    return dict(status)


@pytest.mark.parametrize(
    "text",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",  # TLS, where there is none
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * (connections.MOST_HEADERS + 50) + b"\r\n",
    ],
)
def test_what_is_no_http_is_answered_with_a_status(api: Api, text: bytes) -> None:
    assert status_of(converse(api, text, half_close=False))["code"] == 400


@pytest.mark.parametrize(
    "text",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n",
    ],
)
def test_a_line_that_is_too_long_is_431(api: Api, text: bytes) -> None:
    status = status_of(converse(api, text, half_close=False))
    assert (status["code"], status["reason"]) == (431, "RequestHeaderFieldsTooLarge")
    assert "8190" in str(status["message"])


def test_a_body_that_is_broken_is_the_clients_mistake(api: Api) -> None:
    head = f"POST {VPSES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode() + AUTHORIZATION
    rest = b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
    assert status_of(converse(api, head + rest, half_close=False))["code"] == 400


def test_a_stranger_keeps_no_connection(api: Api) -> None:
    answer = converse(api, b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n", half_close=False)
    assert status_of(answer)["code"] == 401


async def first_bytes(api: Api, *pieces: bytes, pause: float) -> tuple[bytes, float]:
    """All that comes back to pieces sent with pauses, and how long it took until the end."""
    host, _, port = api.url.partition("://")[2].partition(":")
    began = asyncio.get_running_loop().time()
    reader, writer = await asyncio.open_connection(host, int(port))
    answer = b""

    async def send() -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)

    sending = asyncio.create_task(send())
    try:
        while chunk := await reader.read(65536):
            answer += chunk
    except ConnectionResetError:
        pass  # it was closed with bytes of ours unread
    finally:
        sending.cancel()
        writer.close()
    return answer, asyncio.get_running_loop().time() - began


@pytest.mark.looptime
@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [bytes([letter]) for letter in REQUEST],
        [REQUEST, *(bytes([letter]) for letter in REQUEST)],
    ],
    ids=["nothing", "a byte a second", "a second request a byte a second"],
)
async def test_a_head_that_does_not_come_in_time_ends_its_connection(pieces: list[bytes]) -> None:
    async with running_api() as api:
        answer, took = await first_bytes(api, *pieces, pause=1.0)
        assert connections.HEAD_WITHIN <= took < connections.HEAD_WITHIN + 3
        assert b"HTTP/1.1 408" in answer
        assert status_of(answer[answer.index(b"HTTP/1.1 408") :])["reason"] == "RequestTimeout"


@pytest.mark.looptime
async def test_a_body_that_does_not_come_in_time_is_408() -> None:
    async with running_api() as api:
        head = f"POST {VPSES} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n".encode() + AUTHORIZATION
        slowly = [b"{" for _ in range(1000)]
        answer, took = await first_bytes(api, head + b"\r\n", *slowly, pause=1.0)
        assert status_of(answer)["code"] == 408
        assert body.WITHIN <= took < body.WITHIN + 12, "what is still sent is not waited for long"


@pytest.mark.looptime
async def test_a_quiet_connection_that_is_known_stays_open() -> None:
    async with running_api() as api:
        host, _, port = api.url.partition("://")[2].partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for _ in range(3):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
            await asyncio.sleep(600)
        writer.close()


async def test_a_client_that_takes_nothing_of_its_list_is_dropped() -> None:
    async with running_api(clock=SystemClock()) as api:
        for number in range(40):
            note = {"note": "x" * 200_000}
            await api.create(kinds.VPS, {"metadata": {"name": f"v{number}", "annotations": note}})
        host, _, port = api.url.partition("://")[2].partition(":")
        with socket.create_connection((host, int(port))) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.sendall(f"GET {VPSES} HTTP/1.1\r\nHost: x\r\n".encode() + AUTHORIZATION + b"\r\n")
            listing = await api.get(VPSES)
            assert len(listing.body["items"]) == 40, "others are served meanwhile"
            assert len(api.runner.server.connections) == 2
            [stuck] = [one for one in api.runner.server.connections if one.peername == wire.getsockname()]
            assert stuck.transport is not None
            assert stuck.transport.get_write_buffer_size() < 2 * pieces.PIECE, "not all of it is kept for it"


def test_what_is_refused_leaves_a_line_without_what_was_sent(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kohakuriver.apiserver.audit")
    converse(api, b"Bearer very-secret\r\n\r\n")
    [line] = [record for record in caplog.records if record.name == "kohakuriver.apiserver.audit"]
    assert (line.who, line.code) == ("-", 400)  # type: ignore[attr-defined]
    assert "very-secret" not in str(vars(line))
