"""The Node object is deleted under its agent; a second machine comes with the name of the first."""

import time

import pytest

from tests.e2e.api import NODES
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed


@pytest.mark.fault(11)
def test_a_node_deleted_while_its_agent_lives_is_there_again_and_its_vpses_never_left(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("calm")
    before, since = node.container("calm")["State"], time.time()
    old = bed.node("n1")["metadata"]["uid"]

    with bed.recording("calm") as record:
        bed.api.call("DELETE", f"{NODES}/n1")
        eventually(lambda: bed.is_ready("n1") and bed.node("n1")["metadata"]["uid"] != old)
        time.sleep(3)

    assert set(record.phases) <= {"running"}
    assert bed.phase("calm") == "running"
    assert node.container("calm")["State"] == before
    assert node.happenings("calm", since) == []
    assert list(bed.bookings("n1")) == ["calm"]


@pytest.mark.fault(10)
def test_a_second_agent_of_one_name_is_refused_by_the_name_of_the_first(bed: Bed):
    first, other = bed.nodes["n1"], bed.nodes["n2"]
    bed.running("calm")
    since = time.time()

    second = bed.agent_named("n1", on=other.machine)
    second.start()
    try:
        eventually(lambda: second.code is not None)
        assert second.code != 0
        assert "n1" in second.tail(3)
    finally:
        second.kill()

    assert first.agent.is_alive
    assert bed.phase("calm") == "running"
    assert first.happenings("calm", since) == []
    assert other.containers() == []
