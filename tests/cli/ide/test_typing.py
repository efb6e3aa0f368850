"""Keys, pastes and the mouse, as a program reads them."""

import pytest

from kohakuriver.cli.tui.ide.terminal.typing import MOTION, key, mouse, paste


@pytest.mark.parametrize(
    ("name", "character", "sent"),
    [
        ("a", "a", "a"),
        ("A", "A", "A"),
        ("ü", "ü", "ü"),
        ("plus", "+", "+"),
        ("enter", "\r", "\r"),
        ("tab", "\t", "\t"),
        ("shift+tab", None, "\x1b[Z"),
        ("escape", "\x1b", "\x1b"),
        ("backspace", "\x7f", "\x7f"),
        ("ctrl+c", "\x03", "\x03"),
        ("ctrl+z", "\x1a", "\x1a"),
        ("ctrl+@", "\0", "\0"),
        ("ctrl+backslash", "\x1c", "\x1c"),
        ("ctrl+right_square_bracket", "\x1d", "\x1d"),
        ("alt+b", "b", "\x1bb"),
        ("alt+b", None, "\x1bb"),
        ("up", None, "\x1b[A"),
        ("ctrl+right", None, "\x1b[1;5C"),
        ("shift+ctrl+up", None, "\x1b[1;6A"),
        ("pageup", None, "\x1b[5~"),
        ("ctrl+delete", None, "\x1b[3;5~"),
        ("f1", None, "\x1bOP"),
        ("f10", None, "\x1b[21~"),
        ("shift+f5", None, "\x1b[15;2~"),
        ("hyper+x", None, ""),
    ],
)
def test_a_key_sends_what_xterm_would(name: str, character: str | None, sent: str) -> None:
    assert key(name, character) == sent


def test_cursor_keys_have_another_mode() -> None:
    assert key("up", None, application=True) == "\x1bOA"
    assert key("ctrl+up", None, application=True) == "\x1b[1;5A"


def test_a_paste_cannot_end_itself() -> None:
    assert paste("a\nb", bracketed=False) == "a\rb"
    assert paste("x\x1b[201~rm -rf /\n", bracketed=True) == "\x1b[200~xrm -rf /\r\x1b[201~"


def test_the_mouse_reports_in_both_ways() -> None:
    assert mouse(0, 4, 2, pressed=True, sgr=True) == "\x1b[<0;5;3M"
    assert mouse(0, 4, 2, pressed=False, sgr=True) == "\x1b[<0;5;3m"
    assert mouse(0 | MOTION, 0, 0, pressed=True, sgr=False) == "\x1b[M@!!"
    assert mouse(2, 0, 0, pressed=False, sgr=False) == "\x1b[M#!!"
    assert mouse(0, 400, 0, pressed=True, sgr=False) == ""
