"""Where a VPS goes, and the words when it goes nowhere."""

import pytest

from kohakuriver.controller.deciding.schedule import (
    Placement,
    Strategy,
    Unschedulable,
    fits,
    is_hopeful,
    schedule,
)
from kohakuriver.controller.deciding.view import Effect, Taint, Toleration
from kohakuriver.placement.origin import Origin
from kohakuriver.resources import reasons
from tests.controller.builders import a_node, a_request, a_wish, some_gpus

DEDICATED = Taint("dedicated", "gpu", Effect.NO_SCHEDULE)
SLOW = Taint("slow", "", Effect.PREFER_NO_SCHEDULE)


def why_not(request, nodes):
    verdict = schedule(request, nodes)
    assert isinstance(verdict, Unschedulable)
    return verdict.message


def test_a_vps_goes_to_the_emptiest_node():
    nodes = [a_node("n1", free_cores=2), a_node("n2", free_cores=6), a_node("n3", free_cores=4)]
    assert schedule(a_request(), nodes) == Placement("n2")


def test_packing_puts_a_vps_on_the_fullest_node_that_fits():
    nodes = [a_node("n1", free_cores=2), a_node("n2", free_cores=6), a_node("n3", free_cores=0.5)]
    assert schedule(a_request(), nodes, strategy=Strategy.PACK) == Placement("n1")


def test_equal_nodes_are_told_apart_by_name():
    assert schedule(a_request(), [a_node("n2"), a_node("n1")]) == Placement("n1")


def test_a_node_that_has_the_image_is_preferred_to_a_little_more_room():
    nodes = [a_node("n1"), a_node("n2", free_cores=7, images=frozenset({"app:latest"}))]
    assert schedule(a_request(image="app:latest"), nodes) == Placement("n2")


def test_a_node_that_has_the_image_does_not_draw_everything():
    nodes = [a_node("n1"), a_node("n2", free_cores=1, images=frozenset({"app:latest"}))]
    assert schedule(a_request(image="app:latest"), nodes) == Placement("n1")


def test_a_disliked_node_is_taken_only_when_no_other_fits():
    disliked, full = a_node("n1", taints=(SLOW,)), a_node("n2", free_cores=1)
    assert schedule(a_request(cores=1), [disliked, full]) == Placement("n2")
    assert schedule(a_request(cores=2), [disliked, full]) == Placement("n1")


def test_a_refusal_counts_the_nodes_by_reason_with_numbers():
    nodes = [a_node("n1", free_memory=4), a_node("n2", free_memory=9.5), a_node("n3", cordoned=True)]
    assert why_not(a_request(memory=16), nodes) == (
        "0 of 3 nodes fit: 2 short of memory (need 16Gi, most free 9.5Gi, 16Gi in all on n2), 1 cordoned"
    )


def test_all_that_is_short_is_named_at_once():
    vm = a_node("vm", cores=2, memory=22.9, overcommit=4000)
    assert schedule(a_request(cores=9, memory=900), [vm]) == Unschedulable(
        "NeverFits",
        "0 of 1 nodes fit: 1 short of cores (need 9, 2 in all on vm) "
        "and memory (need 900Gi, 22.9Gi in all on vm)",
    )
    full = a_node("vm", cores=2, overcommit=4000, free_cores=0.5, free_memory=1, free_ports=0)
    assert schedule(a_request(cores=2, memory=2, node="vm"), [full]) == Unschedulable(
        "Unschedulable",
        "node vm is short of cores (need 2, free 0.5, 8 in all on vm), "
        "memory (need 2Gi, free 1Gi, 16Gi in all on vm) and SSH ports (0 of 100 free)",
    )


def test_nodes_that_are_short_of_the_same_are_counted_together():
    nodes = [
        a_node("n1", free_cores=0),
        a_node("n2", free_cores=0, free_memory=0),
        a_node("n3", free_cores=1),
    ]
    assert why_not(a_request(cores=2), nodes) == (
        "0 of 3 nodes fit: 2 short of cores (need 2, most free 1, 8 in all on n3), "
        "1 short of cores (need 2, free 0, 8 in all on n2) and memory (need 1Gi, free 0, 16Gi in all on n2)"
    )


