"""The defaults as shipped: every other test of faults shrinks them."""

import datetime
import time

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

BED: dict[str, tuple[str, ...]] = {"controller": (), "agent": ()}
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kohakuriver-node-lease/leases/n1"
WRITE = 0.3  # seconds that the write of the status and the look at it may take here


@pytest.mark.fault(2)
def test_a_node_that_dies_is_lost_ten_to_twelve_seconds_after_its_last_sign_of_life(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("pet")
    first = bed.api.get(LEASE)["metadata"]["resourceVersion"]
    eventually(lambda: bed.api.get(LEASE)["metadata"]["resourceVersion"] != first)

    node.lose_power()
    renewed = datetime.datetime.fromisoformat(bed.api.get(LEASE)["spec"]["renewTime"]).timestamp()
    bed.until("pet", "lost", within=15)
    silent = time.time() - renewed

    assert 10.0 <= silent <= 12.0 + WRITE
    assert bed.condition("n1", "Ready")["status"] == "Unknown"
    node.boot()
    bed.until("pet", "running")
