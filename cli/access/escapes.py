"""What a person types for us and not for the shell: `~.` and `~?` after a newline, as in ssh. Pure.

What is pasted is never ours: bracketed pastes are left alone, and so is whatever comes in a large piece.
"""

import dataclasses
import enum

_TYPED = 16  # bytes at most in a piece that somebody typed
_PASTE, _PASTED = b"\x1b[200~", b"\x1b[201~"


class Escape(enum.Enum):
    """What was asked of us."""

    DETACH = "."
    HELP = "?"


@dataclasses.dataclass(frozen=True, slots=True)
class Typed:
    """What goes to the shell, and what was asked of us behind it."""

    data: bytes
    escape: Escape | None = None


class Escapes:
    """Finds the escape sequences in what one person types."""

    def __init__(self) -> None:
        self._at_start = True  # of a line
        self._tilde = False  # seen, and not passed on yet
        self._pasting = False

    def start_line(self) -> None:
        """The next key counts as the first of a line."""
        self._at_start = True

    def feed(self, data: bytes) -> Typed:
        if self._is_paste(data):
            held, self._tilde = b"~" if self._tilde else b"", False
            self._at_start = data[-1:] in (b"\r", b"\n")
            return Typed(held + data)
        passed = bytearray()
        for byte in data:
            key = bytes((byte,))
            if self._tilde:
                self._tilde = False
                if key in (b".", b"?"):
                    self._at_start = True
                    return Typed(bytes(passed), Escape(key.decode()))
                passed += b"~" if key == b"~" else b"~" + key
            elif self._at_start and key == b"~":
                self._tilde = True
                continue
            else:
                passed += key
            self._at_start = key in (b"\r", b"\n")
        return Typed(bytes(passed))

    def _is_paste(self, data: bytes) -> bool:
        was = self._pasting
        begin, end = data.rfind(_PASTE), data.rfind(_PASTED)
        if begin >= 0 or end >= 0:
            self._pasting = begin > end
        return was or self._pasting or begin >= 0 or len(data) > _TYPED
