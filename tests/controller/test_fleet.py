"""What counts as booked, from the asking to the watch's word; and which nodes got better."""

from kohakuriver.controller.deciding.schedule import Placement, Unschedulable
from kohakuriver.controller.fleet import Fleet
from kohakuriver.controller.refusals import Refusals
from kohakuriver.placement.booking import Booking
from tests.controller.builders import GI, a_node, a_request, a_wish, some_gpus


def a_fleet(*nodes, refusals=None):
    fleet = Fleet(refusals=refusals)
    for node in nodes or (a_node("n1", cores=4),):
        fleet.set_node(node.name, node.facts)
        fleet.set_bookings(node.name, {}, revision=1)
    fleet.take_improved()
    return fleet


def free_cores(fleet, name="n1"):
    return fleet.get(name).free_cores / 1000


def test_what_was_asked_for_counts_at_once():
    fleet = a_fleet()
    fleet.assume("n1", "u1", a_request(cores=3))
    assert free_cores(fleet) == 1
    assert isinstance(fleet.schedule(a_request(cores=2)), Unschedulable)


def test_what_was_refused_counts_no_more():
    fleet = a_fleet()
    fleet.assume("n1", "u1", a_request(cores=3))
    fleet.withdraw("n1", "u1")
    assert fleet.schedule(a_request(cores=4)) == Placement("n1")


def test_what_was_booked_counts_once_before_and_after_the_watch_has_shown_it():
    fleet = a_fleet()
    fleet.assume("n1", "u1", a_request(cores=3))
    fleet.confirm("n1", "u1", revision=7)
    assert free_cores(fleet) == 1
    fleet.set_bookings("n1", {}, revision=5)  # older news: the booking is not in it yet
    assert free_cores(fleet) == 1
    fleet.set_bookings("n1", {"u1": Booking(3000, GI, 30000)}, revision=7)
    assert free_cores(fleet) == 1
    fleet.set_bookings("n1", {}, revision=9)
    assert free_cores(fleet) == 4


def test_a_watch_that_is_faster_than_the_answer_does_not_count_twice():
    fleet = a_fleet()
    fleet.assume("n1", "u1", a_request(cores=3))
    fleet.set_bookings("n1", {"u1": Booking(3000, GI, 30000)}, revision=7)
    assert free_cores(fleet) == 1
    fleet.confirm("n1", "u1", revision=7)
    fleet.set_bookings("n1", {}, revision=9)
    assert free_cores(fleet) == 4


def test_a_core_that_is_held_alone_leaves_nothing_to_share_of_it():
    fleet = a_fleet(a_node("n1", cores=4, overcommit=4000, numa={0: frozenset(range(4))}))
    assert free_cores(fleet) == 16
    fleet.assume("n1", "u1", a_request(cores=2, exclusive=2))
    assert free_cores(fleet) == 8
    fleet.assume("n1", "u2", a_request(cores=4))
    assert isinstance(fleet.schedule(a_request(cores=2, exclusive=2)), Unschedulable)
    assert fleet.schedule(a_request(cores=1, exclusive=1)) == Placement("n1")


def test_only_what_got_better_is_reported_as_better():
    fleet = a_fleet()
    fleet.assume("n1", "u1", a_request())
    assert fleet.take_improved() == []
    fleet.withdraw("n1", "u1")
    assert [node.name for node in fleet.take_improved()] == ["n1"]
    assert fleet.take_improved() == []


def test_a_node_that_says_the_same_again_changes_nothing():
    fleet = a_fleet()
    before = fleet.version
    fleet.set_node("n1", a_node("n1", cores=4).facts)
    fleet.set_bookings("n1", {}, revision=2)
    assert (fleet.version, fleet.take_improved()) == (before, [])


def test_a_node_that_is_gone_is_chosen_no_more():
    fleet = a_fleet(a_node("n1"), a_node("n2", cores=2, memory=2))
    fleet.set_node("n1", None)
    assert fleet.schedule(a_request()) == Placement("n2")
    assert fleet.get("n1") is None


def test_bookings_known_before_their_node_count_when_it_comes():
    fleet = Fleet()
    fleet.set_bookings("n1", {"u1": Booking(3000, GI, None)}, revision=3)
    fleet.set_node("n1", a_node("n1", cores=4).facts)
    assert free_cores(fleet) == 1


