"""Cuts a terminal's output into text, controls and escape sequences (ECMA-48). Pure; knows no screen.

What is not known is dropped whole, so that it never shows as text, and so is what is longer than any that
is known; of the numbers of one sequence those beyond what a screen can be asked are left out, as real
terminals do. Sequences may be cut anywhere by the network.
"""

import codecs
import dataclasses
import re
from collections.abc import Iterator
from typing import Final

_LONGEST: Final = 4096  # characters of one sequence: a long title is a few hundred
_MOST: Final = 32  # numbers of one sequence; xterm takes 30
LARGEST: Final = 9999  # of those numbers, as VT terminals have it
_DIGITS: Final = 5  # of a number that is larger
_TOKEN: Final = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<prefix>[<=>?]?)(?P<params>[0-9;:]*)(?P<middle>[ -/]*)(?P<final>[@-~])"
    r"|\x1b(?P<kind>[\]PX^_])(?P<string>(?:[^\x07\x1b]|\x1b(?!\\))*)(?:\x07|\x1b\\)"
    r"|\x1b(?P<escape>[ -/]*[0-OQ-WYZ\\`-~])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
)
_STRING: Final = re.compile(r"\x1b[\]PX^_]")
_ENDS_STRING: Final = re.compile(r"[\x07\x18\x1a\x1b]")  # of one that is dropped
_ENDS_SEQUENCE: Final = re.compile(r"[^ -?]")
_BEGINNING: Final = re.compile(r"\x1b(?:\[[<=>?]?[0-9;:]*[ -/]*|[\]PX^_][^\x07]*|[ -/]*)?\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Control:
    """A C0 control."""

    char: str


@dataclasses.dataclass(frozen=True, slots=True)
class Escape:
    """ESC and what follows, short."""

    code: str


@dataclasses.dataclass(frozen=True, slots=True)
class Sequence:
    """A control sequence: CSI prefix params middle final."""

    prefix: str
    params: str
    middle: str
    final: str

    @property
    def numbers(self) -> list[int]:
        """The parameters, where 0 stands for those left out."""
        return [number(part.partition(":")[0]) for part in self.parts] if self.params else []

    @property
    def parts(self) -> list[str]:
        """The parameters as they are written."""
        return self.params.split(";", _MOST)[:_MOST]


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """An operating system command (OSC)."""

    text: str


Token = Text | Control | Escape | Sequence | Command


class Parser:
    """Keeps what was cut until the rest comes."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._waiting = ""
        self._dropping: re.Pattern[str] | None = None  # what ends the sequence that is too long

    def feed(self, data: bytes) -> Iterator[Token]:
        text = self._decoder.decode(data)
        for start in range(0, len(text), _LONGEST):
            yield from self._cut(text[start : start + _LONGEST])

    def _cut(self, piece: str) -> Iterator[Token]:
        text, self._waiting = self._waiting + piece, ""
        position = self._drop(text)
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                if text[position] == "\x1b" and _BEGINNING.match(text, position):
                    self._wait(text[position:])
                    return
                position += 1
                continue
            position = found.end()
            token = _token(found)
            if token is not None:
                yield token

    def _wait(self, beginning: str) -> None:
        if len(beginning) <= _LONGEST:
            self._waiting = beginning
        else:
            self._dropping = _ENDS_STRING if _STRING.match(beginning) else _ENDS_SEQUENCE

    def _drop(self, text: str) -> int:
        """Where the sequence that is too long is over. Of what ends it only a final letter belongs to it."""
        if self._dropping is None:
            return 0
        end = self._dropping.search(text)
        if end is None:
            return len(text)
        self._dropping = None
        return end.end() if "@" <= end[0] <= "~" else end.start()


def number(digits: str) -> int:
    """What they say; a number that no screen has a use for is the largest one."""
    plain = digits.lstrip("0")
    return int(plain or 0) if len(plain) < _DIGITS else LARGEST


def _token(found: re.Match[str]) -> Token | None:
    if (text := found["text"]) is not None:
        return Text(text)
    if (control := found["control"]) is not None:
        return Control(control)
    if found["final"] is not None:
        return Sequence(found["prefix"], found["params"], found["middle"], found["final"])
    if (escape := found["escape"]) is not None:
        return Escape(escape)
    return Command(found["string"]) if found["kind"] == "]" else None
