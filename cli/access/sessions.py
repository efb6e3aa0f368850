"""`sessions`: the terminals that are open in a VPS, with somebody at them or not."""

import asyncio
from typing import Any

from kohakuriver import durations
from kohakuriver.cli import screen
from kohakuriver.cli.access import connect
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session import target
from kohakuriver.cli.session.target import Target
from kohakuriver.cli.view.table import Printer, Row

EXAMPLES = """
kohakuriver sessions dev
"""
_TITLES = ["SESSION", "USER", "COMMAND", "SIZE", "AGE", "STATE"]


def sessions(settings: Settings, name: connect.Name = None) -> int:
    """List the terminals of a VPS. `connect NAME --session SESSION` takes one over."""
    vps = target.find(settings, name, command="sessions")
    found = asyncio.run(_ask(vps))
    if not found:
        screen.note(f"no session is open in {vps.name}; open one with: {vps.command(f'connect {vps.name}')}")
        return 0
    for line in Printer().lines([_TITLES, *map(row, found)]):
        screen.out(line)
    return 0


async def _ask(vps: Target) -> list[dict[str, Any]]:
    stream = await vps.stream("terminal", [("list", "1")])
    try:
        while (message := await stream.receive()) is not None:
            if isinstance(message, dict) and "sessions" in message:
                return list(message["sessions"])
        return []
    finally:
        stream.framed.abort()


def row(session: dict[str, Any]) -> Row:
    """One line of the table. Pure."""
    return [
        str(session["session"]),
        str(session["user"]),
        str(session["command"]),
        _size(str(session["size"])),
        durations.age(float(session["age"])),
        _state(session),
    ]


def _size(rows_by_columns: str) -> str:
    """Columns x rows, as terminals are called everywhere; the agent says it the other way round."""
    rows, _, columns = rows_by_columns.partition("x")
    return f"{columns}x{rows}" if columns else "-"


def _state(session: dict[str, Any]) -> str:
    if session["ended"]:
        return "ended"
    if session["attached"]:
        return "attached"
    away = float(session["detached"])
    left = max(float(session["detachedFor"]) - away, 0)
    return f"detached for {durations.age(away)}, hung up in {durations.age(left)}"
