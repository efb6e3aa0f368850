"""Simulated GPUs: their bookings outlive the agent, and one that vanishes is replaced by nobody else's."""

import pytest

from tests.e2e.api import Object
from tests.e2e.conftest import eventually
from tests.e2e.nodes import HURTABLE, Bed

BED = HURTABLE


def _condition(bed: Bed, name: str, type_: str) -> Object:
    found = bed.get(name)["status"].get("conditions") or []
    return next((dict(one) for one in found if one["type"] == type_), {"status": "", "message": ""})


def _granted(bed: Bed, name: str) -> list[str]:
    return list(((bed.get(name)["status"].get("assignment") or {}).get("grant") or {}).get("gpus") or [])


def _gpus(bed: Bed, node: str) -> list[str]:
    return [one["uuid"] for one in bed.node(node)["status"].get("gpus") or []]


def _running(bed: Bed, name: str, gpus: Object) -> None:
    bed.create(name, placement={"node": "n1", **gpus})
    bed.until(name, "running")


@pytest.mark.fault(24)
def test_gpus_stay_booked_while_their_agent_is_away_and_after(bed: Bed):
    node = bed.nodes["n1"]
    eventually(lambda: len(_gpus(bed, "n1")) == 2)
    _running(bed, "first", {"gpus": {"count": 1}})
    _running(bed, "second", {"gpus": {"count": 1}})
    held = {name: _granted(bed, name) for name in ("first", "second")}
    assert sorted(held["first"] + held["second"]) == ["GPU-n1-a", "GPU-n1-b"]
    before = [node.container(name)["State"] for name in held]

    node.agent.kill()
    bed.create("third", placement={"node": "n1", "gpus": {"count": 1}})
    node.agent.start()

    eventually(lambda: "0 of" in bed.message("third") and "GPU" in bed.message("third"))
    assert bed.phase("third") == "pending"
    for name in held:
        bed.until(name, "running")
        assert bed.get(name)["status"]["observed"]["grant"]["gpus"] == held[name] == _granted(bed, name)
    assert [node.container(name)["State"] for name in held] == before
    bed.delete("first")
    bed.until("third", "running")
    assert _granted(bed, "third") == held["first"]


@pytest.mark.fault(25)
def test_a_gpu_that_vanishes_is_said_and_no_other_is_handed_over(bed: Bed):
    node = bed.nodes["n1"]
    eventually(lambda: len(_gpus(bed, "n1")) == 2)
    _running(bed, "bound", {"gpus": {"ids": [0]}})
    _running(bed, "other", {"gpus": {"ids": [1]}})
    before = [node.container(name)["State"] for name in ("bound", "other")]

    bed.plug_gpus("n1", "GPU-n1-b")  # which is index 0 now

    eventually(lambda: _gpus(bed, "n1") == ["GPU-n1-b"])
    eventually(lambda: _condition(bed, "bound", "GPUHealthy")["status"] == "False")
    assert "GPU-n1-a" in _condition(bed, "bound", "GPUHealthy")["message"]
    assert _condition(bed, "other", "GPUHealthy")["status"] == "True"
    assert _granted(bed, "bound") == ["GPU-n1-a"]
    assert _granted(bed, "other") == ["GPU-n1-b"]
    assert [node.container(name)["State"] for name in ("bound", "other")] == before
    bed.create("greedy", placement={"node": "n1", "gpus": {"count": 1}})
    eventually(lambda: "GPU" in bed.message("greedy"))
    assert bed.phase("greedy") == "pending"

    bed.plug_gpus("n1")
    eventually(lambda: _condition(bed, "bound", "GPUHealthy")["status"] == "True")
