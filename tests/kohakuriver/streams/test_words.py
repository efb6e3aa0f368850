"""How a stream ended, from its last bytes."""

import json

import pytest

from kohakuriver.streams.frames import Opcode, header
from kohakuriver.streams.words import last_words

CLOSE = header(Opcode.CLOSE, 2, masked=False) + b"\x03\xe8"


def text(message: object) -> bytes:
    said = json.dumps(message).encode()
    return header(Opcode.TEXT, len(said), masked=False) + said


@pytest.mark.parametrize("message", [{"exit": {"code": 3}}, {"end": {"reason": "x" * 300, "message": ""}}])
@pytest.mark.parametrize("before", [b"", b"output \x81\x05{}", b"\x81" * 50, text({"exit": {"code": 0}})])
@pytest.mark.parametrize("after", [b"", CLOSE, CLOSE + CLOSE])
def test_the_last_message_is_found_behind_whatever_came_before(message, before, after):
    assert last_words(before + text(message) + after) == message


@pytest.mark.parametrize(
    "last", [b"", CLOSE, b"\x81", b"\x81\x02[]", b"\x81\x03{\xff}", b"output", b"\x81\x7e"]
)
def test_where_nothing_was_said_last_there_are_no_words(last):
    assert last_words(last) == {}


def test_what_was_said_before_the_last_bytes_of_output_does_not_count():
    output = header(Opcode.BINARY, 5, masked=False) + b"bytes"
    assert last_words(text({"exit": {"code": 0}}) + output) == {}
