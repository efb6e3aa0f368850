"""How the screen looks: its sheet, and a style for each tone, with colour and without."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.style import Style
from rich.text import Text

from kohakuriver.cli.tui.dashboard.line import GAP, Line, Piece, Tone, plain

Tones = dict[Tone, Style]

SHEET: Final = """
.line { height: 1; padding: 0 1; }
#top { background: $primary-muted; color: $text; }
.titles { color: $text-muted; }
#nodes { height: 3; }
#vps-titles { margin-top: 1; }
#filter { height: 1; display: none; background: $panel; padding: 0 1; }
#filter.shown { display: block; }
#filter Label { width: auto; color: $text-accent; }
#filter Input { width: 1fr; padding: 0 1; background: $panel; }
#detail { height: 6; border-top: solid $panel; border-title-color: $text; padding: 0 1; }
Button:focus:nocolor { text-style: bold reverse; }
#keys { background: $panel; color: $text-muted; }
"""


def tones(variables: Mapping[str, str], *, colour: bool) -> Tones:
    """The style of each tone; `variables` are the theme's."""
    if not colour:
        return {
            Tone.TITLE: Style(bold=True),
            Tone.FAINT: Style(dim=True),
            Tone.WARN: Style(bold=True),
            Tone.BAD: Style(bold=True, reverse=True),
        }
    return {
        Tone.TITLE: Style(bold=True),
        Tone.FAINT: Style(color="#8089b3"),
        Tone.GOOD: Style(color=variables["success"]),
        Tone.BUSY: Style(color=variables["primary"]),
        Tone.WARN: Style(color=variables["warning"]),
        Tone.BAD: Style(color=variables["error"], bold=True),
    }


def text(line: Line, tones: Tones) -> Text:
    """For widgets that take a text."""
    parts = [(words, tones.get(tone, Style())) for words, tone in line]
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def hint(keys: Sequence[tuple[str, str]], width: int) -> Line:
    """As many of the keys as fit, the last one always: it leads to all the others."""
    *first, last = [[Piece(key, Tone.TITLE), Piece(f" {meaning}", Tone.FAINT)] for key, meaning in keys]
    line: Line = []
    for pieces in first:
        if len(plain([*line, *pieces, Piece(GAP), *last])) + len(GAP) <= width:
            line += [*pieces, Piece(GAP)]
    return line + last
