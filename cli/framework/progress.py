"""One line for somebody who waits: rewritten in place on a terminal, a line for each new state elsewhere.

Everything goes to stderr. Away from a terminal nothing is said for the first seconds, so that quick scripts
stay quiet.
"""

import os
import sys
from typing import Self

from kohakuriver.cli import screen
from kohakuriver.cli.api.awaiting import SAY_AFTER
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.printable import plain


class Progress:
    """Use as a context: the line is cleared at its end."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._quiet = Deadline(SAY_AFTER)
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def say(self, text: str, short: str = "") -> None:
        """What is waited for now; `short` is what is left of it where a terminal is too narrow for all."""
        if text == self._shown:
            return
        if self._live:
            self._shown = text
            sys.stderr.write("\r\x1b[K" + _fitting(text, short, _columns()))
            sys.stderr.flush()
        elif self._quiet.passed:
            self._shown = text
            screen.note(text)

    def note(self, text: str) -> None:
        """A line that stays, above the one that is rewritten."""
        self.clear()
        screen.note(text)

    def tell(self, text: str) -> None:
        """The same on a terminal, where the one line is too short for it; elsewhere `say` has all of it."""
        if self._live:
            self.note(text)

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._live and self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = ""


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


def _fitting(text: str, short: str, columns: int) -> str:
    """On one line: what wraps could not be rewritten."""
    flat = plain(" ".join(text.split()))
    if len(flat) >= columns and short:
        flat = plain(" ".join(short.split()))
    return flat if len(flat) < columns else flat[: columns - 2] + "…"
