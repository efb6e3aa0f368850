"""Whose files are counted next, and what follows."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.agent.deciding import room
from kohakuriver.agent.deciding.room import Free, Limit, Reading, Standing

GI = 1 << 30
NOON = 10_000.0
PLENTY = Free(size=100 * GI, files=1_000_000)


def a_limit(size: int = 10 * GI) -> Limit:
    return Limit(size, is_own=True)


def a_reading(size: int = GI, *, ago: float = 60.0, **changes: object) -> Reading:
    reading = Reading(at=NOON - ago, took=0.1, size=size, files=100, free=PLENTY)
    return dataclasses.replace(reading, **changes)


def a_vps(uid: str = "a", reading: Reading | None = None, **changes: object) -> Standing:
    return dataclasses.replace(Standing(uid, a_limit(), reading), **changes)


def chosen(*standings: Standing, free: Free = PLENTY) -> str | None:
    found = room.next_to_measure(standings, free, NOON)
    return found.uid if found is not None else None


def test_who_was_never_counted_is():
    assert chosen(a_vps()) == "a"


def test_far_from_its_limit_it_is_counted_seldom_and_near_it_often():
    far, near = a_reading(GI, ago=300), a_reading(10 * GI - 300_000_000, ago=20)
    assert chosen(a_vps(reading=far)) is None
    assert chosen(a_vps(reading=near)) == "a"


def test_what_the_disk_has_lost_may_be_anybodys_who_could_reach_his_limit_by_it():
    a, b = a_vps("a", a_reading(9 * GI, ago=20)), a_vps("b", a_reading(GI, ago=20))
    lost = Free(PLENTY.size - GI, PLENTY.files)
    assert chosen(a, b) is None
    assert chosen(a, b, free=lost) == "a"
    assert chosen(b, free=lost) is None


def test_while_the_disk_loses_little_many_vpses_cost_no_more_than_a_walk_a_second():
    near = a_reading(10 * GI - 300_000_000, ago=90)
    many = [a_vps(str(number), near) for number in range(100)]
    assert chosen(*many[:80]) is not None
    assert chosen(*many) is None
    assert chosen(*many, free=Free(PLENTY.size - GI, PLENTY.files)) is not None


def test_files_count_as_bytes_do():
    a = a_vps("a", a_reading(ago=20, files=600_000))
    assert chosen(a) is None
    assert chosen(a, free=Free(PLENTY.size, PLENTY.files - 40_000)) == "a"


def test_on_a_short_disk_the_fullest_is_counted_first():
    a, b = a_vps("a", a_reading(2 * GI)), a_vps("b", a_reading(9 * GI))
    assert chosen(a, b, free=dataclasses.replace(PLENTY, is_short=True)) == "b"


def test_after_a_long_walk_there_is_a_long_rest():
    a = a_vps(reading=a_reading(10 * GI, ago=100, took=11.0))
    assert chosen(a, free=Free(0, 0, is_short=True)) is None


def test_a_try_that_failed_is_not_repeated_at_once():
    assert chosen(a_vps(not_before=NOON + 1)) is None


def test_who_was_stopped_and_is_asked_for_goes_first():
    assert chosen(a_vps("a"), a_vps("b", a_reading(ago=0.0), is_asked=True)) == "b"


@pytest.mark.parametrize(
    ("reading", "is_over"),
    [
        (a_reading(10 * GI), False),
        (a_reading(10 * GI + 1), True),
        (a_reading(files=655_360), False),
        (a_reading(files=655_361), True),
        (a_reading(is_too_deep=True), True),
    ],
)
def test_at_its_limit_nobody_is_over_it(reading, is_over):
    assert room.is_over(a_limit(), reading) is is_over


def test_a_fuse_counts_while_the_disk_is_short_and_is_looked_at_seldom_else():
    fuse, much = Limit(10 * GI, is_own=False, is_fuse=True), a_reading(11 * GI)
    assert not room.is_over(fuse, much)
    assert room.is_over(fuse, dataclasses.replace(much, free=Free(GI, 0, is_short=True)))
    one = Standing("a", fuse, much)
    assert room.next_to_measure([one], much.free, much.at + room.LONGEST - 1) is None
    assert room.next_to_measure([one], much.free, much.at + room.LONGEST) == one
    assert room.next_to_measure([one], Free(GI, 0, is_short=True), much.at + room.MOST_REST) == one


def test_a_small_limit_allows_the_files_of_an_image():
    assert a_limit(64 << 20).files == room.LEAST_FILES


def test_the_default_is_a_share_of_the_disk_a_size_or_nothing():
    assert room.limit(None, 0.5, 100 * GI) == Limit(50 * GI, is_own=False)
    assert room.limit(None, 20.0 * GI, 100 * GI) == Limit(20 * GI, is_own=False)
    assert room.limit(None, 0.0, 100 * GI) is None
    assert room.limit(None, None, 100 * GI) == Limit(50 * GI, is_own=False, is_fuse=True)
    assert room.limit(GI, 0.0, 100 * GI) == Limit(GI, is_own=True)


def test_the_words_say_what_is_used_what_is_allowed_and_what_to_do():
    why = room.why_stopped(a_limit(), a_reading(12 * GI), name="dev", namespace="team-a")
    assert "12Gi of disk, and spec.resources.disk allows 10Gi" in why.replace(" Gi", "Gi")
    assert "kohakuriver edit vps dev -n team-a" in why
    assert "kohakuriver vps restart dev -n team-a" in why
    files = room.used_words(Limit(10 * GI, is_own=False), a_reading(files=700_000, is_whole=False))
    assert files.startswith("it has at least 700,000 files, and the default of its node allows 655,360")


READINGS = st.builds(
    Reading,
    at=st.floats(0, NOON),
    took=st.floats(0, 300),
    size=st.integers(0, 20 * GI),
    files=st.integers(0, 2_000_000),
    free=st.builds(Free, size=st.integers(0, 200 * GI), files=st.integers(0, 2_000_000)),
)


@given(READINGS, st.builds(Free, size=st.integers(0, 200 * GI), files=st.integers(0, 2_000_000)))
def test_walks_take_a_small_share_of_time_and_nobody_is_forgotten(reading, free):
    vps = a_vps(reading=reading)
    rest = max(room.AT_ONCE, min(room.MOST_REST, room.REST * reading.took))
    found = room.next_to_measure([vps], free, NOON)
    if reading.at + rest > NOON:
        assert found is None, "walked again before it has rested"
    if reading.at + max(room.LONGEST, rest) <= NOON:
        assert found == vps, "forgotten"
    if free.size <= reading.free.size - (vps.limit.size - reading.size) and reading.at + rest <= NOON:
        assert found == vps, "may be past its limit, and was not looked at"
