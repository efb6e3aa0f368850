"""A machine is suspended and wakes up: what it was connected to has forgotten it, and told it nothing."""

import time

import pytest

from tests.e2e.api import LEASES
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

NODE_LEASES = LEASES.format(namespace="kohakuriver-node-lease")
RENEWALS = 20  # one a second: a watch that is dead is noticed by itself after seventy


@pytest.mark.fault(67)
def test_a_machine_that_slept_is_back_and_hears_within_a_few_renewals(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("calm")
    bed.running("halted")
    before, since = node.container("calm")["State"], time.time()
    node.cut()
    for program in (node.agent, node.machine.engine):
        program.freeze()
    node.machine.freeze_containers()
    bed.until("calm", "lost")

    with node.machine.forgotten(), bed.api.recording(NODE_LEASES, "n1") as renewals:
        node.machine.thaw_containers()
        for program in (node.machine.engine, node.agent):
            program.thaw()
        node.heal()
        for name in ("calm", "halted"):
            bed.until(name, "running")
        eventually(lambda: bed.is_ready("n1"))
        bed.patch("halted", runState="Stopped")  # which nothing but a watch that lives tells it
        bed.until("halted", "stopped")
        assert len(renewals.states) < RENEWALS, "it renewed, and was not back"

    assert node.container("calm")["State"] == before
    assert node.happenings("calm", since) == []
    assert sorted(why for why, _ in bed.events("calm")) == ["NodeBack", "NodeLost", "Scheduled", "Started"]
