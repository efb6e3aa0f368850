"""Readers: what they say of an object as it should be, and that nonsense of any kind reads as absence."""

import copy
import inspect
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from kohakuriver.resources import conditions, reasons, view

NONSENSE: list[Any] = [None, 0, 7, -1, True, 1.5, "", "text", [], [1, "x", None, []], {}, {"a": {"b": 1}}]
READERS = [one for one in vars(view).values() if inspect.isclass(one) and issubclass(one, view.Fields)]
CONDITION = {"type": "Ready", "status": "True", "reason": "AgentReports", "message": "well"}
VPS = {
    "metadata": {
        "name": "dev",
        "namespace": "lab",
        "uid": "u1",
        "generation": 3,
        "labels": {"team": "red"},
        "annotations": {"note": "x"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
    },
    "spec": {
        "runState": "Running",
        "image": "debian",
        "resources": {"cores": "500m", "memory": "4Gi"},
        "placement": {"node": "n1", "nodeSelector": {"disk": "ssd"}, "gpus": {"count": 2}},
        "ssh": {"authorizedKeys": ["ssh-ed25519 AAAA me"]},
        "security": {"capabilities": {"add": ["NET_ADMIN"]}},
        "replaceFiles": 2,
    },
    "status": {
        "phase": "running",
        "reason": "Running",
        "conditions": [{"type": "RestartRequired", "status": "True", "reason": "FilesKept"}],
        "assignment": {
            "node": "n1",
            "epoch": 4,
            "boundAt": "2026-01-01T00:00:01Z",
            "grant": {"cores": "1", "memory": "4Gi", "cpuset": "0-1", "gpus": ["G1", "G2"], "sshPort": 30001},
        },
        "observed": {
            "epoch": 4,
            "state": "running",
            "ssh": {"state": "ready", "hostKey": "ssh-ed25519 BBBB"},
            "container": {"id": "c1", "name": "kohakuriver-dev", "restarts": 1},
            "restartRequest": "r1",
        },
    },
}
NODE = {
    "metadata": {"name": "n1", "labels": {"disk": "ssd"}},
    "spec": {"unschedulable": True},
    "status": {
        "allocatable": {"cores": "7", "memory": "14Gi"},
        "capacity": {"cores": "8", "memory": "16Gi"},
        "cpuOvercommit": "1.5",
        "sshPorts": {"address": "10.0.0.1", "first": 30000, "last": 30009},
        "gpus": [{"index": 0, "uuid": "G1"}],
        "nodeInfo": {"hostname": "n1.lab", "agentVersion": "0.1.0"},
        "quarantine": {"since": "2026-01-01T00:00:00Z", "why": "the store went back", "id": "q"},
        "defaultImage": {"present": False},
        "unknown": [{"container": "c9"}],
        "conditions": [CONDITION, {"type": "DiskPressure", "status": "True"}],
    },
}
BOOKING = {
    "namespace": "lab",
    "name": "dev",
    "cores": "1500m",
    "memory": "2Gi",
    "cpuset": "0-3",
    "tombstone": {"why": "deleted"},
}
EVENT = {
    "metadata": {"name": "e", "creationTimestamp": "2026-01-01T00:00:00Z"},
    "type": "Warning",
    "reason": "NodeLost",
    "message": " silent ",
    "series": {"count": 3, "lastObservedTime": "2026-01-02T00:00:00.000000Z"},
    "eventTime": "2026-01-01T00:00:00.000000Z",
    "reportingComponent": "controller",
    "involvedObject": {"kind": "Node", "name": "n1"},
}
ENVIRONMENT = {
    "metadata": {"name": "py"},
    "spec": {"vps": {"namespace": "lab", "name": "dev", "node": "n1"}},
    "status": {"phase": "Failed", "message": "no room"},
}
LEASE = {
    "metadata": {"name": "n1", "resourceVersion": "7"},
    "spec": {"holderIdentity": "a", "leaseDurationSeconds": 10},
}
WHOLE = [
    (view.VPS, VPS),
    (view.Node, NODE),
    (view.Allocation, {"metadata": {"name": "n1"}, "bookings": {"u1": BOOKING}}),
    (view.Event, EVENT),
    (view.Lease, LEASE),
    (view.Environment, ENVIRONMENT),
]


def test_a_vps_is_read_as_it_stands() -> None:
    vps = view.VPS.of(VPS)

    assert (vps.name, vps.namespace, vps.uid, vps.generation) == ("dev", "lab", "u1", 3)
    assert (vps.labels, vps.annotations) == ({"team": "red"}, {"note": "x"})
    assert (vps.word, vps.node, vps.assignment.epoch) == ("running", "n1", 4)
    assert (vps.grant.ssh_port, vps.grant.gpus, vps.grant.millicores) == (30001, ("G1", "G2"), 1000)
    assert (vps.grant.cpuset, vps.grant.memory_bytes) == (frozenset({0, 1}), 4 << 30)
    assert (vps.observed.state, vps.observed.ssh.state, vps.observed.container.id) == (
        "running",
        "ready",
        "c1",
    )
    assert (vps.spec.resources.cores, vps.spec.placement.gpu_count) == ("500m", 2)
    assert (vps.spec.placement.node_selector, vps.spec.capabilities) == ({"disk": "ssd"}, ("NET_ADMIN",))
    assert vps.condition(conditions.RESTART_REQUIRED).is_true
    assert vps.condition(conditions.RESTART_REQUIRED).reason == reasons.FILES_KEPT


def test_a_reason_that_only_says_the_phase_is_no_why() -> None:
    assert view.VPS.of(VPS).why == ""
    assert view.VPS.of({"status": {"phase": "pending", "reason": "NeverFits"}}).why == "NeverFits"
    assert view.VPS.of({"status": {"phase": "pending", "reason": "A", "message": "b"}}).why == "b"


def test_one_whose_deletion_was_asked_for_is_terminating_whatever_its_phase() -> None:
    deleted = {**VPS, "metadata": {**VPS["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}

    assert view.VPS.of(deleted).word == "terminating"


def test_what_an_earlier_placement_saw_is_not_what_is_so() -> None:
    moved = copy.deepcopy(VPS)
    moved["status"]["assignment"]["epoch"] = 5  # type: ignore[index]

    assert not view.VPS.of(moved).observed
    assert view.VPS.of(moved).observed.ssh.state == ""


def test_a_node_is_read_as_it_stands() -> None:
    node = view.Node.of(NODE)

    assert (node.name, node.is_ready, node.info.hostname) == ("n1", True, "n1.lab")
    assert (node.capacity.millicores, node.overcommit) == (7000, 1500)
    assert (node.ssh_ports.address, node.ssh_ports.first, node.ssh_ports.last) == ("10.0.0.1", 30000, 30009)
    assert (node.quarantine.why, node.default_image.is_missing) == ("the store went back", True)
    assert (node.gpus[0].text("uuid"), node.unknown[0].text("container")) == ("G1", "c9")


@pytest.mark.parametrize(
    ("spec", "status", "word"),
    [
        ({}, {}, "NotReady"),
        ({}, {"conditions": [CONDITION]}, "Ready"),
        ({"unschedulable": True}, {"conditions": [CONDITION]}, "Ready,Cordoned"),
        ({"drain": True, "unschedulable": True}, {"conditions": [CONDITION]}, "Ready,Draining"),
        ({"drain": True}, {"conditions": [CONDITION, {**CONDITION, "type": "Drained"}]}, "Ready,Drained"),
        ({}, {"conditions": [CONDITION], "quarantine": {"id": "q"}}, "Ready,Quarantined"),
        (
            {"unschedulable": True},
            {
                "quarantine": {"id": "q"},
                "conditions": [
                    CONDITION,
                    {"type": "RuntimeReady", "status": "False"},
                    {"type": "DiskPressure", "status": "True"},
                    {"type": "DataDirWritable", "status": "False"},
                    {"type": "Readable", "status": "False"},
                ],
            },
            "Ready,Cordoned,Quarantined,EngineDown,DiskPressure,DataDirNotWritable,Unreadable",
        ),
    ],
)
def test_a_node_has_one_word_for_how_it_stands(spec: Any, status: Any, word: str) -> None:
    assert view.Node.of({"metadata": {"name": "n1"}, "spec": spec, "status": status}).word == word


def test_bookings_events_and_environments_are_read_as_they_stand() -> None:
    (booking,) = view.Allocation.of({"bookings": {"u1": BOOKING}}).bookings
    event, environment, lease = view.Event.of(EVENT), view.Environment.of(ENVIRONMENT), view.Lease.of(LEASE)

    assert (booking.owner, booking.millicores) == ("lab/dev", 1500)
    assert booking.tombstone.text("why") == "deleted"
    assert (event.count, event.latest, event.message) == (3, "2026-01-02T00:00:00.000000Z", "silent")
    assert (event.source, event.about.text("name"), event.first) == ("controller", "n1", EVENT["eventTime"])
    assert (lease.version, lease.holder, lease.duration) == ("7", "a", 10)
    assert (environment.word, environment.vps.text("node")) == ("Failed", "n1")


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_of_anything_else_than_an_object_is_empty(reader: type[view.Fields]) -> None:
    for value in NONSENSE:
        if not isinstance(value, dict) or not value:
            assert not reader.of(value)
        everything_of(reader.of(value))


@pytest.mark.parametrize(("reader", "body"), WHOLE)
def test_nonsense_in_any_field_is_read_without_an_error(reader: type[view.Fields], body: Any) -> None:
    read = 0
    for path in paths_of(body):
        for value in NONSENSE:
            everything_of(reader.of(with_value(body, path, value)))
            read += 1

    assert read == len(NONSENSE) * sum(1 for _ in paths_of(body)) > 50


def test_readers_import_no_model_and_nothing_that_is_slow() -> None:
    program = (
        "import sys\n"
        "import kohakuriver.resources.view\n"
        "heavy = {'pydantic', 'aiohttp', 'asyncio', 'decimal', 'dataclasses', 'yaml', 'typer'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"


def everything_of(read: Any) -> None:
    """Ask for everything that a reader and the readers below it say, and see that it is of its type."""
    if isinstance(read, tuple):
        for one in read:
            everything_of(one)
    elif isinstance(read, view.Fields):
        for name, found in inspect.getmembers(type(read), lambda one: isinstance(one, property)):
            value = getattr(read, name)
            hint = inspect.get_annotations(found.fget)["return"]  # type: ignore[arg-type]
            if hint in (str, int, bool):
                assert type(value) is hint, (type(read), name, value)
            everything_of(value)


def paths_of(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items: Any = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from paths_of(value, (*path, key))


def with_value(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    whole = copy.deepcopy(body)
    inner = whole
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return whole
