"""Snapshots by schedule, and VPSes that begin from one: the real API server, the real controller."""

import asyncio
import contextlib

import pytest

from kohakuriver import errors
from kohakuriver.clock import timestamp
from kohakuriver.resources.kinds import EVENT, NODE, RESOURCE_QUOTA, SNAPSHOT, VPS
from tests.apiserver.api import running_api
from tests.fakes.clock import LoopClock
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

SNAPSHOTS = SNAPSHOT.path(namespace="default")
MERGE = {"Content-Type": "application/merge-patch+json"}
MINUTE = 60


class Taking(SimulatedNode):
    """A node that takes Snapshots at once, but while `is_slow`; and removes them at once."""

    _says_container = True
    is_slow = False
    phase = "Ready"

    async def _report_all(self):
        await super()._report_all()
        for snapshot in (await self._client.list(SNAPSHOT)).items:
            meta, status = snapshot["metadata"], snapshot.get("status") or {}
            with contextlib.suppress(errors.NotFound):
                if meta.get("deletionTimestamp"):
                    await self._client.act(
                        SNAPSHOT, meta["name"], "finish", {"uid": meta["uid"]}, namespace=meta["namespace"]
                    )
                elif not status.get("phase") and not self.is_slow:
                    await self.say(meta["name"], phase=self.phase, takenAt=timestamp(LoopClock().now()))

    async def say(self, name, **status):
        snapshot = await self._client.get(SNAPSHOT, name, namespace="default")
        body = {"metadata": {"uid": snapshot["metadata"]["uid"]}, "status": status}
        await self._client.patch(SNAPSHOT, name, body, namespace="default", subresource="status")


def a_snapshot(name, of="dev", **spec):
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"vps": {"name": of}, **spec}}


async def snapshots(api):
    """Their phases, by name."""
    items = (await api.get(SNAPSHOTS)).body["items"]
    return {one["metadata"]["name"]: (one.get("status") or {}).get("phase") for one in items}


async def change(api, path, body):
    reply = await api.call("PATCH", path, body, headers=MERGE)
    assert reply.code == 200, reply.body


async def declare(api, name, **spec):
    await change(api, f"{VPSES}/{name}", {"spec": spec})


async def complaints(api, reason):
    events = (await api.get(EVENT.path(namespace="default"))).body["items"]
    return [(one["message"], one["count"]) for one in events if one["reason"] == reason]


@contextlib.asynccontextmanager
async def a_cluster(*nodes, controllers=("c1",)):
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        for node in nodes or ("n1",):
            await stack.enter_async_context(Taking(api, node))
        for identity in controllers:
            await stack.enter_async_context(RunningController(api, identity))
        yield api


@contextlib.asynccontextmanager
async def no_snapshot_is_written(api):
    before = (await api.get(SNAPSHOTS)).body["items"]
    async with nothing_is_written(api):
        yield
    assert (await api.get(SNAPSHOTS)).body["items"] == before


async def until_minute(minute):
    """Until a little after this minute of the simulated time, which begins at 00:00."""
    await asyncio.sleep(minute * MINUTE + 10 - asyncio.get_running_loop().time())


async def said(api, name):
    found = (await conditions(api, f"{VPSES}/{name}")).get("Scheduled") or {}
    return found.get("reason"), found.get("message")


async def test_who_begins_from_a_snapshot_waits_for_it_and_goes_to_its_node():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        n1 = await stack.enter_async_context(Taking(api, "n1", cores="4"))
        await stack.enter_async_context(Taking(api, "n2", cores="32"))
        await stack.enter_async_context(RunningController(api, "c1"))
        await api.create(VPS, a_vps("dev", placement={"node": "n1"}))
        await eventually(api, 20, dev="running")
        n1.is_slow = True
        await api.create(VPS, a_vps("copy", filesFrom={"snapshot": "base"}))
        await asyncio.sleep(3)
        assert await said(api, "copy") == (
            "SnapshotMissing",
            'there is no Snapshot "base" in namespace default: kohakuriver vps snapshots lists what there is',
        )
        await api.create(SNAPSHOT, a_snapshot("base"))
        await asyncio.sleep(3)
        assert await said(api, "copy") == ("SnapshotNotReady", "Snapshot base is still being taken on n1")
        async with nothing_is_written(api):
            await asyncio.sleep(60)
        await n1.say("base", phase="Failed", message="short of disk space")
        await asyncio.sleep(3)
        assert await said(api, "copy") == ("SnapshotFailed", "Snapshot base failed: short of disk space")
        await change(api, NODE.path(name="n1"), {"spec": {"unschedulable": True}})
        await n1.say("base", phase="Ready", message=None, takenAt=timestamp(LoopClock().now()))
        await asyncio.sleep(3)
        assert await said(api, "copy") == ("NodeCordoned", "Snapshot base is on n1: node n1 is cordoned")
        await change(api, NODE.path(name="n1"), {"spec": {"unschedulable": False}})
        await eventually(api, 10, copy="running")
        assert (await get(api, "copy"))["status"]["assignment"]["node"] == "n1"


