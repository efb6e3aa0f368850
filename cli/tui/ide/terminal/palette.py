"""Colours of cells, for whoever draws them."""

import functools
from typing import Final

from pyte.screens import Char
from rich.color import Color
from rich.style import Style

FOREGROUND: Final = "#d5d9de"
BACKGROUND: Final = "#111418"
_NAMED: Final = {
    "black": "#2b3038",
    "red": "#e5646c",
    "green": "#8cc570",
    "brown": "#e0b668",
    "blue": "#5fa8e8",
    "magenta": "#c783d9",
    "cyan": "#56b6c2",
    "white": "#c8ccd2",
    "brightblack": "#6b7380",
    "brightred": "#ff7b83",
    "brightgreen": "#a8dd8c",
    "brightbrown": "#f2cc85",
    "brightyellow": "#f2cc85",
    "brightblue": "#82bff5",
    "brightmagenta": "#dba4ea",
    "bfightmagenta": "#dba4ea",  # as pyte 0.8 spells it
    "brightcyan": "#7fd0da",
    "brightwhite": "#ffffff",
}


def style(cell: Char, *, cursor: bool = False) -> Style:
    """How a cell looks."""
    return _style(
        cell.fg, cell.bg, cell.bold, cell.italics, cell.underscore, cell.strikethrough, cell.reverse != cursor
    )


@functools.lru_cache(4096)
def _style(  # one argument for each thing that makes a look
    fg: str, bg: str, bold: bool, italics: bool, underscore: bool, strikethrough: bool, reverse: bool
) -> Style:
    front, back = _colour(fg, FOREGROUND), _colour(bg, BACKGROUND)
    if reverse:
        front, back = back, front
    return Style(
        color=Color.parse(front),
        bgcolor=Color.parse(back),
        bold=bold,
        italic=italics,
        underline=underscore,
        strike=strikethrough,
    )


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return _NAMED.get(name) or f"#{name}"
