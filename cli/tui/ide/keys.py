"""What F1 shows."""

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from kohakuriver.cli.tui.ide.asking import Dialog

SECTIONS = (
    (
        "Everywhere",
        (
            ("F1", "these keys"),
            ("F12", "to the terminal, and back"),
            ("F11", "the part that has the focus alone, and back"),
            ("Ctrl-Q", "quit; unsaved text is asked about"),
        ),
    ),
    (
        "But in the terminal",
        (
            ("Ctrl-P", "open a file by letters of its name"),
            ("Ctrl-B", "to the files, and back"),
            ("F6", "to the next tab"),
        ),
    ),
    (
        "Editor",
        (
            ("Ctrl-S", "save"),
            ("Ctrl-W", "close the tab"),
            ("Ctrl-F, F3", "find; find the next, Shift-F3 the one before"),
            ("Ctrl-G", "go to a line"),
            ("Ctrl-Z, Ctrl-Y", "undo, redo"),
            ("Ctrl-C, X, V", "copy, cut, paste"),
        ),
    ),
    (
        "Files",
        (
            ("Enter", "open; show or hide what is in a folder"),
            ("n, N", "a new file, a new folder"),
            ("r, Delete", "rename, delete"),
            (".", "show or hide hidden files"),
            ("Backspace", "one folder up"),
            ("F5", "look again"),
            ("u, paste a path", "upload from this machine"),
        ),
    ),
    (
        "Terminal",
        (
            ("every other key", "goes to the shell"),
            ("Shift-PgUp, wheel", "look back"),
        ),
    ),
)


Sections = Sequence[tuple[str, Sequence[tuple[str, str]]]]


class Keys(Dialog[None]):
    """The list of keys."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,f1,q,enter,question_mark", "leave", "Close")]
    DEFAULT_CSS = """
    Keys { align: center middle; background: $background 60%; }
    Keys > VerticalScroll {
        width: 76; max-width: 96%; height: auto; max-height: 94%; padding: 1 2;
        background: $surface; border: round $primary; border-title-color: $text;
        border-subtitle-color: $text-muted; scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, sections: Sections = SECTIONS) -> None:
        self._sections = sections
        super().__init__()

    def compose(self) -> ComposeResult:
        table = Table.grid(padding=(0, 2))
        for number, (title, keys) in enumerate(self._sections):
            if number:
                table.add_row("", "")
            table.add_row(f"[bold]{title}[/bold]", "")
            for key, meaning in keys:
                table.add_row(f"[cyan]{key}[/cyan]", meaning)
        with VerticalScroll() as box:
            box.border_title, box.border_subtitle = "Keys", "↑↓ scroll, Esc closes"
            yield Static(table)

    def action_leave(self) -> None:
        self.dismiss()
