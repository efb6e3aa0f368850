"""`logs`: what the main process of a VPS wrote."""

import asyncio
from typing import Annotated

import typer

from kohakuriver import clock, durations, errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.access import connect, outlet
from kohakuriver.cli.framework.habits import options
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.cli.session import target
from kohakuriver.cli.session.target import Target

EXAMPLES = """
kohakuriver logs dev --tail 50
kohakuriver logs dev -f --since 10m
"""
ANSWERS = options.LOGS


def logs(
    settings: Settings,
    name: connect.Name = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    tail: Annotated[
        str | None, typer.Option("--tail", metavar="N", help="Only so many lines from the end.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="Only from then on: 10m ago, or 2026-01-31T12:00:00Z."),
    ] = None,
) -> int:
    """Show what the main process of a VPS wrote, of stopped ones too. Shells keep their own."""
    params = [("follow", "1")] if follow else []
    if tail is not None:
        if not tail.isascii() or not tail.isdigit():
            raise failures.UsageError(f'invalid number of lines "{tail}": write --tail 100')
        params.append(("tail", tail))
    if since is not None:
        params.append(("since", _since(since)))
    return asyncio.run(_run(target.find(settings, name, command="logs"), params, follow=follow))


def _since(text: str) -> str:
    try:
        return f"{durations.parse(text):g}"
    except ValueError:
        pass
    try:
        return clock.parse_timestamp(text).isoformat()
    except ValueError:
        raise failures.UsageError(
            f'invalid time "{text}": write --since 10m, or --since 2026-01-31T12:00:00Z'
        ) from None


async def _run(vps: Target, params: list[tuple[str, str]], *, follow: bool) -> int:
    stream = await vps.stream("logs", params)
    try:
        ending = await outlet.pour(stream)
    except errors.Unreachable as error:
        screen.fail(f"{vps.name}: {error.message}", hint="the same command goes on; --since says from when")
        return 1
    if follow:
        screen.note(f"{vps.name}: {ending.message}")
    return 0
