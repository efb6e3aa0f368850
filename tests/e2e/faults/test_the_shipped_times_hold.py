"""The defaults as shipped: every other test of faults shrinks them.

That it takes no longer than twelve seconds is held in simulated time (tests/system/test_loss.py); how long
it takes on a machine is measured by benchmarks/loss.py.
"""

import datetime
import time

import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

BED: dict[str, tuple[str, ...]] = {"controller": (), "agent": ()}
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kohakuriver-node-lease/leases/n1"


@pytest.mark.fault(2)
def test_a_node_that_dies_is_lost_and_not_before_ten_seconds_of_silence_and_comes_back(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("pet")
    first = bed.api.get(LEASE)["metadata"]["resourceVersion"]
    eventually(lambda: bed.api.get(LEASE)["metadata"]["resourceVersion"] != first)

    node.lose_power()
    renewed = datetime.datetime.fromisoformat(bed.api.get(LEASE)["spec"]["renewTime"]).timestamp()
    bed.until("pet", "lost")
    silent = time.time() - renewed

    assert silent >= 10.0
    assert bed.condition("n1", "Ready")["status"] == "Unknown"
    node.boot()
    bed.until("pet", "running")
