"""What the filters let pass is given, and what is given was foreseen.

Filters find out in words; what is booked is chosen by `fits`. Where they saw less room, a VPS would wait for
nothing; where they saw more, it would be asked for in vain for ever.
"""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.controller.deciding import schedule, view
from kohakuriver.placement import fits, ports
from kohakuriver.placement.booking import Booking
from kohakuriver.placement.room import room_of

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
def test_what_the_filters_let_pass_is_given_as_it_was_foreseen(machine, specs):
    facts, record = view.facts_of(machine), {}
    for number, spec in enumerate(specs):
        vps = {"metadata": {"uid": f"u{number}", "namespace": "default", "name": "a"}, "spec": spec}
        request, seen = view.request_of(vps), room_of(facts, record)
        chosen = fits.choose(request, seen)
        port = ports.choose(facts.ports, [one.port for one in record.values()])
        is_given = isinstance(chosen, Booking) and port is not None
        verdict = schedule.schedule(request, [seen])
        assert isinstance(verdict, schedule.Placement) is is_given, f"{chosen} but {verdict}"
        if is_given:
            foreseen = schedule.foreseen(request, seen)
            assert foreseen == dataclasses.replace(chosen, port=ports.ANY)
            record[f"u{number}"] = dataclasses.replace(chosen, port=port)
