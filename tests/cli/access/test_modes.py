"""What has to be undone in a terminal that was left in the middle of something."""

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.cli.access.modes import Modes

VIM = b"\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?25l\x1b[?1006;1000h~\r\n"


def after(*pieces: bytes) -> Modes:
    modes = Modes()
    for piece in pieces:
        modes.feed(piece)
    return modes


def test_a_shell_that_changed_nothing_leaves_nothing_to_undo():
    assert after(b"$ ls\r\n\x1b[1;32mfile\x1b[0m\r\n").undo() == b""


def test_an_editor_that_was_left_in_the_middle_is_undone_screen_last():
    modes = after(VIM)
    assert modes.is_full_screen
    undo = modes.undo()
    for one in (b"\x1b[?25h", b"\x1b[?1l", b"\x1b[?2004l", b"\x1b[?1000l", b"\x1b[?1006l", b"\x1b>"):
        assert one in undo
    assert undo.index(b"\x1b[?1049l") > undo.index(b"\x1b[?25h")


def test_an_editor_that_put_everything_back_leaves_nothing_to_undo():
    back = b"\x1b[?1006;1000l\x1b[?25h\x1b[?2004l\x1b>\x1b[?1l\x1b[?1049l"
    assert after(VIM, b"text", back).undo() == b""


@given(st.lists(st.integers(1, 12)))
def test_cuts_in_the_middle_of_a_change_change_nothing(cuts):
    whole, pieces = VIM, []
    for cut in cuts:
        pieces.append(whole[:cut])
        whole = whole[cut:]
    assert after(*pieces, whole).undo() == after(VIM).undo()
