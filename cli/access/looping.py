"""Runs what a command does with streams, on the fast event loop where there is one. Ctrl-C cancels it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from kohakuriver.cli import screen


def run(main: Coroutine[Any, Any, int]) -> int:
    """Until it is done; its exit code. Raises KeyboardInterrupt after Ctrl-C."""
    try:
        with asyncio.Runner(loop_factory=_factory()) as runner:
            return runner.run(main)
    except KeyboardInterrupt:
        screen.note("")  # the prompt begins a line of its own
        raise


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop
