"""`connect`: a terminal in a VPS. The shell outlives the connection."""

import asyncio
import os
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.access import parting
from kohakuriver.cli.access.aftermath import explained
from kohakuriver.cli.access.escapes import Escape, Escapes
from kohakuriver.cli.access.modes import Modes
from kohakuriver.cli.access.running import language
from kohakuriver.cli.access.terminal import Terminal
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session import target
from kohakuriver.cli.session.ended import ENDED_FROM_OUTSIDE, Ending
from kohakuriver.cli.session.remote import DETACHED, GONE_AFTER, PING_AFTER, Params, Remote, new_session
from kohakuriver.cli.session.target import Target
from kohakuriver.printable import plain
from kohakuriver.streams.stream import Stream

EXAMPLES = """
kohakuriver connect dev
kohakuriver connect dev --session build   # a shell with a name: the same one again from anywhere
kohakuriver connect dev --ide             # files, an editor and a terminal
"""
ANSWERS = {
    "--": lambda words: f"connect opens a shell, and exec runs a command: kohakuriver exec {words}",
}
_SIGNALLED = 128

Name = target.Name


def connect(
    settings: Settings,
    name: Name = None,
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="NAME", help="The shell of that name; made where there is none."),
    ] = None,
    ide: Annotated[bool, typer.Option("--ide", help="Files, an editor and a terminal, full screen.")] = False,
) -> int:
    """Open a terminal in a VPS.

    `exit` or Ctrl-D ends the shell for good. `~.` after a newline leaves it running, as does a closed window
    or a broken connection; it is kept for 24 hours, and `--session` goes back to it. `~~` types a tilde, `~?`
    lists these keys.
    """
    if not Terminal.is_there():
        raise failures.UsageError(
            "connect needs a terminal to show the shell in",
            hint=f"in a script: kohakuriver exec {name or 'NAME'} -- COMMAND",
        )
    vps = target.find(settings, name, command="connect")
    if ide:
        from kohakuriver.cli.tui.ide import start

        return start.start(vps, session=session, language=language())
    return run(vps, session=session or new_session(), is_named=session is not None)


def run(vps: Target, *, session: str, command: tuple[str, ...] = (), is_named: bool = False) -> int:
    """A shell, or a command on a terminal, until it ends; the exit code."""
    return asyncio.run(_Shell(vps, session=session, command=command, is_named=is_named).run())


class _Shell:
    """One terminal here, joined to one shell there. A `Viewer`."""

    def __init__(self, vps: Target, *, session: str, command: tuple[str, ...], is_named: bool) -> None:
        self._vps = vps
        self._is_command, self._is_named = bool(command), is_named
        self._terminal = Terminal()
        self._escapes = Escapes()
        self._modes = Modes()
        self._is_away = False
        self._was_here = False
        self._signal = 0
        params: Params = [("term", os.environ.get("TERM", "")), ("lang", language())]
        params += [("command", word) for word in command]
        self._remote = Remote(self._dial, self, session=session, size=self._terminal.size(), params=params)

    async def run(self) -> int:
        with self._terminal.raw(typed=self._typed, resized=self._resized, ended=self._ended):
            try:
                ending = await self._remote.run()
            except errors.KohakuRiverError as error:
                if not self._was_here:
                    raise
                ending = Ending(None, "Gone", error.message, self._later(error))
            finally:
                self._put_back()
        if self._signal and self._terminal.is_stuck():
            os._exit(_SIGNALLED + self._signal)  # a write that nobody takes would keep us for ever
        return self._finish(explained(self._vps, ending))

    async def _dial(self, params: Params) -> Stream:
        return await self._vps.stream("terminal", params, ping_after=PING_AFTER, gone_after=GONE_AFTER)

    # What the shell does.

    async def show(self, data: bytes) -> None:
        self._modes.feed(data)
        await self._terminal.write(data)

    def attached(self, *, created: bool, missed: int) -> None:
        if self._is_away:
            self._is_away = False
            self._terminal.say(b"\r\x1b[2K\x1b8")
        elif not self._was_here and not self._is_command:
            for line in self._greeting(created=created):
                self._terminal.say(_dim(line) + b"\r\n")
        self._was_here = True
        if missed:
            self._terminal.say(self._modes.undo())
            self._modes = Modes()
            self._terminal.say(b"\r\n" + _dim(f"{missed} bytes of output are no longer kept") + b"\r\n")

    def _greeting(self, *, created: bool) -> list[str]:
        remote, name = self._remote, self._vps.name
        how = "" if created else "back in "
        lines = [f"{how}session {remote.session}: {parting.hint(remote.window)}"]
        if created and not self._is_named:
            lines += parting.of_others(remote.others, lambda words: self._vps.command(f"{words}"), name)
        return lines

    def lost(self, why: str) -> None:
        if not self._is_away:
            self._is_away = True
            self._escapes.start_line()  # so that ~. works at once
            # Make room for a line below without moving what is there, and remember where we were.
            self._terminal.say(b"\x1bD\x1b[A\x1b7")
        width = self._terminal.size()[1] - 1
        text = f"reconnecting… {why} (~. gives up)"
        self._terminal.say(b"\x1b8\r\x1bD\x1b[2K" + _dim(text[:width]))

    def wants_redraw(self) -> bool:
        return self._modes.is_full_screen

    def has_room(self) -> None:
        self._terminal.listen(True)

    # What the person does.

    def _typed(self, data: bytes) -> None:
        if not data:
            self._ended(1)  # SIGHUP: the terminal is gone
            return
        typed = self._escapes.feed(data)
        if typed.data and not self._remote.type(typed.data):
            self._terminal.listen(False)
        if typed.escape is Escape.DETACH:
            self._remote.detach()
        elif typed.escape is Escape.HELP:
            for line in parting.keys(self._remote.window, self._again()):
                self._terminal.say(b"\r\n " + plain(line).encode())
            self._terminal.say(b"\r\n")

    def _resized(self) -> None:
        self._remote.resize(*self._terminal.size())

    def _ended(self, number: int) -> None:
        self._signal = number
        self._remote.detach()

    # The end.

    def _put_back(self) -> None:
        undo = self._modes.undo()
        if self._terminal.is_stuck():
            return
        if undo:
            self._terminal.say(undo)
        if self._is_away:
            self._terminal.say(b"\r\n")

    def _finish(self, ending: Ending) -> int:
        name = self._vps.name
        if ending is DETACHED:
            screen.note(f"\n{parting.detached(self._remote.window, self._again())}")
            return _SIGNALLED + self._signal if self._signal else 0
        if ending.code is not None:
            return ending.code
        screen.note("")
        about = "" if ending.message.startswith(f"{name} ") else f"{name}: "
        screen.fail(f"{about}{ending.message}", hint=ending.hint or self._next(ending.reason))
        return ENDED_FROM_OUTSIDE

    def _later(self, error: errors.KohakuRiverError) -> str:
        """What to do once the way to a shell that may live is there again."""
        if isinstance(error, errors.RETRYABLE):
            return f"once it can be reached again: {self._again()}"
        return "" if isinstance(error, errors.NotFound) else error.hint

    def _next(self, reason: str) -> str:
        """What to do about it."""
        if reason == "TakenOver":
            return f"take it back: {self._again()}"
        return "a new shell: " + self._vps.command(f"connect {self._vps.name}")

    def _again(self) -> str:
        """The command that comes back to this very shell."""
        return self._vps.command(f"connect {self._vps.name} --session {self._remote.session}")


def _dim(text: str) -> bytes:
    return f"\x1b[2m{plain(text)}\x1b[0m".encode()
