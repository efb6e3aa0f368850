"""While a file is being opened: keys go nowhere, and after a moment it says what is waited for."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Label

from kohakuriver.cli.tui.ide.asking import Dialog

_SOON: Final = 0.2  # seconds that need no word


class Waiting(Dialog[bool]):
    """True: somebody does not want to wait."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Leave it")]
    DEFAULT_CSS = """
    Waiting { align: center middle; background: transparent; }
    Waiting Label {
        display: none; width: auto; max-width: 90%; padding: 0 2;
        background: $surface; border: round $primary;
    }
    Waiting.shown Label { display: block; }
    """

    def __init__(self, words: str) -> None:
        self._words = words
        super().__init__()

    def compose(self) -> ComposeResult:
        yield Label(f"{self._words}  (Esc stops it)", markup=False)

    def on_mount(self) -> None:
        self.set_timer(_SOON, lambda: self.add_class("shown"))

    def action_leave(self) -> None:
        self.dismiss(True)
