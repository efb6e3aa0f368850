"""A node's cable is pulled: what runs there runs on, and nobody else gets what it holds."""

import time

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed


def _renewals(bed: Bed) -> str:
    leases = "/apis/coordination.k8s.io/v1/namespaces/kohakuriver-node-lease/leases"
    return str(bed.api.get(f"{leases}/n1")["metadata"]["resourceVersion"])


@pytest.mark.fault(5)
def test_a_partition_shorter_than_the_grace_is_not_noticed(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("calm")
    before = node.container("calm")["State"]
    since = time.time()

    with bed.recording("calm") as record:
        node.cut()
        time.sleep(2)
        renewed = _renewals(bed)
        node.heal()
        eventually(lambda: _renewals(bed) != renewed)
        time.sleep(2)

    assert record.phases in ([], ["running"])
    assert node.container("calm")["State"] == before
    assert node.happenings("calm", since) == []
    assert bed.is_ready("n1")
    assert sorted(why for why, _ in bed.events("calm")) == ["Scheduled", "Started"]


@pytest.mark.fault(6)
def test_a_partition_longer_than_the_grace_says_lost_once_and_running_once(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("far", resources={"cores": "2", "memory": "64Mi"})
    before = node.container("far")["State"]
    since = time.time()

    with bed.recording("far") as record:
        node.cut()
        bed.until("far", "lost")
        bed.create("greedy", placement={"node": "n1"}, resources={"cores": "1", "memory": "64Mi"})
        eventually(lambda: "n1" in bed.message("greedy"))
        node.heal()
        bed.until("far", "running")
        time.sleep(3)

    assert record.phases == ["lost", "running"]
    assert node.container("far")["State"] == before
    assert node.happenings("far", since) == []
    assert bed.phase("greedy") == "pending"
    assert list(bed.bookings("n1")) == ["far"]
    reasons = [why for why, _ in bed.events("far")]
    assert (reasons.count("NodeLost"), reasons.count("NodeBack")) == (1, 1)


@pytest.mark.fault(7)
def test_a_vps_deleted_while_its_node_is_away_goes_after_its_container(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("ghost")
    node.cut()
    bed.until("ghost", "lost")

    bed.delete("ghost")

    waiting = bed.get("ghost")["status"]
    assert waiting["reason"] == "Terminating"
    assert "node n1 unreachable since" in waiting["message"]
    assert node.container("ghost")["State"]["Running"]
    assert list(bed.bookings("n1")) == ["ghost"]
    node.heal()
    eventually(lambda: not bed.exists("ghost"))
    assert node.containers("ghost") == []
    assert bed.bookings("n1") == {}


@pytest.mark.fault(7)
def test_a_vps_deleted_just_before_its_node_falls_silent_is_not_forgotten(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("late")
    node.cut()

    bed.delete("late")

    eventually(lambda: "unreachable since" in bed.message("late"))
    assert node.container("late")["State"]["Running"]
    node.heal()
    eventually(lambda: not bed.exists("late"))
    assert node.containers("late") == []
