"""Questions over the whole screen: one with a few answers, and one with a line to type."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Button, Input, Label

_BOX = """
    {name} {{ align: center middle; background: $background 60%; }}
    {name} > Vertical {{
        width: 64; max-width: 90%; height: auto; padding: 1 2; background: $surface; border: round $primary;
    }}
    {name} Label {{ width: 100%; margin-bottom: 1; }}
"""


def early_key(line: Input, event: events.Key) -> None:
    """Give a line a key that came to its screen, because the line had no focus yet: people do not wait for a
    dialog to be drawn. What a line with the focus takes never comes so far."""
    if event.key == "backspace":
        line.action_delete_left()
    elif event.is_printable and event.character is not None:
        line.insert_text_at_cursor(event.character)
    else:
        return
    event.stop()
    event.prevent_default()


class Dialog(ModalScreen[ScreenResultType]):
    """Something over the whole screen. Escape leaves it, and so does quitting."""

    def action_leave(self) -> None:
        """Close it; nothing is done."""
        raise NotImplementedError


class Choice(Dialog[str]):
    """A question with answers, of which the first is the safe one. Escape gives ""."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "leave", "Cancel"),
        ("left", "app.focus_previous", "Previous"),
        ("right", "app.focus_next", "Next"),
    ]
    DEFAULT_CSS = (
        _BOX.format(name="Choice")
        + """
    Choice Horizontal { height: auto; align-horizontal: right; }
    Choice Button { min-width: 8; }
    Choice Button:focus { background: $primary; color: $background; text-style: bold; }
    """
    )

    def __init__(self, question: str, *answers: str) -> None:
        self._question, self._answers = question, answers
        super().__init__()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            with Horizontal():
                for number, answer in enumerate(self._answers):
                    yield Button(answer, variant="default" if number else "primary", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(str(event.button.label))

    def action_leave(self) -> None:
        self.dismiss("")


class Line(Dialog[str]):
    """A question that is answered with a line. Escape gives ""."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Cancel")]
    DEFAULT_CSS = _BOX.format(name="Line") + "Line Input { background: $panel; padding: 0 1; }"

    def __init__(self, question: str, value: str = "") -> None:
        self._question, self._value = question, value
        super().__init__()

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            yield Input(self._value, select_on_focus=False, compact=True)

    def on_key(self, event: events.Key) -> None:
        early_key(self.query_one(Input), event)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        self.dismiss("")
