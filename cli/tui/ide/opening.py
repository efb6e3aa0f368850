"""Open by a part of a name: Ctrl-P. Names come in while one types."""

import asyncio
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from kohakuriver import errors
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.tui.ide import asking, fuzzy
from kohakuriver.cli.tui.ide.asking import Dialog
from kohakuriver.cli.tui.ide.lasting import lasting

NAMES: Final = 20_000  # that are walked
_SHOWN: Final = 50


class Opening(Dialog[str]):
    """The path that was chosen, below the folder; "" for none."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Cancel")]
    DEFAULT_CSS = """
    Opening { align: center top; background: $background 60%; }
    Opening > Vertical {
        width: 76; max-width: 94%; height: auto; max-height: 80%; margin-top: 1; padding: 0 1;
        background: $surface; border: round $primary; border-title-color: $text;
    }
    Opening OptionList { height: auto; max-height: 14; border: none; background: $surface; padding: 0; }
    Opening Input { margin: 0 0 1 0; background: $surface; }
    Opening Static { color: $text-muted; }
    """

    def __init__(self, files: FilesClient, folder: str) -> None:
        self._files, self._folder = files, folder
        self._paths: list[str] = []
        self._is_waiting = False
        super().__init__()

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = f"Open in {self._folder}"
            yield Input(placeholder="letters of its name", compact=True)
            yield OptionList(compact=True)
            yield Static("looking…")

    def on_mount(self) -> None:
        self.run_worker(lasting(self.app, self._walk()))

    def on_unmount(self) -> None:
        self._files.close()

    async def _walk(self) -> None:
        try:
            complete = await self._files.walk(self._folder, limit=NAMES, found=self._found)
        except errors.KohakuRiverError as error:
            self.query_one(Static).update(error.message)
            return
        self._rank()
        count = len(self._paths)
        note = f"{count} files" if complete else f"the nearest {count} files; open the folder of others first"
        self.query_one(Static).update(note)

    def _found(self, paths: list[str]) -> None:
        self._paths += paths
        self._rank_soon()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._rank()

    def _rank_soon(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            asyncio.get_running_loop().call_later(0.1, self._rank)

    def _rank(self) -> None:
        self._is_waiting = False
        if not self.is_attached:
            return
        options = self.query_one(OptionList)
        options.clear_options()
        found = fuzzy.best(self.query_one(Input).value, self._paths, most=_SHOWN)
        options.add_options(Option(_shown(path), id=str(number)) for number, path in enumerate(found))
        self._best = found
        if found:
            options.highlighted = 0

    def on_key(self, event: events.Key) -> None:
        options = self.query_one(OptionList)
        match event.key:
            case "down":
                options.action_cursor_down()
            case "up":
                options.action_cursor_up()
            case _:
                asking.early_key(self.query_one(Input), event)
                return
        event.stop()
        event.prevent_default()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        chosen = self.query_one(OptionList).highlighted
        self.dismiss(self._best[chosen] if chosen is not None else "")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._best[event.option_index])

    def action_leave(self) -> None:
        self.dismiss("")


def _shown(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    escaped = [part.replace("[", "\\[") for part in (name, folder)]
    return f"{escaped[0]}  [dim]{escaped[1]}[/dim]" if slash else escaped[0]
