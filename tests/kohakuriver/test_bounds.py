"""What nodes and clients may say in numbers and times: nothing that no machine has or no client can read."""

import pydantic
import pytest

from kohakuriver import cpuset
from kohakuriver.resources.core import Event
from kohakuriver.resources.lease import LeaseSpec
from kohakuriver.resources.node import MOST_UNKNOWN, NodeStatus
from kohakuriver.resources.vps import VPSStatus


@pytest.mark.parametrize("text", ["all", "0-99999999999", "0-8191", "1-2-3", "-1", "0,,1", "1_0", "٣", "5-x"])
def test_what_is_no_set_of_cores_is_refused_without_being_written_out(text):
    with pytest.raises(ValueError, match="cores"):
        cpuset.parse(text)


def test_the_biggest_machine_is_a_set_of_cores():
    assert len(cpuset.parse("0-4095")) == cpuset.MOST
    assert cpuset.parse(" 0-1, 8\n") == {0, 1, 8}


@pytest.mark.parametrize(
    "status",
    [
        {"allocatable": {"cores": "lots", "memory": "1Gi"}},
        {"gpus": [{"index": 0, "uuid": "GPU-0"}, {"index": 1, "uuid": "GPU-0"}]},
        {"numa": [{"id": 0, "cpuset": "0-1"}, {"id": 0, "cpuset": "2-3"}]},
        {"allocatable": {"cores": "-1", "memory": "1Gi"}},
        {"allocatable": {"cores": "5000", "memory": "1Gi"}},
        {"capacity": {"cores": "1", "memory": "much"}},
        {"cpuOvercommit": "0.5"},
        {"cpuOvercommit": "often"},
        {"numa": [{"id": 0, "cpuset": "all"}]},
        {"numa": [{"id": 0, "cpuset": "0-99999999999"}]},
        {"numa": [{"id": -1, "cpuset": "0"}]},
        {"gpus": [{"index": -1, "uuid": "GPU-0"}]},
        {"gpus": [{"index": 0, "uuid": ""}]},
        {"gpus": [{"index": 0, "uuid": "GPU-0", "memory": "big"}]},
        {"unknown": [{"container": "c", "cores": "many"}]},
        {"unknown": [{"container": "c; curl example.org | sh"}]},
        {"unknown": [{"container": "c", "sshPort": 0}]},
        {"unknown": [{"container": "c", "epoch": -1}]},
        {"unknown": [{"container": "c"}] * (MOST_UNKNOWN + 1)},
        {"sshPorts": {"address": "a", "first": 0, "last": 2**40}},
        {"quarantine": {"id": "q", "since": "long ago", "why": "w"}},
        {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "then"}]},
    ],
    ids=str,
)
def test_a_node_says_nothing_that_no_machine_is(status):
    with pytest.raises(pydantic.ValidationError):
        NodeStatus.model_validate(status)


@pytest.mark.parametrize(
    "observed",
    [
        {"grant": {"cores": "x"}},
        {"grant": {"memory": "x"}},
        {"grant": {"cpuset": "0-99999999999"}},
        {"container": {"startedAt": "nonsense"}},
        {"container": {"finishedAt": "2026-13-01T00:00:00Z"}},
    ],
    ids=str,
)
def test_an_agent_reports_nothing_that_no_container_is(observed):
    with pytest.raises(pydantic.ValidationError):
        VPSStatus.model_validate({"observed": {"epoch": 1, "state": "running", **observed}})


@pytest.mark.parametrize(
    "fields",
    [
        {"firstTimestamp": "nonsense"},
        {"lastTimestamp": "2026-01-01"},
        {"eventTime": "2026-01-01T00:00:00Z"},
        {"series": {"count": "x"}},
        {"series": {"count": 2, "lastObservedTime": "x"}},
        {"count": 2**31},
    ],
    ids=str,
)
def test_an_event_can_be_read_by_every_typed_client(fields):
    body = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {}}
    Event.model_validate(
        {**body, "eventTime": "2026-01-01T00:00:00.000000Z", "count": 2, "series": {"count": 3}}
    )
    with pytest.raises(pydantic.ValidationError):
        Event.model_validate({**body, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"renewTime": "nonsense"},
        {"renewTime": "2026-01-01T00:00:00Z"},
        {"acquireTime": "2026-02-30T00:00:00.000000Z"},
        {"leaseDurationSeconds": 0},
        {"leaseDurationSeconds": 2**31},
        {"leaseTransitions": -1},
    ],
    ids=str,
)
def test_a_lease_can_be_read_by_every_typed_client(fields):
    LeaseSpec.model_validate({"leaseDurationSeconds": 1, "renewTime": "2026-01-01T00:00:00.000000+02:00"})
    with pytest.raises(pydantic.ValidationError):
        LeaseSpec.model_validate(fields)
