"""The file of the audit log: whole lines, for its owner, of bounded length, and no reason to stop."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kohakuriver.apiserver.audit.file import AuditFile
from kohakuriver.apiserver.audit.visit import LOG
from kohakuriver.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Path]:
    caplog.set_level(logging.INFO)
    yield tmp_path / "audit.jsonl"
    for handler in [one for one in LOG.handlers if isinstance(one, AuditFile)]:
        LOG.removeHandler(handler)
        handler.close()


def begin(path: Path, **bounds: int) -> None:
    LOG.addHandler(AuditFile(path, **bounds))


def say(event: str = "write", **fields: object) -> None:
    LOG.info(
        "request", extra={"who": "bob", "path": "/x", **fields, "_audit": {"event": event, "name": "dev"}}
    )


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_is_json_with_time_and_event_first_and_of_nothing_else(path: Path) -> None:
    begin(path)
    say(code=201, command="echo 'a\nb' \x1b \udcff")
    LOG.info("request", extra={"who": "bob", "path": "/read"})
    [line] = lines(path)
    assert list(line)[:2] == ["time", "event"]
    assert {key: line[key] for key in line if key != "time"} == {
        "event": "write",
        "name": "dev",
        "who": "bob",
        "path": "/x",
        "code": 201,
        "command": "echo 'a\nb' \x1b \udcff",
    }


def test_it_is_for_its_owner_alone_even_where_it_was_there_before(path: Path) -> None:
    path.write_text("")
    path.chmod(0o644)
    begin(path)
    say()
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_begun_anew_while_it_is_written_and_few_are_kept(path: Path) -> None:
    begin(path, longest=1000, older=2)
    for number in range(200):
        say(code=number)
    kept = sorted(path.parent.iterdir())
    assert [one.name for one in kept] == ["audit.jsonl", "audit.jsonl.1", "audit.jsonl.2"]
    assert all(one.stat().st_size <= 1000 and one.stat().st_mode & 0o777 == 0o600 for one in kept)
    codes = [line["code"] for one in reversed(kept) for line in lines(one)]
    assert codes == list(range(200 - len(codes), 200)), "none is lost in between"


def test_what_cannot_be_written_is_said_once_and_counted_when_it_can_again(path: Path, caplog) -> None:
    begin(path)
    say(code=1)
    folder = path.parent / "away"
    [handler] = [one for one in LOG.handlers if isinstance(one, AuditFile)]
    assert handler.stream is not None
    os.dup2(os.open("/dev/full", os.O_WRONLY), handler.stream.fileno())  # a full disk
    say(code=2)
    path.rename(folder)
    path.mkdir()  # and then no file at all
    say(code=3)
    path.rmdir()
    folder.rename(path)
    say(code=4)
    loud = [one.levelname for one in caplog.records if "cannot be written" in one.message]
    assert loud == ["ERROR"]
    assert [(line.get("event"), line.get("code"), line.get("lines")) for line in lines(path)] == [
        ("write", 1, None),
        ("write", 4, None),
        ("lost", None, 2),
    ]


def test_a_line_that_was_cut_off_stays_apart_from_the_next(path: Path) -> None:
    path.write_text('{"event":"wri')
    begin(path)
    say()
    cut, whole = path.read_text().splitlines()
    assert cut == '{"event":"wri' and json.loads(whole)["event"] == "write"


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
def test_what_is_no_file_is_refused_at_the_start(path: Path, make) -> None:
    make(path)
    with pytest.raises(ConfigError, match="cannot write the audit log"):
        AuditFile(path)


def test_its_folder_is_made(tmp_path: Path) -> None:
    AuditFile(tmp_path / "new" / "audit.jsonl").close()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_disk_that_fails_at_the_start_stops_no_server(caplog) -> None:
    AuditFile(Path("/proc/1/attr/none")).close()  # a file system that makes no files: ENOENT
    assert "cannot be written" in caplog.text
