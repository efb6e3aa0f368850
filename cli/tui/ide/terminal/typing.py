"""Keys, pastes and the mouse, as a program in a terminal reads them (xterm's ways). Pure."""

from typing import Final

_CURSOR: Final = {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
_TILDE: Final = {
    "insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18, "f8": 19, "f9": 20,
    "f10": 21, "f11": 23, "f12": 24,
}  # fmt: skip
_SS3: Final = {"f1": "P", "f2": "Q", "f3": "R", "f4": "S"}
_PLAIN: Final = {"enter": "\r", "tab": "\t", "escape": "\x1b", "backspace": "\x7f", "space": " "}
_CONTROL: Final = {
    "space": "\0", "@": "\0", "backslash": "\x1c", "right_square_bracket": "\x1d", "circumflex_accent":
    "\x1e", "underscore": "\x1f", "slash": "\x1f", "left_square_bracket": "\x1b", "backspace": "\b",
}  # fmt: skip
_MODIFIERS: Final = {"shift": 1, "alt": 2, "ctrl": 4}
MOTION, WHEEL = 32, 64


def key(name: str, character: str | None, *, application: bool = False) -> str:
    """What a key sends; "" for one that sends nothing. `application`: the cursor keys' other mode."""
    *modifiers, base = name.split("+") if name != "+" else [name]
    pressed = sum(_MODIFIERS.get(one, 0) for one in modifiers)
    if base in _CURSOR:
        if pressed:
            return f"\x1b[1;{1 + pressed}{_CURSOR[base]}"
        return f"\x1b{'O' if application else '['}{_CURSOR[base]}"
    if base in _TILDE:
        return f"\x1b[{_TILDE[base]};{1 + pressed}~" if pressed else f"\x1b[{_TILDE[base]}~"
    if base in _SS3:
        return f"\x1b[1;{1 + pressed}{_SS3[base]}" if pressed else f"\x1bO{_SS3[base]}"
    alt = "\x1b" if pressed & _MODIFIERS["alt"] else ""
    if pressed & _MODIFIERS["ctrl"]:
        sent = _control(base)
        return alt + sent if sent else ""
    if base == "tab" and pressed & _MODIFIERS["shift"]:
        return "\x1b[Z"
    if base in _PLAIN:
        return alt + _PLAIN[base]
    if character:
        return alt + character
    return alt + base if alt and len(base) == 1 else ""


def _control(base: str) -> str:
    if len(base) == 1 and base.isascii() and base.isalpha():
        return chr(ord(base.upper()) - 64)
    return _CONTROL.get(base, _PLAIN.get(base, ""))


def paste(text: str, *, bracketed: bool) -> str:
    """Pasted text. An end mark within it cannot end it early."""
    text = text.replace("\r\n", "\r").replace("\n", "\r")
    if not bracketed:
        return text
    return "\x1b[200~" + text.replace("\x1b[201~", "").replace("\x1b", "") + "\x1b[201~"


def mouse(button: int, x: int, y: int, *, pressed: bool, sgr: bool) -> str:
    """A mouse report; `button` with MOTION or WHEEL in it. Places count from 0."""
    if sgr:
        return f"\x1b[<{button};{x + 1};{y + 1}{'M' if pressed else 'm'}"
    if x > 222 or y > 222:
        return ""
    code = button if pressed else (button & ~3) | 3
    return "\x1b[M" + chr(32 + code) + chr(33 + x) + chr(33 + y)
