"""A list of any length with a cursor: only lines in sight are ever made. Knows keys, not what they name."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kohakuriver.cli.tui.dashboard.line import Line, Tone
from kohakuriver.client.watch import ObjectKey

Draw = Callable[[ObjectKey], Line]


class Table(ScrollView, can_focus=True):
    """Keys in order, one of them under the cursor. The cursor stays on its key, wherever that goes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "move(-1000000)", "First", show=False),
        Binding("end,G", "move(1000000)", "Last", show=False),
    ]
    DEFAULT_CSS = """
    Table { height: 1fr; padding: 0 1; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    class Moved(Message):
        """The cursor is on another key."""

        def __init__(self, table: "Table") -> None:
            self.table = table
            super().__init__()

    class Chosen(Message):
        """A double click."""

    def __init__(self, draw: Draw, *, empty: str, id: str) -> None:
        super().__init__(id=id)
        self.keys: Sequence[ObjectKey] = ()
        self.empty = empty
        self.tones: dict[Tone, Style] = {}
        self._draw = draw
        self._at = 0

    @property
    def key(self) -> ObjectKey | None:
        """The one under the cursor."""
        return self.keys[self._at] if self.keys else None

    def show(self, keys: Sequence[ObjectKey]) -> None:
        """These, in this order; drawn anew."""
        before = self.key
        self.keys = keys
        if before is not None and before in keys:
            self._at = keys.index(before)
        self._at = max(min(self._at, len(keys) - 1), 0)
        size = Size(self.scrollable_content_region.width, max(len(keys), 1))
        if size != self.virtual_size:
            self.virtual_size = size
        self._follow()
        self.refresh()
        if self.key != before:
            self.post_message(self.Moved(self))

    def in_sight(self) -> Sequence[ObjectKey]:
        top = self.scroll_offset.y
        return self.keys[top : top + self.size.height]

    def select(self, key: ObjectKey) -> None:
        if key in self.keys:
            self._go(self.keys.index(key))

    def action_move(self, by: int) -> None:
        self._go(self._at + by)

    def action_page(self, pages: int) -> None:
        self._go(self._at + pages * max(self.size.height - 1, 1))

    def _go(self, at: int) -> None:
        self._at = max(min(at, len(self.keys) - 1), 0)
        self._follow()
        self.refresh()
        self.post_message(self.Moved(self))

    def _follow(self) -> None:
        """Keep the cursor in sight."""
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        wanted = min(max(top, self._at - height + 1), self._at)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, immediate=True)

    def on_resize(self) -> None:
        self._follow()

    def on_click(self, event: events.Click) -> None:
        row = event.y + self.scroll_offset.y
        if row < len(self.keys):
            self._go(row)
            if event.chain == 2:
                self.post_message(self.Chosen())

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, row, base = self.size.width, y + self.scroll_offset.y, self.rich_style
        if not self.keys and y == 0:
            return self._strip([Segment(self.empty, self._style(Tone.FAINT, base))], width, base)
        if row >= len(self.keys):
            return Strip.blank(width, base)
        if row == self._at:
            base = self._cursor(base)
        line = self._draw(self.keys[row])
        return self._strip([Segment(text, self._style(tone, base)) for text, tone in line], width, base)

    def _cursor(self, base: Style) -> Style:
        """Seen without colour too."""
        if self.app.no_color:
            return base + (Style(reverse=True) if self.has_focus else Style(bold=True, underline=True))
        background = self.app.theme_variables["primary-muted" if self.has_focus else "panel"]
        return base + Style(bgcolor=background, bold=self.has_focus)

    def _style(self, tone: Tone, base: Style) -> Style:
        return base + self.tones.get(tone, Style())

    @staticmethod
    def _strip(segments: list[Segment], width: int, base: Style) -> Strip:
        return Strip(segments).adjust_cell_length(width, base)
