"""Who is next, who is parked, and what wakes them."""

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.controller.deciding.queue import PendingQueue
from kohakuriver.controller.deciding.schedule import Unschedulable
from tests.controller.builders import a_request

SMALL, LARGE = a_request(cores=1), a_request(cores=4)
FULL = Unschedulable("Unschedulable", "0 of 1 nodes fit: 1 short of cores (need 4, free 2 on n1)")


def drained(queue):
    """Everybody in their order."""
    order = []
    while (turn := queue.next()) is not None:
        order.append(turn[0])
        queue.remove(turn[0])
    return order


def test_higher_priority_comes_first_then_the_older():
    queue = PendingQueue()
    queue.put("young", SMALL, priority=0, born="2026-01-02")
    queue.put("old", LARGE, priority=0, born="2026-01-01")
    queue.put("urgent", SMALL, priority=5, born="2026-01-03")
    assert drained(queue) == ["urgent", "old", "young"]


def test_a_priority_raised_later_counts():
    queue = PendingQueue()
    queue.put("a", SMALL, priority=0, born="1")
    queue.put("b", SMALL, priority=0, born="2")
    queue.put("b", SMALL, priority=1, born="2")
    assert drained(queue) == ["b", "a"]


def test_what_is_put_again_unchanged_keeps_its_place_and_its_parking():
    queue = PendingQueue()
    queue.put("a", LARGE, priority=0, born="1")
    queue.park(LARGE, FULL)
    assert queue.put("a", LARGE, priority=0, born="1") is False
    assert queue.next() is None
    assert queue.verdict("a") == FULL


def test_a_change_of_priority_alone_wakes_nobody():
    queue = PendingQueue()
    queue.put("a", LARGE, priority=0, born="1")
    queue.park(LARGE, FULL)
    queue.put("a", LARGE, priority=7, born="1")
    assert (queue.next(), queue.verdict("a")) == (None, FULL)


def test_a_refusal_parks_all_that_ask_for_the_same_and_nobody_else():
    queue = PendingQueue()
    for name in ("a", "b"):
        queue.put(name, LARGE, priority=9, born="1")
    queue.put("c", SMALL, priority=0, born="2")
    queue.park(LARGE, FULL)
    queue.put("d", LARGE, priority=9, born="3")
    assert drained(queue) == ["c"]
    assert [queue.members(request) for request in queue.parked()] == [["a", "b", "d"]]


def test_only_those_that_could_be_helped_are_woken():
    queue = PendingQueue()
    queue.put("large", LARGE, priority=0, born="1")
    queue.put("small", SMALL, priority=0, born="2")
    queue.park(LARGE, FULL)
    queue.park(SMALL, FULL)
    assert queue.wake([SMALL]) == 1
    assert drained(queue) == ["small"]
    assert queue.verdict("large") == FULL


def test_a_vps_that_now_asks_for_less_is_taken_up_again():
    queue = PendingQueue()
    queue.put("a", LARGE, priority=0, born="1")
    queue.park(LARGE, FULL)
    queue.put("a", SMALL, priority=0, born="1")
    assert drained(queue) == ["a"]


def test_a_vps_that_is_gone_is_nobodys_turn():
    queue = PendingQueue()
    queue.put("a", SMALL, priority=0, born="1")
    queue.remove("a")
    queue.remove("a")
    assert queue.next() is None
    assert len(queue) == 0


KEYS = st.sampled_from("abcdef")
REQUESTS = st.sampled_from([SMALL, LARGE, a_request(cores=2)])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, REQUESTS, st.integers(0, 2), st.sampled_from("12")),
    st.tuples(st.just("remove"), KEYS),
    st.tuples(st.just("park"), REQUESTS),
    st.tuples(st.just("wake"), REQUESTS),
    st.tuples(st.just("next")),
)


@given(st.lists(STEPS, max_size=60))
def test_next_is_always_the_first_of_those_that_are_not_parked(steps):
    queue, model, parked = PendingQueue(), {}, set()
    for number, step in enumerate(steps):
        match step:
            case ("put", key, request, priority, born):
                sequence = model[key][1][2] if key in model else number
                queue.put(key, request, priority=priority, born=born)
                model[key] = (request, (-priority, born, sequence))
            case ("remove", key):
                queue.remove(key)
                model.pop(key, None)
            case ("park", request):
                queue.park(request, FULL)
                parked.add(request)
            case ("wake", request):
                queue.wake([request])
                parked.discard(request)
        parked &= {request for request, _ in model.values()}  # nobody asks for it any more
        waiting = [(place, key) for key, (request, place) in model.items() if request not in parked]
        turn = queue.next()
        assert (turn[0] if turn else None) == (min(waiting)[1] if waiting else None)
        assert len(queue) == len(model), "nobody is forgotten"


OF_TEAM, LARGE_OF_TEAM = a_request(cores=1, account="team"), a_request(cores=4, account="team")


def test_an_account_with_its_hands_full_is_passed_over_and_gets_its_place_back():
    queue = PendingQueue()
    queue.put("first", OF_TEAM, priority=9, born="1")
    queue.put("large", LARGE_OF_TEAM, priority=7, born="1")
    queue.put("other", SMALL, priority=0, born="2")
    queue.hold("team")
    assert queue.next() == ("other", SMALL)
    queue.put("urgent", OF_TEAM, priority=10, born="3")  # while it is passed over
    assert queue.next() == ("other", SMALL)
    queue.let("team")
    assert drained(queue) == ["urgent", "first", "large", "other"]


def test_what_is_parked_or_gone_while_its_account_is_passed_over_stays_so():
    queue = PendingQueue()
    queue.put("parked", LARGE_OF_TEAM, priority=0, born="1")
    queue.put("gone", OF_TEAM, priority=0, born="2")
    queue.hold("team")
    assert queue.next() is None
    queue.park(LARGE_OF_TEAM, FULL)
    queue.remove("gone")
    queue.let("team")
    assert queue.next() is None
    queue.wake([LARGE_OF_TEAM])
    assert drained(queue) == ["parked"]
