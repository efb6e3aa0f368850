"""A namespace whose ResourceQuota is used up: a queue forms, in words, and nobody else waits for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put
from kohakuriver.resources.kinds import EVENT, NAMESPACE, NODE_ALLOCATION, RESOURCE_QUOTA, VPS
from tests.apiserver.api import Api, running_api
from tests.apiserver.test_quotas_in_transactions import a_quota
from tests.apiserver.test_quotas_on_two_servers import Elsewhere
from tests.fakes.store import MemoryStore
from tests.system.simulated import (
    VPSES,
    RunningController,
    SimulatedNode,
    a_vps,
    eventually,
    get,
    nothing_is_written,
    phases,
)

pytestmark = pytest.mark.looptime

Object = dict[str, Any]
MERGE = {"Content-Type": "application/merge-patch+json"}


@contextlib.asynccontextmanager
async def a_cluster(*nodes: str, **has: Any) -> AsyncIterator[Api]:
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        for node in nodes or ("n1",):
            await stack.enter_async_context(SimulatedNode(api, node, **has))
        await stack.enter_async_context(RunningController(api, "c1"))
        yield api


async def change(api: Api, name: str, **spec: Any) -> int:
    return (await api.call("PATCH", f"{VPSES}/{name}", {"spec": spec}, headers=MERGE)).code


async def limit(api: Api, **hard: Any) -> None:
    path = RESOURCE_QUOTA.path(namespace="default")
    reply = await api.call("PATCH", f"{path}/all", {"spec": a_quota(**hard)["spec"]}, headers=MERGE)
    if reply.code == 404:
        await api.create(RESOURCE_QUOTA, a_quota(**hard))


async def told(api: Api, name: str) -> tuple[str, str, str]:
    status = (await get(api, name))["status"]
    return status["phase"], status.get("reason", ""), status.get("message", "").partition(";")[0]


async def test_fifty_at_once_give_exactly_as_many_as_the_quota_has_room_for() -> None:
    store, names = MemoryStore(), [f"v{number:02}" for number in range(50)]
    async with contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(running_api(store))
        two = await stack.enter_async_context(running_api(Elsewhere(store)))  # type: ignore[arg-type]
        for node in ("n1", "n2", "n3"):
            await stack.enter_async_context(SimulatedNode(one, node, cores="32", memory="64Gi"))
        for name, api in (("c1", one), ("c2", two)):  # each takes itself for the leader
            await stack.enter_async_context(RunningController(api, name, lease=name))
        await limit(one, cpu="17")
        await asyncio.sleep(4)
        await asyncio.gather(*(one.create(VPS, a_vps(name)) for name in names))
        await asyncio.sleep(30)
        seen = list((await phases(one)).values())
        records = (await one.get(NODE_ALLOCATION.path())).body["items"]
        assert (seen.count("running"), seen.count("pending")) == (17, 33)
        assert sum(len(record["bookings"]) for record in records) == 17
        async with nothing_is_written(one):
            await asyncio.sleep(60)
        waiting = next(name for name, phase in (await phases(one)).items() if phase == "pending")
        assert await told(one, waiting) == (
            "pending",
            "QuotaExceeded",
            "default uses 17 of 17 cores (quota all): it waits until some are free",
        )
        await limit(one, cpu="30")
        await asyncio.sleep(20)
        assert list((await phases(one)).values()).count("running") == 30


async def test_who_waits_for_his_own_namespace_keeps_nobody_else_waiting() -> None:
    async with a_cluster("n1", gpus=4) as api:
        await api.create(NAMESPACE, {"metadata": {"name": "team-b"}})
        await limit(api, gpu=1)
        one_gpu = {"placement": {"gpus": {"count": 1}}}
        await api.create(VPS, a_vps("first", **one_gpu))
        await eventually(api, 20, first="running")
        await api.create(VPS, a_vps("second", priority=5, **one_gpu))
        await asyncio.sleep(3)
        other = a_vps("other", **one_gpu)
        other["metadata"]["namespace"] = "team-b"
        await api.create(VPS, other)
        await api.create(VPS, a_vps("without"))
        await eventually(api, 20, without="running", second="pending")
        reply = await api.get(f"{VPS.path(namespace='team-b')}/other")
        assert reply.body["status"]["phase"] == "running"
        assert await told(api, "second") == (
            "pending",
            "QuotaExceeded",
            "default uses 1 of 1 GPUs (quota all): it waits until some are free",
        )
        events = (await api.get(EVENT.path(namespace="default"))).body["items"]
        assert [one["message"] for one in events if one["reason"] == "FailedScheduling"] == [
            "default uses 1 of 1 GPUs (quota all): it waits until some are free"
        ]


class TurnsThatHang:
    """A store in which whoever takes a turn of one namespace waits."""

    def __init__(self, store: MemoryStore, namespace: str) -> None:
        self._store = store
        self._turn = f"{codec.QUOTA_TURNS}{namespace}"
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.waiting = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        if any(write.key == self._turn for write in writes):
            self.waiting += not self.goes_on.is_set()
            await self.goes_on.wait()
        return await self._store.commit(expect=expect, writes=writes)


async def test_who_waits_for_a_turn_of_his_namespace_leaves_the_controller_to_others() -> None:
    names = [f"v{number:03}" for number in range(70)]
    async with contextlib.AsyncExitStack() as stack:
        store = TurnsThatHang(MemoryStore(), "default")
        api = await stack.enter_async_context(running_api(store))  # type: ignore[arg-type]
        await stack.enter_async_context(SimulatedNode(api, "n1", cores="96", memory="96Gi"))
        await api.create(NAMESPACE, {"metadata": {"name": "team-b"}})
        await limit(api, cpu=100)
        for name in names:
            await api.create(VPS, a_vps(name, priority=9))
        store.goes_on.clear()
        await stack.enter_async_context(RunningController(api, "c1"))
        await asyncio.sleep(10)
        assert store.waiting > 0
        other = a_vps("other")
        other["metadata"]["namespace"] = "team-b"
        await api.create(VPS, other)
        await asyncio.sleep(5)
        reply = await api.get(f"{VPS.path(namespace='team-b')}/other")
        assert reply.body["status"]["phase"] == "running"
        assert set((await phases(api)).values()) == {"pending"}
        store.goes_on.set()
        await eventually(api, 60, **dict.fromkeys(names, "running"))


async def test_what_becomes_free_goes_to_the_first_by_priority_and_then_by_age() -> None:
    async with a_cluster() as api:
        await limit(api, cpu=1)
        await api.create(VPS, a_vps("first"))
        await eventually(api, 20, first="running")
        for name, priority in (("old", 0), ("young", 0), ("urgent", 7)):
            await api.create(VPS, a_vps(name, priority=priority))
            await asyncio.sleep(2)
        for stops, starts in (("first", "urgent"), ("urgent", "old"), ("old", "young")):
            assert await change(api, stops, runState="Stopped") == 200
            await eventually(api, 20, **{stops: "stopped", starts: "running"})


async def test_a_stopped_vps_is_started_when_its_namespace_has_room_again() -> None:
    async with a_cluster() as api:
        await limit(api, cpu=1)
        await api.create(VPS, a_vps("dev"))
        await eventually(api, 20, dev="running")
        await change(api, "dev", runState="Stopped")
        await eventually(api, 20, dev="stopped")
        await api.create(VPS, a_vps("other"))
        await eventually(api, 20, other="running")
        await change(api, "dev", runState="Running")
        await asyncio.sleep(3)
        words = "default uses 1 of 1 cores (quota all): it waits until some are free"
        assert await told(api, "dev") == ("pending", "QuotaExceeded", words)
        async with nothing_is_written(api):
            await asyncio.sleep(60)
        await change(api, "other", runState="Stopped")
        await eventually(api, 20, dev="running", other="stopped")


async def test_a_quota_holds_from_the_moment_it_is_made_until_it_is_deleted() -> None:
    async with a_cluster() as api:
        await api.create(VPS, a_vps("before", cores=2))
        await api.create(VPS, a_vps("other", cores=2))
        await eventually(api, 20, before="running", other="running")
        await limit(api, cpu=3)
        await api.create(VPS, a_vps("dev"))
        await asyncio.sleep(5)
        assert (await told(api, "dev"))[2] == (
            "default uses 4 of 3 cores (quota all): it waits until some are free"
        )
        assert (await phases(api))["before"] == "running", "what runs is left alone"
        assert await change(api, "before", resources={"cores": 3}) == 422
        await api.call("DELETE", f"{RESOURCE_QUOTA.path(namespace='default')}/all")
        await eventually(api, 20, dev="running")


async def test_a_quota_that_makes_no_sense_closes_its_own_namespace_until_it_is_gone() -> None:
    async with a_cluster() as api, contextlib.AsyncExitStack() as late:
        await api.create(NAMESPACE, {"metadata": {"name": "team-b"}})
        broken = a_quota(cpu="lots")
        key = codec.key(RESOURCE_QUOTA, "default", "all")
        await api.create(VPS, a_vps("dev", placement={"node": "n2"}))
        other = a_vps("other", placement={"node": "n2"})
        other["metadata"]["namespace"] = "team-b"
        await api.create(VPS, other)
        await api.store.commit(expect={}, writes=[Put(key, codec.encode(broken))])
        await asyncio.sleep(5)
        await late.enter_async_context(SimulatedNode(api, "n2"))
        await asyncio.sleep(15)
        reply = await api.get(f"{VPS.path(namespace='team-b')}/other")
        assert reply.body["status"]["phase"] == "running"
        assert "quota all of default cannot be read" in (await told(api, "dev"))[2]
        assert (await told(api, "dev"))[:2] == ("pending", "QuotaUnreadable")
        await api.store.commit(expect={}, writes=[Delete(key)])
        await eventually(api, 20, dev="running")
