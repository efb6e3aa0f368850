"""Text that moves no terminal: what would be obeyed rather than shown is written out, as \\x1b. Pure.

Names, messages and labels come from other people, from nodes and from what runs in VPSes; whoever looks at
them must see them, and see nothing else.
"""

import re
from typing import Final

# Controls but line ends and tabs, marks that turn the order of letters round, and halves of characters.
_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    """The text with all of them written out."""
    return text if text.isprintable() else _OBEYED.sub(_written_out, text)


def on_one_line(text: str) -> str:
    """The same, with line ends and tabs as blanks."""
    return plain(" ".join(text.splitlines())).replace("\t", " ")


def bare(text: str) -> str:
    """The text without any of them."""
    return text if text.isprintable() else _OBEYED.sub("", text)


def cut(text: str, longest: int) -> str:
    """The text, no longer than that and a mark."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
