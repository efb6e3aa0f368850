"""Waits a while for what is being restarted: a VPS, its agent, an API server. Knows no kind of stream.

What an answer says is final (nothing listens, stopped, no right) is raised at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from kohakuriver import errors
from kohakuriver.clock import Clock

PATIENCE = 20.0  # seconds
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 2.0  # seconds between the tries

T = TypeVar("T")


async def patiently(ask: Callable[[], Awaitable[T]], *, within: float, clock: Clock) -> T:
    """What is answered in the end. Raises ApiError and Unreachable, once there is no more hope in waiting."""
    pause = _FIRST_PAUSE
    end = clock.monotonic() + within
    while True:
        try:
            return await ask()
        except errors.KohakuRiverError as error:
            if not is_passing(error) or clock.monotonic() + pause > end:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def is_passing(error: errors.KohakuRiverError) -> bool:
    """Whether it may be otherwise in a moment: no server was reached, or its answer says to ask again."""
    if isinstance(error, errors.ApiError):
        return error.retry_after is not None
    return isinstance(error, errors.Unreachable)
