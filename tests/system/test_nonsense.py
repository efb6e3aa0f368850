"""Nonsense in one object, by the real API server and the real controller: all others are served as ever."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources.kinds import LEASE, NODE, NODE_ALLOCATION, NODE_LEASE_NAMESPACE, VPS, ResourceType
from tests.apiserver.api import Api, running_api
from tests.fakes.store import MemoryStore
from tests.system.simulated import (
    RunningController,
    SimulatedNode,
    a_vps,
    conditions,
    eventually,
    get,
    nothing_is_written,
)

pytestmark = pytest.mark.looptime

BAD = [
    {"allocatable": {"cores": "lots", "memory": "1Gi"}},
    {"numa": [{"id": 0, "cpuset": "all"}]},
    {"numa": [{"id": 0, "cpuset": "0-99999999999"}]},
    {"unknown": [{"container": "c", "uid": "u", "state": "running", "cores": "many"}]},
]


async def stored(store: MemoryStore, resource: ResourceType, name: str, **fields: Any) -> None:
    """Change an object past every rule, as an older version or a person with etcdctl may have done."""
    namespace = {VPS: "default", LEASE: NODE_LEASE_NAMESPACE}.get(resource)
    key = codec.key(resource, namespace, name)
    record = await store.get(key)
    body = orjson.loads(record.value) if record else {"metadata": {"name": name, "uid": f"uid-{name}"}}
    if namespace:
        body["metadata"]["namespace"] = namespace
    await store.commit(expect={}, writes=[Put(key, orjson.dumps({**body, **fields}))])


@contextlib.asynccontextmanager
async def a_cluster(*nodes: str) -> AsyncIterator[tuple[Api, MemoryStore, dict[str, SimulatedNode]]]:
    async with contextlib.AsyncExitStack() as stack:
        store = MemoryStore()
        api = await stack.enter_async_context(running_api(store))
        joined = {name: await stack.enter_async_context(SimulatedNode(api, name)) for name in nodes}
        controller = await stack.enter_async_context(RunningController(api, "c1"))
        await asyncio.sleep(3)
        yield api, store, joined
        assert controller._task is not None
        assert not controller._task.done(), controller._task


@pytest.mark.fault(61)
@pytest.mark.parametrize("status", BAD, ids=str)
async def test_a_node_that_says_nonsense_is_refused_it(status):
    async with running_api() as api, SimulatedNode(api, "n1"):
        path = NODE.path(name="n1", subresource="status")
        headers = {"Content-Type": "application/merge-patch+json"}
        reply = await api.call("PATCH", path, {"status": status}, user="n1", headers=headers)
        assert reply.code == 422, reply.body


@pytest.mark.fault(61)
@pytest.mark.parametrize("status", BAD, ids=str)
async def test_beside_a_node_with_nonsense_in_it_others_are_placed_and_judged(status):
    async with a_cluster("n1", "n2", "n3") as (api, store, nodes):
        before = (await api.get(NODE.path(name="n1"))).body["status"]
        await stored(store, NODE, "n1", status={**before, **status})
        await api.create(VPS, a_vps("dev"))
        await api.create(VPS, a_vps("here", placement={"node": "n1"}))
        await eventually(api, 20, dev="running")
        assert (await get(api, "dev"))["status"]["assignment"]["node"] != "n1"
        assert "what is known of node n1 cannot be read: " in (await get(api, "here"))["status"]["message"]
        nodes["n1"].mute()
        nodes["n3"].mute()
        await asyncio.sleep(20)
        for name in ("n1", "n3"):
            assert (await conditions(api, NODE.path(name=name)))["Ready"]["status"] == "Unknown"
        async with nothing_is_written(api):
            await asyncio.sleep(30)
        await stored(store, NODE, "n1", status=before)
        nodes["n1"].unmute()
        await eventually(api, 30, here="running")


@pytest.mark.fault(61)
async def test_a_node_whose_bookings_cannot_be_read_is_given_nothing_and_the_others_are():
    async with a_cluster("n1", "n2") as (api, store, _):
        await stored(store, NODE_ALLOCATION, "n1", bookings={"u": {"cores": "many"}})
        await api.create(VPS, a_vps("here", placement={"node": "n1"}))
        await api.create(VPS, a_vps("dev"))
        await eventually(api, 20, dev="running", here="pending")
        assert 'invalid quantity "many"' in (await get(api, "here"))["status"]["message"]
        reply = await api.call("POST", f"{VPS.path(namespace='default', name='here')}/bind", {
            "uid": (await get(api, "here"))["metadata"]["uid"], "node": "n1"
        }, user="controller")  # fmt: skip
        assert reply.code == 422
        assert "NodeAllocation n1 cannot be read" in reply.body["message"]


@pytest.mark.fault(61)
@pytest.mark.parametrize(
    "spec",
    [{"runState": "Running", "resources": {"cores": "many", "memory": "1Gi"}}, {"runState": "Running"}, 7],
    ids=str,
)
async def test_a_vps_that_cannot_be_read_says_so_once_and_the_others_are_placed(spec, caplog):
    caplog.set_level(logging.WARNING, logger="kohakuriver.controller.complaints")
    async with a_cluster("n1") as (api, store, _):
        await stored(
            store, VPS, "bad", apiVersion=VPS.api_version, kind="VPS", spec=spec, status={"phase": "pending"}
        )
        await api.create(VPS, a_vps("dev"))
        await eventually(api, 20, dev="running")
        bad = await get(api, "bad")
        assert bad["status"]["conditions"][0]["reason"] == "Unreadable"
        assert "it cannot be read, and is left as it is: " in bad["status"]["message"]
        async with nothing_is_written(api):
            await asyncio.sleep(60)
        events = (await api.get("/api/v1/namespaces/default/events")).body["items"]
        assert [one["count"] for one in events if one["reason"] == "Unreadable"] == [1]
        assert len([one for one in caplog.records if one.getMessage() == "cannot be read"]) == 1
        reply = await api.call("DELETE", VPS.path(namespace="default", name="bad"))
        assert reply.code == 200, reply.body


@pytest.mark.fault(61)
async def test_a_lease_with_nonsense_in_it_is_still_a_sign_of_life():
    async with a_cluster("n1") as (api, store, nodes):
        nodes["n1"].mute()
        await stored(store, LEASE, "n1", spec={"leaseDurationSeconds": "long", "holderIdentity": 7})
        await asyncio.sleep(20)
        assert (await conditions(api, NODE.path(name="n1")))["Ready"]["status"] == "Unknown"
        nodes["n1"].unmute()
        await asyncio.sleep(10)
        assert (await conditions(api, NODE.path(name="n1")))["Ready"]["status"] == "True"
