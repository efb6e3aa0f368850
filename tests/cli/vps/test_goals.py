"""When a verb has waited long enough."""

import pytest

from kohakuriver.cli.vps import goals
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


def replacing(*, word: int, heard: int, **more):
    vps = a_vps(restart=("r2", "r2"), replaceFiles=word, **more)
    vps["status"]["observed"]["replaceFiles"] = heard
    return vps


def test_files_are_replaced_when_the_word_was_heard_and_it_runs():
    judge = goals.replaced(UID)
    assert judge(a_vps(restart=("r2", "r1"), replaceFiles=1)) == "being restarted"
    assert judge(replacing(word=2, heard=2)) == ""
    assert judge(replacing(word=2, heard=2, phase="assigning", state="starting", why="SSH"))


def test_a_word_that_nobody_heard_is_said_to_have_kept_the_files():
    for vps in (replacing(word=2, heard=1), a_vps(restart=("r2", "r2"))):
        with pytest.raises(goals.Hopeless, match="its files were kept"):
            goals.replaced(UID)(vps)
    passed_over = replacing(word=2, heard=2)
    said = {"type": "RestartRequired", "status": "True", "reason": "FilesKept", "message": "there is none"}
    passed_over["status"]["conditions"] = [said]
    with pytest.raises(goals.Hopeless, match="there is none"):
        goals.replaced(UID)(passed_over)


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
    assert judge(a_vps(deleting=True, why="waiting for node n1")) == "terminating: waiting for node n1"
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
