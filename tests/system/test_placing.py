"""From a created VPS to a bound one, with the real API server and the real controller."""

import asyncio
import contextlib

import pytest

from kohakuriver.resources.kinds import EVENT, NODE, RESOURCE_QUOTA, VPS
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


async def test_a_vps_is_given_to_a_node_and_then_nothing_more_is_written():
    async with running_api() as api, SimulatedNode(api, "n1"), RunningController(api, "c1"):
        await api.create(VPS, a_vps("dev", cores=2))
        await eventually(api, 20, dev="running")
        await asyncio.sleep(5)
        async with nothing_is_written(api):
            await asyncio.sleep(60)


async def test_a_vps_that_fits_nowhere_says_why_and_is_placed_when_there_is_room():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        await stack.enter_async_context(RunningController(api, "c1"))
        await api.create(VPS, a_vps("big", memory="32Gi"))
        await asyncio.sleep(3)
        assert (await get(api, "big"))["status"]["message"] == "no node has joined yet"
        await stack.enter_async_context(SimulatedNode(api, "n1", memory="16Gi"))
        await asyncio.sleep(15)
        assert (await get(api, "big"))["status"]["message"] == (
            "0 of 1 nodes fit: 1 short of memory (need 32Gi, 16Gi in all on n1)"
        )
        async with nothing_is_written(api):
            await asyncio.sleep(60)
        await stack.enter_async_context(SimulatedNode(api, "n2", memory="64Gi"))
        await eventually(api, 10, big="running")
        big = await get(api, "big")
    assert big["status"]["assignment"]["node"] == "n2"
    assert {one["type"]: one["status"] for one in big["status"]["conditions"]}["Scheduled"] == "True"


async def keeps(api, node, *vpses):
    """This node lists a volume `home` for each of these."""
    listed = [{"namespace": "default", "vps": vps, "name": "home"} for vps in vpses]
    path = NODE.path(name=node, subresource="status")
    headers = {"Content-Type": "application/merge-patch+json"}
    reply = await api.call("PATCH", path, {"status": {"volumes": listed}}, user=node, headers=headers)
    assert reply.code == 200


WITH_HOME = {"volumes": [{"name": "home", "target": "/root"}]}


async def test_a_vps_made_again_goes_where_its_volumes_are_kept():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        for node, cores in (("n1", "32"), ("n2", "4"), ("n3", "32")):
            await stack.enter_async_context(SimulatedNode(api, node, cores=cores))
        await keeps(api, "n2", "dev", "large")
        await stack.enter_async_context(RunningController(api, "c1"))
        await asyncio.sleep(3)
        await api.create(VPS, a_vps("dev", **WITH_HOME))
        await api.create(VPS, a_vps("named", placement={"node": "n3"}, **WITH_HOME))
        await api.create(VPS, a_vps("large", cores=8, **WITH_HOME))
        await eventually(api, 20, dev="running", named="running", large="running")
        nodes = {name: (await get(api, name))["status"]["assignment"]["node"] for name in ("dev", "named")}
        assert nodes == {"dev": "n2", "named": "n3"}
        elsewhere = (await get(api, "large"))["status"]["assignment"]["node"]
        assert elsewhere != "n2"
        events = (await api.get(EVENT.path(namespace="default"))).body["items"]
        assert [one["message"] for one in events if one["reason"] == "VolumesElsewhere"] == [
            f"volumes of an earlier large are kept on n2, where it did not fit: on {elsewhere} it starts "
            "with empty ones; to have those files, delete it and create it with --target n2"
        ]


async def test_volumes_that_a_node_lists_later_count_for_who_waits_already():
    quota = RESOURCE_QUOTA.path(namespace="default", name="team")
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        for node in ("n1", "n2"):
            await stack.enter_async_context(SimulatedNode(api, node, cores="32"))
        hard = {"requests.cpu": "4"}
        await api.create(
            RESOURCE_QUOTA, {"metadata": {"name": "team", "namespace": "default"}, "spec": {"hard": hard}}
        )
        await stack.enter_async_context(RunningController(api, "c1"))
        await api.create(VPS, a_vps("first", cores=4))
        await eventually(api, 20, first="running")
        taken = (await get(api, "first"))["status"]["assignment"]["node"]
        names = [f"v{number}" for number in range(4)]
        for name in names:
            await api.create(VPS, a_vps(name, cores=1, **WITH_HOME))
        await asyncio.sleep(5)
        await keeps(api, taken, *names)  # the other has more room
        await asyncio.sleep(5)
        headers = {"Content-Type": "application/merge-patch+json"}
        more = {"spec": {"hard": {"requests.cpu": "8"}}}
        assert (await api.call("PATCH", quota, more, user="admin", headers=headers)).code == 200
        await eventually(api, 20, **dict.fromkeys(names, "running"))
        assert {(await get(api, name))["status"]["assignment"]["node"] for name in names} == {taken}


