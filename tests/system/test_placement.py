"""GPUs, drains, tombstones and forgotten nodes: the real API server with the real controller."""

import asyncio
import contextlib

import pytest

from kohakuriver.resources.kinds import ENVIRONMENT, NODE, VPS
from tests.apiserver.api import running_api
from tests.system.simulated import (
    VPSES,
    RunningController,
    SimulatedNode,
    a_vps,
    conditions,
    eventually,
    get,
    nothing_is_written,
)

pytestmark = pytest.mark.looptime
MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.mark.fault(23)
async def test_gpus_are_given_to_one_vps_each_and_a_refusal_counts_them():
    async with running_api() as api, SimulatedNode(api, "n1", gpus=2), RunningController(api, "c1"):
        for name in ("a", "b", "c"):
            await api.create(VPS, a_vps(name, placement={"gpus": {"count": 1}}))
        await asyncio.sleep(15)
        held = [(await get(api, name))["status"] for name in ("a", "b", "c")]
        await api.create(VPS, a_vps("d", placement={"node": "n1", "gpus": {"count": 1}}))
        await asyncio.sleep(10)
        named = (await get(api, "d"))["status"]
        waiting = next(status for status in held if status["phase"] == "pending")
        async with nothing_is_written(api):
            await asyncio.sleep(30)
    given = [status["assignment"]["grant"]["gpus"][0] for status in held if status.get("assignment")]
    assert sorted(given) == ["GPU-0", "GPU-1"], "no GPU given twice"
    assert waiting["message"].startswith("0 of 1 nodes fit: 1 short of GPUs (need 1, free 0, 2 in all on n1)")
    assert named["message"].startswith("node n1: 0 of 2 GPUs free")


@pytest.mark.fault(29)
async def test_a_drained_node_stops_its_vpses_and_starts_them_again_in_silence():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        await stack.enter_async_context(SimulatedNode(api, "n1", gpus=1))
        await stack.enter_async_context(RunningController(api, "c1"))
        await api.create(VPS, a_vps("dev", placement={"gpus": {"count": 1}}))
        await eventually(api, 20, dev="running")
        await _change_node(api, "n1", drain=True)
        await eventually(api, 10, dev="stopped")
        await asyncio.sleep(5)
        dev = (await get(api, "dev"))["status"]
        assert dev["reason"] == "NodeDrained"
        assert dev["assignment"]["grant"] == {"sshPort": 30000}, "all but the port is free"
        assert (await conditions(api, f"{VPSES}/dev"))["Scheduled"]["status"] == "True"
        await api.create(VPS, a_vps("other"))
        await asyncio.sleep(5)
        assert (await get(api, "other"))["status"]["message"] == "0 of 1 nodes fit: 1 being drained"
        async with nothing_is_written(api):
            await asyncio.sleep(60)
        await _change_node(api, "n1", drain=None)
        await eventually(api, 15, dev="running", other="running")
        await asyncio.sleep(5)
        after = (await get(api, "dev"))["status"]
        async with nothing_is_written(api):
            await asyncio.sleep(60)
        events = (await api.get("/api/v1/namespaces/default/events")).body["items"]
    told = {(event["reason"], event["involvedObject"]["name"]) for event in events}
    assert after["epoch"] == 1
    assert after["assignment"]["grant"]["gpus"] == ["GPU-0"]
    assert {("GaveBack", "dev"), ("HasRoom", "dev"), ("NodeDrained", "n1"), ("NodeUncordoned", "n1")} <= told
    assert all(event["source"]["component"] == "controller" for event in events)


async def test_a_vps_that_gave_its_silent_node_up_goes_elsewhere_and_not_back_before_the_node_confirmed():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        node = await stack.enter_async_context(SimulatedNode(api, "n1"))
        await stack.enter_async_context(RunningController(api, "c1"))
        for name, placement in (("free", {}), ("pinned", {"node": "n1"})):
            await api.create(VPS, a_vps(name, cores=3, placement=placement))
        await eventually(api, 20, free="running", pinned="running")
        await stack.enter_async_context(SimulatedNode(api, "n2"))
        node.mute()
        await eventually(api, 20, free="lost", pinned="lost")
        for name in ("free", "pinned"):
            uid = (await get(api, name))["metadata"]["uid"]
            reply = await api.call("POST", f"{VPSES}/{name}/forget", {"uid": uid})
            assert reply.code in (200, 201), reply.body
        await eventually(api, 20, free="running")
        assert (await get(api, "free"))["status"]["assignment"]["node"] == "n2"
        await asyncio.sleep(10)
        assert (await get(api, "pinned"))["status"]["message"].startswith("node n1 is not ready; its files")
        node.unmute()
        await eventually(api, 30, pinned="running")
        await asyncio.sleep(5)
        pinned = (await get(api, "pinned"))["status"]
        record = (await api.get("/apis/kohakuriver.io/v1alpha1/nodeallocations/n1")).body
        async with nothing_is_written(api):
            await asyncio.sleep(60)
    assert pinned["epoch"] == 2
    assert not [each for each in record["bookings"].values() if each.get("tombstone")]


