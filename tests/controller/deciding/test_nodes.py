"""Which nodes are lost, by what has been heard: the judge, and the ears that feed it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.controller.deciding.nodes import Hearing, Limits, judge
from kohakuriver.controller.ears import MOST_BEATS, Ears
from kohakuriver.resources.lease import MOST_PATIENCE

LIMITS = Limits()


def heard(name, at, *, is_marked=False):
    return Hearing(name, at, at + LIMITS.loss, LIMITS.loss, is_marked)


def lost_of(hearings, known_until, *, braking_since=None):
    judgement = judge(hearings, known_until=known_until, braking_since=braking_since, limits=LIMITS)
    return [lost.name for lost in judgement.lost]


class Listening:
    """Ears with a clock that the test moves, and nodes that it lets speak."""

    def __init__(self, *names, limits=LIMITS):
        self.limits = limits
        self.ears = Ears(limits)
        self.now = 100.0
        self.names = names
        self.beats = 0
        self.revisions = dict.fromkeys(names, 0)
        self.braking_since = None

    def hear(self, *names, duration=10.0):
        for name in names:
            self.revisions[name] += 1
            self.ears.renewal(name, revision=str(self.revisions[name]), duration=duration, now=self.now)

    def beat(self, *, comes_back=True):
        self.beats += 1
        self.ears.sent(self.beats, now=self.now)
        if comes_back:
            self.ears.echo(self.beats, now=self.now)

    def pass_time(self, seconds, *speaking, watch_works=True, late_by=0.0):
        """Second by second: those that speak renew every three, the controller beats every second."""
        for second in range(round(seconds)):
            self.now += 1.0
            if second % 3 == 0 and watch_works:
                self.hear(*speaking)
            self.beat(comes_back=watch_works)
            self.ears.listen(now=self.now, late_by=late_by)

    def lost(self):
        if self.ears.is_interrupted:
            return []
        hearings = [self.ears.hearing(name, is_marked=False, now=self.now) for name in self.names]
        judgement = judge(
            hearings,
            known_until=self.ears.known_until,
            braking_since=self.braking_since,
            limits=self.limits,
        )
        self.braking_since = judgement.braking_since
        return [lost.name for lost in judgement.lost]


def a_steady_view(*names):
    """Nodes that have been heard for a while."""
    listening = Listening(*names)
    listening.hear(*names)
    listening.beat()
    listening.pass_time(6, *names)
    return listening


def test_a_node_is_lost_after_ten_seconds_of_silence_and_not_before():
    assert lost_of([heard("n1", 100.0)], 110.0) == []
    assert lost_of([heard("n1", 100.0)], 110.1) == ["n1"]


def test_a_node_that_speaks_is_never_lost():
    listening = a_steady_view("n1", "n2")
    for _ in range(100):
        listening.pass_time(3, "n1", "n2")
        assert listening.lost() == []


def test_one_silent_node_among_others_is_lost():
    listening = a_steady_view("n1", "n2", "n3", "n4")
    listening.pass_time(14, "n2", "n3", "n4")
    assert listening.lost() == ["n1"]


def test_a_lease_that_promises_less_often_is_given_longer():
    listening = Listening("n1")
    listening.beat()
    listening.hear("n1", duration=40.0)
    listening.pass_time(39)
    assert listening.lost() == []
    listening.pass_time(3)
    assert listening.lost() == ["n1"]


def test_a_stalled_watch_makes_nobody_lost():
    listening = a_steady_view("n1")
    for _ in range(60):
        listening.pass_time(1, watch_works=False)
        assert listening.lost() == []


def test_after_a_stall_nodes_have_a_minute_to_be_heard_again():
    listening = a_steady_view("n1", "n2")
    listening.pass_time(30, watch_works=False)
    listening.pass_time(58)
    assert listening.lost() == []
    listening.pass_time(4)
    assert listening.lost() == ["n1", "n2"]


def test_the_minute_ends_for_a_node_with_its_first_renewal():
    listening = a_steady_view("n1", "n2")
    listening.pass_time(30, watch_works=False)
    listening.beat()
    listening.hear("n1")
    listening.pass_time(12)
    assert listening.lost() == ["n1"]


def test_after_a_stall_a_node_that_renews_seldom_has_as_long_as_its_lease_says():
    listening = Listening("n1")
    listening.beat()
    listening.hear("n1", duration=200.0)
    listening.pass_time(30, watch_works=False)
    listening.pass_time(195)
    assert listening.lost() == []
    listening.pass_time(10)
    assert listening.lost() == ["n1"]


def test_a_node_whose_lease_says_that_it_is_good_for_years_is_lost_all_the_same():
    listening = Listening("n1")
    listening.beat()
    listening.hear("n1", duration=68 * 365 * 86400.0)
    listening.pass_time(MOST_PATIENCE - 1)
    assert listening.lost() == []
    listening.pass_time(2)
    assert listening.lost() == ["n1"]


def test_a_view_without_any_beat_back_judges_nobody():
    listening = Listening("n1")
    listening.hear("n1")
    listening.pass_time(200, watch_works=False)
    assert listening.lost() == []


def test_leases_found_at_the_start_are_no_renewals():
    listening = Listening("n1")
    listening.hear("n1")
    listening.beat()
    listening.pass_time(55)
    assert listening.lost() == []
    listening.pass_time(8)
    assert listening.lost() == ["n1"]


def test_a_loop_that_was_held_up_discards_all_ages_first():
    listening = a_steady_view("n1")
    listening.now += 30.0
    listening.ears.listen(now=listening.now, late_by=29.0)
    listening.beat()
    assert listening.lost() == []


@pytest.mark.fault(66)
def test_a_dead_node_is_found_although_the_loop_is_held_up_again_and_again():
    listening = a_steady_view("n1", "n2")
    for _ in range(14):
        listening.pass_time(5, "n2")
        listening.ears.listen(now=listening.now, late_by=2.1)
        listening.hear("n2")
    assert listening.lost() == ["n1"]


def test_a_dead_node_is_found_although_the_view_is_cut_again_and_again():
    listening = a_steady_view("n1", "n2")
    for _ in range(8):
        listening.pass_time(6, watch_works=False)
        listening.pass_time(9, "n2")
    assert listening.lost() == ["n1"]


def test_what_is_left_of_its_minute_stands_still_while_nothing_can_be_heard():
    listening = a_steady_view("n1")
    listening.pass_time(30, watch_works=False)
    listening.pass_time(20)
    listening.pass_time(300, watch_works=False)
    listening.pass_time(38)
    assert listening.lost() == []
    listening.pass_time(6)
    assert listening.lost() == ["n1"]


def test_silence_is_counted_up_to_the_last_beat_that_came_back():
    listening = a_steady_view("n1")
    listening.pass_time(8)
    listening.pass_time(4, watch_works=False)
    assert listening.lost() == []
    listening.beat()
    assert listening.lost() == ["n1"]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_with_fewer_than_four_nodes_all_may_be_lost_at_once(count):
    nodes = [heard(f"n{number}", 100.0) for number in range(count)]
    assert len(lost_of(nodes, 111.0)) == count


def test_most_of_four_nodes_vanishing_together_are_spared_for_a_minute():
    nodes = [heard(f"n{number}", 100.0 + number) for number in range(3)] + [heard("n4", 110.0)]
    first = judge(nodes, known_until=110.5, braking_since=None, limits=LIMITS)
    assert (first.lost, first.held_back, first.braking_since) == ((), ("n0",), 110.5)
    nodes[3] = heard("n4", 169.0)
    assert lost_of(nodes, 170.4, braking_since=110.5) == []
    assert lost_of(nodes, 170.5, braking_since=110.5) == ["n0", "n1", "n2"]


def test_beats_that_never_come_back_are_not_kept_for_ever():
    room = Listening("a")
    room.pass_time(10 * MOST_BEATS, watch_works=False)
    assert len(room.ears._sent) == MOST_BEATS
    room.beat()
    assert room.ears.known_until == room.now


def test_half_of_the_nodes_are_not_most():
    nodes = [heard("n1", 100.0), heard("n2", 100.0), heard("n3", 110.0), heard("n4", 110.0)]
    assert lost_of(nodes, 111.0) == ["n1", "n2"]


def test_nodes_that_are_marked_already_do_not_count_as_vanishing():
    nodes = [heard(f"old{number}", 0.0, is_marked=True) for number in range(5)]
    nodes += [heard("n1", 100.0), heard("n2", 110.0), heard("n3", 110.0), heard("n4", 110.0)]
    assert "n1" in lost_of(nodes, 111.0)


STAMPS = st.floats(0, 300)
HEARINGS = st.lists(
    st.builds(
        lambda name, at, marked: heard(name, at, is_marked=marked),
        st.uuids().map(str),
        STAMPS,
        st.booleans(),
    ),
    max_size=12,
)


@given(HEARINGS, STAMPS, st.one_of(st.none(), STAMPS))
def test_nobody_is_lost_who_was_heard_within_the_limit(hearings, known_until, braking_since):
    lost = lost_of(hearings, known_until, braking_since=braking_since)
    for hearing in hearings:
        if known_until - hearing.heard <= LIMITS.loss:
            assert hearing.name not in lost, "no node is lost that was heard within the limit"


@given(HEARINGS, STAMPS)
def test_whoever_is_overdue_is_lost_or_held_back_for_at_most_a_minute(hearings, known_until):
    first = judge(hearings, known_until=known_until, braking_since=None, limits=LIMITS)
    overdue = {hearing.name for hearing in hearings if known_until > hearing.excused_until}
    assert {lost.name for lost in first.lost} | set(first.held_back) == overdue
    later = known_until + LIMITS.brake + 0.001
    second = judge(hearings, known_until=later, braking_since=first.braking_since, limits=LIMITS)
    if first.braking_since is not None:
        assert overdue <= {lost.name for lost in second.lost}, "the brake lasts a minute, no longer"
