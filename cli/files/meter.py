"""How far a copy is: one line on stderr, rewritten in place, on a terminal only."""

import sys
from typing import Final

from kohakuriver.cli.framework.progress import Progress
from kohakuriver.clock import Clock, SystemClock

_EVERY: Final = 0.1  # seconds between two lines
_WIDTH: Final = 24  # characters of the bar
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


class Meter:
    """Use as a context. `total` is None where nobody knows."""

    def __init__(self, what: str, *, total: int | None = None, clock: Clock | None = None) -> None:
        self._what = what
        self._total = total
        self._clock = clock or SystemClock()
        self._started = self._shown = self._clock.monotonic()
        self._bytes = 0
        self._progress = Progress() if sys.stderr.isatty() else None

    def __enter__(self) -> "Meter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.clear()

    def add(self, size: int) -> None:
        """Count so many bytes more, and show it from time to time."""
        self._bytes += size
        now = self._clock.monotonic()
        if self._progress is not None and now - self._shown >= _EVERY:
            self._shown = now
            self._progress.say(line(self._what, self._bytes, self._total, now - self._started))

    def summary(self) -> str:
        """What was done, for the end."""
        took = self._clock.monotonic() - self._started
        return f"{self._what}: {size(self._bytes)} in {took:.1f} s"


def line(what: str, done: int, total: int | None, seconds: float) -> str:
    """`dev:/data.tar [######            ]  25 %  50.0 of 200 MB  98.1 MB/s  0:02 left`"""
    rate = done / seconds if seconds > 0 else 0.0
    if not total:
        return f"{what}  {size(done)}  {size(rate)}/s"
    share = min(1.0, done / total)
    bar = ("#" * round(share * _WIDTH)).ljust(_WIDTH)
    left = f"  {_clock((total - done) / rate)} left" if rate and done < total else ""
    return f"{what} [{bar}] {share:4.0%}  {size(done)} of {size(total)}  {size(rate)}/s{left}"


def size(count: float) -> str:
    """In three digits or so."""
    for unit in _UNITS:
        if count < 1000 or unit == _UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
