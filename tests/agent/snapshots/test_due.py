"""Which Snapshot comes next, whether there is room for it, and what is said of what it lacks."""

import itertools
from typing import Any

import pytest

from kohakuriver.agent.machine.facts import Disk
from kohakuriver.agent.snapshots import due
from kohakuriver.agent.snapshots.losses import Lost

Json = dict[str, Any]
GI = 1 << 30


def a_snapshot(name: str, namespace: str = "default", *, at: int = 0, phase: str = "", **spec: Any) -> Json:
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": name,
        "creationTimestamp": f"2026-01-01T00:00:{at:02}Z",
    }
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase} if phase else {}}


def turns(*snapshots: Json) -> list[str]:
    """The names, in the order in which they are taken."""
    waiting, served, counter, taken = list(snapshots), dict[str, int](), itertools.count(1), list[str]()
    while turn := due.in_turn(waiting, served=served):
        taken.append(turn[0]["metadata"]["name"])
        served[turn[0]["metadata"]["namespace"]] = next(counter)
        waiting.remove(turn[0])
    return taken


def test_who_asks_for_many_keeps_no_other_namespace_waiting_for_more_than_one() -> None:
    many = [a_snapshot(f"a{at}", "a", at=at) for at in range(5)]
    assert turns(*many, a_snapshot("b0", "b", at=50), a_snapshot("b1", "b", at=51))[:4] == [
        "a0",
        "b0",
        "a1",
        "b1",
    ]


def test_of_one_namespace_what_a_start_waits_for_comes_first_and_then_the_oldest() -> None:
    found = turns(
        a_snapshot("new", at=9), a_snapshot("old", at=1), a_snapshot("before", at=20, cause="Replaced")
    )
    assert found == ["before", "old", "new"]


@pytest.mark.parametrize("phase", ["Ready", "Failed", "Lost"])
def test_what_has_come_to_an_end_is_not_due(phase: str) -> None:
    assert turns(a_snapshot("s", phase=phase)) == []


def test_what_an_earlier_agent_has_begun_is_due() -> None:
    assert turns(a_snapshot("s", phase="Taking")) == ["s"]


def test_what_is_deleted_or_cannot_be_read_is_not_due() -> None:
    deleted, unreadable = a_snapshot("s"), a_snapshot("t")
    deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    unreadable["unreadable"] = "spec is missing"
    assert turns(deleted, unreadable) == []


def a_disk(path: str, free: int) -> Disk:
    return Disk(path, total=100 * GI, free=free)


@pytest.mark.parametrize(
    ("engine", "own", "layer", "archives", "is_one", "why"),
    [
        (a_disk("/e", 4 * GI), a_disk("/o", 3 * GI), 3 * GI, 2 * GI, False, ""),
        (None, None, 3 * GI, 2 * GI, False, ""),
        (a_disk("/e", 0), a_disk("/o", 0), 0, 0, False, ""),
        (
            *(a_disk("/e", 4 * GI - 1), a_disk("/o", 50 * GI), 3 * GI, 2 * GI, False),
            "its files take 3Gi, 1Gi more must stay free, and there are 4Gi of 100Gi free on /e",
        ),
        (
            *(a_disk("/e", 50 * GI), a_disk("/o", 2 * GI), 3 * GI, 2 * GI, False),
            "the archives of its volumes take 2Gi, 1Gi more must stay free, and there are 2Gi of 100Gi free "
            "on /o",
        ),
        (
            *(a_disk("/e", 5 * GI), a_disk("/o", 5 * GI), 3 * GI, 2 * GI, True),
            "its files and the archives of its volumes take 5Gi, 1Gi more must stay free, and there are "
            "5Gi of 100Gi free on /e",
        ),
    ],
)
def test_room_is_looked_for_on_both_disks_or_on_the_one_that_both_are(
    engine: Disk | None, own: Disk | None, layer: int, archives: int, *, is_one: bool, why: str
) -> None:
    found = due.short_of_room(engine, own, layer=layer, archives=archives, is_one_disk=is_one)
    assert found == why


def test_all_that_is_not_in_it_is_said_in_one_sentence() -> None:
    said = due.not_in_it(
        [("data", "/data"), ("", "/var/lib/x")],
        ["/models"],
        lost=Lost(("/run/s",), 1, attributes=1, first="/srv/a"),
        named=1,
    )
    assert said == (
        "not in it: volumes data (/data), /var/lib/x; what the node's folders hold at /models; sockets; "
        "extended attributes and ACLs, which an image of this engine does not hold, of /srv/a"
    )
    assert due.not_in_it([], [], lost=Lost(), named=0) == ""
