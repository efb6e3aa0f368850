"""The agent is killed while a VPS is frozen for its snapshot; and a VPS that is stopped meanwhile stops."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from kohakuriver.resources import kinds
from tests.e2e.api import Refused
from tests.e2e.conftest import eventually
from tests.e2e.nodes import Bed

LARGE = 300_000_000  # bytes, so that the engine is at it for a while
PATH = kinds.SNAPSHOT.path(namespace="default", name="s1")


@contextlib.contextmanager
def a_snapshot(bed: Bed, of: str) -> Iterator[None]:
    """Asked for, and just being taken: the VPS is frozen."""
    node = bed.nodes["n1"]
    bed.running(of)
    node.run(of, "sh", "-c", f"head -c {LARGE} /dev/urandom > /large")
    body = {
        "apiVersion": kinds.SNAPSHOT.api_version,
        "kind": kinds.SNAPSHOT.kind,
        "metadata": {"name": "s1", "namespace": "default"},
        "spec": {"vps": {"name": of}},
    }
    bed.api.call("POST", kinds.SNAPSHOT.path(namespace="default"), body)
    try:
        eventually(lambda: node.container(of)["State"]["Paused"])
        yield
    finally:
        bed.api.call("DELETE", PATH)
        eventually(lambda: not _is_there(bed))
        eventually(lambda: images(bed) == [])


def _is_there(bed: Bed) -> bool:
    try:
        bed.api.get(PATH)
    except Refused:
        return False
    return True


def status(bed: Bed) -> dict[str, Any]:
    return dict(bed.api.get(PATH).get("status") or {})


def images(bed: Bed) -> list[str]:
    rows = bed.nodes["n1"].engine.images()
    names = [name for row in rows for name in row.get("RepoTags") or ()]
    return [name for name in names if name.startswith("kohakuriver/snapshot-")]


@pytest.mark.fault(1)
def test_it_goes_on_while_its_agent_is_dead_and_the_snapshot_is_taken_anew_and_once(bed: Bed) -> None:
    node = bed.nodes["n1"]
    with a_snapshot(bed, "frozen"):
        node.agent.kill()
        eventually(lambda: not node.container("frozen")["State"]["Paused"], within=30)
        assert node.container("frozen")["State"]["Running"]
        assert status(bed)["phase"] == "Taking"
        node.agent.start()
        eventually(lambda: status(bed).get("phase") == "Ready", within=240)
        assert status(bed)["pausedMilliseconds"] > 0
        assert eventually(lambda: images(bed) == [status(bed)["image"]], within=30)
        assert node.container("frozen")["State"]["Paused"] is False
        assert "PausedOutside" not in {reason for reason, _ in bed.events("frozen")}


def test_a_stop_does_not_wait_for_the_snapshot(bed: Bed) -> None:
    node = bed.nodes["n1"]
    with a_snapshot(bed, "stopped"):
        bed.patch("stopped", runState="Stopped")
        bed.until("stopped", "stopped", within=30)
        eventually(lambda: status(bed).get("phase") == "Failed")
        assert status(bed)["message"] == "it had to make way: the VPS is declared Stopped"
        assert node.container("stopped")["State"]["Paused"] is False
        assert bed.told("stopped", "SnapshotFailed")
