"""A machine that was given up for destroyed joins again, and what it ran before runs on."""

import pytest

from tests.e2e.api import NODES, TOKENS
from tests.e2e.conftest import eventually
from tests.e2e.nodes import HURTABLE, Bed

BED = HURTABLE
BOTH = {"placement": {"node": "n1", "gpus": {"count": 2}}}


@pytest.mark.fault(62)
def test_a_machine_that_joins_again_offers_nothing_before_its_engine_was_listed(doomed_bed: Bed):
    bed, node = doomed_bed, doomed_bed.nodes["n1"]
    assert node.door is not None
    bed.create("before", **BOTH)
    bed.until("before", "running")
    container = node.container("before")
    node.agent.kill()
    bed.until("before", "lost")
    bed.api.call("POST", f"{NODES}/n1/forget", {"destroyed": True})
    bed.delete("before")
    eventually(lambda: not bed.exists("before"))
    bed.create("after", **BOTH)

    spec = {"sha256": bed.files.renewed("n1"), "role": "node", "node": "n1"}
    token = {"apiVersion": "kohakuriver.io/v1alpha1", "kind": "Token", "metadata": {"name": "node-n1"}}
    bed.api.call("POST", TOKENS, {**token, "spec": spec})
    node.door.hold("GET .*/images/json")
    node.agent.start()
    eventually(lambda: node.door is not None and node.door.held)
    eventually(lambda: bed.condition("n1", "DiskPressure")["status"])  # it knows its engine, and has said so
    assert "allocatable" not in bed.node("n1")["status"]
    assert bed.phase("after") == "pending"
    node.door.mend()

    [named] = eventually(lambda: bed.node("n1")["status"].get("unknown"))
    assert named["container"] == container["Name"].lstrip("/")
    assert "allocatable" in bed.node("n1")["status"]
    bed.create("free", placement={"node": "n1"})
    bed.until("free", "running")
    eventually(lambda: "GPU" in bed.message("after"))
    assert bed.phase("after") == "pending"
    assert node.engine.inspect_container(container["Id"])["State"] == container["State"]

    node.engine.remove_container(container["Id"], force=True)
    bed.until("after", "running")
