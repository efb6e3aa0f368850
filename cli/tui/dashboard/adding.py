"""A new VPS in a box: name, cores, memory and image, as `vps create` takes them."""

import dataclasses
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

FIELDS: Final = (
    ("name", "one is made up"),
    ("cores", "1"),
    ("memory", "no limit of its own"),
    ("image", "the cluster's own"),
)
"""What is asked for, and what an empty line means."""


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What somebody typed; "" for what they left to be chosen."""

    name: str = ""
    cores: str = ""
    memory: str = ""
    image: str = ""


class Adding(ModalScreen[Asked | None]):
    """None: somebody does not want one after all."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "leave", "Cancel"),
        ("ctrl+q,ctrl+c", "app.quit", "Quit"),
        # Before the line that has the focus, or the letters behind them would be typed into that.
        Binding("up,shift+tab", "app.focus_previous", "Before", priority=True),
        Binding("down,tab", "app.focus_next", "Next", priority=True),
    ]
    DEFAULT_CSS = """
    Adding { align: center middle; background: $background 60%; }
    Adding > Vertical {
        width: 54; max-width: 94%; height: auto; padding: 1 2; background: $surface; border: round $primary;
        border-title-color: $text;
    }
    Adding Horizontal { height: 1; margin-bottom: 1; }
    Adding Horizontal Label { width: 8; }
    Adding Input { width: 1fr; background: $panel; padding: 0 1; }
    Adding .foot { color: $text-muted; }
    """

    def __init__(self, namespace: str, asked: Asked) -> None:
        self._namespace, self._asked = namespace, asked
        super().__init__()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"New VPS in {self._namespace}"
            for name, empty in FIELDS:
                with Horizontal():
                    yield Label(name)
                    yield Input(getattr(self._asked, name), placeholder=empty, compact=True, id=name)
            yield Label(
                "Enter creates it; your SSH key may log in,\nor one that is made if you have none",
                classes="foot",
            )

    def on_input_submitted(self) -> None:
        typed = {name: self.query_one(f"#{name}", Input).value.strip() for name, _ in FIELDS}
        self.dismiss(Asked(**typed))

    def action_leave(self) -> None:
        self.dismiss(None)
