"""GPUs go from one VPS to the next only when nothing of the first runs any more, as an engine tells it."""

import random
import time

import docker
import pytest

from tests.e2e.conftest import eventually
from tests.e2e.nodes import HURTABLE, Bed

BED = HURTABLE
STUBBORN = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]  # ends only at the end of its grace
CYCLES = 6


def _is_granted(bed: Bed, name: str) -> bool:
    assignment = bed.get(name)["status"].get("assignment") or {}
    return "cores" in (assignment.get("grant") or {})


def _up_at_once(engine: docker.APIClient, since: float) -> list[str]:
    """Where the engine's own record has two of the containers up at one moment."""
    told = engine.events(
        since=since, until=time.time(), decode=True, filters={"event": ["start", "die"], "type": "container"}
    )
    up: set[str] = set()
    found = []
    for event in sorted(told, key=lambda one: one["timeNano"]):
        name = event["Actor"]["Attributes"]["name"].split("-")[2]
        if name not in ("first", "second"):
            continue
        if event["Action"] == "start":
            up.add(name)
        else:
            up.discard(name)
        if len(up) > 1:
            found.append(f"{event['Action']} of {name} at {event['timeNano']}")
    return found


@pytest.mark.fault(23, 58)
def test_a_stop_within_the_seconds_of_a_start_gives_nobody_elses_gpus_away(bed: Bed) -> None:
    node = bed.nodes["n1"]
    dice = random.Random(58)  # noqa: S311 - the same pauses in every run
    wants = {"placement": {"node": "n1", "gpus": {"count": 2}}, "command": STUBBORN, "stopGracePeriod": "1s"}
    eventually(lambda: len(bed.node("n1")["status"].get("gpus") or []) == 2)
    begun = time.time()
    bed.create("first", **wants)
    bed.until("first", "running")
    bed.create("second", **wants, runState="Stopped")
    for _ in range(CYCLES):
        bed.patch("first", runState="Stopped")
        eventually(lambda: not _is_granted(bed, "first"))
        bed.patch("first", runState="Running")
        eventually(lambda: _is_granted(bed, "first"))
        bed.patch("second", runState="Running")
        time.sleep(dice.uniform(0, 0.8))  # the engine is about to start it, or has
        bed.patch("first", runState="Stopped")
        bed.until("second", "running")
        bed.patch("second", runState="Stopped")
        eventually(lambda: not _is_granted(bed, "second"))
        bed.patch("first", runState="Running")
        bed.until("first", "running")
    assert _up_at_once(node.engine, begun) == [], "two containers were up on the same GPUs"


@pytest.mark.fault(64)
def test_a_start_that_comes_through_late_is_stopped_again_and_gave_no_gpu_away(bed: Bed) -> None:
    """Its VPS is stopped while the engine is at it, and the connection that asked for it has broken."""
    node = bed.nodes["n1"]
    assert node.door is not None
    wants = {"placement": {"node": "n1", "gpus": {"count": 2}}, "command": STUBBORN, "stopGracePeriod": "1s"}
    begun, seen = time.time(), len(node.door.lost)
    bed.create("first", **wants)
    bed.until("first", "running")
    bed.create("second", **wants, runState="Stopped")
    bed.patch("first", runState="Stopped")
    eventually(lambda: not _is_granted(bed, "first"))
    frozen = time.time()
    node.machine.freeze_containers()
    node.door.break_off("POST .*/containers/[^/]+/start")
    bed.patch("first", runState="Running")
    eventually(lambda: node.door is not None and len(node.door.lost) > seen)
    halted = bed.patch("first", runState="Stopped")["metadata"]["generation"]
    bed.patch("second", runState="Running")

    eventually(lambda: bed.get("first")["status"].get("observedGeneration") == halted)
    assert bed.get("first")["status"]["observed"]["state"] != "stopped"
    assert _is_granted(bed, "first") and not _is_granted(bed, "second")
    assert "start" not in node.happenings("first", frozen), "it came through: this test tries nothing"
    node.machine.thaw_containers()

    bed.until("second", "running")
    assert {"start", "die"} <= set(node.happenings("first", frozen)), "no start came through late"
    assert _up_at_once(node.engine, begun) == [], "two containers were up on the same GPUs"
