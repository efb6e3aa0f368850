"""How each request of a `files` stream ended: counted as the answers pass, whatever pieces they come in."""

import json

import pytest

from kohakuriver.apiserver.streaming.fileanswers import LONGEST_WORDS, FileAnswers
from kohakuriver.apiserver.streaming.messages import LONGEST
from kohakuriver.streams.frames import Opcode, header


def says(message: object, opcode: Opcode = Opcode.TEXT) -> bytes:
    content = message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()
    return header(opcode, len(content), masked=False) + content


def failed(words: str) -> bytes:
    return says({"failed": {"kind": "Status", "message": words}})


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_answers_and_failures_are_counted_and_content_is_not_taken_for_one(size):
    answers = FileAnswers()
    stream = says({"part": {"entries": ["x"] * 100}}) + says(b'{"failed":{}}', Opcode.BINARY)
    stream += says({"answer": {}}) + failed("/a: there is no such file") + says({"answer": {"count": 1}})
    for start in range(0, len(stream), size):
        answers.add(stream[start : start + size])
    assert answers.shown() == {"succeeded": 2, "failed": 1, "failure": "/a: there is no such file"}
    assert answers.count == len(stream)


def test_where_nothing_failed_no_reason_is_told():
    assert FileAnswers().shown() == {"succeeded": 0, "failed": 0}


@pytest.mark.parametrize(
    "text",
    [b'{"failed":', b'{"failed":1}', b'{"failed":[]}', b'{"failed":' + b"[" * 5000, b'{"failed":\xff}'],
)
def test_what_a_node_says_badly_is_a_failure_nevertheless(text):
    answers = FileAnswers()
    answers.add(says(text))
    assert answers.failed == 1 and "no reason" in answers.failure


def test_what_is_kept_is_short_however_long_it_is_said():
    answers = FileAnswers()
    answers.add(failed("x" * 1000) + failed("x" * 10 * LONGEST) + says({"answer": {"x": "y" * LONGEST}}))
    assert (answers.succeeded, answers.failed) == (1, 2)
    assert len(answers.failure) <= LONGEST_WORDS + 1


def test_after_nonsense_only_bytes_are_counted():
    answers = FileAnswers()
    answers.add(b"\xff" * 100)
    answers.add(says({"answer": {}}))
    assert answers.succeeded == 0 and answers.count > 100
