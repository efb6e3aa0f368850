"""A node is silent, and a person does not wait for it: a forced delete, or the whole node is forgotten."""

import time

import pytest

from tests.e2e.api import NODES, Refused
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

WHOLE = {"cores": "2", "memory": "64Mi"}  # all the cores of a node


@pytest.mark.fault(4)
def test_a_vps_given_up_while_its_node_was_off_is_removed_at_boot_before_it_runs(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("ghost")
    node.lose_power()
    bed.until("ghost", "lost")
    bed.delete("ghost", force=True)
    assert not bed.exists("ghost")
    assert list(bed.bookings("n1")) == ["ghost"]

    booted = time.time()
    node.boot()

    eventually(lambda: bed.bookings("n1") == {})
    assert "no container is left" in bed.told("ghost", "TombstoneEnded")
    assert "removed stale container" in bed.told("n1", "RemovedStaleContainer")
    assert node.containers("ghost") == []
    assert "start" not in node.happenings("ghost", booted)


@pytest.mark.fault(8)
def test_a_new_vps_of_the_same_name_is_not_touched_when_the_old_one_s_node_returns(bed: Bed):
    node, other = bed.nodes["n1"], bed.nodes["n2"]
    bed.running("twin")
    old = node.container("twin")["Id"]
    node.cut()
    bed.until("twin", "lost")
    bed.delete("twin", force=True)

    bed.running("twin", node="n2")
    new = other.container("twin")
    since = time.time()
    node.heal()

    eventually(lambda: node.containers("twin") == [])
    eventually(lambda: bed.bookings("n1") == {})
    assert node.happenings("twin", since).count("destroy") == 1
    assert old != new["Id"]
    assert other.container("twin")["State"] == new["State"]
    assert bed.phase("twin") == "running"


@pytest.mark.fault(8)
def test_a_new_vps_of_the_same_name_waits_for_the_old_one_s_room_and_has_none_of_its_files(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("twin", resources=WHOLE)
    node.run("twin", "sh", "-c", "echo old > /root/note")
    old = node.container("twin")["Id"]
    node.cut()
    bed.until("twin", "lost")
    bed.delete("twin", force=True)

    bed.create("twin", placement={"node": "n1"}, resources=WHOLE)
    eventually(lambda: "n1" in bed.message("twin"))
    assert bed.phase("twin") == "pending"
    node.heal()

    bed.until("twin", "running")
    [new] = node.containers("twin")
    assert new["Id"] != old
    assert node.run("twin", "ls", "/root") == ""


@pytest.mark.fault(9)
def test_a_node_said_to_be_destroyed_is_refused_when_it_returns_and_its_containers_are_named(doomed_bed: Bed):
    bed = doomed_bed
    node = bed.nodes["n1"]
    bed.running("mover")
    node.lose_power()
    bed.until("mover", "lost")

    with pytest.raises(Refused) as refused:
        bed.api.call("POST", f"{NODES}/n2/forget", {"destroyed": True})
    assert refused.value.code == 409
    bed.api.call("POST", f"{NODES}/n1/forget", {"destroyed": True})

    bed.until("mover", "pending")
    lost = [one for one in bed.get("mover")["status"]["conditions"] if one["type"] == "FilesLost"]
    assert lost[0]["status"] == "True"
    assert "n1" in lost[0]["message"]
    booted = time.time()
    node.boot()
    eventually(lambda: node.agent.code not in (None, 0))
    said = node.agent.tail(40)
    assert "credential was revoked" in said
    assert node.containers("mover")[0]["Names"][0].lstrip("/") in said
    assert "start" not in node.happenings("mover", booted)
    assert bed.phase("mover") == "pending"
    assert [one["metadata"]["name"] for one in bed.api.get(NODES)["items"]] == ["n2"]
