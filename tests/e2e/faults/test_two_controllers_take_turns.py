"""Two controllers for one cluster: the leader is killed, or frozen and thawed. Nothing is placed twice."""

import time

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed
from tests.e2e.processes import Process

BED = {"controllers": 2}
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kohakuriver-system/leases/controller"


def _holder(bed: Bed) -> str:
    return str(bed.api.get(LEASE)["spec"]["holderIdentity"])


def _leader(bed: Bed) -> Process:
    """The process that holds the lease: each says its identity when it starts."""
    holder = eventually(lambda: _holder(bed))
    [found] = [process for process in bed.controllers if f"identity={holder}" in process.log.read_text()]
    return found


def _placed_once(bed: Bed, names: list[str]) -> None:
    for name in names:
        status = bed.until(name, "running")["status"]
        assert status["assignment"]["epoch"] == 1
        held = [node.name for node in bed.nodes.values() if node.containers(name)]
        assert held == [status["assignment"]["node"]]
    booked = [name for node in bed.nodes for name in bed.bookings(node)]
    assert sorted(booked) == sorted(names)


@pytest.mark.fault(40)
def test_a_leader_killed_in_the_middle_of_its_work_leaves_no_work_undone_or_done_twice(bed: Bed):
    names = [f"ten-{number}" for number in range(10)]
    leader = _leader(bed)
    for number, name in enumerate(names):
        bed.create(name)
        if number == 4:
            leader.kill()

    for name in names:
        bed.until(name, "running")
    _placed_once(bed, names)


@pytest.mark.fault(41)
def test_a_leader_that_thaws_after_another_took_over_places_nothing_twice_and_loses_nobody(bed: Bed):
    early, late = ["early-0", "early-1"], ["late-0", "late-1", "late-2"]
    for name in early:
        bed.create(name)
        bed.until(name, "running")
    leader, holder, lost = _leader(bed), _holder(bed), bed.lost_nodes()

    leader.freeze()
    for name in late:
        bed.create(name)
    eventually(lambda: _holder(bed) not in ("", holder))
    for name in late:
        bed.until(name, "running")
    leader.thaw()
    time.sleep(5)

    _placed_once(bed, [*early, *late])
    assert _holder(bed) != holder
    assert bed.lost_nodes() == lost
    for name in (*early, *late):
        assert "NodeLost" not in [why for why, _ in bed.events(name)]


@pytest.mark.fault(6, 40)
def test_a_node_that_falls_silent_without_a_leader_is_lost_once_there_is_one(bed: Bed):
    bed.running("alone")
    with bed.recording("alone") as record:
        _leader(bed).kill()
        bed.nodes["n1"].cut()
        bed.until("alone", "lost")
        bed.nodes["n1"].heal()
        bed.until("alone", "running")

    assert record.phases == ["lost", "running"]
