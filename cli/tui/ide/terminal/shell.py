"""The session behind the pane: the same that `connect` has, so it survives a broken link. A `Viewer`.

What the shell says goes to the pane in small pieces, so that a flood of output never keeps the keys waiting.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from kohakuriver import errors
from kohakuriver.cli.session.remote import Dial, Remote
from kohakuriver.cli.tui.ide.lasting import in_words
from kohakuriver.cli.tui.ide.terminal.pane import Pane

_PIECE: Final = 1 << 13  # bytes shown before anything else has its turn
TERM: Final = "xterm-256color"


class Shell:
    """One shell after the other in one pane. `told` hears of the link: words, or "" when all is well."""

    def __init__(
        self,
        pane: Pane,
        dial: Dial,
        *,
        session: Callable[[], str],
        language: str,
        told: Callable[[str], None],
    ) -> None:
        self._pane = pane
        self._dial = dial
        self._session = session
        self._language = language
        self._told = told
        self._size = (0, 0)
        self._is_sized = asyncio.Event()
        self._remote: Remote | None = None
        self._again = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. A shell that has ended is followed by another when somebody presses Enter."""
        await self._is_sized.wait()  # so that the shell begins at the right size
        while True:
            self._pane.say(f"{await self._one()} Enter opens another.")
            self._remote = None
            self._again.clear()
            await self._again.wait()
            self._pane.clear()

    async def _one(self) -> str:
        """One shell until its end; how that was, in words."""
        params = [("term", TERM), ("lang", self._language)]
        self._remote = Remote(self._dial, self, session=self._session(), size=self._size, params=params)
        try:
            ending = await self._remote.run()
        except errors.KohakuRiverError as error:
            return f"No shell: {error.message}." + (f" {error.hint}." if error.hint else "")
        except Exception as error:
            return f"The terminal has a fault: {in_words(error)}."
        finally:
            self._told("")
        if ending.code is None:
            return f"The shell ended: {ending.message}."
        return "The shell ended." if ending.code == 0 else f"The shell ended with {ending.code}."

    def type(self, data: bytes) -> None:
        if self._remote is not None:
            self._remote.type(data)
        elif b"\r" in data:
            self._again.set()

    def resize(self, rows: int, columns: int) -> None:
        self._size = (rows, columns)
        self._is_sized.set()
        if self._remote is not None:
            self._remote.resize(rows, columns)

    def hang_up(self) -> None:
        if self._remote is not None:
            self._remote.hang_up()

    # What the session tells.

    async def show(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            self._pane.feed(data[start : start + _PIECE])
            await asyncio.sleep(0)

    def attached(self, *, created: bool, missed: int) -> None:
        self._told("")
        if missed:
            self._pane.say(f"{missed} bytes of output are no longer kept.")

    def lost(self, why: str) -> None:
        self._told(f"reconnecting: {why}")

    def wants_redraw(self) -> bool:
        return self._pane.emulated.is_alternate

    def has_room(self) -> None:
        """Whoever types in a window is not stopped: what is typed waits in memory."""