def test_gpus_that_were_asked_for_count_at_once_and_as_the_server_gave_them():
    fleet = a_fleet(a_node("n1", gpus=some_gpus(3)))
    one = a_request(gpus=a_wish(count=1))
    fleet.assume("n1", "u1", one)
    assert fleet.get("n1").gpus == {"GPU-0"}
    fleet.confirm("n1", "u1", revision=7, booking=Booking(1000, GI, 30000, gpus=("GPU-2",)))
    assert fleet.get("n1").gpus == {"GPU-2"}
    assert isinstance(fleet.schedule(a_request(gpus=a_wish("GPU-2"))), Unschedulable)
    fleet.set_bookings("n1", {}, revision=9)
    assert fleet.get("n1").gpus == frozenset()


def test_a_gpu_that_becomes_free_makes_a_node_better():
    fleet = a_fleet(a_node("n1", gpus=some_gpus()))
    fleet.set_bookings("n1", {"u1": Booking(0, 0, None, gpus=("GPU-0",))}, revision=2)
    assert fleet.take_improved() == []
    fleet.set_bookings("n1", {"u1": Booking(0, 0, None, is_tombstone=True)}, revision=3)
    assert [node.name for node in fleet.take_improved()] == ["n1"]
    fleet.set_bookings("n1", {}, revision=4)
    assert [node.name for node in fleet.take_improved()] == ["n1"], "a tombstone that is gone helps too"


def test_exclusive_cores_that_were_asked_for_are_nobody_elses():
    fleet = a_fleet(a_node("n1", cores=4, numa={0: frozenset(range(4))}))
    fleet.assume("n1", "u1", a_request(cores=3, exclusive=3))
    assert fleet.get("n1").use.taken == {0, 1, 2}
    assert isinstance(fleet.schedule(a_request(cores=2, exclusive=2)), Unschedulable)
    assert fleet.schedule(a_request(cores=1)) == Placement("n1")


def test_what_fits_nowhere_is_asked_of_a_changed_node_alone():
    fleet = a_fleet(*(a_node(f"n{number}", cores=4) for number in range(50)))
    wishes = [a_request(cores=5, former=f"u{number}") for number in range(20)]
    first = [fleet.schedule(wish).message for wish in wishes]
    fleet.assume("n7", "u1", a_request(cores=3))
    before = fleet.asked
    for wish in wishes:
        assert fleet.schedule(wish).message == first[0] == first[-1]
    assert fleet.asked - before == len(wishes)
    fleet.set_node("n9", a_node("n9", cores=6).facts)
    assert {fleet.schedule(wish) for wish in wishes} == {Placement("n9")}


def test_a_node_that_takes_the_place_of_one_that_is_gone_is_asked():
    fleet = a_fleet(a_node("n1", cores=4), a_node("n2", cores=2))
    assert fleet.schedule(a_request(cores=5)).message.startswith("0 of 2 nodes fit: 2 short of cores")
    fleet.set_node("n1", None)
    fleet.set_node("n3", a_node("n3", cores=5, cordoned=True).facts)
    assert fleet.schedule(a_request(cores=5)).message == (
        "0 of 2 nodes fit: 1 cordoned, 1 short of cores (need 5, 2 in all on n2)"
    )


def test_what_was_forgotten_is_asked_of_every_node_again():
    fleet = a_fleet(a_node("n1", cores=4), a_node("n2", cores=4), refusals=Refusals(requests=1, changes=3))
    assert isinstance(fleet.schedule(a_request(cores=6)), Unschedulable)
    assert isinstance(fleet.schedule(a_request(cores=7)), Unschedulable)
    for cores in (1, 2, 3, 6):
        fleet.set_node("n1", a_node("n1", cores=cores).facts)
    assert fleet.schedule(a_request(cores=6)) == Placement("n1")
    assert "at most 6 in all on n1" in fleet.schedule(a_request(cores=7)).message


def test_a_refusal_names_the_first_of_equal_nodes_however_full_they_are():
    fleet = Fleet()
    for name in ("n1", "n2"):
        fleet.set_node(name, a_node(name, gpus=some_gpus(1)).facts)
    fleet.set_bookings("n1", {"u1": Booking(1000, GI, port=None)}, revision=1)
    refused = fleet.schedule(a_request(gpus=a_wish(count=2)))
    assert isinstance(refused, Unschedulable)
    assert "at most 1 in all on n1" in refused.message
