"""The last line: how the link is, where one is in which file, and what was done last."""

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from kohakuriver.cli.tui.ide.editor import Editor

_SAID_FOR = 6.0  # seconds


class Status(Static):
    """The line at the bottom that says how everything stands."""

    DEFAULT_CSS = "Status { height: 1; background: $primary-muted; color: $text; padding: 0 1; }"

    def __init__(self, name: str) -> None:
        super().__init__()
        self._vps = name
        self._link = ""
        self._said = ""
        self._place = ""
        self._keys = ""
        self._times = 0

    def on_mount(self) -> None:
        self._draw()

    def tell_link(self, words: str) -> None:
        """ "" when all is well."""
        self._link = words
        self._draw()

    def say(self, words: str) -> None:
        """Something that was done; it goes away by itself."""
        self._said = words
        self._times += 1
        times = self._times
        self.set_timer(_SAID_FOR, lambda: self._forget(times))
        self._draw()

    def show(self, editor: Editor | None, *, in_terminal: bool) -> None:
        self._place = ""
        self._keys = "F12 leaves the terminal" if in_terminal else "F1 keys"
        if editor is not None and not in_terminal:
            row, column = editor.cursor_location
            kind = (
                f"read-only: {editor.opened.read_only}"
                if editor.read_only
                else editor.opened.language or "text"
            )
            self._place = f"{editor.opened.path}  {row + 1}:{column + 1}  {kind}"
        self._draw()

    def _forget(self, times: int) -> None:
        if times == self._times:
            self._said = ""
            self._draw()

    def _draw(self) -> None:
        table = Table.grid(expand=True)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        left = Text(self._vps, style="bold")
        if self._link:
            left.append(f"  {self._link}", style="bold yellow")
        left.append(f"  {self._said or self._place}")
        table.add_row(left, f"  {self._keys or 'F1 keys'}")
        self.update(table)
