"""What both clients of the API read and say alike."""

import json
import ssl

import orjson
import pytest

from kohakuriver.client import wire


@pytest.mark.parametrize("read", [json.loads, orjson.loads])
def test_an_answer_is_an_object_whatever_was_sent(read: object) -> None:
    def parsed(content: bytes) -> dict[str, object]:
        return wire.parsed(content, read=read)  # type: ignore[arg-type]

    assert parsed(b'{"kind": "VPS"}') == {"kind": "VPS"}
    assert parsed(b"") == {}
    assert parsed(b"<html>bad gateway") == {"message": "<html>bad gateway"}
    assert parsed(b"[1, 2]") == {"message": "[1, 2]"}
    assert len(str(parsed(b"x" * 9999)["message"])) == 256
    assert "message" in parsed(b"\xff\xfe")


def test_selectors_that_choose_nothing_are_left_out() -> None:
    assert wire.selectors() == {}
    assert wire.selectors("spec.node=n1", "a=b") == {"fieldSelector": "spec.node=n1", "labelSelector": "a=b"}


def test_a_watch_says_from_where_it_goes_on_if_that_is_known() -> None:
    assert wire.watching() == {"watch": "1", "allowWatchBookmarks": "true"}
    assert wire.watching("12")["resourceVersion"] == "12"


def test_a_warning_is_read_with_its_quotes() -> None:
    assert wire.warning('299 - "use \\"x\\" - it is newer"') == 'use "x" - it is newer'
    assert wire.warning("bare") == "bare"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connect call failed"), "nothing listens at https://n1:1"),
        (TimeoutError(), "the API server at https://n1:1 cannot be reached: no answer in time"),
        (
            OSError(113, "No route to host"),
            "the API server at https://n1:1 cannot be reached: No route to host",
        ),
        (ConnectionError(), "the API server at https://n1:1 cannot be reached: ConnectionError"),
    ],
)
def test_whoever_cannot_be_reached_is_named_with_the_reason(error: BaseException, words: str) -> None:
    found = wire.unreachable("https://n1:1", error)

    assert found.message == words
    assert "kohakuriver up" in found.hint


def test_a_certificate_that_is_not_trusted_is_told_from_a_server_that_is_away() -> None:
    error = ssl.SSLCertVerificationError(1, "verify failed")
    error.verify_message = "self-signed certificate"

    found = wire.unreachable("https://n1:1", error)

    assert found.message == "the certificate of https://n1:1 is not trusted: self-signed certificate"
    assert "--config" in found.hint
