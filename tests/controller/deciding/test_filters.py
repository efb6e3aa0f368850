"""GPUs, NUMA nodes, whole cores, and what a node does not permit: who is refused, and in which words."""

import pytest

from kohakuriver.controller.deciding.schedule import Placement, Unschedulable, schedule
from kohakuriver.controller.deciding.view import NodeFacts
from kohakuriver.placement.booking import Booking
from kohakuriver.placement.cores import Use
from kohakuriver.placement.gpus import GPU
from kohakuriver.placement.mounts import AllowedMount, Mount
from kohakuriver.placement.room import room_of
from tests.controller.builders import GI, a_node, a_request, a_wish, some_gpus

TWO_NUMA = {0: frozenset(range(4)), 1: frozenset(range(4, 8))}


def why_not(request, *nodes):
    verdict = schedule(request, nodes)
    assert isinstance(verdict, Unschedulable), verdict
    return verdict.message


def test_gpus_that_are_held_are_counted_in_the_refusal():
    nodes = [
        a_node("n1", gpus=some_gpus(), held_gpus=frozenset({"GPU-0", "GPU-1"})),
        a_node("n2", gpus=some_gpus(), held_gpus=frozenset({"GPU-0"})),
        a_node("n3", cordoned=True),
    ]
    assert why_not(a_request(gpus=a_wish(count=2)), *nodes) == (
        "0 of 3 nodes fit: 2 short of GPUs (need 2, most free 1, 2 in all on n2), 1 cordoned"
    )


@pytest.mark.parametrize(
    ("facts", "request_", "message"),
    [
        (
            {"gpus": some_gpus(1), "held_gpus": frozenset({"GPU-0"})},
            {"gpus": a_wish(count=1)},
            "node n1: 0 of 1 GPUs free",
        ),
        (
            {"gpus": some_gpus(), "held_gpus": frozenset({"GPU-0"})},
            {"gpus": a_wish(count=2)},
            "node n1: 1 of 2 GPUs free, 2 needed",
        ),
        ({}, {"gpus": a_wish(count=1, model="A100")}, "node n1 has no A100 GPUs"),
        (
            {"gpus": some_gpus(), "held_gpus": frozenset({"GPU-1"})},
            {"gpus": a_wish(0, 1)},
            "node n1: GPU 1 is held by another VPS",
        ),
        ({"gpus": some_gpus()}, {"gpus": a_wish(5)}, "node n1 has no GPU 5; it has 0, 1"),
        (
            {"gpus": (GPU(0, "GPU-0", healthy=False),)},
            {"gpus": a_wish("GPU-0")},
            "node n1: GPU GPU-0 is not healthy",
        ),
        (
            {"gpus": some_gpus(numa=1), "numa": TWO_NUMA},
            {"gpus": a_wish(0), "numa": 0},
            "node n1: GPU 0 is on NUMA node 1, not on 0",
        ),
        ({"numa": TWO_NUMA}, {"numa": 2}, "node n1 has no NUMA node 2; it has 0, 1"),
        (
            {"numa": TWO_NUMA, "use": Use(pinned={1: 3500})},
            {"numa": 1},
            "node n1 is short of cores on NUMA node 1 (need 1, free 0.5, 4 in all on n1)",
        ),
        (
            {"numa": TWO_NUMA, "use": Use(shared=True)},
            {"cores": 8, "exclusive": 8},
            "node n1 is short of exclusive cores (need 8, free 7, 8 in all on n1)",
        ),
        (
            {"numa": TWO_NUMA, "use": Use(taken=frozenset(range(8)))},
            {},
            "node n1 is without a core to share (all are exclusive)",
        ),
        (
            {},
            {"mounts": (Mount("/data"),)},
            "node n1 allows no mount of /data (agent option --allow-mount /data)",
        ),
        (
            {"allow_mounts": (AllowedMount("/data", read_only=True),)},
            {"mounts": (Mount("/data/a"),)},
            "node n1 allows mounts of /data/a for reading only "
            "(readOnly: true, or agent option --allow-mount /data/a)",
        ),
        ({}, {"privileged": True}, "node n1 allows no privileged VPSes (agent option --allow-privileged)"),
        (
            {},
            {"capabilities": ("NET_RAW",)},
            "node n1 allows no capability NET_RAW (agent option --allow-capability NET_RAW)",
        ),
        (
            {"allow_capabilities": frozenset({"NET_RAW"})},
            {"capabilities": ("BPF", "NET_RAW", "SYS_ADMIN")},
            "node n1 allows no capability BPF, SYS_ADMIN "
            "(agent option --allow-capability BPF --allow-capability SYS_ADMIN)",
        ),
        ({}, {"rejected_by": (("n1", "no such device"),)}, "node n1 will not take it: no such device"),
        (
            {"buried": frozenset({"u1"})},
            {"former": "u1"},
            "node n1 still has its former container, which goes when the node is back",
        ),
        ({"draining": True}, {}, "node n1 is being drained"),
        ({"disk_full": True}, {}, "node n1 is short of disk space"),
        (
            {"disk_full": True, "disk": "1Gi of 40Gi free on /var/lib/docker"},
            {},
            "node n1 is short of disk space: 1Gi of 40Gi free on /var/lib/docker",
        ),
    ],
)
def test_a_named_node_that_refuses_says_why(facts, request_, message):
    assert why_not(a_request(node="n1", **request_), a_node("n1", **facts)) == message


