"""What an agent said last on a stream, found in the stream's last bytes. Pure.

It is what the VPS and its node say: who is root in there may make them say anything.
"""

import json
from typing import Any, Final

from kohakuriver.streams.frames import Opcode, header

_TEXT: Final = 0x80 | Opcode.TEXT
_CLOSE: Final = header(Opcode.CLOSE, 2, masked=False) + b"\x03\xe8"


def last_words(last: bytes) -> dict[str, Any]:
    """The control message that these bytes end with, with nothing but a close frame behind it; empty where
    there is none."""
    while last.endswith(_CLOSE):
        last = last[: -len(_CLOSE)]
    start = last.rfind(_TEXT)
    while start >= 0:
        for length in _lengths(last, start):
            head = header(Opcode.TEXT, length, masked=False)
            if last[start : start + len(head)] == head:
                return _parsed(last[start + len(head) :])
        start = last.rfind(_TEXT, 0, start)
    return {}


def _lengths(last: bytes, start: int) -> tuple[int, ...]:
    """How long the message would be if its frame began here: heads are of two or of four bytes."""
    return tuple(length for size in (2, 4) if (length := len(last) - start - size) >= 0)


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
