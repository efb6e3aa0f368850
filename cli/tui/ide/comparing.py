"""How the file on the node differs from the text here, over the whole screen. It is only looked at."""

from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from kohakuriver.cli.tui.ide.asking import Dialog
from kohakuriver.cli.tui.ide.differences import differences

_STYLES: Final = {"-": "red", "+": "green", "@": "bold cyan", " ": ""}


class Comparing(Dialog[None]):
    """Left by Escape."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter", "leave", "Close")]
    DEFAULT_CSS = """
    Comparing > VerticalScroll {
        height: 1fr; padding: 0 1; background: $surface; border: round $primary;
        border-title-color: $text; border-subtitle-color: $text-muted; scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, name: str, theirs: str, mine: str) -> None:
        self._file, self._theirs, self._mine = name, theirs, mine
        super().__init__()

    def compose(self) -> ComposeResult:
        found = differences(self._theirs, self._mine)
        lines = [Text(f"{kind if kind != '@' else ''}{text}", style=_STYLES[kind]) for kind, text in found]
        with VerticalScroll() as box:
            box.border_title = f"{self._file}: - on the node, + here".replace("[", "\\[")
            box.border_subtitle = "↑↓ scroll, Esc closes"
            yield Static(Text("\n").join(lines) if lines else "Only the ends of lines differ.")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_leave(self) -> None:
        self.dismiss(None)
