"""Another command in the dashboard's terminal: the screen is handed over, and taken back when it ends.

The event loop goes on meanwhile, so that watches are followed and forwarded ports answer.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from textual.app import App

from kohakuriver.cli.main import ERROR, USAGE
from kohakuriver.cli.session.ended import ENDED_FROM_OUTSIDE

_FAILED = (ERROR, USAGE, ENDED_FROM_OUTSIDE)  # not whatever a shell's last command ended with
_BACK = "\nEnter goes back to the dashboard. "


async def run(app: App[Any], words: Sequence[str]) -> int:
    """Until it ends; its exit code. One that went wrong is read before the screen comes back."""
    with app.batch_update(), app.suspend(), _uninterrupted():
        process = await asyncio.create_subprocess_exec(*words)
        code = await process.wait()
        if code in _FAILED:
            sys.stderr.write(_BACK)
            sys.stderr.flush()
            await asyncio.to_thread(sys.stdin.readline)
    return code


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C is for the other command; a handler of ours is not inherited by it, as ignoring would be."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
