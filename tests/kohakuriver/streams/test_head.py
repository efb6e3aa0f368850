"""The head of an HTTP answer, however its bytes arrive."""

import pytest

from kohakuriver.streams.head import LIMIT, HeadReader, NotHTTP

ANSWER = b"HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\nX-One:  a b \r\n\r\nbody"


@pytest.mark.parametrize("size", range(1, len(ANSWER) + 1))
def test_a_head_is_the_same_in_pieces_of_any_size(size: int) -> None:
    reader, found, rest = HeadReader(), None, b""
    for start in range(0, len(ANSWER), size):
        piece = ANSWER[start : start + size]
        if found is not None:
            rest += piece
        elif (answer := reader.feed(piece)) is not None:
            found, rest = answer

    assert found is not None
    assert (found.code, found.length, found.headers["x-one"], rest) == (404, 12, "a b", b"body")


@pytest.mark.parametrize(
    "status", ["SSH-2.0-OpenSSH", "HTTP/2 200", "HTTP/1.1 abc", "HTTP/1.1", "HTTP/1.1 20²"]
)
def test_what_is_not_http_is_refused(status: str) -> None:
    with pytest.raises(NotHTTP, match="does not speak HTTP"):
        HeadReader().feed(status.encode("latin-1") + b"\r\n\r\n")


def test_a_head_without_an_end_is_not_read_for_ever() -> None:
    reader = HeadReader()
    assert reader.feed(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (LIMIT - 30)) is None

    with pytest.raises(NotHTTP, match="has no end"):
        reader.feed(b"x" * 40)


@pytest.mark.parametrize("said", ["", "-1", "abc", "1²", "9" * 30])
def test_a_length_that_cannot_be_read_is_none(said: str) -> None:
    answer = HeadReader().feed(f"HTTP/1.0 200 OK\r\nContent-Length: {said}\r\n\r\n".encode("latin-1"))

    assert answer is not None
    assert answer[0].length == 0
