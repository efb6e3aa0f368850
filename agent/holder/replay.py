"""What a terminal is shown again, without what it would answer. Pure.

A sequence is read as terminals read it: ESC and C1 controls begin another wherever they come, CAN and SUB end
it, other controls work within it. In the place of a query stand as many bytes that do nothing, so that
offsets into the output stay true.
"""

import dataclasses
import itertools
import re
from collections.abc import Iterator
from typing import Final

from kohakuriver.agent.holder.queries import ANNOUNCED, ENQ, is_query

_CONTROLS: Final = bytes({*range(0x20), 0x7F} - {0x18, 0x1A, 0x1B})  # that work within a sequence
_C0 = rb"[\x00-\x17\x19\x1c-\x1f\x7f]*+"
_ESC, _CSI, _OSC = rb"\x1b" + _C0, rb"(?:\x1b" + _C0 + rb"\[|\xc2\x9b)", rb"(?:\x1b" + _C0 + rb"\]|\xc2\x9d)"
_STRING = rb"(?:\x1b" + _C0 + rb"[PX^_]|\xc2[\x90\x98\x9e\x9f])"
_WITHIN = rb"[\x00-\x17\x19\x1c-\x3f\x7f]*+"
_BODY = rb"[^\x18\x1a\x1b\xc2]*+(?:\xc2(?![\x80-\x9f])[^\x18\x1a\x1b\xc2]*+)*+"
_TEXT = rb"[^\x07\x18\x1a\x1b\xc2]*+(?:\xc2(?![\x80-\x9f])[^\x07\x18\x1a\x1b\xc2]*+)*+"  # BEL ends it
_END = rb"(?:\x1b\\|\xc2\x9c)"

_SUSPECT: Final = re.compile(
    rb"(?P<short>" + _CSI + rb"(?:" + _WITHIN + rb"[cnpqRStuvwxy|]|" + _C0 + rb"\?" + _WITHIN + rb"[hlm])"
    rb"|" + _ESC + rb"[Zc]|\xc2\x9a)"
    rb"|(?P<text>" + _OSC + rb"(?=" + _C0 + rb"\d)" + _TEXT + rb")(?:\x07|" + _END + rb")?"
    rb"|(?P<data>" + _STRING + rb"(?=" + _C0 + rb"[\d;$+@G])" + _BODY + rb")" + _END + rb"?"
)  # fmt: skip
"""What may be a query, or turn one on or off; everything else is passed over at the speed of the machine."""

_UNPRINTED: Final = re.compile(
    rb"(?:" + _CSI + _WITHIN + rb"[\x40-\x7e]|" + _OSC + _TEXT + rb"(?:\x07|" + _END + rb")"
    rb"|" + _STRING + _BODY + _END +
    rb"|" + _ESC + rb"[\x20-\x2f]*+[\x30-\x4f\x51-\x57\x59\x5a\x5c\x60-\x7e])*+"
)  # fmt: skip
"""Sequences, with nothing printed between them."""

_PLAIN: Final = {b"\xc2" + bytes((one,)): b"\x1b" + bytes((one - 0x40,)) for one in range(0x80, 0xA0)}
_MODES: Final = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
_RESET: Final = b"\x1bc"
_NOTHING: Final = b"\x1b\\"  # ends a string where there is none


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Of a sequence in the output."""

    begin: int
    end: int
    is_string: bool


def quiet(output: bytes, *, seen: int) -> bytes:
    """As long as it was, and no terminal answers it. Its first `seen` bytes have been on a terminal before.

    A query that none has seen stays where a program may wait for the answer: nothing is printed after it.
    """
    queries: list[_Place] = []
    modes: dict[int, _Place] = {}  # those that are on, and where they were set
    in_vain: list[tuple[int, _Place]] = []
    for place, plain in _suspects(output):
        if is_query(plain):
            queries.append(place)
        elif plain == _RESET:
            in_vain += modes.items()
            modes.clear()
        elif (found := _MODES.fullmatch(plain)) is not None:
            for mode in ANNOUNCED.keys() & {int(one) for one in found[1].split(b";") if one}:
                if mode in modes:
                    in_vain.append((mode, modes.pop(mode)))
                if found[2] == b"h":
                    modes[mode] = place
    made = bytearray(output.replace(ENQ, b"\0"))
    waiting = _waiting(output, queries)
    for at, place in enumerate(queries):
        if at < waiting or place.end <= seen:
            made[place.begin : place.end] = _blank(made[place.begin : place.end], place)
    for mode, place in in_vain:
        made[place.begin : place.end] = _without(mode, made[place.begin : place.end], place)
    return bytes(made)


def _suspects(output: bytes) -> Iterator[tuple[_Place, bytes]]:
    """Each with its plain form, as the table has it; a string that goes on behind the output is none yet."""
    for found in _SUSPECT.finditer(output):
        raw = found[found.lastgroup or 0]
        is_string = found.lastgroup != "short"
        if is_string and found[0] == raw and output[found.end() : found.end() + 2] in (b"", b"\x1b"):
            return
        plain = raw.translate(None, _CONTROLS)
        if plain[0] != 0x1B:
            plain = _PLAIN[plain[:2]] + plain[2:]
        yield _Place(found.start(), found.end(), is_string), plain


def _waiting(output: bytes, queries: list[_Place]) -> int:
    """The index of the first query after which nothing is printed."""
    first, end = len(queries), len(output)
    while first > 0 and _UNPRINTED.fullmatch(output, queries[first - 1].end, end):
        first -= 1
        end = queries[first].begin
    return first


def _blank(query: bytearray, place: _Place) -> bytes:
    """As many bytes that do nothing, and the controls that would have worked in it; in a string none do."""
    if place.is_string:
        controls = bytes(itertools.takewhile(_CONTROLS.__contains__, query[1:]))
    else:
        controls = bytes(filter(_CONTROLS.__contains__, query))
    return (_NOTHING + controls).ljust(len(query), b"\0")


def _without(mode: int, change: bytearray, place: _Place) -> bytes:
    """The same change of modes, with one that no terminal has in its place."""
    number = b"%d" % mode
    made = re.sub(rb"(?<!\d)%b(?!\d)" % number, b"0" * len(number), change)
    return made if made != change else _blank(change, place)
