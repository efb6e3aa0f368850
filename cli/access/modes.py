"""What programs in a shell have turned on in our terminal, so that it can be put back. Pure."""

import re

_CHANGE = re.compile(rb"\x1b(?:\[\?([0-9;]+)([hl])|([=>])|(c))")
_LONGEST = 64  # bytes of a change that may be cut by the end of a piece
_NORMALLY_ON = frozenset({7, 25})  # wrap, cursor
_OURS = frozenset({1, 7, 9, 25, 47, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004})
_SCREENS = (1049, 1047, 47)


class Modes:
    """The DEC private modes and the keypad of one terminal."""

    def __init__(self) -> None:
        self._changed: dict[int, bool] = {}
        self._keypad = False
        self._rest = b""

    @property
    def is_full_screen(self) -> bool:
        """Whether a program has the alternate screen."""
        return any(self._changed.get(mode) for mode in _SCREENS)

    def feed(self, data: bytes) -> None:
        if not self._rest and b"\x1b" not in data:
            return
        data = self._rest + data
        end = 0
        for found in _CHANGE.finditer(data):
            end = found.end()
            numbers, verb, keypad, reset = found.groups()
            if reset:
                self._changed.clear()
                self._keypad = False
            elif keypad:
                self._keypad = keypad == b"="
            else:
                self._change(numbers, on=verb == b"h")
        begin = data.rfind(b"\x1b", max(end, len(data) - _LONGEST))
        self._rest = data[begin:] if begin >= 0 else b""

    def undo(self) -> bytes:
        """What puts the terminal back as it was."""
        last = [mode for mode in _SCREENS if mode in self._changed]
        first = sorted(mode for mode in self._changed if mode not in _SCREENS)
        text = "".join(f"\x1b[?{mode}{'l' if self._changed[mode] else 'h'}" for mode in [*first, *last])
        return (text + ("\x1b>" if self._keypad else "")).encode() + (b"\x1b[0m" if text else b"")

    def _change(self, numbers: bytes, *, on: bool) -> None:
        for number in numbers.split(b";"):
            mode = int(number or b"0")
            if mode in _OURS and on != (mode in _NORMALLY_ON):
                self._changed[mode] = on
            else:
                self._changed.pop(mode, None)
