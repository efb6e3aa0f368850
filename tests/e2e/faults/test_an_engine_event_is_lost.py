"""The stream of an engine's events goes deaf, as it may: it stays open, and nothing more comes."""

import urllib.request

import pytest

from tests.e2e.nodes import HURTABLE, Bed

BED = HURTABLE


@pytest.mark.fault(14)
def test_what_an_event_did_not_tell_is_found_by_the_next_relist_and_counted(bed: Bed):
    node = bed.nodes["n1"]
    bed.running("quiet", restartPolicy="Never", command=["sleep", "1000"])
    before = _found(node.machine.address)
    assert node.door is not None
    node.door.deaf = True

    node.engine.kill(node.container("quiet")["Id"])

    bed.until("quiet", "stopped")
    assert _found(node.machine.address) == before + 1, "it was an event that told"


def _found(address: str) -> float:
    with urllib.request.urlopen(f"http://{address}:9102/metrics") as answer:
        lines = answer.read().decode().splitlines()
    [found] = [line for line in lines if line.startswith("kohakuriver_agent_relist_found_total ")]
    return float(found.split()[-1])
