"""When a verb has waited long enough."""

import pytest

from cli.vps import goals
from tests.cli.vps.objects import a_vps

UID = "uid-of-dev"


def test_running_is_the_phase_and_nothing_less():
    judge = goals.running(UID)
    assert judge(a_vps(phase="running")) == ""
    assert judge(a_vps(phase="assigning", reason="Assigned", why="waiting for node n1 to take it up")) == (
        "assigned to n1"
    )
    assert judge(a_vps(phase="assigning", reason="Pulling", why="pulling 43 %")) == "pulling 43 %"
    assert judge(a_vps(phase="pending", node="", why="0 of 1 nodes fit")) == "pending: 0 of 1 nodes fit"
    assert judge(a_vps(phase="lost", why="node n1 is silent")) == "lost: node n1 is silent"


def test_a_restart_is_done_when_the_request_is_carried_out_and_it_runs():
    judge = goals.restarted(UID)
    assert judge(a_vps(restart=("r2", "r1"))) == "being restarted"
    assert judge(a_vps(phase="assigning", state="starting", restart=("r2", "r2"), why="SSH"))
    assert judge(a_vps(restart=("r2", "r2"))) == ""


def test_a_stop_is_done_when_it_is_stopped_and_not_when_it_is_declared():
    judge = goals.stopped(UID)
    assert judge(a_vps(phase="running", run_state="Stopped", why="it is being stopped"))
    assert judge(a_vps(phase="stopped", run_state="Stopped")) == ""


def test_a_pause_is_done_when_it_is_frozen():
    judge = goals.paused(UID)
    assert judge(a_vps(phase="running", run_state="Paused", why="it is being paused"))
    assert judge(a_vps(phase="paused", run_state="Paused")) == ""


def test_a_deletion_is_done_when_the_object_is_gone_or_another_has_its_name():
    judge = goals.deleted(UID)
    assert judge(a_vps(deleting=True, why="waiting for node n1")) == "Terminating: waiting for node n1"
    assert judge(None) == ""
    assert goals.deleted("another")(a_vps()) == ""


@pytest.mark.parametrize(
    ("judge", "vps", "why"),
    [
        (goals.running(UID), None, "deleted meanwhile"),
        (goals.running("another"), a_vps(), "deleted meanwhile"),
        (goals.running(UID), a_vps(deleting=True), "being deleted"),
        (goals.running(UID), a_vps(run_state="Stopped"), "declared it Stopped"),
        (goals.stopped(UID), a_vps(run_state="Running"), "declared it Running"),
        (
            goals.running(UID),
            a_vps(phase="stopped", reason="Completed", why="it ended with 0", restartPolicy="Never"),
            "its restart policy is Never: it ended with 0",
        ),
    ],
)
def test_what_will_not_come_is_not_waited_for(judge, vps, why):
    with pytest.raises(goals.Hopeless, match=why):
        judge(vps)


def test_an_end_that_is_older_than_the_start_is_waited_out():
    vps = a_vps(phase="stopped", reason="Completed", restartPolicy="Never")
    vps["metadata"]["generation"] = 2
    assert goals.running(UID)(vps) == "stopped: Completed"
