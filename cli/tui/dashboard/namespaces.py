"""Which namespace is looked at, asked for in a line."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label


class Namespaces(ModalScreen[str | None]):
    """An empty text for all of them; None: it stays as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "leave", "Cancel"),
        ("ctrl+q,ctrl+c", "app.quit", "Quit"),
    ]
    DEFAULT_CSS = """
    Namespaces { align: center middle; background: $background 60%; }
    Namespaces > Vertical {
        width: 60; max-width: 94%; height: auto; padding: 1 2; background: $surface; border: round $primary;
    }
    Namespaces Label { width: 100%; margin-bottom: 1; }
    Namespaces Input { background: $panel; padding: 0 1; }
    """

    def __init__(self, question: str, value: str) -> None:
        self._question, self._value = question, value
        super().__init__()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            yield Input(self._value, placeholder="all", compact=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss(None)
