"""Exclusive cores: disjoint from everybody else's on the engine itself, after edits and restarts too."""

import pytest

from kohakuriver import cpuset
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

ALONE = {"cores": "1", "memory": "64Mi", "exclusive": True}
SHARE = {"cores": "0.5", "memory": "64Mi"}


def _cores(bed: Bed, name: str) -> frozenset[int]:
    """What the engine confines its container to; every core where it does not."""
    confined = bed.nodes["n1"].container(name)["HostConfig"]["CpusetCpus"]
    return cpuset.parse(confined or bed.node("n1")["status"]["numa"][0]["cpuset"])


@pytest.mark.fault(27)
def test_a_core_held_alone_is_nobody_elses_before_and_after_an_edit_and_a_restart(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("share", resources=SHARE)
    bed.running("alone", resources=ALONE)
    mine = cpuset.parse(bed.get("alone")["status"]["assignment"]["grant"]["cpuset"])
    assert len(mine) == 1
    assert _cores(bed, "alone") == mine
    assert not _cores(bed, "share") & mine

    bed.create("second", placement={"node": "n1"}, resources=ALONE)
    eventually(lambda: "core" in bed.message("second"))
    assert bed.phase("second") == "pending"

    bed.patch("share", resources={"cores": "0.7"})
    eventually(lambda: node.container("share")["HostConfig"]["NanoCpus"] in (0, 700_000_000))
    bed.patch("alone", restartRequest="again")
    eventually(lambda: bed.get("alone")["status"]["observed"]["container"].get("restarts") == 1)
    bed.until("alone", "running")
    node.agent.kill()
    node.agent.start()
    bed.until("share", "running")
    assert _cores(bed, "alone") == mine
    assert not _cores(bed, "share") & mine

    bed.delete("share")
    bed.until("second", "running")
    assert not _cores(bed, "second") & _cores(bed, "alone")


@pytest.mark.fault(27)
def test_a_share_that_becomes_exclusive_pushes_the_others_away_and_lets_them_back(bed: Bed):
    bed.running("edited", resources=SHARE)
    bed.running("share", resources=SHARE)
    whole = _cores(bed, "share")
    assert len(whole) >= 2, "this test needs two cores"

    bed.patch("edited", resources={"cores": "1", "exclusive": True})
    eventually(lambda: bed.get("edited")["status"]["observed"]["grant"].get("cpuset"))
    eventually(lambda: not _cores(bed, "share") & _cores(bed, "edited"))

    bed.patch("edited", resources={"exclusive": False})
    eventually(lambda: _cores(bed, "share") == whole)
    assert bed.phase("edited") == "running"
