"""What a program's output makes of a screen: pyte's, with what it lacks. Pure.

Added to it: the alternate screen, lines that have scrolled off, mouse and paste modes, scrolling,
repeating, back tabs, colours with colons, and answers to what programs ask. pyte's own parser is not used:
it shows what it does not know as text, and drops text behind characters without a width.
"""

import collections
import copy
import itertools
import unicodedata
from collections.abc import Callable
from typing import Any, Final

import pyte
from pyte.screens import Char, Margins, StaticDefaultDict
from wcwidth import wcwidth

from kohakuriver.cli.tui.ide.terminal.parser import Command, Control, Escape, Parser, Sequence, Text, number

KEPT: Final = 2000  # lines that have scrolled off
_ALTERNATE: Final = frozenset({47, 1047, 1049})
_MOUSE: Final = (9, 1000, 1002, 1003)
_MARKS: Final = 8  # accents on one character; pyte would take any number, each slower than the one before
_PYTES: Final = frozenset({6, 7, 25})  # private modes that pyte knows, and that are wanted
_BACKGROUND: Final = "rgb:1111/1414/1818"

Row = StaticDefaultDict[int, Char]
Answer = Callable[[str], None]


class Screen(pyte.Screen):
    """A screen of so many columns and lines."""

    def __init__(self, columns: int, lines: int, *, answer: Answer = lambda text: None) -> None:
        self.scrolled: collections.deque[Row] = collections.deque(maxlen=KEPT)
        self.answer = answer
        self.title = ""
        self._parser = Parser()
        super().__init__(columns, lines)

    # Modes that whoever types has to know.

    def is_on(self, mode: int) -> bool:
        """Whether a private mode is set."""
        return mode in self._modes

    @property
    def mouse(self) -> int:
        """The mouse mode that is on: 0, 9, 1000, 1002 or 1003."""
        return max((mode for mode in _MOUSE if mode in self._modes), default=0)

    @property
    def is_alternate(self) -> bool:
        return self._main is not None

    # What comes.

    def feed(self, data: bytes) -> None:
        for token in self._parser.feed(data):
            match token:
                case Text(text):
                    self.draw(text)
                case Control(char):
                    self._control(char)
                case Sequence():
                    self._sequence(token)
                case Escape(code):
                    self._escape(code)
                case Command(text):
                    self._command(text)

    def reset(self) -> None:
        self._modes: set[int] = set()
        self._main: tuple[Any, int, int] | None = None
        self._last = ""
        super().reset()

    def draw(self, data: str) -> None:
        if data.isascii():
            self._draw(data)
            return
        shown = (char for char in data if wcwidth(char) > 0 or unicodedata.combining(char))
        for are_marks, run in itertools.groupby(shown, key=lambda char: bool(unicodedata.combining(char))):
            if are_marks:
                super().draw("".join(itertools.islice(run, max(0, _MARKS - len(self._before)))))
            else:
                self._draw("".join(run))

    def _draw(self, text: str) -> None:
        self._last = text[-1]
        super().draw(text)

    @property
    def _before(self) -> str:
        """What is drawn left of the cursor, which an accent goes to."""
        y, x = (self.cursor.y, self.cursor.x) if self.cursor.x else (self.cursor.y - 1, self.columns)
        return str(self.buffer[y][x - 1].data) if y >= 0 else ""

    def index(self) -> None:
        top, bottom = self.margins or Margins(0, self.lines - 1)
        if self.cursor.y == bottom and top == 0 and not self.is_alternate:
            self.scrolled.append(self.buffer[0])
        super().index()

    def tab(self) -> None:
        super().tab()
        self.ensure_hbounds()  # its stops may be of a time when the screen was wider

    def save_cursor(self) -> None:
        self.savepoints.clear()  # one, as terminals have it
        super().save_cursor()

    def restore_cursor(self) -> None:
        if self.savepoints:
            found = self.savepoints[-1]
            self.savepoints.append(found._replace(cursor=copy.copy(found.cursor)))  # for the next time
        super().restore_cursor()

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        # pyte cuts lines off at the top; a shell's lines are at the top, and there is nothing below the
        # cursor.
        lines = lines or self.lines
        surplus = self.cursor.y - lines + 1
        x, y = self.cursor.x, self.cursor.y
        saved = list(self.savepoints)
        if lines < self.lines:
            self._shift(max(0, surplus), lines)
            self.lines = lines
        super().resize(lines, columns)
        self.savepoints[:] = saved
        self.cursor.y = min(max(0, y - max(0, surplus)), self.lines - 1)
        self.cursor.x = min(x, self.columns - 1)
        self.dirty.update(range(self.lines))

    def _shift(self, count: int, lines: int) -> None:
        """Move everything up by so many lines, and forget what is below the new last one."""
        if not self.is_alternate:
            self.scrolled.extend(self.buffer[y] for y in range(count))
        rows = {y - count: row for y, row in self.buffer.items() if count <= y < count + lines}
        self.buffer.clear()
        self.buffer.update(rows)

    # What tokens mean.

    def _control(self, char: str) -> None:
        match char:
            case "\b":
                self.backspace()
            case "\t":
                self.tab()
            case "\n" | "\v" | "\f":
                self.linefeed()
            case "\r":
                self.carriage_return()
            case "\x0e":
                self.shift_out()
            case "\x0f":
                self.shift_in()
            case "\x07":
                self.bell()

    def _escape(self, code: str) -> None:
        name = pyte.Stream.escape.get(code)
        if name is not None:
            getattr(self, name)()
        elif len(code) == 2 and code[0] in "()":
            self.define_charset(code[1], mode=code[0])
        elif code == "#8":
            self.alignment_display()

    def _command(self, text: str) -> None:
        number, _, rest = text.partition(";")
        if number in ("0", "2"):
            self.title = rest
        elif number == "11" and rest == "?":
            self.answer(f"\x1b]11;{_BACKGROUND}\x1b\\")

    def _sequence(self, sequence: Sequence) -> None:
        numbers = sequence.numbers
        match sequence.prefix, sequence.middle, sequence.final:
            case "?", "", ("h" | "l") as verb:
                for number in numbers:
                    self._mode(number, on=verb == "h")
            case "?", "$", "p":
                asked = numbers[0] if numbers else 0
                self.answer(f"\x1b[?{asked};{1 if asked in self._modes else 2}$y")
            case ">", "", "c":
                self.answer("\x1b[>41;354;0c")
            case "?", "", ("J" | "K") as verb:
                self._plain(verb, numbers)
            case "", "!", "p":
                self._soft_reset()
            case "", "", "m":
                self.select_graphic_rendition(*_colours(sequence.parts))
            case "", "", final:
                self._plain(final, numbers)

    def _plain(self, final: str, numbers: list[int]) -> None:
        count = max(1, numbers[0]) if numbers else 1
        match final:
            case "b" if self._last:
                super().draw(self._last * min(count, self.columns * self.lines))
            case "S" | "T":
                for _ in range(min(count, self.lines)):
                    self._scroll(up=final == "S")
            case "Z":
                for _ in range(min(count, self.columns)):
                    self._back_tab()
            case "I":
                for _ in range(min(count, self.columns)):
                    self.tab()
            case "s":
                self.save_cursor()
            case "u":
                self.restore_cursor()
            case "`":
                self.cursor_to_column(count)
            case "c":
                self.answer("\x1b[?62;22c")
            case "n":
                self._report(numbers)
            case "h" | "l":
                change = self.set_mode if final == "h" else self.reset_mode
                change(*[number for number in numbers if number in (4, 20)])
            case "J" if numbers == [3]:
                self.scrolled.clear()
            case "J" | "K" if numbers and numbers[0] > (3 if final == "J" else 2):
                pass  # pyte knows no more parts of a screen, and would raise
            case "r":
                self.set_margins(*(number or None for number in numbers[:2]))
            case _:
                name = pyte.Stream.csi.get(final)
                if name is not None:
                    getattr(self, name)(*numbers[: _TAKES.get(name, 1)])

    def _report(self, numbers: list[int]) -> None:
        if numbers[:1] == [5]:
            self.answer("\x1b[0n")
        elif numbers[:1] == [6]:
            x = min(self.cursor.x, self.columns - 1)
            self.answer(f"\x1b[{self.cursor.y + 1};{x + 1}R")

    def _mode(self, number: int, *, on: bool) -> None:
        (self._modes.add if on else self._modes.discard)(number)
        if number in _PYTES:
            (self.set_mode if on else self.reset_mode)(number, private=True)
        elif number in _ALTERNATE and on:
            self._enter_alternate()
        elif number in _ALTERNATE:
            self._leave_alternate()
        elif number == 1048:
            (self.save_cursor if on else self.restore_cursor)()

    def _enter_alternate(self) -> None:
        if self._main is None:
            self._main = (self.buffer.copy(), self.cursor.x, self.cursor.y)
            self.buffer.clear()
            self.dirty.update(range(self.lines))

    def _leave_alternate(self) -> None:
        if self._main is None:
            return
        rows, x, y = self._main
        self._main = None
        surplus = max(0, y - self.lines + 1)  # it may have been made smaller meanwhile
        self.scrolled.extend(rows[line] for line in range(surplus))
        self.buffer.clear()
        self.buffer.update({line - surplus: row for line, row in rows.items() if line >= surplus})
        self.margins = None
        self.cursor.x, self.cursor.y = min(x, self.columns - 1), y - surplus
        self.cursor.attrs = self.default_char
        self.dirty.update(range(self.lines))

    def _soft_reset(self) -> None:
        self._modes -= {1, 6}
        self.margins = None
        self.cursor.attrs = self.default_char
        self.cursor.hidden = False

    def _scroll(self, *, up: bool) -> None:
        x, y = self.cursor.x, self.cursor.y
        top, bottom = self.margins or Margins(0, self.lines - 1)
        self.cursor.y = bottom if up else top
        (self.index if up else self.reverse_index)()
        self.cursor.x, self.cursor.y = x, y

    def _back_tab(self) -> None:
        stops = [stop for stop in self.tabstops if stop < self.cursor.x]
        self.cursor.x = max(stops, default=0)


_TAKES: Final = {"cursor_position": 2}


def _colours(parts: list[str]) -> list[int]:
    """The numbers of a rendition, `38:2::R:G:B` as `38;2;R;G;B`. Underlines' colours and styles are left
    out."""
    found: list[int] = []
    while parts:
        part = parts.pop(0)
        words = part.split(":")
        if len(words) > 1 and words[0] in ("38", "48"):
            levels = [min(255, number(word)) for word in words[2:] if word]
            found += [int(words[0]), number(words[1]), *(levels[-3:] if words[1] == "2" else levels[:1])]
        elif words[0] == "4" and words[1:] == ["0"]:
            found.append(24)
        elif words[0] == "58":
            if len(words) == 1 and parts:
                del parts[: {"2": 4, "5": 2}.get(parts[0], 1)]
        elif words[0] == "38" or words[0] == "48":
            kind = parts[0] if parts else ""
            taken = parts[: {"2": 4, "5": 2}.get(kind, 0)]
            del parts[: len(taken)]
            colour = [min(255, number(word)) for word in taken]
            if len(colour) == {"2": 4, "5": 2}.get(kind):
                found += [int(words[0]), *colour]
        else:
            found.append(number(words[0]))
    return found
