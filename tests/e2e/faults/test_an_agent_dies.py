"""The agent is killed, and the containers it keeps are none of its business to end."""

import time

import pytest

from tests.e2e.api import NODES
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed


@pytest.mark.fault(1)
def test_an_agent_that_is_back_within_the_grace_changes_nothing(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("calm")
    before = node.container("calm")["State"]
    session = bed.get("calm")["status"]["observed"]["session"]
    since = time.time()

    with bed.recording("calm") as record, bed.api.recording(NODES, "n1") as of_node:
        node.agent.kill()
        node.agent.start()
        eventually(lambda: bed.get("calm")["status"]["observed"]["session"] != session)

    assert set(record.phases) == {"running"}
    for state in of_node.states:
        told = {condition["type"]: condition["status"] for condition in state["status"]["conditions"]}
        assert (told["Ready"], told["RuntimeReady"]) == ("True", "True")
    assert node.container("calm")["State"] == before
    assert node.happenings("calm", since) == []
    assert bed.get("calm")["status"]["observed"]["container"].get("restarts", 0) == 0


@pytest.mark.fault(2)
def test_an_agent_that_is_gone_longer_makes_the_vps_lost_and_its_return_finds_it_running(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("away")
    before = node.container("away")["State"]
    since = time.time()

    with bed.recording("away") as record:
        node.agent.kill()
        lost = bed.until("away", "lost")
        assert lost["status"]["reason"] == "NodeUnreachable"
        assert "n1 has been silent since" in lost["status"]["message"]
        assert bed.condition("n1", "Ready")["status"] == "Unknown"
        node.agent.start()
        bed.until("away", "running")

    assert record.phases == ["lost", "running"]
    assert node.container("away")["State"] == before
    assert node.happenings("away", since) == []
    eventually(lambda: bed.is_ready("n1"))
    bed.told("away", "NodeLost")
    bed.told("away", "NodeBack")
