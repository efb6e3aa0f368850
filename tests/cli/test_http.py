"""The client on a connection that misbehaves; the well-behaved server is in test_commands.py."""

import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from kohakuriver import certificates, errors
from kohakuriver.cli.api.http import Api
from kohakuriver.client.config import Connection

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def answer(body: bytes, *, close: bool = False) -> bytes:
    connection = b"Connection: close\r\n" if close else b""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), connection, body)


@contextlib.contextmanager
def server(*turns: Callable[[socket.socket], None]) -> Iterator[str]:
    """A listener that treats one connection after the other as it is told; its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for turn in turns:
            with contextlib.suppress(OSError):
                peer, _ = listener.accept()
                with peer:
                    turn(peer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextlib.contextmanager
def client(url: str, *, timeout: float = 5.0, ca: bytes | None = None) -> Iterator[Api]:
    api = Api(Connection(url, token="t", ca=ca), timeout=timeout, warn=lambda text: None)
    with contextlib.closing(api):
        yield api


def once(body: bytes) -> Callable[[socket.socket], None]:
    """Answer one request, then hang up without saying so beforehand."""

    def turn(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(answer(body))

    return turn


def hang_up(peer: socket.socket) -> None:
    peer.recv(65536)


def test_a_read_is_sent_again_when_the_kept_connection_was_closed():
    with server(once(b'{"n": 1}'), once(b'{"n": 2}')) as url, client(url) as api:
        assert api.call("GET", "/a") == {"n": 1}
        assert api.call("GET", "/a") == {"n": 2}


def saying(text: bytes) -> Callable[[socket.socket], None]:
    """Answer one request with these bytes, then hang up."""

    def turn(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(text)

    return turn


FOREIGN = {
    "page": answer(b"<html>Welcome to the hotel</html>"),
    "moved": b"HTTP/1.1 302 Found\r\nLocation: https://login.example/\r\nContent-Length: 0\r\n\r\n",
    "nothing": answer(b""),
    "list": answer(b"[1, 2]"),
    "deep": answer(b"[" * 100_000),
}


@pytest.mark.parametrize("told", FOREIGN.values(), ids=FOREIGN)
def test_what_no_api_server_answers_is_never_taken_for_an_empty_list(told):
    with server(saying(told)) as url, client(url) as api, pytest.raises(errors.Unreachable) as caught:
        api.call("GET", "/a")
    assert "something else than the API answers" in caught.value.message
    assert "proxy" in caught.value.hint


@pytest.mark.parametrize("told", FOREIGN.values(), ids=FOREIGN)
def test_what_no_api_server_answers_to_a_write_leaves_its_outcome_unknown(told):
    with server(saying(told)) as url, client(url) as api, pytest.raises(errors.OutcomeUnknown):
        api.call("POST", "/a", body={})


def test_a_server_that_says_in_a_word_that_it_is_ready_is_heard():
    """`up` waits for it."""
    told = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nok"
    with server(saying(told)) as url, client(url) as api:
        assert api.call("GET", "/readyz") == {"message": "ok"}
    with server(saying(told)) as url, client(url) as api, pytest.raises(errors.Unreachable):
        api.call("GET", "/api/v1/namespaces")


NO_EVENT = {**FOREIGN, "object": answer(b'{"kind": "VPSList"}\n'), "error": answer(b'{"type": "ERROR"}\n')}
del NO_EVENT["nothing"]  # as a watch that ends at once


@pytest.mark.parametrize("told", NO_EVENT.values(), ids=NO_EVENT)
def test_a_watch_that_is_answered_with_something_else_breaks(told):
    with server(saying(told)) as url, client(url) as api, pytest.raises(errors.Unreachable):
        list(api.watch("/a", params={}))


def test_an_object_of_another_api_is_none_of_ours():
    told = once(b'{"status": "ok"}')
    with server(told) as url, client(url) as api, pytest.raises(errors.Unreachable, match="something else"):
        api.call("GET", "/apis/kohakuriver.io/v1alpha1/nodes")


def test_a_page_of_a_broken_proxy_is_an_error_with_its_text():
    page = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 17\r\n\r\n<h1>no bread</h1>"
    told = saying(page)
    with server(told) as url, client(url) as api, pytest.raises(errors.ApiError, match="no bread"):
        api.call("GET", "/a")


def test_a_write_whose_answer_is_lost_has_an_unknown_outcome():
    with server(hang_up) as url, client(url) as api, pytest.raises(errors.OutcomeUnknown) as caught:
        api.call("POST", "/a", body={})
    assert "look before trying again" in caught.value.hint


def test_a_server_that_stays_silent_is_given_up_after_the_request_timeout():
    done = threading.Event()
    with server(lambda peer: done.wait(60) and None) as url, client(url, timeout=0.1) as api:
        with pytest.raises(errors.Unreachable, match=r"did not answer within 0\.1 s"):
            api.call("GET", "/a")
        done.set()


def test_a_server_with_a_certificate_of_another_authority_is_not_trusted(tmp_path):
    mine, theirs = (certificates.new_authority(name, now=NOW) for name in ("mine", "theirs"))
    certificates.sign(theirs, "x", hosts=["127.0.0.1"], now=NOW).save(tmp_path, "x")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "x.crt", tmp_path / "x.key")

    def turn(peer: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            context.wrap_socket(peer, server_side=True)

    with (
        server(turn) as url,
        client(url.replace("http:", "https:"), ca=mine.certificate) as api,
        pytest.raises(errors.Unreachable, match="is not trusted") as caught,
    ):
        api.call("GET", "/a")
    assert "--config" in caught.value.hint


def test_a_watch_yields_each_event_and_ends_with_the_connection():
    lines = b'{"type":"ADDED","object":{"n":1}}\n\n{"type":"DELETED","object":{"n":2}}\n'

    def turn(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (lines[:20], lines[20:40], lines[40:]):
            peer.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        peer.sendall(b"0\r\n\r\n")

    with server(turn) as url, client(url) as api:
        assert list(api.watch("/a", params={})) == [("ADDED", {"n": 1}), ("DELETED", {"n": 2})]


@pytest.mark.fault(34)
def test_a_watch_on_a_peer_that_is_frozen_ends():
    done = threading.Event()

    def turn(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        done.wait(60)

    with server(turn) as url, client(url) as api:
        with pytest.raises(errors.Unreachable):
            list(api.watch("/a", params={}, patience=lambda: 0.1))
        done.set()


@pytest.mark.fault(33)
def test_a_watch_from_before_the_history_is_expired():
    gone = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}\n'
    with server(once(gone)) as url, client(url) as api, pytest.raises(errors.Expired):
        list(api.watch("/a", params={}))


def test_names_are_escaped_in_paths():
    from kohakuriver.resources import kinds

    with client("http://127.0.0.1:1") as api:
        path = api.path(kinds.VPS, namespace="default", name="../nodes?x")
    assert path.endswith("/vpses/..%2Fnodes%3Fx")


@pytest.mark.fault(36)
def test_where_a_server_cannot_be_reached_the_next_of_the_config_file_is_asked():
    """Nothing was sent to the first, so that a write may go on too."""
    with server(once(b"{}")) as dead:
        pass  # nothing listens there any more
    with server(once(b'{"a": 1}')) as live:
        connection = Connection(dead, others=(live,), token="t")
        with contextlib.closing(Api(connection, timeout=60.0, warn=lambda text: None)) as api:
            assert api.call("POST", "/x", body={}) == {"a": 1}
            assert api.connection.server == live


def test_where_no_server_can_be_reached_the_first_one_is_named():
    with server(once(b"{}")) as dead, server(once(b"{}")) as other:
        pass
    connection = Connection(dead, others=(other,), token="t")
    api = Api(connection, timeout=60.0, warn=lambda text: None)
    with pytest.raises(errors.Unreachable, match=dead):
        api.call("GET", "/x")
