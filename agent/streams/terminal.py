"""Terminals and commands of VPSes: the session holder has them, this only finds it and hands over.

`?list=1` answers with the sessions there are, in one control message.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.agent.streams.door import Opened, Opening
from kohakuriver.agent.streams.holders import Holders
from kohakuriver.agent.streams.said import Said
from kohakuriver.client.watch import ObjectKey

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST: Final = 9999  # rows or columns

Window = Callable[[ObjectKey], float]
"""For how many seconds the sessions of a VPS are kept when nobody is attached."""


class Terminal:
    """The door of terminals."""

    def __init__(self, holders: Holders, *, window: Window) -> None:
        self._holders = holders
        self._window = window

    async def open(self, opening: Opening) -> Opened:
        if opening.flag("list"):
            return Said(lambda: self._list(opening.uid))
        id_ = opening.text("session")
        if not _ID.fullmatch(id_):
            raise errors.BadRequest(
                f"session={id_!r} is not the name of a session", hint="up to 64 of A-Z a-z 0-9 . _ -"
            )
        rows = opening.number("rows", 0, most=_MOST)
        cols = opening.number("cols", 0, most=_MOST)
        line = {
            "uid": opening.uid,
            "container": opening.container.id,
            "session": id_,
            "user": opening.user,
            "create": opening.flag("create", default=True),
            "offset": opening.number("offset", 0) if opening.text("offset") else None,
            "attachment": opening.number("attachment", 0) if opening.text("attachment") else None,
            "size": [rows, cols] if rows and cols else None,
            "redraw": opening.flag("redraw"),
            "term": opening.text("term"),
            "lang": opening.text("lang"),
            "command": list(opening.params.get("command") or ()),
            "window": self._window(ObjectKey(opening.namespace, opening.name)),
        }
        return await self._holders.terminal(line)

    async def _list(self, uid: str) -> dict[str, Any]:
        return {"sessions": await self._holders.sessions(uid)}


class Command:
    """The door of commands without a terminal."""

    def __init__(self, holders: Holders) -> None:
        self._holders = holders

    async def open(self, opening: Opening) -> Opened:
        command = opening.params.get("command") or ()
        if not command or not command[0]:
            raise errors.BadRequest(
                "the command is empty", hint=f"kohakuriver exec {opening.name} -- COMMAND"
            )
        line = {
            "uid": opening.uid,
            "container": opening.container.id,
            "command": list(command),
            "stdin": opening.flag("stdin"),
            "lang": opening.text("lang"),
        }
        return await self._holders.command(line)