@pytest.mark.fault(40)
async def test_two_controllers_at_once_bind_each_vps_once():
    names = [f"v{number:02}" for number in range(40)]
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        for node in ("n1", "n2", "n3"):
            await stack.enter_async_context(SimulatedNode(api, node))
        for name in ("c1", "c2"):  # each takes itself for the leader
            await stack.enter_async_context(RunningController(api, name, lease=name))
        await asyncio.sleep(4)
        await asyncio.gather(*(api.create(VPS, a_vps(name, cores="500m")) for name in names))
        await eventually(api, 20, **dict.fromkeys(names, "running"))
        vpses = (await api.get(VPSES)).body["items"]
        records = (await api.get("/apis/kohakuriver.io/v1alpha1/nodeallocations")).body["items"]
    bookings = {
        uid: record["metadata"]["name"] for record in records for uid in (record.get("bookings") or {})
    }
    assert {vps["status"]["epoch"] for vps in vpses} == {1}
    assert bookings == {vps["metadata"]["uid"]: vps["status"]["assignment"]["node"] for vps in vpses}
    assert sum(len(record["bookings"]) for record in records) == len(names)


async def test_vpses_spread_over_equal_nodes():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        for node in ("n1", "n2", "n3"):
            await stack.enter_async_context(SimulatedNode(api, node))
        await stack.enter_async_context(RunningController(api, "c1"))
        await asyncio.sleep(4)
        for number in range(9):
            await api.create(VPS, a_vps(f"v{number}"))
        await asyncio.sleep(5)
        vpses = (await api.get(VPSES)).body["items"]
    nodes = [vps["status"]["assignment"]["node"] for vps in vpses]
    assert {node: nodes.count(node) for node in nodes} == {"n1": 3, "n2": 3, "n3": 3}


async def test_a_cordoned_node_gets_nothing_until_it_is_uncordoned():
    async with running_api() as api, SimulatedNode(api, "n1"), RunningController(api, "c1"):
        await _cordon(api, "n1", cordoned=True)
        await api.create(VPS, a_vps("dev"))
        await asyncio.sleep(5)
        assert (await get(api, "dev"))["status"]["message"] == "0 of 1 nodes fit: 1 cordoned"
        await _cordon(api, "n1", cordoned=False)
        await eventually(api, 10, dev="running")


async def test_a_reason_to_give_up_is_taken_back_at_once_where_it_no_longer_holds():
    async with running_api() as api, SimulatedNode(api, "n1", cores="4"), RunningController(api, "c1"):
        await api.create(VPS, a_vps("first", memory="12Gi"))
        await eventually(api, 20, first="running")
        await _cordon(api, "n1", cordoned=True)
        await api.create(VPS, a_vps("second", memory="12Gi"))
        await asyncio.sleep(10.1)
        assert (await conditions(api, f"{VPSES}/second"))["Scheduled"]["reason"] == "NodeCordoned"
        await _cordon(api, "n1", cordoned=False)
        await asyncio.sleep(0.5)
        assert (await conditions(api, f"{VPSES}/second"))["Scheduled"]["reason"] == "Unschedulable"


async def test_a_stopped_vps_frees_its_cores_and_waits_for_them_when_started_again():
    async with running_api() as api, SimulatedNode(api, "n1", cores="2"), RunningController(api, "c1"):
        await api.create(VPS, a_vps("first", cores=2))
        await eventually(api, 20, first="running")
        await _declare(api, "first", "Stopped")
        await eventually(api, 10, first="stopped")
        await api.create(VPS, a_vps("second", cores=2))
        await eventually(api, 10, second="running")
        await _declare(api, "first", "Running")
        await asyncio.sleep(5)
        first = await get(api, "first")
        assert first["status"]["phase"] == "pending"
        assert first["status"]["message"] == (
            "its files are on n1, which is short of cores (need 2, free 0, 2 in all on n1)"
        )
        async with nothing_is_written(api):
            await asyncio.sleep(30)
        await _declare(api, "second", "Stopped")
        await eventually(api, 10, first="running", second="stopped")
        after = await get(api, "first")
    assert after["status"]["epoch"] == first["status"]["epoch"] == 1
    assert after["status"]["assignment"]["grant"]["sshPort"] == 30000


async def test_a_vps_that_names_a_node_that_is_not_there_says_so():
    async with running_api() as api, SimulatedNode(api, "n1"), RunningController(api, "c1"):
        await api.create(VPS, a_vps("dev", placement={"node": "n9"}))
        await asyncio.sleep(5)
        dev = await get(api, "dev")
        said = (await conditions(api, f"{VPSES}/dev"))["Scheduled"]
        events = (await api.get("/api/v1/namespaces/default/events")).body["items"]
    assert dev["status"]["message"] == "node n9 does not exist"
    assert said["reason"] == "NodeNotFound"
    assert [event["reason"] for event in events] == ["FailedScheduling"]


async def _declare(api, name, run_state):
    reply = await api.call(
        "PATCH",
        f"{VPSES}/{name}",
        {"spec": {"runState": run_state}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert reply.code == 200, reply.body


async def _cordon(api, name, *, cordoned):
    reply = await api.call(
        "PATCH",
        NODE.path(name=name),
        {"spec": {"unschedulable": cordoned}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    assert reply.code == 200, reply.body
