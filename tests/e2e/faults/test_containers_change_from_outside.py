"""Somebody with access to the engine does things to containers; programs in them end by themselves."""

import time

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed


@pytest.mark.fault(16)
@pytest.mark.parametrize(
    ("deed", "reason"),
    [("stop", "StoppedOutside"), ("kill", "StoppedOutside"), ("pause", "PausedOutside")],
)
def test_what_is_done_to_a_container_by_hand_is_said_and_undone(bed: Bed, deed, reason):
    node = bed.nodes["n1"]
    bed.running("mine")
    before = node.container("mine")["Id"]

    getattr(node.engine, deed)(before)

    assert "from outside" in bed.told("mine", reason)
    eventually(lambda: node.container("mine")["State"]["Status"] == "running")
    bed.until("mine", "running")
    assert node.container("mine")["Id"] == before


@pytest.mark.fault(16)
def test_a_container_stopped_by_hand_is_not_running_for_ever(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("once", restartPolicy="Never")

    node.engine.stop(node.container("once")["Id"], timeout=1)

    bed.until("once", "stopped")


@pytest.mark.fault(16)
def test_a_renamed_container_stays_the_one_of_its_vps(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("mine")
    before = node.container("mine")
    since = time.time()

    node.engine.rename(before["Id"], "somebody-elses-idea")

    assert "from outside" in bed.told("mine", "RenamedOutside")
    time.sleep(4)  # an event and a relist
    after = node.container("mine")
    assert after["Id"] == before["Id"]
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]
    assert "create" not in node.happenings("mine", since)
    assert bed.phase("mine") == "running"
    bed.delete("mine")
    eventually(lambda: not bed.exists("mine"))
    assert node.containers("mine") == []


@pytest.mark.fault(16)
def test_a_container_removed_by_hand_is_made_again_and_its_lost_files_are_told(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("mine")
    before = node.container("mine")["Id"]

    node.engine.remove_container(before, force=True)

    assert "from outside" in bed.told("mine", "FilesystemLost")
    eventually(
        lambda: [c["Id"] != before and c["State"] == "running" for c in node.containers("mine")] == [True]
    )
    bed.until("mine", "running")


@pytest.mark.fault(17)
def test_a_crash_loop_is_slow_and_counted_and_keeps_its_exit_code(bed: Bed):
    node = bed.nodes["n1"]
    since = time.time()
    bed.create("loops", placement={"node": "n1"}, command=["sh", "-c", "sleep 0.2; exit 7"])

    def backs_off() -> bool:
        status = bed.get("loops")["status"]
        return status.get("reason") == "CrashLoopBackOff" and status["observed"]["state"] == "backoff"

    eventually(backs_off)
    status = bed.get("loops")["status"]
    assert status["phase"] == "assigning"
    assert "exit code 7" in status["message"]
    assert status["observed"]["container"]["exitCode"] == 7
    eventually(lambda: bed.get("loops")["status"]["observed"]["container"].get("restarts", 0) >= 2)
    eventually(lambda: len(node.pauses("loops", since)) >= 3)
    first, second, third = node.pauses("loops", since)[:3]
    assert first > 0.9 and second > 1.9 and third > 3.9, "1, 2 and 4 seconds lie between them"


@pytest.mark.fault(17)
def test_a_vps_that_runs_out_of_memory_says_so(bed: Bed):
    bed.create(
        "hungry",
        placement={"node": "n1"},
        resources={"cores": "0.5", "memory": "16Mi"},
        restartPolicy="Never",
        command=["sh", "-c", "tail /dev/zero"],
    )

    status = bed.until("hungry", "stopped")["status"]

    assert status["reason"] == "OOMKilled"
    assert "memory" in status["message"]
    assert status["observed"]["container"]["oomKilled"] is True


@pytest.mark.fault(17)
@pytest.mark.parametrize(
    ("policy", "code", "reason"),
    [("Never", 0, "Completed"), ("OnFailure", 0, "Completed"), ("Never", 3, "Error")],
)
def test_the_restart_policy_decides_after_an_exit(bed: Bed, policy, code, reason):
    bed.create(
        "ends",
        placement={"node": "n1"},
        restartPolicy=policy,
        command=["sh", "-c", f"sleep 0.2; exit {code}"],
    )

    status = bed.until("ends", "stopped")["status"]

    assert status["reason"] == reason
    assert status["observed"]["container"].get("exitCode", 0) == code
