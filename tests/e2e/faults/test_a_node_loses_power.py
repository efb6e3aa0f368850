"""Everything on a node dies at once: engine, containers, agent. Then it is switched on again."""

import time

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed


@pytest.mark.fault(3)
def test_after_a_power_cut_a_vps_starts_again_from_its_own_files(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("pet")
    node.run("pet", "sh", "-c", "echo mine > /root/note")
    before = node.container("pet")

    with bed.recording("pet") as record:
        node.lose_power()
        bed.until("pet", "lost")
        booted = time.time()
        node.boot()
        after = bed.until("pet", "running")

    assert node.container("pet")["Id"] == before["Id"]
    assert node.run("pet", "cat", "/root/note") == "mine\n"
    assert after["status"]["observed"]["container"]["restarts"] == 1
    assert node.happenings("pet", booted).count("start") == 1
    on = [state["status"] for state in record.states if state["status"]["phase"] == "running"]
    old = before["State"]["StartedAt"][:19]
    started = [status["observed"]["container"]["startedAt"] for status in on]
    assert all(not time_.startswith(old) for time_ in started), f"said to run while it was off: {started}"
    assert len([why for why, _ in bed.events("pet") if why == "Interrupted"]) == 1


@pytest.mark.fault(4)
def test_a_vps_deleted_while_its_node_was_off_never_runs_again(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("ghost")
    node.lose_power()
    bed.until("ghost", "lost")
    bed.delete("ghost")
    assert bed.exists("ghost")

    booted = time.time()
    node.boot()

    eventually(lambda: not bed.exists("ghost"))
    assert node.containers("ghost") == []
    assert "start" not in node.happenings("ghost", booted)


@pytest.mark.fault(3)
def test_a_vps_stopped_while_its_node_was_off_stays_stopped_with_its_files(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("still")
    node.run("still", "sh", "-c", "echo mine > /root/note")
    node.lose_power()
    bed.until("still", "lost")
    bed.patch("still", runState="Stopped")

    booted = time.time()
    node.boot()

    bed.until("still", "stopped")
    assert "start" not in node.happenings("still", booted)
    bed.patch("still", runState="Running")
    bed.until("still", "running")
    assert node.run("still", "cat", "/root/note") == "mine\n"


@pytest.mark.fault(3)
def test_a_vps_that_was_paused_at_a_power_cut_is_stopped_and_says_that_its_memory_is_gone(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("frozen")
    bed.patch("frozen", runState="Paused")
    bed.until("frozen", "paused")

    node.lose_power()
    bed.until("frozen", "lost")
    booted = time.time()
    node.boot()

    bed.until("frozen", "stopped")
    assert "memory was lost" in bed.message("frozen")
    assert "start" not in node.happenings("frozen", booted)