@pytest.mark.parametrize(
    ("facts", "request_"),
    [
        ({"gpus": some_gpus()}, {"gpus": a_wish(count=2, model="a100")}),
        ({"gpus": some_gpus(numa=1), "numa": TWO_NUMA}, {"gpus": a_wish("GPU-1"), "numa": 1}),
        ({"gpus": some_gpus(), "numa": {0: frozenset({0, 1})}}, {"gpus": a_wish(0), "numa": 0}),
        ({"numa": TWO_NUMA}, {"cores": 8, "exclusive": 8}),
        ({"numa": TWO_NUMA, "use": Use(taken=frozenset({0, 1}))}, {"cores": 6, "exclusive": 6}),
        (
            {"allow_mounts": (AllowedMount("/", read_only=True),)},
            {"mounts": (Mount("/data", read_only=True),)},
        ),
        (
            {"allow_mounts": (AllowedMount("/", read_only=True), AllowedMount("/data"))},
            {"mounts": (Mount("/data/a"), Mount("/data"))},
        ),
        ({"allow_privileged": True}, {"privileged": True}),
        ({"allow_capabilities": frozenset({"BPF", "NET_RAW"})}, {"capabilities": ("NET_RAW",)}),
        ({}, {"rejected_by": (("n2", "why"),)}),
        ({"buried": frozenset({"u1"})}, {"former": "u2"}),
    ],
)
def test_a_node_that_has_and_permits_what_is_asked_is_taken(facts, request_):
    assert schedule(a_request(**request_), [a_node("n1", **facts)]) == Placement("n1")


@pytest.mark.parametrize(
    ("nodes", "request_", "message"),
    [
        (
            [a_node("n1"), a_node("n2", gpus=some_gpus(), held_gpus=frozenset({"GPU-1"}))],
            {"gpus": a_wish("GPU-1")},
            "0 of 2 nodes fit: 2 without a free GPU GPU-1 (held by another VPS on n2)",
        ),
        ([a_node("n1"), a_node("n2")], {"gpus": a_wish("GPU-1")}, "2 without GPU GPU-1"),
        (
            [a_node("n1"), a_node("n2", allow_mounts=(AllowedMount("/data"),))],
            {"mounts": (Mount("/data"), Mount("/srv", read_only=True))},
            "2 allowing no mount of /data, /srv (read-only) "
            "(agent option --allow-mount /data --allow-mount /srv:ro)",
        ),
        (
            [a_node("n1"), a_node("n2")],
            {"rejected_by": (("n1", "no image"),), "privileged": True},
            "2 allowing no privileged VPSes (agent option --allow-privileged)",
        ),
        (
            [a_node("n1"), a_node("n2", free_cores=0)],
            {"rejected_by": (("n1", "no image"),)},
            "1 rejecting it (no image), 1 short of cores (need 1, free 0, 8 in all on n2)",
        ),
    ],
)
def test_a_refusal_by_all_nodes_names_what_was_lacking(nodes, request_, message):
    assert why_not(a_request(**request_), *nodes).endswith(message)


def test_a_vps_that_asks_for_no_gpu_leaves_nodes_with_gpus_to_others():
    nodes = [a_node("n1", gpus=some_gpus()), a_node("n2", free_cores=2)]
    assert schedule(a_request(), nodes) == Placement("n2")
    assert schedule(a_request(cores=4), nodes) == Placement("n1")
    assert schedule(a_request(gpus=a_wish(count=1)), nodes) == Placement("n1")


def test_a_tombstone_holds_all_that_its_vps_had():
    facts = NodeFacts("n1", cores=8000, memory=8 * GI, ports=range(5), gpus=some_gpus(), numa=TWO_NUMA)
    dead = Booking(
        2000,
        GI,
        0,
        is_exclusive=True,
        cpuset=frozenset({0, 1}),
        gpus=("GPU-0",),
        is_tombstone=True,
    )
    view = room_of(facts, {"u1": dead})
    assert (view.free_cores, view.gpus, view.use.taken) == (6000, {"GPU-0"}, {0, 1})
    assert view.buried == {"u1"}


def test_a_refusal_counts_cores_that_are_held_alone_once_as_node_status_does():
    facts = NodeFacts("n1", cores=4000, memory=8 * GI, overcommit=1500, numa={0: frozenset(range(4))})
    alone = Booking(2000, 0, is_exclusive=True, cpuset=frozenset({0, 1}))
    node = room_of(facts, {"u1": alone, "u2": Booking(2500)})
    assert why_not(a_request(), node).endswith("short of cores (need 1, free 0.5, 5 in all on n1)")
