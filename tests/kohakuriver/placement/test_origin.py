"""Where a VPS begins that names a Snapshot, or why it cannot begin."""

import pytest

from kohakuriver.placement.origin import Origin, origin_of
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import reasons


def a_vps(*, origin="base", node=None):
    spec = {"filesFrom": {"snapshot": origin}} if origin else {}
    spec["placement"] = {"node": node} if node else {}
    return {"metadata": {"name": "copy", "namespace": "team"}, "spec": spec}


def a_snapshot(phase="Ready", *, node="n1", message=None, **more):
    return {
        "metadata": {"name": "base", "namespace": "team", **more},
        "spec": {"vps": {"name": "dev", "uid": "u1", "node": node}},
        "status": {"phase": phase, "message": message} if phase else {},
    }


def test_who_names_no_snapshot_begins_from_its_image():
    assert origin_of(a_vps(origin=""), None) is None


def test_who_names_one_that_is_ready_begins_on_its_node():
    assert origin_of(a_vps(), a_snapshot()) == Origin("base", "n1")
    assert origin_of(a_vps(node="n1"), a_snapshot()) == Origin("base", "n1")


@pytest.mark.parametrize(
    ("vps", "snapshot", "reason", "message"),
    [
        (
            a_vps(),
            None,
            reasons.SNAPSHOT_MISSING,
            'there is no Snapshot "base" in namespace team: kohakuriver vps snapshots lists what there is',
        ),
        (
            a_vps(),
            a_snapshot(deletionTimestamp="2026-01-01T00:00:00Z"),
            reasons.SNAPSHOT_MISSING,
            "Snapshot base is being deleted: name another, or the image",
        ),
        (a_vps(), a_snapshot(None), reasons.SNAPSHOT_NOT_READY, "Snapshot base is still being taken on n1"),
        (
            a_vps(),
            a_snapshot("Taking", message="12 of 80Mi"),
            reasons.SNAPSHOT_NOT_READY,
            "Snapshot base is still being taken on n1",
        ),
        (
            a_vps(),
            a_snapshot("Failed", message="short of disk space"),
            reasons.SNAPSHOT_FAILED,
            "Snapshot base failed: short of disk space",
        ),
        (a_vps(), a_snapshot("Lost"), reasons.SNAPSHOT_FAILED, "the files of Snapshot base are lost"),
        (
            a_vps(node="n2"),
            a_snapshot(),
            reasons.SNAPSHOT_ELSEWHERE,
            "Snapshot base is on node n1, and placement.node asks for n2: name n1 there",
        ),
        (
            a_vps(),
            {"metadata": {"name": "base"}, "spec": {"vps": {}}, "status": {}, UNREADABLE: "spec is missing"},
            reasons.SNAPSHOT_FAILED,
            "Snapshot base cannot be read: spec is missing",
        ),
    ],
)
def test_why_it_cannot_begin_is_said(vps, snapshot, reason, message):
    found = origin_of(vps, snapshot)
    assert (found.reason, found.message) == (reason, message)
