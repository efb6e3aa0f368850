"""Cuts a terminal's output into text, controls and escape sequences (ECMA-48). Pure; knows no screen.

What is not known is dropped whole, so that it never shows as text. Sequences may be cut anywhere by the
network.
"""

import codecs
import dataclasses
import re
from collections.abc import Iterator
from typing import Final

_LONGEST: Final = 1 << 16  # characters of one sequence; what is longer is dropped
_TOKEN: Final = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[(?P<prefix>[<=>?]?)(?P<params>[0-9;:]*)(?P<middle>[ -/]*)(?P<final>[@-~])"
    r"|\x1b(?P<kind>[\]PX^_])(?P<string>(?:[^\x07\x1b]|\x1b(?!\\))*)(?:\x07|\x1b\\)"
    r"|\x1b(?P<escape>[ -/]*[0-OQ-WYZ\\`-~])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
)
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
        return [int(part.partition(":")[0] or 0) for part in self.params.split(";")] if self.params else []


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

    def feed(self, data: bytes) -> Iterator[Token]:
        text = self._waiting + self._decoder.decode(data)
        self._waiting = ""
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                if text[position] == "\x1b" and _BEGINNING.match(text, position):
                    if len(text) - position <= _LONGEST:
                        self._waiting = text[position:]
                    return
                position += 1
                continue
            position = found.end()
            token = _token(found)
            if token is not None:
                yield token


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
