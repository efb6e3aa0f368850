"""The page of `vps status`, whole."""

import pytest

from kohakuriver.cli.kubectl import describe
from kohakuriver.cli.view import standing
from kohakuriver.cli.vps import status
from kohakuriver.resources import kinds
from tests.cli.vps.objects import CREATED, NOW, a_node, a_vps


def test_the_page_of_a_running_vps():
    vps = a_vps()
    vps["status"]["conditions"] = [
        {
            "type": "Scheduled",
            "status": "True",
            "reason": "Placed",
            "message": "placed on n1",
            "lastTransitionTime": CREATED,
        }
    ]
    event = {
        "type": "Normal",
        "reason": "Started",
        "message": "it runs",
        "lastTimestamp": CREATED,
        "source": {"component": "agent"},
    }
    assert (
        "\n".join(status.page(vps, a_node(), [event], NOW, key=None, reader=standing.Reader("alpha")))
        == """\
Task ID:    dev
Namespace:  default
Status:     running
Declared:   Running
Node:       n1
SSH port:   30000
SSH:        ready
Resources:  2 cores, 4Gi
Image:      kohakuriver/debian-ssh
Container:  kohakuriver-default-dev-12345678
Restarts:   0
Created:    2026-01-01 11:55:00 UTC (5m ago)
Assigned:   2026-01-01 11:55:00 UTC (5m ago)
Started:    2026-01-01 11:56:00 UTC (3m59s ago)
UID:        uid-of-dev

Conditions:
  TYPE        STATUS   SINCE   REASON   MESSAGE
  Scheduled   True     5m      Placed   placed on n1

Events:
  TYPE     REASON    AGE   FROM    MESSAGE
  Normal   Started   5m    agent   it runs

Next:
  kohakuriver connect dev
  ssh -p 30000 root@127.0.0.1"""
    )


@pytest.mark.parametrize("phase", ["paused", "stopped"])
def test_ssh_of_what_does_not_run_is_not_called_ready(phase):
    vps = a_vps(phase=phase, reason=phase.title())
    lines = status.page(vps, a_node(), [], NOW, key=None)
    assert f"Status:     {phase}" in lines
    assert f"SSH:        not while it is {phase}" in lines
    described = describe.page(vps, kinds.VPS, [], NOW)
    assert f"Status:     {phase}" in described
    assert f"SSH:        not while it is {phase}" in described


def test_describe_has_events_above_what_only_programs_need():
    lines = describe.page(a_vps(), kinds.VPS, [], NOW)
    assert lines.index("Spec:") < lines.index("Events:  none in the last hour") < lines.index("Status:")


def test_ssh_is_proposed_only_where_somebody_may_log_in():
    vps = a_vps(phase="running")
    vps["spec"]["ssh"] = {"authorizedKeys": []}
    assert status.page(vps, a_node(), [], NOW, key=None)[-1] == "  kohakuriver connect dev"


def test_the_page_of_a_pending_vps_says_why():
    vps = a_vps(phase="pending", node="", why="0 of 1 nodes fit: 1 short of cores (need 64, free 1 on n1)")
    lines = status.page(vps, None, [], NOW, key=None)
    assert "Status:     pending: 0 of 1 nodes fit: 1 short of cores (need 64, free 1 on n1)" in lines
    assert "Node:       none yet" in lines
    assert lines[-1] == "  kohakuriver node list"


def test_what_the_files_began_from_is_said_where_that_is_a_snapshot():
    assert "Files from: " not in "\n".join(status.page(a_vps(), None, [], NOW, key=None))
    [line] = [
        line
        for line in status.page(a_vps(filesFrom={"snapshot": "dev-a"}), None, [], NOW, key=None)
        if line.startswith("Files from")
    ]
    assert line.split() == ["Files", "from:", "snapshot/dev-a"]
