"""When a schedule is due, and which schedules are taken."""

import datetime
import itertools

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.resources import cron
from kohakuriver.resources.snapshot import Plan


def at(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def due(schedule, now, zone=""):
    found = cron.latest(schedule, zone, at(now))
    return found.strftime("%Y-%m-%d %H:%M") if found else None


def then(schedule, now, zone=""):
    found = cron.following(schedule, zone, at(now))
    return found.strftime("%Y-%m-%d %H:%M") if found else None


@pytest.mark.parametrize(
    ("schedule", "last", "next_"),
    [
        ("0 3 * * *", "2026-12-01 03:00", "2026-12-02 03:00"),
        ("*/20 * * * *", "2026-12-01 10:40", "2026-12-01 11:00"),
        ("45 10 * * *", "2026-12-01 10:45", "2026-12-02 10:45"),
        ("@hourly", "2026-12-01 10:00", "2026-12-01 11:00"),
        ("@weekly", "2026-11-29 00:00", "2026-12-06 00:00"),
        ("@monthly", "2026-12-01 00:00", "2027-01-01 00:00"),
        ("0 0 29 2 *", "2024-02-29 00:00", "2028-02-29 00:00"),
        ("0 12 L * *", "2026-11-30 12:00", "2026-12-31 12:00"),
        ("0 12 * * mon#1", "2026-11-02 12:00", "2026-12-07 12:00"),
    ],
)
def test_the_last_time_and_the_next(schedule, last, next_):
    assert due(schedule, "2026-12-01 10:45:30") == last
    assert then(schedule, "2026-12-01 10:45:30") == next_


def test_a_schedule_is_read_in_its_time_zone():
    assert due("0 3 * * *", "2026-07-01 12:00", "Europe/Berlin") == "2026-07-01 01:00"
    assert due("0 3 * * *", "2026-12-01 12:00", "Europe/Berlin") == "2026-12-01 02:00"
    assert then("0 9 * * mon", "2026-12-01 12:00", "Asia/Tokyo") == "2026-12-07 00:00"


# In Berlin 02:00 to 03:00 does not exist on 2026-03-29, and exists twice on 2026-10-25.
def test_a_time_that_does_not_exist_is_due_when_the_clocks_have_changed():
    assert due("30 2 * * *", "2026-03-29 00:59", "Europe/Berlin") == "2026-03-28 01:30"
    assert then("30 2 * * *", "2026-03-29 00:59", "Europe/Berlin") == "2026-03-29 01:00"
    assert due("30 2 * * *", "2026-03-29 01:00", "Europe/Berlin") == "2026-03-29 01:00"
    assert then("30 2 * * *", "2026-03-29 01:00", "Europe/Berlin") == "2026-03-30 00:30"


def test_a_time_that_exists_twice_is_due_the_first_time_alone():
    for now in ("00:30", "00:45", "01:15", "01:30", "02:10"):
        assert due("30 2 * * *", f"2026-10-25 {now}", "Europe/Berlin") == "2026-10-25 00:30"
        assert then("30 2 * * *", f"2026-10-25 {now}", "Europe/Berlin") == "2026-10-26 01:30"


def test_every_hour_is_every_hour_when_clocks_change_too():
    assert due("0 * * * *", "2026-10-25 00:59", "Europe/Berlin") == "2026-10-25 00:00"
    assert due("0 * * * *", "2026-10-25 01:59", "Europe/Berlin") == "2026-10-25 01:00"
    assert due("*/30 * * * *", "2026-03-29 01:10", "Europe/Berlin") == "2026-03-29 01:00"


_PART = st.sampled_from(["*", "*/7", "0", "1,2", "2-3", "30", "L", "mon", "1#5", "fri-sun", "5L", "1/2"])
_FIELDS = st.tuples(*[_PART | st.integers(0, 31).map(str)] * 5).map(" ".join)
_ZONES = st.sampled_from(["", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Antarctica/Troll"])


@given(_FIELDS, _ZONES, st.integers(0, 2 * 365 * 24 * 60))
def test_what_is_taken_can_be_read_at_any_time(schedule, zone, minutes):
    try:
        Plan.model_validate({"schedule": schedule})
    except pydantic.ValidationError:
        return
    now = at("2026-01-01") + datetime.timedelta(minutes=minutes)
    last, next_ = cron.latest(schedule, zone, now), cron.following(schedule, zone, now)
    assert next_ is not None and next_ > now
    assert last is None or last <= now
    assert last is None or cron.following(schedule, zone, last) > now


@pytest.mark.parametrize(
    "schedule", ["30 2 * * *", "0 1,3 * * *", "*/20 * * * *", "15 */2 * * *", "0 0-4 * * sun"]
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Antarctica/Troll"])
@pytest.mark.parametrize("day", ["2026-03-07", "2026-03-28", "2026-10-24", "2026-10-31"])
def test_looking_back_finds_what_looking_ahead_has_found(schedule, zone, day):
    start, times = at(day), []
    while not times or times[-1] < start + datetime.timedelta(days=2):
        times.append(cron.following(schedule, zone, times[-1] if times else start))
    for one, another in itertools.pairwise(times):
        for now in (one, another - datetime.timedelta(minutes=1)):
            assert cron.latest(schedule, zone, now) == one


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("0 0 30 2 *", "there is no such day"),
        ("0 0 31 4,6,9,11 *", "there is no such day"),
        ("0 0 */31 * mon#5", "there is no such day"),
        ("61 * * * *", '"61" is not a minute; use five fields'),
        ("0 24 * * *", '"24" is not an hour; use five fields'),
        ("0 0 * 13 *", '"13" is not a month; use five fields'),
        ("0 0 * * someday", '"someday" is not a day of week; use five fields'),
        ("0 0 5-1 * *", '"5-1" is not a day of month; use five fields'),
        ("* * * *", 'invalid schedule "* * * *": use five fields'),
        ("0 0 0 * * *", "use five fields"),
        ("@reboot", "use five fields"),
        ("*/0 * * * *", "is not a minute"),
        ("٣ * * * *", "is not a minute"),
        ("", "use five fields"),
    ],
)
def test_what_is_no_schedule_is_refused_in_words(schedule, words):
    with pytest.raises(pydantic.ValidationError) as refused:
        Plan.model_validate({"schedule": schedule})
    assert words in str(refused.value)


def test_a_zone_that_this_machine_does_not_know_is_said():
    with pytest.raises(ValueError, match='unknown time zone "Mars/Olympus"'):
        cron.latest("0 3 * * *", "Mars/Olympus", at("2026-12-01"))
