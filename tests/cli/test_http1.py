"""HTTP on one connection: what is read here is what the standard library's client reads of the same bytes."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohakuriver.cli.api import http1
from kohakuriver.cli.api.http1 import Broken, Wire


@contextlib.contextmanager
def server(*answers: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A listener that answers one request after the other, then hangs up; its port, and what it was asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[bytes] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            peer, _ = listener.accept()
            with peer:
                for answer in answers:
                    asked.append(peer.recv(1 << 16))
                    peer.sendall(answer)
                peer.shutdown(socket.SHUT_WR)
                peer.recv(1 << 16)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1], asked
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


Read = tuple[int, list[str], bytes] | None
"""Status, the warnings, the body; None where it is no answer."""


def by_the_library(answer: bytes) -> Read:
    with server(answer) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/")
            found = connection.getresponse()
            return found.status, found.headers.get_all("Warning") or [], found.read()
        except (http.client.HTTPException, OSError):
            return None
        finally:
            connection.close()


def by_ours(answer: bytes) -> Read:
    with server(answer) as (port, _), contextlib.closing(connected(port)) as ours:
        try:
            found = ours.ask("GET", "/", {})
            return found.status, found.all("Warning"), found.read()
        except OSError:
            return None


def connected(port: int) -> Wire:
    return Wire("127.0.0.1", port, tls=None, timeout=60)


ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    b"HTTP/1.1 200\r\ncontent-length:3\r\n\r\nabc",
    b"HTTP/1.1 404 Not Found\r\nWarning: a\r\nX: y\r\nwarning:  b \r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
    b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 1\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nWarning: folded\r\n  once\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    b"",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"HTTP/1.1 ok fine\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nA: " + b"b" * (1 << 17) + b"\r\n\r\n",
]


def same(ours: Read, theirs: Read) -> bool:
    """Folded headers keep their line ends there."""
    if theirs is not None:
        theirs = (theirs[0], [" ".join(one.split()) for one in theirs[1]], theirs[2])
    return ours == theirs


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_an_answer_is_read_as_the_standard_library_reads_it(answer):
    assert same(by_ours(answer), by_the_library(answer))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(1, 120), max_size=5), st.booleans())
def test_bodies_in_any_pieces_are_read_as_the_standard_library_reads_them(body, cuts, is_cut_short):
    pieces, rest = [], body
    for cut in cuts:
        pieces, rest = [*pieces, rest[:cut]], rest[cut:]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in [*pieces, rest] if one)
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    answer = answer[: len(answer) - 6] if is_cut_short else answer
    ours = by_ours(answer)
    assert ours == by_the_library(answer)
    assert is_cut_short or ours == (200, [], body)


@pytest.mark.parametrize(
    "answer",
    [
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n-5\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 18 + b"\r\nabc",
        b"Content-Length: " + b"9" * 12 + b"\r\n\r\nabc",
        b"Content-Length: " + b"9" * 30 + b"\r\n\r\nabc",
        b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nabc",
    ],
    ids=["negative part", "prefixed part", "vast part", "large", "vast", "endless"],
)
def test_a_size_that_no_answer_has_is_a_broken_answer_and_takes_no_memory(answer):
    assert by_ours(b"HTTP/1.1 200 OK\r\n" + answer) is None


def test_one_connection_carries_one_request_after_the_other():
    first, second = ANSWERS[0], ANSWERS[5]
    with server(first, second) as (port, asked), contextlib.closing(connected(port)) as ours:
        one = ours.ask("GET", "/a?b=c", {"Accept": "x"})
        assert (one.read(), one.closes) == (b"abc", False)
        other = ours.ask("POST", "/d", {}, b"{}")
        assert (other.read(), other.closes) == (b"abc0123456789", False)
    common = b"Host: 127.0.0.1:%d\r\nAccept-Encoding: identity\r\n" % port
    assert asked == [
        b"GET /a?b=c HTTP/1.1\r\n" + common + b"Accept: x\r\n\r\n",
        b"POST /d HTTP/1.1\r\n" + common + b"Content-Length: 2\r\n\r\n{}",
    ]


@pytest.mark.parametrize("place", [7, 8, 9])
def test_an_answer_that_ends_with_its_connection_says_so(place):
    with server(ANSWERS[place]) as (port, _), contextlib.closing(connected(port)) as ours:
        assert ours.ask("GET", "/", {}).closes is (place != 9)


def test_lines_come_whole_however_they_are_cut():
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(one), one) for one in (b"on", b"e\ntwo\nth", b"ree\n", b"\nfour")
    )
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    with server(answer) as (port, _), contextlib.closing(connected(port)) as ours:
        lines = list(ours.ask("GET", "/", {}).lines())
    assert lines == [b"one\n", b"two\n", b"three\n", b"\n", b"four"]


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/a b", {}),
        ("/", {"Authorization": "Bearer a\r\nX: y"}),
        ("/", {"Authorization": "Bearer ☃"}),
    ],
)
def test_nothing_that_is_asked_can_become_another_line(target, headers):
    with server(b"") as (port, asked), contextlib.closing(connected(port)) as ours:
        with pytest.raises(Broken):
            ours.ask("GET", target, headers)
        ours.close()
    assert b"X: y" not in b"".join(asked)


@pytest.mark.parametrize(
    ("host", "port", "shown"),
    [("a", 443, "a"), ("a", 6443, "a:6443"), ("::1", 443, "[::1]"), ("::1", 1, "[::1]:1")],
)
def test_the_host_is_written_as_in_a_url(host, port, shown):
    assert http1._host(host, port, default=443) == shown