async def test_a_vps_is_taken_by_schedule_and_as_many_stay_as_it_says():
    async with a_cluster() as api:
        plan = {"schedule": "*/2 * * * *", "keepLast": 2, "volumes": "Skip", "pause": False}
        await api.create(VPS, a_vps("dev", snapshots=plan))
        await until_minute(1)
        assert await snapshots(api) == {}
        await until_minute(2)
        assert await snapshots(api) == {"dev-20260101-0002": "Ready"}
        only = (await api.get(f"{SNAPSHOTS}/dev-20260101-0002")).body
        assert {**only["spec"], "vps": None} == {
            "vps": None,
            "cause": "Schedule",
            "volumes": "Skip",
            "pause": False,
        }
        async with no_snapshot_is_written(api):
            await until_minute(3)
        await until_minute(6)
        assert await snapshots(api) == {"dev-20260101-0004": "Ready", "dev-20260101-0006": "Ready"}
        await declare(api, "dev", snapshots=None)
        await asyncio.sleep(3)
        async with no_snapshot_is_written(api):
            await until_minute(9)


async def test_what_was_missed_while_no_controller_ran_is_made_up_for_once():
    async with running_api() as api, Taking(api, "n1"):
        async with RunningController(api, "c1"):
            await api.create(VPS, a_vps("dev", snapshots={"schedule": "*/2 * * * *"}))
            await until_minute(2)
        await until_minute(8)
        assert await snapshots(api) == {"dev-20260101-0002": "Ready"}
        async with RunningController(api, "c2"):
            await until_minute(9)
            assert set(await snapshots(api)) == {"dev-20260101-0002", "dev-20260101-0008"}


async def test_a_plan_that_was_only_just_made_makes_up_for_nothing():
    async with a_cluster() as api:
        await api.create(VPS, a_vps("dev"))
        await until_minute(2)
        await declare(api, "dev", snapshots={"schedule": "*/2 * * * *"})
        await until_minute(3)
        assert await snapshots(api) == {}
        await until_minute(4)
        assert set(await snapshots(api)) == {"dev-20260101-0004"}
        await until_minute(5)
        await declare(api, "dev", snapshots={"schedule": "5 * * * *"})
        await until_minute(7)
        assert set(await snapshots(api)) == {"dev-20260101-0004"}


async def test_a_plan_of_which_a_new_controller_knows_no_more_than_when_it_was_made():
    async with running_api() as api, Taking(api, "n1"):
        async with RunningController(api, "c1"):
            await api.create(VPS, a_vps("dev"))
            await eventually(api, 20, dev="running")
        await until_minute(2)
        await declare(api, "dev", snapshots={"schedule": "*/2 * * * *"})
        async with RunningController(api, "c2"):
            await until_minute(3)
            assert await snapshots(api) == {}
        await until_minute(4)
        async with RunningController(api, "c3"):
            await until_minute(5)
            assert set(await snapshots(api)) == {"dev-20260101-0004"}


async def test_one_that_somebody_has_deleted_does_not_come_back():
    async with a_cluster() as api:
        await api.create(VPS, a_vps("dev", snapshots={"schedule": "2 * * * *"}))
        await until_minute(2)
        assert (await api.call("DELETE", f"{SNAPSHOTS}/dev-20260101-0002", None)).code == 200
        await until_minute(4)
        assert await snapshots(api) == {}


async def test_none_is_taken_of_a_vps_that_has_no_container_or_whose_node_is_silent():
    async with running_api() as api, RunningController(api, "c1"):
        await api.create(VPS, a_vps("dev", snapshots={"schedule": "*/2 * * * *"}))
        await until_minute(3)
        assert await snapshots(api) == {}
        async with Taking(api, "n1") as n1:
            await until_minute(4)
            assert set(await snapshots(api)) == {"dev-20260101-0004"}
            n1.mute()
            await until_minute(8)
            assert set(await snapshots(api)) == {"dev-20260101-0004"}
            n1.unmute()
            await until_minute(9)
            assert set(await snapshots(api)) == {"dev-20260101-0004", "dev-20260101-0008"}


