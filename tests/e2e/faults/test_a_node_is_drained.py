"""Cordoned nodes take nothing new; drained ones stop what they have, and start it again at uncordon."""

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed


@pytest.mark.fault(29)
def test_a_cordoned_node_keeps_what_runs_and_takes_nothing_new(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("old")
    before = node.container("old")["State"]

    bed.set_node("n1", unschedulable=True)
    bed.create("pinned", placement={"node": "n1"})
    bed.create("free")

    bed.until("free", "running")
    eventually(lambda: "cordon" in bed.message("pinned"))
    assert bed.get("free")["status"]["assignment"]["node"] == "n2"
    assert bed.phase("pinned") == "pending"
    assert node.container("old")["State"] == before
    bed.set_node("n1", unschedulable=None)
    bed.until("pinned", "running")


@pytest.mark.fault(29)
def test_what_a_drain_stops_says_so_and_starts_again_with_its_files_at_uncordon(bed: Bed):
    node = bed.nodes["n1"]
    made = bed.running("pet")
    node.run("pet", "sh", "-c", "echo mine > /root/note")
    bed.running("idle")
    bed.patch("idle", runState="Stopped")
    bed.until("idle", "stopped")
    before = node.container("pet")["Id"]

    bed.set_node("n1", drain=True)

    stopped = bed.until("pet", "stopped")
    assert stopped["status"]["reason"] == "NodeDrained"
    assert "uncordon" in stopped["status"]["message"]
    assert stopped["spec"] == made["spec"]
    assert node.containers("pet", all=False) == []
    eventually(lambda: "cores" not in (bed.bookings("n1").get("pet") or {}))
    bed.create("pinned", placement={"node": "n1"})
    eventually(lambda: "n1" in bed.message("pinned"))
    assert bed.phase("pinned") == "pending"

    node.agent.kill()
    node.agent.start()
    bed.set_node("n1", drain=None)

    bed.until("pet", "running")
    bed.until("pinned", "running")
    assert node.container("pet")["Id"] == before
    assert node.run("pet", "cat", "/root/note") == "mine\n"
    assert bed.phase("idle") == "stopped"