def test_the_largest_is_named_where_no_node_is_large_enough():
    nodes = [a_node("n1", cores=4), a_node("n2", cores=8, free_cores=0), a_node("n3", cores=2)]
    assert why_not(a_request(cores=9), nodes) == (
        "0 of 3 nodes fit: 3 short of cores (need 9, at most 8 in all on n2)"
    )


NEVER = a_request(cores=9)
WHOLE = {0: frozenset(range(8))}
HALVES = {0: frozenset(range(4)), 1: frozenset(range(4, 8))}
A_GPU_THAT_IS_HELD = a_node(gpus=some_gpus(1), held_gpus=frozenset({"GPU-0"}))


@pytest.mark.parametrize(
    ("request_", "nodes", "reason"),
    [
        (NEVER, [a_node("n1"), a_node("n2")], "NeverFits"),
        (NEVER, [a_node("n1", cordoned=True), a_node("n2", ready=False)], "NeverFits"),
        (NEVER, [a_node("n1"), a_node("n2", cores=16, free_cores=0)], "Unschedulable"),
        (NEVER, [a_node("n1"), a_node("n2", cores=16, cordoned=True)], "NoSuitableNode"),
        (NEVER, [a_node("n1"), a_node("n2", cores=0, memory=0, ready=False)], "Unschedulable"),
        (NEVER, [a_node("n1"), a_node("n2", unreadable="nonsense")], "Unschedulable"),
        (a_request(cores=9, node="n1"), [a_node("n1"), a_node("n2", cores=16)], "NeverFits"),
        (a_request(memory=17), [a_node()], "NeverFits"),
        (a_request(gpus=a_wish(count=1)), [a_node()], "NeverFits"),
        (a_request(gpus=a_wish(count=1)), [A_GPU_THAT_IS_HELD], "Unschedulable"),
        (a_request(gpus=a_wish(7)), [a_node(gpus=some_gpus())], "GPUNotFound"),
        (a_request(cores=2, numa=3), [a_node(numa=WHOLE)], "NUMANodeNotFound"),
        (a_request(cores=5, numa=0), [a_node(numa=HALVES)], "NeverFits"),
        (a_request(cores=9, exclusive=9), [a_node(numa=WHOLE, overcommit=4000)], "NeverFits"),
        (a_request(cores=8, exclusive=8), [a_node(numa=WHOLE, free_cores=1)], "Unschedulable"),
        (a_request(), [a_node(free_ports=0)], "Unschedulable"),
    ],
)  # fmt: skip
def test_who_waits_in_vain_is_told_apart_from_who_waits_for_room(request_, nodes, reason):
    verdict = schedule(request_, nodes)
    assert isinstance(verdict, Unschedulable)
    assert verdict.reason == reason


def test_a_node_that_has_not_said_what_it_has_is_waited_for():
    assert schedule(a_request(), [a_node("n1", cores=0, memory=0)]) == Unschedulable(
        "Unschedulable", "0 of 1 nodes fit: 1 still starting (what it has is not known yet)"
    )


def test_cores_are_shared_as_often_as_the_node_says():
    vm = a_node("vm", cores=2, overcommit=4000, free_cores=5.5)
    assert schedule(a_request(cores=2), [vm]) == Placement("vm")
    assert why_not(a_request(cores=2.5), [vm]) == (
        "0 of 1 nodes fit: 1 short of cores (need 2.5, 2 in all on vm)"
    )


def test_without_nodes_a_refusal_says_so():
    assert why_not(a_request(), []) == "no node has joined yet"


def test_a_node_that_is_named_and_not_there_is_said_not_to_exist():
    assert why_not(a_request(node="nodeX"), [a_node("n1")]) == "node nodeX does not exist"


def test_a_vps_that_names_a_node_goes_there_or_nowhere():
    nodes = [a_node("n1"), a_node("n2", free_cores=0.5)]
    assert schedule(a_request(cores=0.5, node="n2"), nodes) == Placement("n2")
    assert why_not(a_request(cores=2, node="n2"), nodes) == (
        "node n2 is short of cores (need 2, free 0.5, 8 in all on n2)"
    )


