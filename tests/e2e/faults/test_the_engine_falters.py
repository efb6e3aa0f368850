"""A node's container engine hangs, is restarted or dies."""

import time

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed


@pytest.mark.fault(12)
def test_a_hanging_engine_takes_no_new_vpses_and_what_was_known_stays_known(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("known")
    used, began = node.agent.cpu_seconds(), time.monotonic()

    with bed.recording("known") as record:
        node.machine.engine.freeze()
        eventually(lambda: bed.condition("n1", "RuntimeReady")["status"] == "False")
        told = bed.condition("n1", "RuntimeReady")
        bed.create("pinned", placement={"node": "n1"})
        bed.create("free")
        bed.until("free", "running")
        eventually(lambda: "n1" in bed.message("pinned"))
        spent, passed = node.agent.cpu_seconds() - used, time.monotonic() - began
        node.machine.engine.thaw()
        bed.until("pinned", "running")

    assert told["reason"] == "EngineHangs"
    assert told["message"]
    assert bed.condition("n1", "Ready")["status"] == "True"
    assert bed.get("free")["status"]["assignment"]["node"] == "n2"
    assert set(record.phases) <= {"running"}
    assert spent < passed / 3, f"the agent used {spent} s of a core in {passed} s while its engine hung"
    assert bed.is_ready("n1")


@pytest.mark.fault(13)
@pytest.mark.parametrize("end", ["stop_engine", "kill_engine"])
def test_after_an_engine_restart_vpses_run_again_and_the_agent_is_not_deaf(bed: Bed, end):
    node = bed.nodes["n1"]
    bed.running("back")
    before = node.container("back")
    agent = node.agent.pid

    getattr(node.machine, end)()
    eventually(lambda: bed.condition("n1", "RuntimeReady")["status"] == "False")
    assert bed.phase("back") in ("running", "assigning")
    node.start_engine()

    eventually(lambda: bed.get("back")["status"]["observed"]["container"].get("restarts") == 1)
    bed.until("back", "running")
    after = node.container("back")
    assert after["Id"] == before["Id"]
    assert after["State"]["Running"]
    assert node.agent.is_alive
    assert node.agent.pid == agent
    assert [why for why, _ in bed.events("back")].count("Interrupted") == 1

    node.engine.stop(after["Id"], timeout=1)
    bed.told("back", "StoppedOutside")
    bed.until("back", "running")


@pytest.mark.fault(13)
def test_an_exit_by_an_engine_restart_is_not_held_against_a_vps_that_is_never_to_restart(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("once", restartPolicy="Never", command=["sleep", "1000"])

    node.machine.stop_engine()
    node.start_engine()

    eventually(lambda: bed.get("once")["status"]["observed"]["container"].get("restarts") == 1)
    bed.until("once", "running")
