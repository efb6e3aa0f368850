"""What a person types for us, told from what is the shell's."""

import pytest

from kohakuriver.cli.access.escapes import Escape, Escapes, Typed


def keys(*pieces: bytes) -> tuple[bytes, list[Escape]]:
    escapes = Escapes()
    typed = [escapes.feed(piece) for piece in pieces]
    return b"".join(one.data for one in typed), [one.escape for one in typed if one.escape]


@pytest.mark.parametrize(
    ("pieces", "passed", "asked"),
    [
        ((b"~", b"."), b"", [Escape.DETACH]),
        ((b"ls\r", b"~", b"."), b"ls\r", [Escape.DETACH]),
        ((b"ls\r~.",), b"ls\r", [Escape.DETACH]),
        ((b"a", b"~", b"."), b"a~.", []),
        ((b"\r", b"~", b"~", b"."), b"\r~.", []),
        ((b"\r", b"~", b"?", b"~", b"."), b"\r", [Escape.HELP, Escape.DETACH]),
        ((b"cd ~/x\r",), b"cd ~/x\r", []),
        ((b"~", b"/", b"bin"), b"~/bin", []),
        ((b"\x1b[200~a\r~.\x1b[201~",), b"\x1b[200~a\r~.\x1b[201~", []),
        ((b"\x1b[200~a\r", b"~", b".", b"\x1b[201~"), b"\x1b[200~a\r~.\x1b[201~", []),
        ((b"pasted line\r~.another line\r",), b"pasted line\r~.another line\r", []),
    ],
)
def test_a_tilde_is_ours_only_when_typed_at_the_start_of_a_line(pieces, passed, asked):
    assert keys(*pieces) == (passed, asked)


def test_after_a_broken_link_the_next_tilde_is_ours():
    escapes = Escapes()
    escapes.feed(b"half a li")
    escapes.start_line()
    assert escapes.feed(b"~.") == Typed(b"", Escape.DETACH)
