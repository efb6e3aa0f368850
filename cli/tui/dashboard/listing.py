"""The forwarded ports in a box of their own: which there are, and an end to them."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from kohakuriver.cli.tui.dashboard.forwards import Forwards


class Listing(ModalScreen[None]):
    """One line each."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,F", "leave", "Close"),
        ("delete,x", "end", "End it"),
    ]
    DEFAULT_CSS = """
    Listing { align: center middle; background: $background 60%; }
    Listing > Vertical {
        width: 64; max-width: 94%; height: auto; max-height: 80%; padding: 1 2;
        background: $surface; border: round $primary; border-title-color: $text;
    }
    Listing OptionList, Listing OptionList:focus { height: auto; max-height: 12; border: none; padding: 0; }
    Listing:nocolor OptionList > .option-list--option-highlighted { text-style: reverse; }
    Listing Label { margin-top: 1; color: $text-muted; }
    """

    def __init__(self, forwards: Forwards) -> None:
        super().__init__()
        self._forwards = forwards

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Forwarded ports"
            yield OptionList(markup=False)
            yield Label("x ends the one under the cursor, Esc closes")

    def on_mount(self) -> None:
        self._fill()

    def _fill(self) -> None:
        lines = [f"{one.title}  {one.url}" for one in self._forwards.open]
        options = [Option(line) for line in lines]
        shown = self.query_one(OptionList)
        shown.set_options(options or [Option("none: f forwards a port", disabled=True)])
        shown.highlighted = 0 if options else None

    async def action_end(self) -> None:
        at = self.query_one(OptionList).highlighted
        if at is not None and at < len(self._forwards.open):
            await self._forwards.end(self._forwards.open[at])
            self._fill()

    def action_leave(self) -> None:
        self.dismiss()