@pytest.mark.fault(9)
async def test_the_vpses_of_a_destroyed_node_are_placed_again():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        node = await stack.enter_async_context(SimulatedNode(api, "n1"))
        await stack.enter_async_context(RunningController(api, "c1"))
        for name in ("a", "b"):
            await api.create(VPS, a_vps(name))
        await eventually(api, 20, a="running", b="running")
        node.mute()
        await eventually(api, 20, a="lost", b="lost")
        reply = await api.call("POST", f"{NODE.path(name='n1')}/forget", {"destroyed": True})
        assert reply.code in (200, 201), reply.body
        await asyncio.sleep(15)
        assert (await get(api, "a"))["status"]["message"].startswith("no node has joined yet; its files were")
        await stack.enter_async_context(SimulatedNode(api, "n2"))
        await eventually(api, 20, a="running", b="running")
        lost = (await conditions(api, f"{VPSES}/a"))["FilesLost"]
        async with nothing_is_written(api):
            await asyncio.sleep(60)
    assert "n1" in lost["message"]


async def test_a_node_that_has_the_image_of_an_environment_is_preferred():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        for name in ("n1", "n2"):
            await stack.enter_async_context(SimulatedNode(api, name))
        await stack.enter_async_context(RunningController(api, "c1"))
        await api.create(ENVIRONMENT, {"metadata": {"name": "torch"}, "spec": {"image": "torch:2"}})
        node = NODE.path(name="n2")
        reply = await api.call(
            "PATCH", f"{node}/status", {"status": {"images": ["torch:2"]}}, user="n2", headers=MERGE
        )
        assert reply.code == 200, reply.body
        await asyncio.sleep(5)
        await api.create(VPS, a_vps("dev", environment="torch"))
        await eventually(api, 10, dev="running")
        assert (await get(api, "dev"))["status"]["assignment"]["node"] == "n2"


async def _change_node(api, name, **spec):
    reply = await api.call("PATCH", NODE.path(name=name), {"spec": spec}, headers=MERGE)
    assert reply.code == 200, reply.body


async def test_a_vps_that_a_node_rejected_goes_elsewhere_until_its_spec_changes():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        await stack.enter_async_context(SimulatedNode(api, "n1"))
        await stack.enter_async_context(SimulatedNode(api, "n2"))
        await stack.enter_async_context(RunningController(api, "c1"))
        await asyncio.sleep(4)
        await api.create(VPS, a_vps("dev"))
        await eventually(api, 10, dev="running")
        await _reject(api, "dev", node="n1")
        await eventually(api, 10, dev="running")
        second = (await get(api, "dev"))["status"]
        await _reject(api, "dev", node="n2")
        await asyncio.sleep(10)
        refused = (await get(api, "dev"))["status"]
        async with nothing_is_written(api):
            await asyncio.sleep(30)
        change = {"spec": {"resources": {"cores": 2}}}
        assert (await api.call("PATCH", f"{VPSES}/dev", change, headers=MERGE)).code == 200
        await eventually(api, 10, dev="running")
    assert (second["assignment"]["node"], second["epoch"]) == ("n2", 2)
    assert refused["message"] == "0 of 2 nodes fit: 2 rejecting it (no room for its image)"


async def test_a_reason_to_give_up_is_written_of_the_spec_and_the_nodes_as_they_are_now():
    async with running_api() as api, SimulatedNode(api, "n1", cores="2"), RunningController(api, "c1"):
        await asyncio.sleep(5)
        await api.create(VPS, a_vps("other", cores=2))
        await asyncio.sleep(5)
        await _change_node(api, "n1", unschedulable=True)
        await api.create(VPS, a_vps("dev", cores=2))
        await asyncio.sleep(10)
        cordoned = (await conditions(api, f"{VPSES}/dev"))["Scheduled"]
        await _change_node(api, "n1", unschedulable=False)
        change = {"spec": {"restartRequest": "r1"}}
        assert (await api.call("PATCH", f"{VPSES}/dev", change, headers=MERGE)).code == 200
        seen = []
        for _ in range(40):
            await asyncio.sleep(0.25)
            said = (await conditions(api, f"{VPSES}/dev"))["Scheduled"]
            seen.append((said["reason"], said["observedGeneration"]))
        async with nothing_is_written(api):
            await asyncio.sleep(30)
    assert (cordoned["reason"], cordoned["observedGeneration"]) == ("NodeCordoned", 1)
    assert ("NodeCordoned", 2) not in seen, "of the new spec nobody says what is over"
    assert seen[-1][1] == 2 and seen[-1][0] != "NodeCordoned"


async def _reject(api, name, *, node):
    vps = await get(api, name)
    body = {
        "uid": vps["metadata"]["uid"],
        "epoch": vps["status"]["epoch"],
        "reason": "NoRoom",
        "message": "no room for its image",
    }
    reply = await api.call("POST", f"{VPSES}/{name}/reject", body, user=node)
    assert reply.code in (200, 201), reply.body
