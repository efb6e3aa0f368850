"""What a line of the screen is made of: pieces of text, and what each says by its colour. Pure."""

import enum
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

GAP = "  "


class Tone(enum.Enum):
    """What a piece is, besides its words. Nothing is told by colour alone."""

    PLAIN = "plain"
    TITLE = "title"
    FAINT = "faint"
    GOOD = "good"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"


class Piece(NamedTuple):
    """A piece of a line, in one tone."""

    text: str
    tone: Tone = Tone.PLAIN


Line = list[Piece]


def fit(text: str, width: int) -> str:
    """Exactly so many cells: filled up, or cut with an ellipsis. Controls and line breaks become spaces."""
    if not text.isprintable():
        text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…" if width > 0 else ""


def joined(cells: Sequence[Piece]) -> Line:
    """Cells with a gap between them; those without width are left out."""
    line: Line = []
    for cell in cells:
        if cell.text:
            line += [Piece(GAP), cell] if line else [cell]
    return line


def cut(line: Line, width: int) -> Line:
    """The line, cut to this width."""
    found: Line = []
    for text, tone in line:
        left = width - sum(cell_len(piece.text) for piece in found)
        if cell_len(text) > left:
            return [*found, Piece(fit(text, left), tone)]
        found.append(Piece(text, tone))
    return found


def plain(line: Line) -> str:
    """The text of a line, without its tones."""
    return "".join(piece.text for piece in line)
