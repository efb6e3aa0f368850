"""The engine does what it was asked, and the agent never hears of it; or it refuses to remove anything."""

import re
import time

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import HURTABLE, Bed

BED = HURTABLE
WHOLE = {"cores": "2", "memory": "64Mi"}  # all the cores of a node


@pytest.mark.fault(15)
@pytest.mark.parametrize("request_", ["POST .*/containers/create", "POST .*/containers/[^/]+/start"])
def test_one_container_comes_of_a_create_or_start_whose_answer_is_lost(bed: Bed, request_):
    node = bed.nodes["n1"]
    assert node.door is not None
    since = time.time()
    seen = len(node.door.lost)

    node.door.lose_answer(request_)
    bed.running("once")

    assert len(node.door.lost) == seen + 1, "no answer was lost: this test tries nothing"
    time.sleep(4)  # a relist
    assert len(node.containers("once")) == 1
    done = node.happenings("once", since)
    assert (done.count("create"), done.count("start")) == (1, 1), done
    assert bed.get("once")["status"]["observed"]["container"].get("restarts", 0) == 0
    assert bed.phase("once") == "running"


@pytest.mark.fault(15)
def test_an_agent_killed_between_create_and_report_finds_its_container(bed: Bed):
    node = bed.nodes["n1"]
    since = time.time()
    bed.create("early", placement={"node": "n1"})
    eventually(lambda: node.containers("early"))
    node.agent.kill()
    node.agent.start()

    bed.until("early", "running")

    done = node.happenings("early", since)
    assert (done.count("create"), done.count("start")) == (1, 1), done
    assert len(node.containers("early")) == 1


@pytest.mark.fault(18)
@pytest.mark.parametrize(
    ("code", "words"),
    [(409, "removal of container is already in progress"), (500, "driver failed: device or resource busy")],
)
def test_a_container_stuck_in_removal_says_why_and_keeps_its_room_and_hinders_nobody(bed: Bed, code, words):
    node = bed.nodes["n1"]
    assert node.door is not None
    bed.running("stuck", resources=WHOLE)
    seen = len(node.door.refused)

    node.door.refuse("^DELETE .*/containers/", code=code, message=words)
    asked = time.monotonic()
    bed.delete("stuck")

    eventually(lambda: re.search(r"remov|busy", bed.message("stuck")) and len(node.door.refused) - seen >= 2)
    assert bed.get("stuck")["status"]["reason"] == "Terminating"
    bed.create("greedy", placement={"node": "n1"}, resources=WHOLE)
    eventually(lambda: "cores" in bed.message("greedy"))
    assert list(bed.bookings("n1")) == ["stuck"]
    time.sleep(max(0.0, asked + 6 - time.monotonic()))
    tries = len(node.door.refused) - seen
    assert tries <= 8, f"{tries} tries in six seconds"
    assert bed.is_ready("n1")

    node.door.mend()
    eventually(lambda: not bed.exists("stuck"))
    bed.until("greedy", "running")
    assert node.containers("stuck") == []


@pytest.mark.fault(18)
def test_a_container_stuck_in_removal_does_not_keep_others_from_starting(bed: Bed):
    node = bed.nodes["n1"]
    assert node.door is not None
    bed.running("stuck")
    node.door.refuse("^DELETE .*/containers/", code=500, message="device or resource busy")
    bed.delete("stuck")
    eventually(lambda: node.door is not None and node.door.refused)

    bed.running("free")

    assert bed.get("stuck")["status"]["reason"] == "Terminating"
