"""What a schedule asks for, which Snapshots go, and which never do."""

import dataclasses
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.controller.deciding.snapshots import Kept, Planned, Step, decide, expires, name_of

DAILY = "0 3 * * *"
HOUR = datetime.timedelta(hours=1)
DAY = 24 * HOUR


def at(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


NOON = at("2026-12-01 12:00")
THREE = at("2026-12-01 03:00")


def a_plan(**more):
    given = {"schedule": DAILY, "node": "n1", "since": at("2026-11-01"), **more}
    return Planned(name="dev", uid="u1", **given)


def a_snapshot(due=THREE, phase="Ready", **more):
    taken = due + datetime.timedelta(minutes=1) if phase in ("Ready", "Lost") else None
    given = {"created": due, "phase": phase, "taken": taken, "of": "u1", "node": "n1", "is_scheduled": True}
    name = name_of("dev", due)
    return Kept(**{"name": name, "uid": f"uid-{name}", **given, **more})


def daily(days, phase="Ready", *, back_from=THREE, **more):
    """One for each of the last days, the newest first."""
    return [a_snapshot(back_from - number * DAY, phase, **more) for number in range(days)]


def going(step):
    return {one.name for one in step.removals}


def names(*snapshots):
    return {one.name for one in snapshots}


def test_what_is_due_is_taken_once():
    assert decide(a_plan(), [], NOON).due == THREE
    done = decide(a_plan(), [a_snapshot()], NOON)
    assert done == Step(again=at("2026-12-02 03:00"))


def test_what_was_missed_is_made_up_for_once():
    before = a_snapshot(THREE - 5 * DAY)
    assert decide(a_plan(), [before], NOON).due == THREE
    late = a_snapshot(THREE, created=NOON, taken=NOON)
    assert decide(a_plan(), [before, late], NOON).due is None


def test_nothing_is_made_up_for_that_was_due_before_there_was_a_vps_or_a_plan():
    assert decide(a_plan(since=at("2026-12-01 03:00")), [], NOON).due is None
    assert decide(a_plan(planned=at("2026-12-01 04:00")), [], NOON).due is None
    assert decide(a_plan(planned=at("2026-12-01 04:00")), [], at("2026-12-02 03:00")).due is not None


def test_a_field_that_was_set_beside_the_plan_later_hides_nothing_that_was_missed():
    before = a_snapshot(THREE - DAY)
    assert decide(a_plan(planned=at("2026-12-01 04:00")), [before], NOON).due == THREE


@pytest.mark.parametrize("phase", ["", "Taking"])
def test_none_is_taken_while_the_last_one_still_is(phase):
    under_way = a_snapshot(THREE - DAY, phase)
    assert decide(a_plan(), [under_way], NOON).due is None
    elsewhere = dataclasses.replace(under_way, node="n9")
    assert decide(a_plan(), [elsewhere], NOON).due == THREE, "the VPS has left that node"
    leaving = dataclasses.replace(under_way, is_going=True)
    assert decide(a_plan(), [leaving], NOON).due == THREE


def test_a_vps_without_a_container_has_nothing_to_take():
    assert decide(a_plan(node=""), [], NOON).due is None


def test_snapshots_of_somebody_else_and_those_that_people_took_are_not_the_schedules():
    manual = a_snapshot(is_scheduled=False)
    of_another = a_snapshot(of="u9")
    assert decide(a_plan(), [manual, of_another], NOON).due == THREE
    many = [*daily(20, is_scheduled=False), *daily(20, of="u9")]
    assert decide(a_plan(keep_last=1), many, NOON).removals == ()


def test_a_stopped_vps_is_taken_once_and_then_when_it_has_run_again():
    stopped = a_plan(ended=at("2026-11-29 10:00"))
    assert decide(stopped, [a_snapshot(THREE - 5 * DAY)], NOON).due == THREE
    taken_since = decide(stopped, [a_snapshot(THREE - DAY)], NOON)
    assert (taken_since.due, taken_since.skipped) == (None, THREE)
    failed = [a_snapshot(THREE - DAY, "Failed"), a_snapshot(THREE - 5 * DAY)]
    assert decide(stopped, failed, NOON).due == THREE, "a failed one has no files"
    ran = a_plan(ended=at("2026-11-30 10:00"))
    assert decide(ran, [a_snapshot(THREE - DAY)], NOON).due == THREE


def test_seven_stay_where_a_plan_says_nothing():
    kept = daily(9)
    assert going(decide(a_plan(), kept, NOON)) == names(*kept[7:])


def test_as_many_stay_as_the_plan_says():
    kept = daily(4)
    assert going(decide(a_plan(keep_last=3), kept, NOON)) == names(kept[3])
    assert decide(a_plan(keep_last=4), kept, NOON).removals == ()


def test_they_stay_as_long_as_the_plan_says_and_the_newest_longer():
    kept = daily(20)
    step = decide(a_plan(keep_for=10 * 86400.0), kept, NOON)
    assert going(step) == names(*kept[10:])
    old = daily(3, back_from=THREE - 90 * DAY)
    assert going(decide(a_plan(keep_for=86400.0, node=""), old, NOON)) == names(*old[1:])


def test_the_next_look_is_when_the_next_one_grows_too_old():
    kept = [a_snapshot(THREE), a_snapshot(THREE - DAY)]
    step = decide(a_plan(keep_for=86400.0 + 10 * 3600), kept, NOON)
    assert step.again == at("2026-12-01 13:01")


def test_failed_ones_go_once_a_later_one_has_the_files_and_few_stay_until_then():
    failed = daily(5, "Failed")
    assert going(decide(a_plan(), failed, NOON)) == names(*failed[3:])
    good = a_snapshot(THREE - 2 * DAY)
    others = [one for one in failed if one.name != good.name]
    assert going(decide(a_plan(), [*others, good], NOON)) == names(*others[2:])


def test_what_somebody_waits_for_does_not_go():
    kept = daily(9)
    awaited = frozenset({kept[8].name})
    assert going(decide(a_plan(), kept, NOON, awaited=awaited)) == names(kept[7])


def test_without_a_schedule_none_is_taken_and_those_there_are_kept_as_the_plan_says():
    kept = daily(9)
    assert decide(a_plan(schedule="", keep_last=2), kept, NOON) == Step(
        removals=decide(a_plan(keep_last=2), kept, NOON).removals
    )


def test_what_is_going_already_is_not_removed_again():
    assert decide(a_plan(keep_last=1), [a_snapshot(), a_snapshot(THREE - DAY, is_going=True)], NOON) == Step(
        again=at("2026-12-02 03:00")
    )


def test_a_name_says_the_minute_that_was_due_in_utc_and_is_a_name():
    assert name_of("dev", at("2026-12-01 09:45")) == "dev-20261201-0945"
    berlin = datetime.datetime(2026, 12, 1, 9, 45, tzinfo=datetime.timezone(HOUR))
    assert name_of("dev", berlin) == "dev-20261201-0845"
    assert len(name_of("x" * 253, THREE)) == 253
    long = [name_of("x" * 250 + end, THREE, uid=f"{end * 8}-1") for end in "ab"]
    assert [len(name) for name in long] == [253, 253] and long[0] != long[1]
    assert name_of("dev", THREE, uid="a" * 36) == name_of("dev", THREE)


def test_its_own_keep_for_counts_from_when_the_files_were_so():
    one = a_snapshot(keep_for=3600.0)
    assert expires(one) == at("2026-12-01 04:01")
    assert expires(dataclasses.replace(one, phase="Failed", taken=None)) == at("2026-12-01 04:00")
    assert expires(a_snapshot()) is None


@pytest.mark.parametrize("change", [{"phase": ""}, {"phase": "Taking"}, {"is_going": True}])
def test_what_is_being_taken_or_is_going_does_not_expire(change):
    assert expires(a_snapshot(keep_for=1.0, **change)) is None


def test_a_time_beyond_all_calendars_is_never():
    assert expires(a_snapshot(keep_for=1e300)).year == 9999


_KEPT = st.builds(
    lambda days, phase, late, of, is_scheduled, is_going: a_snapshot(
        THREE - days * DAY,
        phase,
        created=THREE - days * DAY + late * HOUR,
        of=of,
        is_scheduled=is_scheduled,
        is_going=is_going,
    ),
    st.integers(0, 30),
    st.sampled_from(["", "Taking", "Ready", "Ready", "Failed", "Lost"]),
    st.integers(0, 30),
    st.sampled_from(["u1", "u1", "u2"]),
    st.sampled_from([True, True, False]),
    st.sampled_from([False, False, True]),
)


@given(
    st.lists(_KEPT, max_size=15, unique_by=lambda one: one.name),
    st.none() | st.integers(1, 5),
    st.none() | st.floats(0, 40 * 86400),
    st.integers(0, 72),
    st.sets(st.integers(0, 30)),
)
def test_whatever_there_is_the_newest_good_one_and_what_is_awaited_stay(kept, last, age, hours, waited):
    plan = a_plan(keep_last=last, keep_for=age)
    awaited = frozenset(name_of("dev", THREE - days * DAY) for days in waited)
    now = NOON + hours * HOUR
    step = decide(plan, kept, now, awaited=awaited)
    removed = going(step)
    own = [one for one in kept if one.is_scheduled and one.of == "u1" and not one.is_going]
    good = [one for one in own if one.is_good]
    newest = max(good, key=lambda one: one.at, default=None)
    assert newest is None or newest.name not in removed, "the newest good one goes"
    assert not removed & awaited, "one goes that somebody waits for"
    assert removed <= names(*own), "one goes that is not the schedule's"
    assert not any(one.phase in ("", "Taking") for one in own if one.name in removed), "one goes half taken"
    left = [one for one in kept if one.name not in removed]
    assert decide(plan, left, now, awaited=awaited).removals == (), "the second look finds more"
    assert step.due is None or name_of("dev", step.due) not in names(*own), "one is taken twice"
