"""What holds for every decision, over generated clusters; and that the ranked fleet decides the same."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.controller.deciding import filters, schedule
from kohakuriver.controller.deciding.schedule import Placement, Strategy, Unschedulable
from kohakuriver.controller.deciding.view import Effect, NodeFacts, Taint, Toleration, VPSRequest
from kohakuriver.controller.fleet import Fleet
from kohakuriver.placement.booking import Booking
from kohakuriver.placement.room import room_of
from tests.controller.builders import a_wish, some_gpus

KEYS = st.sampled_from(["a", "b"])
TAINTS = st.builds(Taint, key=KEYS, value=KEYS, effect=st.sampled_from(Effect))
TOLERATIONS = st.builds(
    Toleration,
    key=st.one_of(st.none(), KEYS),
    value=KEYS,
    any_value=st.booleans(),
    effect=st.one_of(st.none(), st.sampled_from(Effect)),
)
NAMES = [f"n{number}" for number in range(6)]


def facts(name):
    return st.builds(
        NodeFacts,
        name=st.just(name),
        ready=st.integers(0, 4).map(bool),
        cordoned=st.integers(0, 4).map(lambda number: not number),
        labels=st.dictionaries(KEYS, KEYS),
        taints=st.lists(TAINTS, max_size=2).map(tuple),
        cores=st.integers(0, 8000),
        overcommit=st.sampled_from([1000, 1500, 4000]),
        memory=st.integers(0, 64),
        ports=st.integers(0, 3).map(range),
        images=st.frozensets(KEYS),
        draining=st.integers(0, 6).map(lambda number: not number),
        gpus=st.integers(0, 3).map(some_gpus),
        numa=st.sampled_from([{}, {0: frozenset(range(4)), 1: frozenset({4, 5})}]),
    )


REQUESTS = st.builds(
    VPSRequest,
    cores=st.integers(10, 4000),
    memory=st.integers(1, 32),
    needs_port=st.booleans(),
    node=st.one_of(st.none(), st.none(), st.sampled_from([*NAMES, "gone"])),
    selector=st.dictionaries(KEYS, KEYS, max_size=1).map(lambda pairs: tuple(pairs.items())),
    tolerations=st.lists(TOLERATIONS, max_size=2).map(tuple),
    image=KEYS,
    gpus=st.sampled_from([a_wish(), a_wish(count=1), a_wish(count=1), a_wish(count=2), a_wish("GPU-1")]),
    exclusive=st.sampled_from([0, 0, 0, 1, 2]),
).map(lambda wish: dataclasses.replace(wish, cores=wish.exclusive * 1000) if wish.exclusive else wish)
ALONE = st.sampled_from([frozenset({0}), frozenset({3, 4})]).map(
    lambda own: Booking(len(own) * 1000, 1, None, is_exclusive=True, cpuset=own)
)
SHARES = st.builds(Booking, cores=st.integers(0, 4000), memory=st.integers(0, 32), port=st.none())
BOOKINGS = st.lists(
    st.one_of(SHARES, SHARES, ALONE), max_size=2, unique_by=lambda one: one.cpuset or id(one)
).map(lambda each: {f"booked-{number}": booking for number, booking in enumerate(each)})


@st.composite
def clusters(draw):
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    return {name: (draw(facts(name)), draw(BOOKINGS)) for name in names}


@given(clusters(), REQUESTS, st.sampled_from(Strategy))
def test_a_placement_passes_every_filter_and_a_refusal_means_that_nobody_does(cluster, request, strategy):
    nodes = [room_of(*each) for each in cluster.values()]
    fitting = {node.name for node in nodes if schedule.fits(request, node)}
    verdict = schedule.schedule(request, nodes, strategy=strategy)
    match verdict:
        case Placement(node):
            assert node in fitting, "no placement on a node that refuses it"
            assert request.node in (None, node), "a VPS that names a node goes there or nowhere"
        case Unschedulable():
            assert not fitting, "no refusal while a node fits"
            assert verdict.message, "every refusal explains itself"


@given(facts("n1"), st.sampled_from(["", "", "why"]), st.sampled_from(["", "", "why"]), st.booleans())
def test_a_node_is_open_where_no_filter_of_state_refuses_it(found, unreadable, quarantine, disk_full):
    changed = dataclasses.replace(found, unreadable=unreadable, quarantine=quarantine, disk_full=disk_full)
    node = room_of(changed, {})
    assert changed.is_open == all(each.fits(node) for each in filters.OF_STATE)


@given(clusters(), REQUESTS, st.randoms(use_true_random=False), st.sampled_from(Strategy))
def test_the_decision_does_not_depend_on_the_order_of_nodes(cluster, request, chance, strategy):
    nodes = [room_of(*each) for each in cluster.values()]
    shuffled = chance.sample(nodes, len(nodes))
    assert schedule.schedule(request, nodes, strategy=strategy) == schedule.schedule(
        request, shuffled, strategy=strategy
    )


@given(clusters(), REQUESTS, st.sampled_from(Strategy))
def test_the_ranked_fleet_decides_as_the_plain_rule_does(cluster, request, strategy):
    fleet = Fleet(strategy=strategy)
    for name, (node, bookings) in cluster.items():
        fleet.set_node(name, node)
        fleet.set_bookings(name, bookings, revision=1)
    nodes = [room_of(*each) for each in cluster.values()]
    expected, got = schedule.schedule(request, nodes, strategy=strategy), fleet.schedule(request)
    assert got == expected, "the same node, or the same words"


@given(clusters(), clusters(), st.lists(REQUESTS, max_size=4), st.sampled_from(Strategy))
def test_it_still_does_after_nodes_came_changed_and_went(before, after, requests, strategy):
    fleet = Fleet(strategy=strategy)
    for name, (node, bookings) in before.items():
        fleet.set_node(name, node)
        fleet.set_bookings(name, bookings, revision=1)
        for request in requests:
            fleet.schedule(request)
    for name in before.keys() - after.keys():
        fleet.set_node(name, None)
    for name, (node, bookings) in after.items():
        fleet.set_node(name, node)
        fleet.set_bookings(name, bookings, revision=2)
    nodes = [room_of(*each) for each in after.values()]
    for request in requests:
        expected, got = schedule.schedule(request, nodes, strategy=strategy), fleet.schedule(request)
        assert got == expected, "what is kept of a request is what asking every node anew would say"


@given(clusters(), st.lists(REQUESTS, max_size=12), st.sampled_from(Strategy))
def test_nothing_is_promised_twice(cluster, requests, strategy):
    fleet = Fleet(strategy=strategy)
    for name, (node, bookings) in cluster.items():
        fleet.set_node(name, node)
        fleet.set_bookings(name, bookings, revision=1)
    for number, request in enumerate(requests):
        match fleet.schedule(request):
            case Placement(node):
                before = fleet.get(node)
                fleet.assume(node, f"uid-{number}", request)
                view = fleet.get(node)
                assert view.core_room >= 0, "no core promised more often than the node says"
                assert request.cores <= view.facts.cores, "no share of more cores than there are"
                assert view.free_memory >= 0, "no memory promised twice"
                assert view.free_ports >= 0, "no port promised twice"
                if request.gpus.count:
                    assert len(view.gpus) > len(before.gpus), "no GPU promised twice"
                assert len(view.use.taken - before.use.taken) == request.exclusive, "no core promised twice"
