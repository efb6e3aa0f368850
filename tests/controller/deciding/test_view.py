"""From the API's JSON to what decisions read."""

import pytest

from kohakuriver.controller.deciding.view import facts_of, is_marked_silent, request_of
from kohakuriver.placement.booking import Booking, bookings_of
from kohakuriver.placement.gpus import GPU, Wish
from kohakuriver.placement.mounts import AllowedMount, Mount
from tests.controller.builders import GI

READY = {"type": "Ready", "status": "True"}


def a_node(*conditions):
    return {
        "metadata": {"name": "n1", "labels": {"disk": "ssd"}},
        "spec": {"unschedulable": True, "taints": [{"key": "gpu", "effect": "NoSchedule"}]},
        "status": {
            "allocatable": {"cores": "7500m", "memory": "15Gi"},
            "cpuOvercommit": "1.5",
            "sshPorts": {"address": "127.0.0.1", "first": 30000, "last": 30009},
            "conditions": list(conditions),
            "images": ["debian", "registry:5000/app:v1"],
        },
    }


def test_a_node_is_read_whole():
    facts = facts_of(a_node(READY))
    assert (facts.ready, facts.cordoned, facts.cores, facts.memory) == (True, True, 7500, 15 * GI)
    assert facts.overcommit == 1500
    assert (len(facts.ports), str(facts.taints[0]), facts.labels) == (10, "gpu", {"disk": "ssd"})
    assert facts.images == {"docker.io/library/debian:latest", "registry:5000/app:v1"}


def test_a_node_that_has_only_just_registered_is_not_ready_and_has_nothing():
    facts = facts_of({"metadata": {"name": "n1"}, "spec": {}})
    assert (facts.ready, facts.cores, facts.memory, len(facts.ports)) == (False, 0, 0, 0)
    assert facts.overcommit == 1000


@pytest.mark.parametrize(
    "conditions",
    [
        (),
        ({"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"},),
        (READY, {"type": "RuntimeReady", "status": "False"}),
    ],
)
def test_a_node_without_agent_or_engine_is_not_ready(conditions):
    assert not facts_of(a_node(*conditions)).ready


def test_why_an_engine_cannot_be_used_is_known_while_its_agent_is_heard():
    away = {"type": "RuntimeReady", "status": "False", "message": "no container engine answers"}
    assert facts_of(a_node(READY, away)).unusable == "no container engine answers"
    assert facts_of(a_node(READY, {**away, "status": "True"})).unusable == ""
    assert facts_of(a_node({**READY, "status": "Unknown"}, away)).unusable == ""


def test_only_our_own_mark_counts_as_one():
    assert is_marked_silent(a_node({"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}))
    assert not is_marked_silent(a_node({"type": "Ready", "status": "Unknown", "reason": "Starting"}))


def test_a_request_holds_what_placing_needs_and_no_more():
    spec = {"resources": {"cores": "500m", "memory": "1G"}, "image": "app", "ssh": {"disabled": True}}
    request = request_of({"metadata": {"name": "a"}, "spec": {**spec, "env": {"A": "1"}}})
    assert (request.cores, request.memory, request.image) == (500, 10**9, "docker.io/library/app:latest")
    assert request.needs_port is False
    assert request == request_of({"metadata": {"name": "b"}, "spec": spec}), "equal needs are equal"


def test_a_stopped_vps_books_its_port_alone():
    record = {"bookings": {"u1": {"sshPort": 30000}, "u2": {"cores": "2", "memory": "1Gi"}}}
    assert bookings_of(record) == {"u1": Booking(0, 0, 30000), "u2": Booking(2000, GI, None)}


def test_an_image_is_looked_for_on_nodes_however_it_is_written():
    here = facts_of(a_node(READY)).images
    for image in ("debian", "debian:latest", "docker.io/library/debian"):
        vps = {"metadata": {}, "spec": {"resources": {"cores": "1", "memory": "1Gi"}, "image": image}}
        assert request_of(vps).image in here


def test_what_a_node_has_beyond_cores_and_memory_is_read():
    node = a_node(READY, {"type": "DiskPressure", "status": "True"})
    node["spec"]["drain"] = True
    node["status"] |= {
        "numa": [{"id": 0, "cpuset": "0-1"}, {"id": 1, "cpuset": "2,3"}],
        "gpus": [{"index": 1, "uuid": "GPU-b", "healthy": False}, {"index": 0, "uuid": "GPU-a", "numa": 1}],
        "allowMounts": [{"prefix": "/data", "readOnly": True}],
        "allowPrivileged": True,
        "allowCapabilities": ["NET_RAW"],
    }
    facts = facts_of(node)
    assert (facts.draining, facts.disk_full, facts.ready) == (True, True, True)
    assert facts.numa == {0: {0, 1}, 1: {2, 3}}
    assert facts.gpus == (GPU(0, "GPU-a", "", 1), GPU(1, "GPU-b", healthy=False))
    assert (facts.allow_mounts, facts.allow_privileged) == ((AllowedMount("/data", True),), True)
    assert facts.allow_capabilities == {"NET_RAW"}


def test_nothing_new_is_placed_where_the_agent_cannot_write():
    assert facts_of(a_node({"type": "DataDirWritable", "status": "False"})).disk_full
    assert not facts_of(a_node({"type": "DataDirWritable", "status": "True"})).disk_full


@pytest.mark.parametrize(("kind", "status"), [("DiskPressure", "True"), ("DataDirWritable", "False")])
def test_how_full_a_disk_is_stands_in_the_agents_words(kind, status):
    said = {"type": kind, "status": status, "message": "1Gi of 40Gi free on /"}
    assert facts_of(a_node(said)).disk == "1Gi of 40Gi free on /"
    assert facts_of(a_node({**said, "status": "Unknown"})).disk == ""


def test_what_a_vps_wants_beyond_cores_and_memory_is_read():
    spec = {
        "resources": {"cores": 4, "memory": "1Gi", "exclusive": True},
        "placement": {"node": "n1", "numa": 0, "gpus": {"ids": [0, 1]}},
        "mounts": [{"source": "/data", "target": "/d"}],
        "privileged": True,
        "security": {"capabilities": {"add": ["SYS_PTRACE", "CHOWN", "BPF"]}},
    }
    status = {"rejectedBy": {"n2": "why"}, "epoch": 2}
    request = request_of({"metadata": {"name": "a", "uid": "u1"}, "spec": spec, "status": status})
    assert (request.exclusive, request.numa, request.gpus) == (4, 0, Wish((0, 1), 2))
    assert (request.mounts, request.privileged) == ((Mount("/data"),), True)
    assert request.capabilities == ("BPF", "SYS_PTRACE"), "CHOWN is in the default"
    assert (request.rejected_by, request.former) == ((("n2", "why"),), "u1")


def test_a_booking_is_read_whole():
    entry = {
        "cores": "2",
        "memory": "1Gi",
        "cpuset": "0,2",
        "exclusive": True,
        "numa": 0,
        "gpus": ["GPU-a"],
        "tombstone": {"since": "now", "why": "given up"},
    }
    assert bookings_of({"bookings": {"u1": entry}})["u1"] == Booking(
        2000,
        GI,
        None,
        is_exclusive=True,
        cpuset=frozenset({0, 2}),
        numa=0,
        gpus=("GPU-a",),
        is_tombstone=True,
    )
