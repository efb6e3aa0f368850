"""What opens, what opens read-only, and what is never spoiled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.document._document import Document as Edited

from kohakuriver.cli.files.entry import Entry
from kohakuriver.cli.tui.ide.document import EDITABLE, SHOWN, language, read


def an_entry(size: int = 0) -> Entry:
    return Entry("f", "file", size=size, version="v")


@pytest.mark.parametrize(
    "data", [b"", b"a\nb\n", b"a", b"a\r\nb\r\n", "grün\n".encode(), b"\xef\xbb\xbfbom\n"]
)
def test_text_can_be_edited(data: bytes) -> None:
    found = read("/f", an_entry(len(data)), data)
    assert found.read_only == "" and found.text.encode() == data and found.version == "v"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x7fELF\0\0", "a binary file"),
        (b"caf\xe9", "not UTF-8"),
        (b"a\r\nb\n", "line ends"),
        (b"a\rb", "line ends"),
        (b"page\x0cbreak\n", "line ends"),
        ("line\u2028separator".encode(), "line ends"),
    ],
)
@pytest.mark.fault(57)
def test_what_would_not_come_back_as_it_is_is_read_only(data: bytes, why: str) -> None:
    assert why in read("/f", an_entry(len(data)), data).read_only


@pytest.mark.fault(57)
def test_what_is_too_large_is_read_only_and_shown_in_part() -> None:
    found = read("/f", an_entry(EDITABLE + 1), b"x" * (SHOWN + 5))
    assert "larger than 5 MB" in found.read_only and len(found.text) == SHOWN


@given(st.text(st.sampled_from(list("ab\n\r\t\x0b\x0c\x1c\x85\u2028 ü")), max_size=12))
def test_what_can_be_edited_comes_back_from_the_editor_as_it_was(text: str) -> None:
    found = read("/f", an_entry(), text.encode())
    if not found.read_only:
        assert Edited(found.text).text == text, "an untouched file would be changed by saving it"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", "", "python"),
        ("A.YML", "", "yaml"),
        ("run", "#!/usr/bin/env python3\n", "python"),
        ("run", "#!/bin/sh\n", "bash"),
        ("run", "", None),
        (".bashrc", "", "bash"),
        ("x.unknown", "", None),
    ],
)
def test_a_language_is_known_by_name_or_first_line(name: str, text: str, found: str | None) -> None:
    assert language(name, text) == found


def test_tabs_are_kept_where_a_file_has_them() -> None:
    assert read("/Makefile", an_entry(), b"").uses_tabs
    assert read("/a.go", an_entry(), b"f {\n\tx\n").uses_tabs
    assert not read("/a.py", an_entry(), b"f:\n    x\n").uses_tabs
