"""Command lines of units, and whose a unit is. There is no systemd where tests run."""

import errno
from pathlib import Path

import pytest

from kohakuriver import errors, systemd
from kohakuriver.systemd import Service, Unit


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("--node", "--node"),
        ("/var/lib/a-b.c", "/var/lib/a-b.c"),
        ("85%", '"85%%"'),
        ("$HOME", '"$$HOME"'),
        ('a "b" \\c', '"a \\"b\\" \\\\c"'),
        ("'; touch x", '"\'; touch x"'),
        ("", '""'),
    ],
)
def test_a_word_stays_one_word_and_means_itself(word, written):
    assert systemd.line(["/usr/bin/x", word]) == f"/usr/bin/x {written}"


@pytest.mark.parametrize(
    "words", [["/x", "a\nExecStartPre=/bin/evil"], ["/x", "\x00"], ["/my data/x"], ["/$x"]]
)
def test_what_a_unit_cannot_hold_is_refused(words):
    with pytest.raises(errors.ConfigError, match="systemd unit cannot"):
        systemd.line(words)


def a_service(tmp_path, mark, done=None):
    unit = Unit("x.service", f"ExecStart=/x {mark}\n", mark=f" {mark}\n", owner="machine")
    return Service(
        unit, folder=tmp_path, systemctl=None if done is None else lambda *words: done.append(words)
    )


def test_a_unit_of_another_is_left_alone(tmp_path):
    a_service(tmp_path, "one").write()
    other = a_service(tmp_path, "two", done := [])
    for act in (other.check, other.write):
        with pytest.raises(errors.ConfigError, match="is of another machine"):
            act()
    assert not other.remove(stop=True) and not done
    assert (tmp_path / "x.service").read_text() == "ExecStart=/x one\n"


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(errors.ConfigError, match="cannot be written") as told:
        a_service(tmp_path / "file", "one").write()
    assert "needs root" in told.value.hint


def test_a_unit_that_cannot_be_written_whole_leaves_the_one_before(tmp_path, monkeypatch):
    a_service(tmp_path, "one").write()

    def full(file, text):
        with file.open("w") as half:
            half.write(text[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(errors.ConfigError, match="No space left"):
        a_service(tmp_path, "one").write()
    assert [one.name for one in tmp_path.iterdir()] == ["x.service"]
    assert (tmp_path / "x.service").read_text() == "ExecStart=/x one\n"
