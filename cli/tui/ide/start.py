"""`connect --ide`: begins it where the VPS can be entered, and puts the terminal back at its end."""

import asyncio
import os

from kohakuriver.cli import screen
from kohakuriver.cli.files.client import FilesClient, Open
from kohakuriver.cli.session.remote import GONE_AFTER, PING_AFTER, Params, new_session
from kohakuriver.cli.session.target import Target
from kohakuriver.cli.tui.ide.app import Ide, World
from kohakuriver.streams.stream import Stream


def start(vps: Target, *, session: str | None, language: str) -> int:
    """Until somebody quits; the exit code. Raises what `connect` does where the VPS cannot be entered."""

    async def terminal(params: Params) -> Stream:
        return await vps.stream("terminal", params, ping_after=PING_AFTER, gone_after=GONE_AFTER)

    async def files() -> Stream:
        return await vps.stream("files", ping_after=PING_AFTER, gone_after=GONE_AFTER)

    asyncio.run(_knock(files))
    sessions = [session] if session else []
    app = Ide(
        World(
            vps.name,
            files=lambda: FilesClient(files),
            terminal=terminal,
            session=lambda: sessions.pop() if sessions else new_session(),
            language=language,
        )
    )
    os.environ.setdefault("COLORTERM", "truecolor" if "256" in os.environ.get("TERM", "") else "")
    code = app.run()
    if app.return_code:  # it broke; Textual has shown where
        screen.fail("the IDE broke off", hint="unsaved text is lost; please report what is shown above")
        return app.return_code
    return code or 0


async def _knock(open_: Open) -> None:
    """What keeps one out is said before the screen is taken."""
    (await open_()).framed.abort()
