"""List, then watch: it resumes where it was cut, and lists again after a gap.

It ends when its reader stops, or at the deadline. What the API server says of rights and names is final;
a connection that breaks is told once and tried again.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api.http import JSON, WATCH_SILENCE, Api, Object
from kohakuriver.clock import SystemClock
from kohakuriver.resources import view

_TRANSIENT = (errors.Unreachable, errors.Unavailable, errors.TooManyRequests, errors.OutcomeUnknown)


@dataclasses.dataclass(frozen=True)
class Change:
    """LISTED carries a whole list (or table); ADDED, MODIFIED, DELETED and BOOKMARK carry one object."""

    type: str
    object: Object


class Deadline:
    """A moment after which waiting is over. None seconds: never."""

    def __init__(self, seconds: float | None) -> None:
        self._clock = SystemClock()
        self._end = None if seconds is None else self._clock.monotonic() + seconds

    @property
    def passed(self) -> bool:
        return self._end is not None and self._clock.monotonic() >= self._end

    def left(self, most: float) -> float:
        """Seconds until then, at most so many, and a little at least."""
        if self._end is None:
            return most
        return min(most, max(self._end - self._clock.monotonic(), 0.001))


def follow(
    api: Api,
    path: str,
    *,
    params: dict[str, str],
    accept: str = JSON,
    deadline: Deadline | None = None,
    tell: Callable[[str], None] = screen.note,
) -> Iterator[Change]:
    """Every change until the deadline; `tell` hears of broken connections. Raises ApiError, and
    failures.TimedOut at the deadline."""
    end = deadline or Deadline(None)
    version: str | None = None
    pause = 0.0
    while True:
        try:
            if version is None:
                found = api.call("GET", path, params=params, accept=accept)
                version = found["metadata"]["resourceVersion"]
                yield Change("LISTED", found)
            resume = {**params, "resourceVersion": version}
            for kind, body in api.watch(
                path, params=resume, accept=accept, patience=lambda: end.left(WATCH_SILENCE)
            ):
                version = _version(body) or version
                pause = 0.0
                yield Change(kind, body)
                if end.passed:
                    break
        except errors.Expired:
            version = None
        except _TRANSIENT as error:
            if not end.passed:
                pause = _wait(error, pause, end, tell)
        if end.passed:
            raise failures.TimedOut("the time is over")


def _wait(error: errors.KohakuRiverError, pause: float, end: Deadline, tell: Callable[[str], None]) -> float:
    """Sleep before the next try; how long it was."""
    if pause == 0.0:
        tell(f"{error.message}; trying again")
    longer = min(max(pause * 2, 0.25), 5.0)
    time.sleep(end.left(longer))
    return longer


def _version(body: Object) -> str | None:
    """The resourceVersion of an object, or of the object that a table's row shows."""
    shown = [row.object.version for row in view.Object.of(body).parts("rows", view.Row)]
    found = [version for version in (view.Object.of(body).version, *shown) if version]
    return found[-1] if found else None
