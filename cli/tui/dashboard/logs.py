"""What the main process of a VPS writes, over the whole screen; it goes on after a broken link."""

import asyncio
import codecs
from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen
from textual.widgets import RichLog

from kohakuriver import errors
from kohakuriver.cli.session import ended
from kohakuriver.cli.session.opening import is_passing
from kohakuriver.clock import Clock
from kohakuriver.streams.stream import Stream

Open = Callable[[list[tuple[str, str]]], Awaitable[Stream]]

_FIRST: Final = "500"  # lines from the end
_KEPT: Final = 10_000  # lines
_PAUSE: Final = 2.0  # seconds before the link is tried again


class Logs(ModalScreen[None]):
    """Follows until it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,l", "leave", "Close"),
        ("ctrl+q,ctrl+c", "app.quit", "Quit"),
    ]
    DEFAULT_CSS = """
    Logs > RichLog {
        height: 1fr; padding: 0 1; background: $surface; border: round $primary;
        border-title-color: $text; border-subtitle-color: $text-muted; scrollbar-size-vertical: 1;
    }
    """

    def __init__(self, heading: str, open_: Open, *, clock: Clock) -> None:
        super().__init__()
        self._heading, self._open, self._clock = heading, open_, clock
        self._rest = ""

    def compose(self) -> ComposeResult:
        box = RichLog(max_lines=_KEPT, wrap=True, min_width=20)
        box.border_title = self._heading.replace("[", "\\[")
        box.border_subtitle = "↑↓ scroll, Esc closes"
        yield box

    def on_mount(self) -> None:
        self._box = self.query_one(RichLog)
        self._box.focus()
        self.run_worker(self._follow())

    async def _follow(self) -> None:
        params = [("tail", _FIRST)]
        while True:
            try:
                await self._pour(await self._open([("follow", "1"), *params]))
                return
            except errors.KohakuRiverError as error:
                self._say(error.message)
                if not is_passing(error):
                    return
            params = [("since", self._clock.now().isoformat())]
            await asyncio.sleep(_PAUSE)

    async def _pour(self, stream: Stream) -> None:
        """Until it has ended. Raises KohakuRiverError."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        try:
            while (message := await stream.receive()) is not None:
                if isinstance(message, bytes):
                    self._write(decoder.decode(message))
                elif (ending := ended.ending(message)) is not None:
                    self._write("\n" if self._rest else "")
                    self._say(ending.message or "that is all")
                    return
            raise errors.Unreachable("the connection was closed")
        finally:
            stream.framed.abort()

    def _write(self, text: str) -> None:
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._box.write(Text.from_ansi(line.rstrip("\r").rpartition("\r")[2]))

    def _say(self, words: str) -> None:
        self._box.write(Text(f"— {words}", style="italic dim"))

    def action_leave(self) -> None:
        self.dismiss()
