"""`exec`: one command in a VPS, with its own streams and its own exit code; on a terminal with -t."""

import asyncio
import os
import sys
import threading
from typing import Annotated

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.access import connect, outlet, target
from kohakuriver.cli.access.aftermath import explained
from kohakuriver.cli.access.remote import new_session
from kohakuriver.cli.access.target import Target
from kohakuriver.cli.access.terminal import Terminal
from kohakuriver.cli.settings import Settings
from kohakuriver.streams.stream import Stream

EXAMPLES = """
kohakuriver exec dev -- uname -a
kohakuriver exec dev -it -- htop
tar -c src | kohakuriver exec dev -i -- tar -x -C /root
"""
_PIECE = 1 << 16  # bytes

Command = Annotated[
    list[str] | None,
    typer.Argument(metavar="-- COMMAND...", show_default=False, help="The command and its arguments."),
]


def exec(  # the command's name; the builtin is not used here
    settings: Settings,
    name: connect.Name = None,
    command: Command = None,
    stdin: Annotated[bool, typer.Option("--stdin", "-i", help="Pass standard input on.")] = False,
    tty: Annotated[bool, typer.Option("--tty", "-t", help="Give it a terminal.")] = False,
) -> int:
    """Run a command in a VPS, as root. Its exit code is the exit code; 255 where something else ended it."""
    if not command:
        raise failures.UsageError(
            "which command? it is missing", hint=f"kohakuriver exec {name or 'NAME'} -- COMMAND"
        )
    if tty and not Terminal.is_there():
        raise failures.UsageError(
            "-t gives the command this terminal, and there is none", hint="leave -t out: -i passes input on"
        )
    vps = target.find(settings, name, command="exec")
    if tty:
        return connect.run(vps, session=new_session(), command=tuple(command))
    return asyncio.run(_run(vps, command, stdin=stdin))


async def _run(vps: Target, command: list[str], *, stdin: bool) -> int:
    params = [("command", word) for word in command] + [("lang", connect.language())]
    stream = await vps.stream("exec", [*params, ("stdin", "1")] if stdin else params)
    if stdin:
        _Feed(stream).start()
    try:
        ending = explained(vps, await outlet.pour(stream))
    except errors.Unreachable as error:
        screen.fail(f"{vps.name}: {error.message}", hint="the command has been hung up")
        return connect.ENDED_FROM_OUTSIDE
    if ending.code is not None:
        return ending.code
    screen.fail(f"{vps.name}: {ending.message}", hint=ending.hint)
    return connect.ENDED_FROM_OUTSIDE


class _Feed(threading.Thread):
    """Standard input to a stream. A thread, because files cannot be waited for; it dies with the process."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(name="stdin", daemon=True)
        self._stream = stream
        self._loop = asyncio.get_running_loop()

    def run(self) -> None:
        try:
            while data := os.read(sys.stdin.fileno(), _PIECE):
                asyncio.run_coroutine_threadsafe(self._stream.send(data), self._loop).result()
            asyncio.run_coroutine_threadsafe(self._stream.send_control({"eof": True}), self._loop).result()
        except (OSError, RuntimeError, errors.KohakuRiverError):
            return  # the command has ended, or this process is about to