def test_why_an_engine_cannot_be_used_is_said_to_who_waits_for_its_node():
    nodes = [a_node("n1", ready=False), a_node("n2", ready=False, unusable="the container engine is too old")]
    many = "0 of 2 nodes fit: 2 not ready (n2: the container engine is too old)"
    assert why_not(a_request(), nodes) == many
    assert why_not(a_request(node="n2"), nodes) == "node n2 is not ready: the container engine is too old"
    assert why_not(a_request(node="n1"), nodes) == "node n1 is not ready"


@pytest.mark.parametrize(
    ("node", "request_", "message"),
    [
        (a_node(ready=False), a_request(), "0 of 1 nodes fit: 1 not ready"),
        (
            a_node(labels={"disk": "hdd"}),
            a_request(selector=(("disk", "ssd"),)),
            "0 of 1 nodes fit: 1 without the label disk=ssd",
        ),
        (a_node(taints=(DEDICATED,)), a_request(), "0 of 1 nodes fit: 1 tainted (dedicated=gpu)"),
        (a_node(free_ports=0), a_request(), "0 of 1 nodes fit: 1 short of SSH ports (0 of 100 free)"),
    ],
)
def test_every_filter_explains_itself(node, request_, message):
    assert why_not(request_, [node]) == message


@pytest.mark.parametrize(
    "toleration",
    [
        Toleration("dedicated", "gpu", any_value=False, effect=None),
        Toleration("dedicated", "", any_value=True, effect=Effect.NO_SCHEDULE),
        Toleration(None, "", any_value=True, effect=None),
    ],
)
def test_a_taint_that_is_tolerated_keeps_nobody_off(toleration):
    request = a_request(tolerations=(toleration,))
    assert schedule(request, [a_node(taints=(DEDICATED,))]) == Placement("n1")


@pytest.mark.parametrize(
    "toleration",
    [
        Toleration("dedicated", "web", any_value=False, effect=None),
        Toleration("dedicated", "gpu", any_value=False, effect=Effect.PREFER_NO_SCHEDULE),
        Toleration(None, "", any_value=False, effect=None),
    ],
)
def test_a_toleration_of_something_else_does_not_help(toleration):
    request = a_request(tolerations=(toleration,))
    assert isinstance(schedule(request, [a_node(taints=(DEDICATED,))]), Unschedulable)


def test_a_vps_without_ssh_needs_no_port():
    assert schedule(a_request(needs_port=False), [a_node(free_ports=0)]) == Placement("n1")


def test_a_node_that_publishes_no_ports_still_takes_vpses():
    assert schedule(a_request(), [a_node(free_ports=0, ports=range(0))]) == Placement("n1")


BASE = Origin("base", "n1")


def test_who_begins_from_a_snapshot_goes_to_its_node_alone():
    request = a_request(origin=BASE, node="n1")
    assert schedule(request, [a_node("n1", free_cores=1), a_node("n2")]) == Placement("n1")
    assert fits(request, a_node("n1")) and not fits(request, a_node("n2"))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([a_node("n2")], "Snapshot base is on n1: node n1 does not exist"),
        ([a_node("n1", cordoned=True)], "Snapshot base is on n1: node n1 is cordoned"),
        ([a_node("n1", ready=False)], "Snapshot base is on n1: node n1 is not ready"),
        (
            [a_node("n1", free_memory=0.5), a_node("n2")],
            "Snapshot base is on n1: node n1 is short of memory (need 1Gi, free 512Mi, 16Gi in all on n1)",
        ),
    ],
)
def test_why_that_node_will_not_do_is_said(nodes, message):
    assert why_not(a_request(origin=BASE, node="n1"), nodes) == message


def test_who_waits_for_a_snapshot_waits_whatever_the_nodes_have():
    wish = a_request(origin=Origin("base", "n1", reasons.SNAPSHOT_NOT_READY, "it is still being taken"))
    assert schedule(wish, [a_node("n1")]) == Unschedulable("SnapshotNotReady", "it is still being taken")
    assert not fits(wish, a_node("n1")) and not is_hopeful(wish, a_node("n1"))
