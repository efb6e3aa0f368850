"""The only place that asks what time it is.

Everything else is handed a `Clock`, or a `now`, so that a test can say what time it is.
"""

import datetime
import time
from typing import Protocol

EPOCH = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Clock(Protocol):
    """Two times that never mix: one to show to people, one to measure ages with."""

    def now(self) -> datetime.datetime:
        """The date and time in UTC. It may jump, so no decision compares two of them."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment, time in which the machine slept included. It never goes back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def monotonic(self) -> float:
        return _since_boot()


def _since_boot() -> float:
    """Of the two that Linux has, time.monotonic() stands still while the machine sleeps: who was silent for
    an hour would take itself for one that was heard just now."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def timestamp(moment: datetime.datetime) -> str:
    """A moment as Kubernetes' metav1.Time writes it: whole seconds, UTC, `Z`."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(moment: datetime.datetime) -> str:
    """A moment as Kubernetes' metav1.MicroTime writes it, for Leases."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def in_words(text: str) -> str:
    """A timestamp for a person to read: `2026-11-29 05:11:00 UTC`; what is none stays as it is."""
    try:
        return parse_timestamp(text).strftime("%Y-%m-%d %H:%M:%S UTC")
    except ValueError:
        return text


def parse_timestamp(text: str) -> datetime.datetime:
    """The moment that an RFC 3339 text names. Raises ValueError."""
    try:
        return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is not a date that a calendar has") from error
