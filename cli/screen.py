"""What the user sees: data on stdout, everything else on stderr. Colour only on a terminal that wants it.

Nothing that others have written moves the terminal: not a cursor, not a title, not a clipboard.
"""

import os
import re
import sys
from typing import Final, TextIO

from kohakuriver.printable import plain

_COLOUR: Final = re.compile(r"(\x1b\[(?:0|2|3[1-6]|1;3[1-6])m)")  # what `coloured` writes, and no more


def out(text: str, *, end: str = "\n") -> None:
    """Data: what a script reads, byte for byte; what a person reads on a terminal, made plain."""
    shown = (_shown(text) if sys.stdout.isatty() else text) + end
    try:
        sys.stdout.write(shown)
    except UnicodeEncodeError as error:  # halves of characters, which JSON can hold and no output can
        sys.stdout.write(shown.encode(error.encoding, "backslashreplace").decode(error.encoding))


def flush() -> None:
    """Hand on what was written; what watches prints must not lie in a buffer."""
    sys.stdout.flush()


def note(text: str) -> None:
    """A line for the person: progress, what to do next."""
    sys.stderr.write(_shown(text) + "\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    """Something that was done all the same, but that somebody should know."""
    note(f"{coloured('warning:', '1;33', sys.stderr)} {text}")


def fail(message: str, *, hint: str = "") -> None:
    """Something that was not done: one sentence, and what to do next."""
    sys.stdout.flush()
    note(f"{coloured('error:', '1;31', sys.stderr)} {message}")
    if hint:
        note(f"{coloured('hint:', '1;36', sys.stderr)} {hint}")


def has_colour(stream: TextIO) -> bool:
    """Whether escape sequences are welcome there (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def is_watched() -> bool:
    """Whether somebody sees how a wait goes on, and can leave it."""
    return sys.stderr.isatty()


def width() -> int | None:
    """The columns of the terminal that stdout is; None where it is none, and nothing is fitted to it."""
    if not sys.stdout.isatty():
        return None
    return os.get_terminal_size(sys.stdout.fileno()).columns or 80


def coloured(text: str, code: str, stream: TextIO) -> str:
    """The text in a colour, where that is welcome."""
    return f"\x1b[{code}m{text}\x1b[0m" if has_colour(stream) else text


def _shown(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(part if place % 2 else plain(part) for place, part in enumerate(_COLOUR.split(text)))
