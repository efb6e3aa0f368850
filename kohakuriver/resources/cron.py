"""When a schedule is due: the five fields of a crontab, in a time zone. Pure.

What is checked here (`check`) is what the controller reads later (`latest`, `following`), by the same parser.
Where clocks are put forward or back, a schedule that names minute and hour is due once that day, as with
Debian's cron: a time that does not exist is due when the clocks have changed, one that exists twice is due
the first time. A schedule whose minute or hour begins with a star counts real time, and is due in both hours.
"""

import datetime
import functools
import zoneinfo
from typing import Final

import cronsim

WORDS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

_SOME_DAY: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_MINUTE: Final = datetime.timedelta(minutes=1)
_SHIFT: Final = datetime.timedelta(hours=3)  # clocks are never put forward or back by more
_FIELDS: Final = ("minute", "hour", "day-of-month", "month", "day-of-week")
_REMEMBERED: Final = 4096


def check(text: str) -> None:
    """Raises ValueError, in words, for what is no schedule, or one that is never due."""
    expression = WORDS.get(text, text)
    fields = expression.split()
    try:
        if len(fields) != len(_FIELDS):
            raise cronsim.CronSimError("Wrong number of fields")
        found = cronsim.CronSim(expression, _SOME_DAY)
    except cronsim.CronSimError as error:
        if str(error) == "Bad day-of-month" and _is_read(" ".join([*fields[:3], "*", fields[4]])):
            raise ValueError(_never(text)) from None
        raise ValueError(f'invalid schedule "{text}": {_which(fields, str(error))}{_HOW}') from None
    if next(found, None) is None:
        raise ValueError(_never(text))


def latest(schedule: str, zone: str, now: datetime.datetime) -> datetime.datetime | None:
    """The last time at or before `now` at which it was due, a whole minute in UTC; None where there is none.

    Raises ValueError where the schedule or the zone cannot be read.
    """
    return _latest(schedule, zone, now.astimezone(datetime.UTC).replace(second=0, microsecond=0))


def following(schedule: str, zone: str, now: datetime.datetime) -> datetime.datetime | None:
    """The first time after `now` at which it is due, in UTC; None where there is none.

    Raises ValueError where the schedule or the zone cannot be read.
    """
    return _following(schedule, zone, now.astimezone(datetime.UTC).replace(second=0, microsecond=0))


# Many VPSes have the same schedule.
@functools.lru_cache(maxsize=_REMEMBERED)
def _latest(schedule: str, zone: str, minute: datetime.datetime) -> datetime.datetime | None:
    where = _zone(zone)
    start = minute + _MINUTE
    early, late = ((minute + way * _SHIFT).astimezone(where).utcoffset() for way in (-1, 1))
    if early != late:  # the clock on the wall may have shown a later time already
        start = minute + _SHIFT
    for due in _times(schedule, start.astimezone(where), reverse=True):
        if due <= minute:
            return due
    return None


@functools.lru_cache(maxsize=_REMEMBERED)
def _following(schedule: str, zone: str, minute: datetime.datetime) -> datetime.datetime | None:
    for due in _times(schedule, minute.astimezone(_zone(zone))):
        if due > minute:
            return due
    return None


def _times(schedule: str, start: datetime.datetime, *, reverse: bool = False) -> "map[datetime.datetime]":
    try:
        found = cronsim.CronSim(WORDS.get(schedule, schedule), start, reverse=reverse)
    except cronsim.CronSimError as error:
        raise ValueError(f'schedule "{schedule}" cannot be read: {error}') from None
    return map(_in_utc, found)


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    return moment.astimezone(datetime.UTC)


def _zone(name: str) -> datetime.tzinfo:
    if name in ("", "UTC"):
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f'unknown time zone "{name}"') from None


def _is_read(expression: str) -> bool:
    try:
        cronsim.CronSim(expression, _SOME_DAY)
    except cronsim.CronSimError:
        return False
    return True


def _never(text: str) -> str:
    return f'invalid schedule "{text}": there is no such day, so it would never be due'


def _which(fields: list[str], error: str) -> str:
    name = error.removeprefix("Bad ")
    if len(fields) != len(_FIELDS) or name not in _FIELDS:
        return ""
    return (
        f'"{fields[_FIELDS.index(name)]}" is not {"an" if name == "hour" else "a"} {name.replace("-", " ")}; '
    )


_HOW: Final = (
    "use five fields as in a crontab (minute, hour, day of month, month, day of week), "
    'such as "0 3 * * *", or one of @hourly, @daily, @weekly, @monthly and @yearly'
)
