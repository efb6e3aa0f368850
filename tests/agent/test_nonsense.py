"""Nonsense in what an agent is told: it goes on, leaves alone what it cannot read, and keeps the rest."""

import asyncio
import logging
from typing import Any

import hypothesis
import orjson
import pytest
from hypothesis import strategies as st

from kohakuriver.agent import readable
from kohakuriver.agent.deciding import desired
from kohakuriver.agent.images.environments import Environments
from kohakuriver.agent.report import Status, patch_of
from kohakuriver.agent.runtime.base import CLUSTER_LABEL, ContainerSpec, Limits
from kohakuriver.agent.streams.windows import window
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import kinds
from kohakuriver.resources.node import MOST_UNKNOWN
from tests.agent.agent_kit import Node, a_manifest, a_node

pytestmark = pytest.mark.looptime

META = {"name": "dev", "namespace": "default", "uid": "u", "resourceVersion": "7"}
WORDS = st.sampled_from(["", "x", "0-99999999999", "2", "4Gi", "Running", "n1", "stopped", "-1"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 2**70) | st.floats(allow_nan=False) | WORDS
_NAMES = """
    runState resources placement ssh authorizedKeys env command mounts volumes source target name
    reclaimPolicy sessions detachedFor image environment stopGracePeriod restartPolicy imagePullPolicy
    restartRequest assignment node epoch grant cores memory cpuset numa gpus sshPort observed state
    container id restarts startedAt hostKey conditions type status reason message observedGeneration
    unreachableSince bookings tombstone why namespace accepts drain tarball digest vps uid labels
    annotations disk security capabilities add drop noNewPrivileges namespaceUid
"""
FIELDS = st.sampled_from(_NAMES.split())
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=5),
    max_leaves=20,
)
PARTS = st.dictionaries(FIELDS, JSON, max_size=6)
PLACED = st.fixed_dictionaries(
    {
        "node": st.just("n1") | JSON,
        "epoch": st.just(1) | JSON,
        "grant": PARTS | st.just({"cores": "1", "memory": "1Gi"}),
    }
)


async def stored(node: Node, resource: kinds.ResourceType, name: str, **fields: Any) -> dict[str, Any]:
    """Change an object past every rule; it as it was."""
    key = codec.key(resource, "default" if resource.namespaced else None, name)
    record = await node.api.store.get(key)
    assert record is not None
    before = orjson.loads(record.value)
    await node.api.store.commit(expect={}, writes=[Put(key, orjson.dumps({**before, **fields}))])
    return dict(before)


@pytest.mark.fault(61)
@pytest.mark.parametrize(
    "spec",
    [
        7,
        ["x"],
        {"command": 7},
        {"env": ["A"]},
        {"sessions": {"detachedFor": "long"}},
        {"resources": {"disk": "0"}},
    ],
    ids=str,
)
async def test_a_vps_that_cannot_be_read_is_left_as_it_is_and_the_others_are_kept(tmp_path, spec, caplog):
    caplog.set_level(logging.WARNING, logger="kohakuriver.agent.keeper")
    async with a_node(tmp_path) as node:
        await node.place(a_manifest("dev"))
        await node.until("dev", phase="running")
        running = node.container()
        before = await stored(node, kinds.VPS, "dev", spec=spec)
        await asyncio.sleep(30)
        await node.place(a_manifest("other"))
        await node.until("other", phase="running")
        assert running.id in {one.id for one in node.containers() if one.is_up}
        said = [one for one in caplog.records if "cannot be read" in one.getMessage()]
        assert len(said) == 1
        await stored(node, kinds.VPS, "dev", spec={**before["spec"], "runState": "Stopped"})
        await node.until("dev", phase="stopped")
        assert running.id in {one.id for one in node.containers() if not one.is_up}
        assert node.task is not None
        assert not node.task.done()


