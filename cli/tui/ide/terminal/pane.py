"""The terminal as a widget: shows a screen, at most thirty times a second, and says what was typed.

Knows no session: `feed` takes output, and messages carry input and sizes up. While it has the focus every
key is the shell's, but for those of the app that have priority.
"""

from typing import Final

from pyte.screens import Char
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from kohakuriver.cli.tui.ide.terminal import palette, typing
from kohakuriver.cli.tui.ide.terminal.screen import Row, Screen

FRAME: Final = 1 / 30  # seconds between two redraws at least
_WHEEL_LINES: Final = 3
_APPLICATION_KEYS, _FOCUS, _SGR, _PASTE = 1, 1004, 1006, 2004


class Pane(Widget, can_focus=True):
    """A terminal."""

    DEFAULT_CSS = f"Pane {{ background: {palette.BACKGROUND}; }}"

    class Typed(Message):
        """Bytes for the shell."""

        def __init__(self, data: bytes) -> None:
            self.data = data
            super().__init__()

    class Resized(Message):
        def __init__(self, rows: int, columns: int) -> None:
            self.rows, self.columns = rows, columns
            super().__init__()

    class Titled(Message):
        """What the program calls itself."""

        def __init__(self, title: str) -> None:
            self.title = title
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.emulated = Screen(80, 24, answer=self._send)
        self._back = 0  # lines that are looked back at
        self._is_due = False
        self._cursor_line = 0
        self._title = ""

    def feed(self, data: bytes) -> None:
        """Output of the program."""
        self.emulated.feed(data)
        if not self._is_due:
            self._is_due = True
            self.set_timer(FRAME, self._draw)
        if self.emulated.title != self._title:
            self._title = self.emulated.title
            self.post_message(self.Titled(self._title))

    def say(self, text: str) -> None:
        """A line of our own, below what is there."""
        self.feed(f"\x1b[?1049l\x1b[0m\r\n\x1b[2m{text}\x1b[0m\r\n".encode())

    def clear(self) -> None:
        """Begin with an empty screen."""
        self.feed(b"\x1bc")

    # What is seen.

    def render_line(self, y: int) -> Strip:
        row = self._row(y)
        cursor = self._cursor(y)
        width = self.size.width
        segments: list[Segment] = []
        text, style = "", None
        for x in range(min(width, self.emulated.columns)):
            cell = row[x]
            if not cell.data:
                continue  # behind a wide character
            found = palette.style(cell, cursor=x == cursor)
            if found is not style:
                _add(segments, text, style)
                text, style = "", found
            text += cell.data
        _add(segments, text, style)
        blank = palette.style(Char(" "))
        return Strip(segments).adjust_cell_length(width, blank)

    def _row(self, y: int) -> Row:
        place = y - self._back
        if place < 0:
            scrolled = self.emulated.scrolled
            return scrolled[max(0, len(scrolled) + place)]
        return self.emulated.buffer[place]

    def _cursor(self, y: int) -> int:
        """The column of the cursor, if it is in that line and shown; else -1."""
        cursor = self.emulated.cursor
        if cursor.hidden or self._back or not self.has_focus or y != cursor.y:
            return -1
        return min(cursor.x, self.emulated.columns - 1)

    def _draw(self) -> None:
        self._is_due = False
        lines = {*self.emulated.dirty, self._cursor_line, self.emulated.cursor.y}
        self.emulated.dirty.clear()
        self._cursor_line = self.emulated.cursor.y
        if self._back or len(lines) > self.size.height // 2:
            self.refresh()
        else:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in lines if y < self.size.height))

    # What the person does.

    def on_resize(self) -> None:
        rows, columns = max(1, self.size.height), max(2, self.size.width)
        self.emulated.resize(rows, columns)
        self._back = 0
        self.post_message(self.Resized(rows, columns))

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key in ("shift+pageup", "shift+pagedown"):
            half = self.size.height // 2
            self._look_back(half if event.key == "shift+pageup" else -half)
            return
        application = self.emulated.is_on(_APPLICATION_KEYS)
        self._type(typing.key(event.key, event.character, application=application))

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self._type(typing.paste(event.text, bracketed=self.emulated.is_on(_PASTE)))

    def on_focus(self) -> None:
        self._focus_changed("I")

    def on_blur(self) -> None:
        self._focus_changed("O")

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.focus()
        self._mouse(event, max(0, event.button - 1), pressed=True)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self.emulated.mouse >= 1000:
            self._mouse(event, max(0, event.button - 1), pressed=False)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        wanted = self.emulated.mouse
        if wanted == 1003 or (wanted == 1002 and event.button):
            button = event.button - 1 if event.button else 3
            self._mouse(event, button | typing.MOTION, pressed=True)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, up=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, up=False)

    def _wheel(self, event: events.MouseEvent, *, up: bool) -> None:
        event.stop()
        if self.emulated.mouse:
            self._mouse(event, typing.WHEEL | (0 if up else 1), pressed=True)
        elif self.emulated.is_alternate:
            application = self.emulated.is_on(_APPLICATION_KEYS)
            self._type(typing.key("up" if up else "down", None, application=application) * _WHEEL_LINES)
        else:
            self._look_back(_WHEEL_LINES if up else -_WHEEL_LINES)

    def _mouse(self, event: events.MouseEvent, button: int, *, pressed: bool) -> None:
        if not self.emulated.mouse:
            return
        event.stop()
        button |= (4 if event.shift else 0) | (8 if event.meta else 0) | (16 if event.ctrl else 0)
        sgr = self.emulated.is_on(_SGR)
        self._type(typing.mouse(button, int(event.x), int(event.y), pressed=pressed, sgr=sgr))

    def _look_back(self, lines: int) -> None:
        self._back = min(max(0, self._back + lines), len(self.emulated.scrolled))
        self.refresh()

    def _focus_changed(self, letter: str) -> None:
        self.refresh()
        if self.emulated.is_on(_FOCUS):
            self._send(f"\x1b[{letter}")

    def _type(self, text: str) -> None:
        if not text:
            return
        if self._back:
            self._back = 0
            self.refresh()
        self._send(text)

    def _send(self, text: str) -> None:
        self.post_message(self.Typed(text.encode(errors="surrogateescape")))


def _add(segments: list[Segment], text: str, style: Style | None) -> None:
    if text:
        segments.append(Segment(text, style))
