"""The line below the editor in which one says what to find, or which line to go to."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


class Finding(Horizontal):
    """Hidden until it is needed."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Close")]
    DEFAULT_CSS = """
    Finding { height: 1; display: none; background: $panel; padding: 0 1; }
    Finding.shown { display: block; }
    Finding Label { width: auto; color: $text-accent; }
    Finding Input { border: none; height: 1; padding: 0 1; background: $panel; width: 1fr; }
    """

    class Asked(Message):
        """Find this; `backwards` before the cursor. `line`: it is a line's number."""

        def __init__(self, text: str, *, line: bool, backwards: bool = False) -> None:
            self.text, self.line, self.backwards = text, line, backwards
            super().__init__()

    class Left(Message):
        """Back to the editor."""

    is_line = False

    def compose(self) -> ComposeResult:
        yield Label("Find")
        yield Input(compact=True)

    def show(self, *, line: bool, text: str = "") -> None:
        self.is_line = line
        self.add_class("shown")
        self.query_one(Label).update("Go to line" if line else "Find")
        field = self.query_one(Input)
        if text or line:
            field.value = text
        field.placeholder = "a number" if line else "Enter: the next; F3, Shift-F3: on and back; Esc: done"
        field.focus()

    @property
    def text(self) -> str:
        """What was looked for last."""
        return "" if self.is_line else self.query_one(Input).value

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Asked(event.value, line=self.is_line))
        if self.is_line:
            self.action_leave()

    def on_key(self, event: events.Key) -> None:
        if event.key in ("f3", "shift+f3"):
            event.stop()
            backwards = event.key == "shift+f3"
            self.post_message(self.Asked(self.text, line=False, backwards=backwards))

    def action_leave(self) -> None:
        self.remove_class("shown")
        self.post_message(self.Left())