async def test_none_is_taken_while_the_last_one_still_is():
    async with running_api() as api, Taking(api, "n1") as n1, RunningController(api, "c1"):
        n1.is_slow = True
        await api.create(VPS, a_vps("dev", snapshots={"schedule": "*/2 * * * *"}))
        await until_minute(7)
        assert await snapshots(api) == {"dev-20260101-0002": None}
        n1.is_slow = False
        await asyncio.sleep(20)
        assert await snapshots(api) == {"dev-20260101-0002": "Ready", "dev-20260101-0006": "Ready"}


async def test_one_that_is_refused_is_told_of_once_and_taken_when_there_is_room():
    quota = RESOURCE_QUOTA.path(namespace="default", name="team")
    async with a_cluster() as api:
        await api.create(VPS, a_vps("dev", snapshots={"schedule": "2 * * * *"}))
        hard = {"count/snapshots.kohakuriver.io": "0"}
        await api.create(
            RESOURCE_QUOTA, {"metadata": {"name": "team", "namespace": "default"}, "spec": {"hard": hard}}
        )
        await until_minute(6)
        assert await snapshots(api) == {}
        ((message, count),) = await complaints(api, "SnapshotNotTaken")
        assert message.startswith("the snapshot that was due at 2026-01-01 00:02:00 UTC was not taken: ")
        assert "exceeded quota: team" in message and count == 1
        await change(api, quota, {"spec": {"hard": {"count/snapshots.kohakuriver.io": "1"}}})
        await until_minute(12)
        assert await snapshots(api) == {"dev-20260101-0002": "Ready"}


async def test_failed_ones_do_not_pile_up():
    async with running_api() as api, Taking(api, "n1") as n1, RunningController(api, "c1"):
        n1.phase = "Failed"
        await api.create(VPS, a_vps("dev", snapshots={"schedule": "*/2 * * * *"}))
        await until_minute(10)
        assert await snapshots(api) == {f"dev-20260101-{at}": "Failed" for at in ("0006", "0008", "0010")}
        n1.phase = "Ready"
        await until_minute(12)
        assert await snapshots(api) == {"dev-20260101-0012": "Ready"}


async def test_one_goes_when_its_own_time_is_over_but_not_while_somebody_waits_for_it():
    async with a_cluster("n1", "n2") as api:
        await api.create(VPS, a_vps("dev", placement={"node": "n1"}))
        await eventually(api, 20, dev="running")
        await api.create(SNAPSHOT, a_snapshot("short", keepFor="3m"))
        await api.create(SNAPSHOT, a_snapshot("awaited", keepFor="3m"))
        await api.create(SNAPSHOT, a_snapshot("kept"))
        waiting = a_vps("copy", filesFrom={"snapshot": "awaited"}, runState="Stopped")
        await api.create(VPS, waiting)
        await until_minute(2)
        assert set(await snapshots(api)) == {"short", "awaited", "kept"}
        await until_minute(4)
        assert set(await snapshots(api)) == {"awaited", "kept"}
        async with no_snapshot_is_written(api):
            await until_minute(6)
        await declare(api, "copy", runState="Running")
        await until_minute(7)
        assert (await get(api, "copy"))["status"]["assignment"]["node"] == "n1"
        assert set(await snapshots(api)) == {"kept"}


async def test_two_controllers_take_one():
    async with a_cluster(controllers=("c1", "c2")) as api:
        for name in ("one", "two", "three"):
            await api.create(VPS, a_vps(name, snapshots={"schedule": "*/2 * * * *"}))
        await until_minute(4)
        assert set(await snapshots(api)) == {
            f"{name}-20260101-{at}" for name in ("one", "two", "three") for at in ("0002", "0004")
        }


async def test_many_that_are_due_at_once_are_created_at_a_walk():
    async with running_api() as api, Taking(api, "n1", cores="64", memory="64Gi") as n1:
        n1.is_slow = True
        async with RunningController(api, "c1"):
            for number in range(40):
                await api.create(VPS, a_vps(f"v{number}", snapshots={"schedule": "2 * * * *"}))
            await asyncio.sleep(2 * MINUTE + 0.9 - asyncio.get_running_loop().time())
            under_way = len(await snapshots(api))
            await until_minute(2)
            assert 0 < under_way < 40
            assert len(await snapshots(api)) == 40
