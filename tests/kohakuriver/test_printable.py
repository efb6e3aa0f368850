import pytest

from kohakuriver.printable import bare, on_one_line, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("élan 中文 🦊\n\tx", "élan 中文 🦊\n\tx"),
        ("\x1b]52;c;cHdu\x07", "\\x1b]52;c;cHdu\\x07"),
        ("over\rwritten\x08", "over\\x0dwritten\\x08"),
        ("\x9b2J", "\\x9b2J"),
        ("user\u202etxt.exe", "user\\u202etxt.exe"),
        ("half \ud800", "half \\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out_and_the_rest_stays(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_text_on_one_line_has_neither_line_ends_nor_tabs() -> None:
    assert on_one_line("a\nb\tc\r\nd\x1be") == "a b c d\\x1be"


def test_a_bare_text_has_none_of_it() -> None:
    assert bare("a\x1b[2Jb") == "a[2Jb"
