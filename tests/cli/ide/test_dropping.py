"""What terminals paste when somebody drops a file."""

from pathlib import Path

import pytest

from kohakuriver.cli.tui.ide.dropping import paths


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "my file.txt"
    made.touch()
    return made


def test_a_path_comes_quoted_escaped_plain_or_as_an_address(file: Path) -> None:
    address = "file://" + str(file).replace(" ", "%20")
    escaped = str(file).replace(" ", "\\ ")
    for text in (str(file), f"'{file}'", escaped, address, f"{file}\n", f" '{file}' "):
        assert paths(text) == [file], text


def test_several_come_in_lines_or_words(file: Path) -> None:
    other = file.with_name("other")
    other.touch()
    assert paths(f"{file}\n{other}") == [file, other]
    assert paths(f"'{file}' {other}") == [file, other]


def test_text_is_no_path(file: Path) -> None:
    for text in ("", "hello", f"{file} and more", "it's", "my file.txt", "/no/such/file", "x" * 100_000):
        assert paths(text) == []
