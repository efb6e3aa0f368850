"""What programs' output makes of a screen: pyte's own ways are pyte's to test, these are what it lacks."""

import random

import pytest

from kohakuriver.cli.tui.ide.terminal.palette import style
from kohakuriver.cli.tui.ide.terminal.screen import Screen


def a_screen(*output: str, columns: int = 20, lines: int = 5) -> Screen:
    said: list[str] = []
    screen = Screen(columns, lines, answer=said.append)
    screen.said = said  # type: ignore[attr-defined]
    for text in output:
        screen.feed(text.encode())
    return screen


def rows(screen: Screen) -> list[str]:
    return [line.rstrip() for line in screen.display]


def test_a_full_screen_program_leaves_what_was_there_before() -> None:
    screen = a_screen("$ vim\r\n", "\x1b[?1049h\x1b[2J\x1b[H~ the file")
    assert rows(screen)[0] == "~ the file" and screen.is_alternate
    screen.feed(b"\x1b[?1049l$ ")
    assert rows(screen)[:2] == ["$ vim", "$"] and not screen.is_alternate


def test_what_comes_back_fits_a_screen_that_was_made_smaller_meanwhile() -> None:
    screen = a_screen("1\r\n2\r\n3\r\n4\r\n$ ", "\x1b[?1049h")
    screen.resize(3, 10)
    screen.feed(b"\x1b[?1049l!")
    assert rows(screen) == ["3", "4", "$ !"]


def test_lines_that_scroll_off_are_kept_but_not_those_of_a_full_screen_program() -> None:
    screen = a_screen(*(f"{number}\r\n" for number in range(10)))
    assert "".join(row[0].data for row in screen.scrolled) == "012345"
    screen.feed(b"\x1b[?1049h" + b"x\r\n" * 20 + b"\x1b[?1049l")
    assert len(screen.scrolled) == 6


