"""Runs one command in a VPS, with its own streams and its own exit code: what `exec` does without a terminal.

Imports little: a command that takes milliseconds in there should not take much longer out here. The VPS is
asked for by the name as it was typed, and looked up only where there is none of that name, or where the
command goes on: what was done to a VPS meanwhile is told from how it was before.
"""

import asyncio
import contextlib
import os
import sys
import threading

from kohakuriver import errors
from kohakuriver.cli import screen
from kohakuriver.cli.access import outlet
from kohakuriver.cli.session.ended import ENDED_FROM_OUTSIDE, Ending
from kohakuriver.cli.session.target import Target
from kohakuriver.streams.stream import Stream

_PIECE = 1 << 16  # bytes
_SIGNALLED = 128  # codes above it: something was ended by a signal
_LONG = 0.3  # seconds after which a VPS is looked up beside the command


def run(vps: Target, command: list[str], *, stdin: bool) -> int:
    """Its exit code. Raises what keeps it from beginning."""
    return asyncio.run(_run(vps, command, stdin=stdin))


async def _run(vps: Target, command: list[str], *, stdin: bool) -> int:
    params = [("command", word) for word in command] + [("lang", language())]
    stream = await vps.stream("exec", [*params, ("stdin", "1")] if stdin else params)
    looking = asyncio.create_task(_look(vps))
    if stdin:
        _Feed(stream).start()
    try:
        ending = _explained(vps, await outlet.pour(stream))
    except errors.Unreachable as error:
        screen.fail(f"{vps.name}: {error.message}", hint="the command has been hung up")
        return ENDED_FROM_OUTSIDE
    finally:
        looking.cancel()
    if ending.code is not None:
        return ending.code
    screen.fail(f"{vps.name}: {ending.message}", hint=ending.hint)
    return ENDED_FROM_OUTSIDE


async def _look(vps: Target) -> None:
    await asyncio.sleep(_LONG)
    threading.Thread(target=_know, args=(vps,), name="look", daemon=True).start()  # nobody waits for it


def _know(vps: Target) -> None:
    with contextlib.suppress(errors.KohakuRiverError):
        vps.look_up()


def _explained(vps: Target, ending: Ending) -> Ending:
    if ending.code is not None and ending.code <= _SIGNALLED:
        return ending
    from kohakuriver.cli.access import aftermath

    return aftermath.explained(vps, ending)


def language() -> str:
    """The language of this machine where it is UTF-8's, which is what we pass on."""
    found = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""
    return found if found.upper().replace("-", "").endswith("UTF8") else ""


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
