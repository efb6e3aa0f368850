"""The controller's arithmetic and the server's: two programs, written apart, that have to agree.

The server has the last word. Where the controller saw less room than the server, a VPS would wait for
nothing; where it saw more, it would ask in vain for ever.
"""

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.booking import booking
from kohakuriver.controller.deciding import room, schedule, view

GPUS = [
    {"index": number, "uuid": f"GPU-{number}", "model": model, "numa": numa, "healthy": healthy}
    for number, (model, numa, healthy) in enumerate(
        [("A100 80GB", 0, True), ("A100 80GB", 1, True), ("L4", 1, True), ("L4", 0, False), ("L4", 1, True)]
    )
]
NUMA = [{"id": 0, "cpuset": "0-3"}, {"id": 1, "cpuset": "4-7"}]


def node(*, numa, gpus, cores, overcommit):
    amount = {"cores": cores, "memory": "64Gi"}
    often = {} if overcommit is None else {"cpuOvercommit": overcommit}
    return {
        "metadata": {"name": "n1"},
        "spec": {},
        "status": {
            "allocatable": amount,
            **often,
            "numa": numa,
            "gpus": gpus,
            "sshPorts": {"address": "127.0.0.1", "first": 30000, "last": 30005},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


NODES = st.builds(
    node,
    numa=st.sampled_from([NUMA, NUMA, [{"id": 0, "cpuset": "0-7"}], []]),
    gpus=st.sampled_from([GPUS, GPUS, []]),
    cores=st.sampled_from(["8", "8", "6500m"]),
    overcommit=st.sampled_from([None, "1", "1.5", "1.001", "4"]),
)
GPU_WISHES = st.one_of(
    st.none(),
    st.none(),
    st.fixed_dictionaries({"count": st.integers(1, 3)}, optional={"model": st.sampled_from(["a100", "L4"])}),
    st.fixed_dictionaries(
        {"ids": st.lists(st.sampled_from([0, 1, 2, 3, 7, "GPU-1", "GPU-4"]), min_size=1, unique=True)}
    ),
)
SPECS = st.builds(
    lambda cores, memory, exclusive, numa, gpus: {
        "runState": "Running",
        "resources": {
            "cores": max(1, int(cores)) if exclusive else cores,
            "memory": f"{memory}Gi",
            "exclusive": exclusive,
        },
        "placement": {"numa": numa, "gpus": gpus},
        "ssh": {},
    },
    cores=st.sampled_from([0.5, 0.333, 1, 2, 3, 5, 8, 9]),
    memory=st.integers(1, 12),
    exclusive=st.booleans(),
    numa=st.sampled_from([None, None, None, 0, 1, 2]),
    gpus=GPU_WISHES,
)


@given(NODES, st.lists(SPECS, min_size=1, max_size=12))
def test_the_controller_sees_room_where_the_server_gives_it_and_foresees_what_is_given(machine, specs):
    record = {"metadata": {"name": "n1"}, "bookings": {}}
    facts = view.facts_of(machine)
    for number, spec in enumerate(specs):
        vps = {"metadata": {"uid": f"u{number}", "namespace": "default", "name": "a"}, "spec": spec}
        request, seen = view.request_of(vps), room.view_of(facts, view.bookings_of(record))
        given_ = booking.book(record, machine, vps, epoch=1, id_="x")
        verdict = schedule.schedule(request, [seen])
        fits = isinstance(verdict, schedule.Placement)
        assert fits is not isinstance(given_, booking.Refusal), f"{given_} but {verdict}"
        if isinstance(given_, booking.Booking):
            foreseen = room.to_book(request, seen)
            booked = view.bookings_of(given_.allocation)[f"u{number}"]
            granted = view.booking_of(given_.grant)
            assert (foreseen.cpuset, set(foreseen.gpus)) == (booked.cpuset, set(booked.gpus))
            assert (foreseen.cores, foreseen.memory) == (booked.cores, booked.memory)
            assert foreseen.is_exclusive == booked.is_exclusive == granted.is_exclusive
            record = given_.allocation
