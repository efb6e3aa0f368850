"""What a client asks of files is told as it passes, whatever pieces it comes in."""

import json

import pytest

from kohakuriver.apiserver.streaming.filework import LINES, LONGEST_PATH, MINUTE, FileWork
from kohakuriver.apiserver.streaming.messages import LONGEST
from kohakuriver.streams.frames import Opcode, header


def a_frame(content: bytes, opcode: Opcode = Opcode.TEXT, key: bytes = b"\0\0\0\0") -> bytes:
    head = header(opcode, len(content), masked=True)[:-4] + key
    return head + bytes(byte ^ key[index % 4] for index, byte in enumerate(content))


def asks(key: bytes = b"\0\0\0\0", **request: object) -> bytes:
    return a_frame(json.dumps({"request": request}).encode(), key=key)


class Desk:
    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []
        self.now = 0.0
        self.work = FileWork(lambda **fields: self.told.append(fields), lambda: self.now)


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("key", [b"\0\0\0\0", b"\x01\x80\xff\x7f"])
def test_what_moves_content_is_told_and_content_is_not_taken_for_a_request(size, key):
    desk = Desk()
    stream = asks(key, op="stat", path="/a") + asks(key, op="write", path="/b")
    stream += a_frame(json.dumps({"request": {"op": "read", "path": "/forged"}}).encode(), Opcode.BINARY, key)
    stream += a_frame(b'{"eof": true}', key=key) + asks(key, op="rename", path="/b", to="/c")
    for start in range(0, len(stream), size):
        desk.work.add(stream[start : start + size])
    assert desk.told == [
        {"op": "write", "file": "/b"},
        {"op": "rename", "file": "/b", "to": "/c"},
    ]
    assert desk.work.count == len(stream)


def test_lines_are_short_and_few_and_the_rest_is_counted():
    desk = Desk()
    for number in range(LINES + 5):
        desk.work.add(asks(op="read", path=f"/{number}/" + "a" * 1000))
    assert len(desk.told) == LINES and len(str(desk.told[0]["file"])) == LONGEST_PATH + 1
    assert desk.work.left_out == 5
    desk.now = MINUTE
    desk.work.add(asks(op="read", path="/x"))
    assert desk.told[-1] == {"op": "read", "file": "/x", "left_out": 5}


@pytest.mark.parametrize("text", [b"[]", b"{", b"\xff", b'{"request": 1}', b'{"request": {"op": []}}'])
def test_what_is_no_request_is_passed_over(text):
    desk = Desk()
    desk.work.add(a_frame(text) + asks(op="remove", path="/x"))
    assert desk.told == [{"op": "remove", "file": "/x"}]


def test_a_request_that_is_too_long_hides_nothing():
    desk = Desk()
    desk.work.add(asks(op="read", path="/x", more="a" * 2 * LONGEST) + asks(op="remove", path="/y"))
    assert [one["op"] for one in desk.told] == ["unread", "remove"]


def test_after_nonsense_only_bytes_are_counted():
    desk = Desk()
    desk.work.add(b"\xff" * 100)
    desk.work.add(asks(op="read", path="/x"))
    assert desk.told == [] and desk.work.count > 100


def test_what_is_nested_too_deep_to_be_read_may_be_any_request() -> None:
    desk = Desk()
    desk.work.add(a_frame(b"[" * 5000))
    assert [line["op"] for line in desk.told] == ["unread"]