@pytest.mark.parametrize(
    "unknown",
    [
        "\x1b[>4;2m",  # vim: modifyOtherKeys, which pyte takes for underline
        "\x1bP+q436f\x1b\\",  # vim: a terminfo query, which pyte shows as text
        "\x1b[2 q",
        "\x1b[!p",
        "\x1b[?2026h",
        "\x1b[?12$p",
        "\x1b]8;;http://x\x1b\\",
        "\x1b]52;c;YQ==\x07",
        "\x1b_Gi=1\x1b\\",
        "\x1b[22;0;0t",
        "\x1b[58;2;1;2;3m\x1b[58:5:1m",
        "\x1b[?7$p",
        "\x1b%G",
        "\x9b",
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_what_is_not_known_is_never_shown(unknown: str, cut: bool) -> None:
    pieces = ["a", *(unknown if cut else [unknown]), "b"]
    screen = a_screen(*pieces)
    assert rows(screen)[0] == "ab"
    assert not screen.buffer[0][1].underscore


def test_text_behind_characters_without_a_width_is_kept() -> None:
    screen = a_screen("a\u200bb\ufe0fc e\u0301 日本 x")
    assert rows(screen)[0].startswith("abc \u00e9 日本")
    assert "x" in rows(screen)[0]


def test_utf8_may_be_cut_anywhere() -> None:
    screen = Screen(20, 5)
    for byte in "grün 日本".encode():
        screen.feed(bytes([byte]))
    assert rows(screen)[0].startswith("grün 日")


@pytest.mark.parametrize(
    ("sequence", "colour"),
    [
        ("38;2;1;2;3", "#010203"),
        ("38:2::1:2:3", "#010203"),
        ("38:2:1:2:3", "#010203"),
        ("38;5;196", "#ff0000"),
        ("38:5:196", "#ff0000"),
        ("31", "#e5646c"),
        ("91", "#ff7b83"),
        ("1;38;5;196;4", "#ff0000"),
        ("38;5;999", "#eeeeee"),
    ],
)
def test_colours_come_in_every_notation(sequence: str, colour: str) -> None:
    screen = a_screen(f"\x1b[{sequence}mx")
    found = style(screen.buffer[0][0]).color
    assert found is not None and found.name == colour


def test_a_wrong_colour_is_no_crash() -> None:
    a_screen("\x1b[38mx\x1b[38;5mx\x1b[38;2;1mx\x1b[48;9;1mx\x1b[m\x1b[;;mx\x1b[99999999999mx")


def test_repeating_scrolling_and_back_tabs() -> None:
    assert rows(a_screen("ab\x1b[3b"))[0] == "abbbb"
    assert rows(a_screen("1\r\n2\r\n3\x1b[S")) == ["2", "3", "", "", ""]
    assert rows(a_screen("1\r\n2\r\n3\x1b[T")) == ["", "1", "2", "3", ""]
    screen = a_screen("0123456789ABC\x1b[Zx")
    assert rows(screen)[0] == "01234567x9ABC"


def test_line_drawing_is_drawn() -> None:
    assert rows(a_screen("\x1b(0lqk\x1b(B lqk"))[0] == "┌─┐ lqk"


def test_a_cursor_that_was_saved_can_be_restored_twice() -> None:
    screen = a_screen("ab\x1b7cd\x1b8X\x1b8Y")
    assert rows(screen)[0] == "abYd"


def test_programs_that_ask_are_answered() -> None:
    screen = a_screen(
        "ab", "\x1b[6n", "\x1b[c", "\x1b[>c", "\x1b[5n", "\x1b]11;?\x1b\\", "\x1b[?2004h\x1b[?2004$p"
    )
    assert screen.said == [
        "\x1b[1;3R",
        "\x1b[?62;22c",
        "\x1b[>41;354;0c",
        "\x1b[0n",
        "\x1b]11;rgb:1111/1414/1818\x1b\\",
        "\x1b[?2004;1$y",
    ]


def test_modes_that_whoever_types_must_know() -> None:
    screen = a_screen("\x1b[?1h\x1b[?2004h\x1b[?1000;1006h\x1b[?1002h")
    assert screen.is_on(1) and screen.is_on(2004) and screen.is_on(1006) and screen.mouse == 1002
    screen.feed(b"\x1b[?1002l\x1b[?1000l\x1bc")
    assert screen.mouse == 0 and not screen.is_on(2004)


def test_a_smaller_screen_keeps_the_line_with_the_cursor() -> None:
    screen = a_screen("1\r\n2\r\n3\r\n4\r\n5")
    screen.resize(2, 10)
    assert rows(screen) == ["4", "5"] and screen.cursor.y == 1
    screen = a_screen("1\r\n2")
    screen.resize(3, 10)
    assert rows(screen) == ["1", "2", ""] and screen.cursor.y == 1
    screen.resize(6, 30)
    screen.feed(b"x")
    assert rows(screen)[:2] == ["1", "2x"]


def test_noise_is_no_crash() -> None:
    chance = random.Random(7)  # noqa: S311 - noise, no secret
    screen = Screen(30, 8)
    alphabet = b"\x1b\x1b\x1b[[];?><!$ 0123456789:hlmrJKHABCDPLM@XSTbZ~\r\n\t\x07\x08\\]P_^()#8cD\xff\xe6\x97"
    for _ in range(400):
        screen.feed(bytes(chance.choices(alphabet, k=60)))
    assert 0 <= screen.cursor.y < 8


@pytest.mark.parametrize(
    "nonsense",
    [
        "\x1b[4J",
        "\x1b[?9J",
        "\x1b[7K",
        "\x1b[?3K",
        f"\x1b[{'9' * 5000}J",
        f"\x1b[{'9' * 5000}m",
        f"\x1b[38;2;{'9' * 5000};1;1m",
        f"\x1b[{'1;' * 200_000}m",
        f"\x1b[{'1:' * 200_000}m",
        f"\x1b[?{'1;' * 200_000}h",
        f"\x1b[{' ' * 200_000}q",
    ],
    ids=lambda nonsense: f"{nonsense[1:8]} {len(nonsense)}",
)
@pytest.mark.parametrize("piece", [1 << 13, 1 << 20])
def test_nonsense_is_passed_over(nonsense: str, piece: int) -> None:
    screen = a_screen("before\x1b[0m")
    for start in range(0, len(nonsense), piece):
        screen.feed(nonsense[start : start + piece].encode())
    screen.feed(b"\x1b[0m after")
    assert rows(screen)[0] == "before after"


@pytest.mark.parametrize(
    ("kind", "end", "size"),
    [
        ("]", "\x07", 20 << 20),
        *((kind, end, 1 << 16) for kind in "]P_^X" for end in ("\x07", "\x1b\\", "\x18", "\x1b[0m")),
    ],
)
def test_a_string_without_end_is_dropped_until_its_end(kind: str, end: str, size: int) -> None:
    """Nothing of it is drawn."""
    screen, piece = a_screen("before"), b"x" * (1 << 13)
    screen.feed(b"\x1b" + kind.encode())
    for _ in range(size // len(piece)):
        screen.feed(piece)
    for byte in f"{end} after".encode():
        screen.feed(bytes([byte]))
    assert rows(screen)[0] == "before after" and screen.title == ""


def test_accents_without_number_make_no_large_cell() -> None:
    screen = a_screen("e", "\u0301" * 100_000, "x", "\r\x1b[C", "\u0302" * 100_000)
    assert len(screen.buffer[0][0].data) <= 8
    assert screen.buffer[0][1].data == "x"
    assert rows(a_screen("cafe\u0301!"))[0] == "caf\xe9!"


def _noise(chance: random.Random) -> str:
    """A sequence, most of them nearly sound."""

    pick = chance.choice
    numbers = ("", "0", "1", "4", "7", "38", "48", "58", "300", "99999", "9" * 5000)
    params = pick(";;;:").join(pick(numbers) for _ in range(pick((0, 1, 1, 2, 3, 6, 500))))
    final = chr(chance.randrange(0x40, 0x7F))
    return pick(
        [
            f"\x1b[{pick(('', '', '?', '>', '=', '<'))}{params}{pick(('', '', ' ', '$', '!'))}{final}",
            f"\x1b{pick(' ()#%*+')}{final}",
            f"\x1b{final}",
            f"\x1b{pick(']P_^X')}{params}{'x' * pick((0, 5, 9000))}{pick(('', chr(7)))}",
            chr(pick([*range(32), 0x301, 0x200D, 0x4E16, 0x1F600, 0x9B, 0x5C80])),
            "some text",
            "\r\n" * 3,
        ]
    )


@pytest.mark.parametrize("round_", range(8))
def test_random_sequences_are_no_crash_and_can_be_drawn(round_: int) -> None:
    chance = random.Random(round_)  # noqa: S311 - noise, no secret
    screen = Screen(30, 8)
    for _ in range(1000):
        screen.feed(_noise(chance).encode()[: chance.choice([1, 3, 10_000, 10_000, 10_000])])
        if chance.random() < 0.02:
            screen.resize(chance.randrange(1, 12), chance.randrange(2, 40))
        assert 0 <= screen.cursor.y < screen.lines and 0 <= screen.cursor.x <= screen.columns
    for row in (*(screen.buffer[y] for y in range(screen.lines)), *screen.scrolled):
        for x in range(screen.columns):
            style(row[x])
            assert len(row[x].data) < 20
    screen.feed(b"\x18\x07\x1b\\\x1bcwell")
    assert rows(screen)[0] == "well"
