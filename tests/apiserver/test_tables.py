"""The rows that people see."""

import datetime

import pytest

from kohakuriver.apiserver.printers.tables import COLUMNS, IncludeObject, row
from kohakuriver.cli.view import node_overview as overview
from kohakuriver.clock import EPOCH, timestamp
from kohakuriver.resources import kinds

NOW = EPOCH + datetime.timedelta(minutes=5)


def cells(resource: kinds.ResourceType, obj: dict) -> dict:
    metadata = {"name": "it", "creationTimestamp": timestamp(EPOCH), **obj.get("metadata", {})}
    shown = row(resource, {**obj, "metadata": metadata}, include=IncludeObject.NONE, now=NOW)
    return dict(zip((column.name for column in COLUMNS[resource]), shown["cells"], strict=True))


def test_a_vps_shows_where_it_stands_and_what_it_has():
    shown = cells(
        kinds.VPS,
        {
            "spec": {"image": "i", "resources": {"cores": 2, "memory": "4Gi"}},
            "status": {
                "phase": "running",
                "epoch": 3,
                "message": "m",
                "assignment": {"node": "n1", "grant": {"sshPort": 30001}},
                "observed": {"container": {"id": "0123456789abcdef", "restarts": 4}},
            },
        },
    )
    assert shown == {
        "Name": "it",
        "Status": "running",
        "Node": "n1",
        "Cores": "2",
        "Memory": "4Gi",
        "SSH-Port": "30001",
        "Age": "5m",
        "Image": "i",
        "Container": "0123456789ab",
        "Epoch": 3,
        "Restarts": 4,
        "GPUs": 0,
        "Message": "m",
    }


def test_a_vps_that_is_being_deleted_shows_terminating():
    gone = {"metadata": {"deletionTimestamp": timestamp(NOW)}, "status": {"phase": "running"}}
    assert cells(kinds.VPS, gone)["Status"] == "terminating"


@pytest.mark.parametrize(
    ("ready", "cordoned", "expected"),
    [
        ("True", False, "Ready"),
        ("False", False, "NotReady"),
        ("Unknown", False, "NotReady"),
        ("True", True, "Ready,Cordoned"),
        (None, False, "NotReady"),
    ],
)
def test_a_node_shows_its_readiness(ready, cordoned, expected):
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    node = {"spec": {"unschedulable": cordoned}, "status": {"conditions": conditions}}
    assert cells(kinds.NODE, node)["Status"] == expected


@pytest.mark.parametrize(
    ("spec", "drained", "quarantine", "expected"),
    [
        ({"drain": True, "unschedulable": True}, "", None, "Ready,Draining"),
        ({"drain": True, "unschedulable": True}, "False", None, "Ready,Draining"),
        ({"drain": True, "unschedulable": True}, "True", None, "Ready,Drained"),
        ({}, "True", None, "Ready"),
        ({"unschedulable": True}, "False", {"since": "now"}, "Ready,Cordoned,Quarantined"),
    ],
)
def test_a_node_shows_one_word_of_what_was_asked_of_it(spec, drained, quarantine, expected):
    conditions = [{"type": "Ready", "status": "True"}, {"type": "Drained", "status": drained}]
    node = {"spec": spec, "status": {"conditions": conditions, "quarantine": quarantine}}
    assert cells(kinds.NODE, node)["Status"] == expected
    assert overview.rows([node], None, EPOCH)[0][1] == expected


def test_both_tables_of_nodes_say_what_is_wrong_with_one():
    conditions = [{"type": "Ready", "status": "True"}, {"type": "RuntimeReady", "status": "False"}]
    node = {"status": {"conditions": conditions}}
    assert cells(kinds.NODE, node)["Status"] == "Ready,EngineDown"
    assert overview.rows([node], None, EPOCH)[0][1] == "Ready,EngineDown"


def test_an_event_shows_how_often_and_about_what():
    shown = cells(
        kinds.EVENT,
        {
            "involvedObject": {"kind": "VPS", "name": "dev"},
            "reason": "Pulled",
            "message": "done\n",
            "count": 3,
            "firstTimestamp": timestamp(EPOCH),
            "lastTimestamp": timestamp(EPOCH + datetime.timedelta(minutes=4, seconds=30)),
            "source": {"component": "agent", "host": "n1"},
        },
    )
    assert shown["Last Seen"] == "30s (x3 over 5m)"
    assert shown["Object"] == "vps/dev"
    assert shown["Source"] == "agent, n1"
    assert shown["Message"] == "done"


def test_cores_are_decimal_and_what_a_node_has_is_rounded_for_people():
    vps = cells(kinds.VPS, {"spec": {"resources": {"cores": "500m", "memory": "256M"}}})
    node = cells(kinds.NODE, {"status": {"allocatable": {"cores": "7500m", "memory": "22900Mi"}}})
    assert (vps["Cores"], vps["Memory"]) == ("0.5", "256M")
    assert (node["Cores"], node["Memory"]) == ("7.5", "22.4Gi")


def test_an_allocation_shows_what_is_held():
    bookings = {
        "a": {"cores": "500m", "memory": "1Gi"},
        "b": {"cores": "1", "memory": "512Mi"},
        "stopped": {"sshPort": 30000},
    }
    shown = cells(kinds.NODE_ALLOCATION, {"bookings": bookings})
    assert (shown["VPSes"], shown["Cores"], shown["Memory"]) == (3, "1.5", "1.5Gi")


@pytest.mark.parametrize("resource", kinds.SERVED, ids=lambda resource: resource.path())
def test_an_object_with_nothing_in_it_still_makes_a_row(resource):
    assert len(cells(resource, {})) == len(COLUMNS[resource])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, ("<all>", "<none>", "<all>")),
        (
            {
                "namespaceSelector": {
                    "matchLabels": {"team": "a"},
                    "matchExpressions": [
                        {"key": "env", "operator": "In", "values": ["x", "y"]},
                        {"key": "env", "operator": "NotIn", "values": ["z"]},
                        {"key": "a", "operator": "Exists"},
                        {"key": "b", "operator": "DoesNotExist"},
                    ],
                },
                "egress": {"deny": ["10.0.0.0/8"]},
                "images": {"registries": ["ghcr.io", "docker.io/library"]},
                "longestStopGracePeriod": "1h",
                "highestPriority": 0,
                "longestTokenLife": "720h",
            },
            (
                "team=a,env in (x,y),env notin (z),a,!b",
                "egress,images,stopGracePeriod<=1h,priority<=0,token<=720h",
                "ghcr.io,docker.io/library",
            ),
        ),
        ({"images": {"registries": []}}, ("<all>", "images", "<none>")),
        ({"namespaceSelector": 7, "images": "x"}, ("<invalid>", "images", "<invalid>")),
    ],
)
def test_a_policy_shows_whom_it_chooses_and_what_it_limits(spec, expected):
    shown = cells(kinds.POLICY, {"spec": spec})
    assert (shown["Namespaces"], shown["Limits"], shown["Registries"]) == expected
