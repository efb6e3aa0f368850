"""Clocks jump by an hour, forward or back, under programs that run: ages may look odd, and that is all."""

import datetime
import time

import pytest

from tests.e2e.api import LEASES
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

BED = {"clocks": True}
JUMPED = ("apiserver", "controller", "agent-n1")  # and the agent of n2 not
HOUR = 3600
LOOKS = 6.0  # seconds in which a node would be lost, were it to be


def _beside(bed: Bed, path: str, field: str = "renewTime") -> float:
    """By how many seconds the clock that wrote this stands beside the machine's."""
    told = datetime.datetime.fromisoformat(bed.api.get(path)["spec"][field])
    return told.timestamp() - time.time()


def _controllers_own(bed: Bed) -> str:
    leases = LEASES.format(namespace="kohakuriver-system")
    [name] = [
        lease["metadata"]["name"]
        for lease in bed.api.get(leases)["items"]
        if lease["metadata"]["name"].startswith("controller-")
    ]
    return f"{leases}/{name}"


@pytest.mark.fault(42)
@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_clock_that_jumps_an_hour_changes_no_state(bed: Bed, jump):
    for name in bed.nodes:
        bed.running(f"calm-{name}", node=name)
    before = {name: node.container(f"calm-{name}")["State"] for name, node in bed.nodes.items()}
    since, lost = time.time(), bed.lost_nodes()
    lease = f"{LEASES.format(namespace='kohakuriver-node-lease')}/n1"

    with bed.recording("calm-n1") as jumped, bed.recording("calm-n2") as unmoved:
        for program in JUMPED:
            bed.turn_clock(program, jump)
        eventually(lambda: abs(_beside(bed, lease) - jump) < 60)
        eventually(lambda: abs(_beside(bed, _controllers_own(bed)) - jump) < 60)
        time.sleep(LOOKS)

    assert set(jumped.phases) | set(unmoved.phases) <= {"running"}
    assert bed.lost_nodes() == lost
    for name, node in bed.nodes.items():
        assert bed.is_ready(name)
        assert node.container(f"calm-{name}")["State"] == before[name]
        assert node.happenings(f"calm-{name}", since) == []
    bed.running("after")
    made = datetime.datetime.fromisoformat(bed.get("after")["metadata"]["creationTimestamp"]).timestamp()
    assert abs(made - time.time() - jump) < 60, "the API server's clock did not jump: this test tries nothing"


@pytest.mark.fault(42)
def test_a_backoff_is_not_lengthened_by_a_clock_that_is_set_back(bed: Bed):
    bed.create("loops", placement={"node": "n1"}, command=["sh", "-c", "sleep 0.2; exit 7"])
    eventually(lambda: bed.get("loops")["status"].get("reason") == "CrashLoopBackOff")
    restarts = bed.get("loops")["status"]["observed"]["container"].get("restarts", 0)

    bed.turn_clock("agent-n1", -HOUR)

    eventually(lambda: bed.get("loops")["status"]["observed"]["container"].get("restarts", 0) > restarts)
