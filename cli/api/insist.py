"""Writes that are safe to repeat, sent again until an answer comes. `vps` and `node` verbs stand on it.

A first request that reaches no server fails at once: nothing was done. Once something was sent, a server that
is away for a while (a restart, a broken connection) is waited for, as long as one request may take.
"""

import time
from collections.abc import Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.cli.api.follow import Deadline
from kohakuriver.cli.api.http import Api, Object

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0  # seconds between the tries
_LOST = (errors.OutcomeUnknown, errors.Unavailable, errors.TooManyRequests)


def call(
    api: Api, method: str, path: str, *, on_lost: Callable[[], None] = lambda: None, **more: Any
) -> Object:
    """One write and its answer. Raises ApiError as the server says, Unreachable when nothing was sent, and
    OutcomeUnknown when every answer was lost. `on_lost` hears of each try that may have been carried out."""
    deadline, pause = Deadline(api.timeout), _FIRST_PAUSE
    lost: errors.KohakuRiverError | None = None
    while True:
        asked = 0.0
        try:
            return api.call(method, path, **more)
        except _LOST as error:
            on_lost()
            lost = error if lost is None or isinstance(error, errors.OutcomeUnknown) else lost
            asked = error.retry_after or 0.0
        except errors.Unreachable:
            if lost is None:
                raise
        if deadline.passed:
            raise lost
        time.sleep(deadline.left(min(max(pause, asked), _LONGEST_PAUSE)))
        pause *= 2