@pytest.mark.fault(61)
async def test_an_agent_mends_its_node_and_works_beside_a_booking_that_cannot_be_read(tmp_path):
    async with a_node(tmp_path) as node:
        await node.place(a_manifest("dev"))
        await node.until("dev", phase="running")
        path = kinds.NODE.path(name="n1")
        has = (await node.api.get(path)).body["status"]
        await stored(
            node, kinds.NODE, "n1", status={**has, "allocatable": 7, "conditions": "x", "unknown": "y"}
        )
        bookings = (await node.api.get(kinds.NODE_ALLOCATION.path(name="n1"))).body["bookings"]
        bad = {**bookings, "v": {"tombstone": {"why": 7}}, "w": {"cpuset": "all"}}
        await stored(node, kinds.NODE_ALLOCATION, "n1", bookings=bad)
        await node.change("dev", runState="Stopped")
        await node.until("dev", phase="stopped")
        await asyncio.sleep(30)
        mended = (await node.api.get(path)).body["status"]
        assert mended["allocatable"] == has["allocatable"]
        assert {one["type"]: one["status"] for one in mended["conditions"]}["Ready"] == "True"
        assert node.task is not None
        assert not node.task.done()


def everything_is_read(vps: Any, node: Any, allocation: Any, environment: Any) -> None:
    """What the agent does with what has come in."""
    status = vps.get("status") or {}
    assignment, seen = status.get("assignment") or {}, status.get("observed") or {}
    if UNREADABLE not in vps:
        found = desired.read(vps, node="n1")
        assert found is None or (found.name, found.uid) == ("dev", "u")
        assert isinstance(window(vps), float)
    if assignment:
        assert (type(assignment["node"]), type(assignment["epoch"])) == (str, int)
    assert isinstance((seen.get("container") or {}).get("id"), str | None)
    said = Status("u", 1, {"epoch": 1, "state": "running"}, [{"type": "A", "status": "True", "reason": ""}])
    assert patch_of(vps, said) is not None
    conditions = (node.get("status") or {}).get("conditions") or ()
    assert all(isinstance(one["type"], str) for one in conditions)
    assert isinstance((node.get("spec") or {}).get("accepts") or "", str)
    for booking in (allocation.get("bookings") or {}).values():
        assert {type(booking["namespace"]), type(booking["name"])} == {str}
        assert not booking.get("tombstone") or isinstance(booking["tombstone"]["why"], str)

    class Held:
        synced = True

        def get(self, _: object) -> Any:
            return environment

    environments = Environments(Held())  # type: ignore[arg-type]
    image = environments.image("e")
    assert isinstance(image, str)
    environments.tarball(image)
    assert isinstance(environments.missing("e").message, str)


@hypothesis.given(
    spec=JSON | PARTS,
    status=JSON | PARTS | st.fixed_dictionaries({"assignment": PLACED}),
    bookings=JSON | PARTS,
)
def test_whatever_objects_hold_the_agent_can_go_on(spec, status, bookings):
    body = {"metadata": META, "spec": spec, "status": status, "bookings": bookings}
    everything_is_read(
        readable.vps(body), readable.node(body), readable.allocation(body), readable.environment(body)
    )


async def test_a_node_with_more_unknown_containers_than_can_be_told_says_that_it_has_not_told_all(tmp_path):
    async with a_node(tmp_path) as node:
        await node.place(a_manifest("dev"))
        await node.until("dev", phase="running")
        assert node.agent is not None
        network = node.agent.settings.network
        for number in range(MOST_UNKNOWN + 1):
            labels = {CLUSTER_LABEL: node.cluster, "kohakuriver.io/uid": f"u{number}"}
            spec = ContainerSpec(
                name=f"kohakuriver-default-old{number}-u{number}",
                image="kohakuriver/busybox",
                hostname="old",
                labels=labels,
                limits=Limits(millicores=100, memory=64 << 20),
                network=network,
            )
            last = node.engine.create(spec)
        await asyncio.sleep(60)
        status = (await node.api.get(kinds.NODE.path(name="n1"))).body["status"]
        assert len(status["unknown"]) == MOST_UNKNOWN
        assert "history" not in status
        node.engine.remove(last, force=True)
        await asyncio.sleep(60)
        status = (await node.api.get(kinds.NODE.path(name="n1"))).body["status"]
        assert (len(status["unknown"]), bool(status["history"])) == (MOST_UNKNOWN, True)
