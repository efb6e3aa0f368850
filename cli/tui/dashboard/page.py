"""A text over the whole screen, such as a description; asked for again when the world changes."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static


class Page(ModalScreen[None]):
    """Lines to scroll through."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,enter,d", "leave", "Close"),
        ("ctrl+q,ctrl+c", "app.quit", "Quit"),
        ("j", "scroll_box('down')", "Down"),
        ("k", "scroll_box('up')", "Up"),
        ("g", "scroll_box('home')", "Top"),
        ("G", "scroll_box('end')", "Bottom"),
    ]
    DEFAULT_CSS = """
    Page > VerticalScroll {
        height: 1fr; padding: 0 1; background: $surface; border: round $primary;
        border-title-color: $text; border-subtitle-color: $text-muted; scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, title: str, text: Callable[[], str]) -> None:
        self._heading, self._text = title, text
        self._shown = ""
        super().__init__()

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
            box.border_title, box.border_subtitle = self._heading.replace("[", "\\["), "↑↓ scroll, Esc closes"
            yield Static(markup=False)

    def on_mount(self) -> None:
        self.show()
        self.query_one(VerticalScroll).focus()

    def show(self) -> None:
        """Show the text as it is now, where it has changed."""
        text = self._text()
        if text != self._shown:
            self._shown = text
            self.query_one(Static).update(text)

    def action_scroll_box(self, where: str) -> None:
        getattr(self.query_one(VerticalScroll), f"scroll_{where}")(animate=False)

    def action_leave(self) -> None:
        self.dismiss()
