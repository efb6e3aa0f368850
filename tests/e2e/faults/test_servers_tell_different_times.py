"""The clocks of two API servers are half a minute apart: who is a node is decided by neither of them."""

import datetime
import time

import pytest

from tests.e2e.api import LEASES, VPSES
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

BED = {"clocks": True}
APART = 30  # seconds; three times what a Lease is good for
NODE_LEASES = LEASES.format(namespace="kohakuriver-node-lease")


def _beside(told: str) -> float:
    """By how many seconds the clock that wrote this stands beside the machine's."""
    return datetime.datetime.fromisoformat(told).timestamp() - time.time()


@pytest.mark.fault(65)
@pytest.mark.parametrize(("program", "beside"), [("apiserver-2", APART), ("apiserver", -APART)])
def test_no_second_machine_is_a_node_by_the_clock_of_another_server(bed: Bed, program: str, beside: int):
    """The node renews at the first server, and the second machine asks the other, by whose clock each renewal
    is half a minute old."""
    first, other = bed.nodes["n1"], bed.nodes["n2"]
    bed.running("calm")
    since, lost = time.time(), bed.lost_nodes()
    lease = bed.api.get(f"{NODE_LEASES}/n1")["spec"]
    with bed.another_apiserver() as port, bed.recording("calm") as record:
        bed.turn_clock(program, beside)
        there = bed.files.api(port=port)

        def apart() -> float:
            renewed = bed.api.get(f"{NODE_LEASES}/n1")["spec"]["renewTime"]
            asked = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "asked"}}
            made = there.call("POST", "/api/v1/namespaces?dryRun=All", asked)
            return _beside(made["metadata"]["creationTimestamp"]) - _beside(renewed)

        eventually(lambda: abs(apart() - APART) < APART / 3)
        second = bed.agent_named("n1", on=other.machine, port=port)
        second.start()
        try:
            eventually(lambda: second.code is not None)
            assert second.code != 0
            assert "n1" in second.tail(3)
        finally:
            second.kill()

    assert first.agent.is_alive
    assert bed.api.get(f"{NODE_LEASES}/n1")["spec"]["holderIdentity"] == lease["holderIdentity"]
    assert set(record.phases) <= {"running"}
    assert bed.lost_nodes() == lost
    assert first.happenings("calm", since) == []
    assert other.containers() == []
    assert [one["metadata"]["name"] for one in bed.api.get(VPSES)["items"]] == ["calm"]
