"""A disk that hangs holds up one thread: nobody who asks, and no line more than there is room for."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kohakuriver.apiserver.audit import writer
from kohakuriver.apiserver.audit.file import AuditFile
from kohakuriver.apiserver.audit.visit import LOG
from kohakuriver.apiserver.audit.writer import Behind, Receipt


class Hanging(AuditFile):
    """A file whose writes wait until `goes_on`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.goes_on = threading.Event()
        self.has_begun = threading.Event()
        self.written = threading.Semaphore(0)

    def emit(self, record: logging.LogRecord) -> None:
        self.has_begun.set()
        self.goes_on.wait(60)
        super().emit(record)
        self.written.release()


@pytest.fixture
def file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Hanging]:
    caplog.set_level(logging.INFO)
    made = Hanging(tmp_path / "audit.jsonl")
    yield made
    made.goes_on.set()
    for handler in [one for one in LOG.handlers if isinstance(one, Behind)]:
        LOG.removeHandler(handler)
        handler.close()


def begin(file: Hanging, waiting: int) -> Behind:
    handler = Behind(file, waiting=waiting)
    LOG.addHandler(handler)
    return handler


def say(code: int, receipt: Receipt | None = None) -> None:
    more = {"_receipt": receipt} if receipt is not None else {}
    LOG.info("request", extra={"who": "bob", "code": code, "_audit": {"event": "write"}, **more})


def lines(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def loud(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.message for one in caplog.records if one.name == writer.__name__]


def test_what_is_too_much_for_the_queue_is_lost_said_once_and_counted_in_the_file(file, caplog) -> None:
    handler = begin(file, 4)
    say(0)
    assert file.has_begun.wait(60)
    for code in range(1, 10):
        say(code)
    assert [words.split(";")[0] for words in loud(caplog)] == ["the audit log cannot be written"]
    file.goes_on.set()
    for _ in range(5):
        assert file.written.acquire(timeout=60)
    say(10)
    handler.close()
    LOG.removeHandler(handler)
    assert [(line["event"], line.get("code"), line.get("lines")) for line in lines(file.baseFilename)] == [
        *(("write", code, None) for code in range(5)),
        ("lost", None, 5),
        ("write", 10, None),
    ]
    assert loud(caplog)[1:] == ["the audit log is written again"]


async def test_a_line_that_is_waited_for_is_in_the_file_then(file) -> None:
    file.goes_on.set()
    begin(file, 4)
    receipt = Receipt()
    say(1, receipt)
    await receipt.wait()
    assert [line["code"] for line in lines(file.baseFilename)] == [1]


async def test_one_waits_for_a_disk_that_hangs_and_the_next_do_not(file, caplog) -> None:
    begin(file, 100)
    first = Receipt()
    say(1, first)
    await first.wait()
    assert [words.split(";")[0] for words in loud(caplog)] == ["the audit log is not written in time"]
    loop, turns = asyncio.get_running_loop(), 0

    def count() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(count)

    loop.call_soon(count)
    for code in range(2, 50):
        receipt = Receipt()
        say(code, receipt)
        await receipt.wait()
    assert turns == 0, "none of them has waited for anything"


async def test_who_waits_for_a_line_that_is_lost_goes_on(file) -> None:
    begin(file, 1)
    say(0)
    assert file.has_begun.wait(60)
    say(1)
    receipt = Receipt()
    say(2, receipt)
    went_on = asyncio.create_task(receipt.wait())
    await asyncio.wait([went_on])
    assert not went_on.cancelled()


async def test_nobody_waits_where_there_is_no_file() -> None:
    receipt = Receipt()
    say(1, receipt)
    await receipt.wait()


def test_a_disk_that_hangs_to_the_end_does_not_keep_the_server(file, caplog, monkeypatch) -> None:
    monkeypatch.setattr(writer, "ENDS_WITHIN", 0.05)
    handler = begin(file, 1)
    say(0)
    assert file.has_begun.wait(60)
    say(1)
    say(2)
    handler.close()
    LOG.removeHandler(handler)
    assert loud(caplog)[-1] == "the audit log was not written to its end"
