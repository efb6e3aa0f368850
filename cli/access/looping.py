"""Runs what a command does with streams, on the fast event loop where there is one. Ctrl-C cancels it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from kohakuriver import program
from kohakuriver.cli import screen


def run(main: Coroutine[Any, Any, int]) -> int:
    """Until it is done; its exit code. Raises KeyboardInterrupt after Ctrl-C."""
    try:
        with asyncio.Runner(loop_factory=program.loop_factory()) as runner:
            return runner.run(main)
    except KeyboardInterrupt:
        screen.note("")  # the prompt begins a line of its own
        raise
