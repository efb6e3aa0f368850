"""Nodes that fall silent and come back, servers that go away, controllers that die: in simulated time."""

import asyncio
import contextlib
import datetime

import pytest

from kohakuriver.agent import options as agent_options
from kohakuriver.agent.settings import Settings
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.controller import options as controller_options
from kohakuriver.controller.deciding.nodes import Limits
from kohakuriver.resources.kinds import LEASE, NODE, NODE_LEASE_NAMESPACE, SYSTEM_NAMESPACE, VPS
from tests.apiserver.api import running_api
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore
from tests.system.simulated import (
    PERIOD,
    VPSES,
    RunningController,
    SimulatedNode,
    a_vps,
    conditions,
    eventually,
    get,
    nothing_is_written,
    phases,
)
from tests.system.simulation.link import Link

pytestmark = pytest.mark.looptime


@contextlib.asynccontextmanager
async def a_cluster(*names, vpses=1, controllers=("c1",)):
    """A server, nodes, controllers, and on each node one running VPS called as the node is."""
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api(users=_users(names)))
        nodes = {name: await stack.enter_async_context(SimulatedNode(api, name)) for name in names}
        running = [
            await stack.enter_async_context(RunningController(api, controller)) for controller in controllers
        ]
        for name in names[:vpses]:
            await api.create(VPS, a_vps(f"on-{name}", placement={"node": name}))
        await eventually(api, 20, **{f"on-{name}": "running" for name in names[:vpses]})
        await asyncio.sleep(4)
        yield api, nodes, running


def test_the_times_that_are_simulated_are_those_that_are_shipped():
    agent = agent_options.parse(["--node", "n1"])
    assert isinstance(agent, Settings)
    assert agent.renew == PERIOD
    limits = controller_options.parse([]).limits
    assert limits == Limits()
    assert (limits.loss, limits.tick) == (10, 1)


@pytest.mark.fault(2)
@pytest.mark.parametrize("phase", [0.0, 0.3, 0.8, 1.6, 2.8])
async def test_a_node_is_lost_ten_to_twelve_seconds_after_its_last_renewal(phase):
    lease = LEASE.path(namespace=NODE_LEASE_NAMESPACE, name="n1")
    async with a_cluster("n1", "n2", vpses=2) as (api, nodes, _):
        await asyncio.sleep(phase)  # against the controller's ticks
        before = (await api.get(lease)).body["spec"]["renewTime"]
        while (renewed := (await api.get(lease)).body["spec"]["renewTime"]) == before:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.sleep(phase)  # after the renewal
        nodes["n1"].mute()

        def silent() -> float:
            return (LoopClock().now() - datetime.datetime.fromisoformat(renewed)).total_seconds()

        await asyncio.sleep(9.99 - silent())
        assert (await phases(api))["on-n1"] == "running"
        while (await phases(api))["on-n1"] != "lost" and silent() < 12:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        assert await phases(api) == {"on-n1": "lost", "on-n2": "running"}


@pytest.mark.fault(2)
async def test_a_node_silent_for_12_seconds_has_lost_its_vpses_and_gets_them_back():
    async with a_cluster("n1", "n2", vpses=2) as (api, nodes, _):
        nodes["n1"].mute()
        await eventually(api, 12.2, **{"on-n1": "lost", "on-n2": "running"})
        ready = (await conditions(api, NODE.path(name="n1")))["Ready"]
        reachable = (await conditions(api, f"{VPSES}/on-n1"))["NodeReachable"]
        assert (ready["status"], ready["reason"]) == ("Unknown", "NodeStatusUnknown")
        assert reachable["status"] == "False"
        await asyncio.sleep(2)
        async with nothing_is_written(api):
            await asyncio.sleep(120)
        nodes["n1"].unmute()
        await eventually(api, 10, **{"on-n1": "running"})
        await asyncio.sleep(5)
        async with nothing_is_written(api):
            await asyncio.sleep(60)
        reachable = (await conditions(api, f"{VPSES}/on-n1"))["NodeReachable"]
        events = (await api.get("/api/v1/namespaces/default/events")).body["items"]
    told = [
        (event["reason"], event["involvedObject"]["kind"], event["count"])
        for event in events
        if event["reason"] in ("NodeLost", "NodeBack")
    ]
    assert reachable["status"] == "True"
    assert sorted(told) == [
        ("NodeBack", "Node", 1),
        ("NodeBack", "VPS", 1),
        ("NodeLost", "Node", 1),
        ("NodeLost", "VPS", 1),
    ]


@pytest.mark.fault(6)
@pytest.mark.parametrize("whole", [True, False], ids=["node and VPSes", "one VPS alone"])
async def test_a_node_that_answers_before_it_renews_is_not_lost_a_second_time(whole: bool):
    async with a_cluster("n1", "n2", vpses=2) as (api, nodes, _):
        nodes["n1"].mute()
        await eventually(api, 14, **{"on-n1": "lost"})
        if whole:
            await nodes["n1"].answer()
        else:
            await nodes["n1"].report(await get(api, "on-n1"))
        assert (await phases(api))["on-n1"] == "running"
        for _ in range(16):
            await asyncio.sleep(0.25)
            assert (await phases(api))["on-n1"] == "running"
        nodes["n1"].unmute()
        await asyncio.sleep(60)
        events = (await api.get("/api/v1/namespaces/default/events")).body["items"]
    counts = {(event["reason"], event["involvedObject"]["kind"]): event["count"] for event in events}
    assert {key: count for key, count in counts.items() if key[0].startswith("Node")} == {
        ("NodeLost", "Node"): 1,
        ("NodeBack", "Node"): 1,
        ("NodeLost", "VPS"): 1,
        ("NodeBack", "VPS"): 1,
    }


@pytest.mark.fault(2)
async def test_a_node_that_answers_once_and_falls_silent_again_is_lost_again():
    async with a_cluster("n1", "n2", vpses=2) as (api, nodes, _):
        nodes["n1"].mute()
        await eventually(api, 14, **{"on-n1": "lost"})
        await nodes["n1"].answer()
        await asyncio.sleep(5)
        assert (await phases(api))["on-n1"] == "running"
        await eventually(api, 9, **{"on-n1": "lost"})


@pytest.mark.fault(7)
@pytest.mark.parametrize("grace", [0, None])
async def test_a_delete_by_force_is_taken_up_when_its_node_turns_out_to_be_lost_and_no_other_is(grace):
    async with a_cluster("n1") as (api, nodes, _):
        nodes["n1"].mute()
        await asyncio.sleep(3)
        options = {} if grace is None else {"gracePeriodSeconds": grace}
        reply = await api.call("DELETE", f"{VPSES}/on-n1", options)
        assert reply.body["metadata"]["deletionTimestamp"], "nobody knows yet that the node is silent"
        await asyncio.sleep(10)
        reply = await api.get(f"{VPSES}/on-n1")
        record = (await api.get("/apis/kohakuriver.io/v1alpha1/nodeallocations/n1")).body
        (booking,) = record["bookings"].values()
        assert reply.code == (404 if grace == 0 else 200)
        assert bool(booking.get("tombstone")) is (grace == 0)
        nodes["n1"].unmute()
        await asyncio.sleep(10)
        record = (await api.get("/apis/kohakuriver.io/v1alpha1/nodeallocations/n1")).body
        assert len(record["bookings"]) == (0 if grace == 0 else 1)


@pytest.mark.fault(5)
async def test_a_silence_shorter_than_the_limit_changes_nothing():
    async with a_cluster("n1", "n2", vpses=2) as (api, nodes, _), nothing_is_written(api):
        nodes["n1"].mute()
        await asyncio.sleep(6)
        nodes["n1"].unmute()
        await asyncio.sleep(30)


@pytest.mark.fault(36)
async def test_a_server_that_was_away_makes_nobody_lost():
    store = MemoryStore()
    async with contextlib.AsyncExitStack() as outer:
        async with running_api(store) as api:
            port = int(api.url.rpartition(":")[2])
            node = await outer.enter_async_context(SimulatedNode(api, "n1"))
            await outer.enter_async_context(RunningController(api, "c1"))
            await api.create(VPS, a_vps("dev"))
            await eventually(api, 20, dev="running")
            await asyncio.sleep(5)
        await asyncio.sleep(120)
        node.mute()  # it comes back later than the server
        async with running_api(store, port=port) as api:
            async with nothing_is_written(api):
                await asyncio.sleep(40)
            node.unmute()
            await asyncio.sleep(40)
            assert await phases(api) == {"dev": "running"}
            async with nothing_is_written(api):
                await asyncio.sleep(60)


async def test_a_node_that_stays_away_after_an_outage_is_lost_within_72_seconds():
    store = MemoryStore()
    async with contextlib.AsyncExitStack() as outer:
        async with running_api(store) as api:
            port = int(api.url.rpartition(":")[2])
            node = await outer.enter_async_context(SimulatedNode(api, "n1"))
            await outer.enter_async_context(RunningController(api, "c1"))
            await api.create(VPS, a_vps("dev"))
            await eventually(api, 20, dev="running")
        node.mute()
        await asyncio.sleep(20)
        async with running_api(store, port=port) as api:
            await asyncio.sleep(50)
            assert await phases(api) == {"dev": "running"}
            await eventually(api, 22, dev="lost")
            node.unmute()
            await eventually(api, 10, dev="running")
            await asyncio.sleep(30)
            events = (await api.get("/api/v1/namespaces/default/events")).body["items"]
    back = {event["involvedObject"]["kind"] for event in events if event["reason"] == "NodeBack"}
    assert back == {"Node", "VPS"}, "kopf follows again too"


async def test_most_nodes_vanishing_at_once_are_marked_only_after_a_minute():
    names = ("n1", "n2", "n3", "n4", "n5")
    async with a_cluster(*names, vpses=5) as (api, nodes, _):
        for name in names[:4]:
            nodes[name].mute()
        async with nothing_is_written(api):
            await asyncio.sleep(45)
        await eventually(api, 32, **{f"on-{name}": "lost" for name in names[:4]})
        assert (await phases(api))["on-n5"] == "running"


async def test_most_nodes_coming_back_within_the_minute_were_never_lost():
    names = ("n1", "n2", "n3", "n4")
    async with a_cluster(*names, vpses=4) as (api, nodes, _), nothing_is_written(api):
        for node in nodes.values():
            node.mute()
        await asyncio.sleep(50)
        for node in nodes.values():
            node.unmute()
        await asyncio.sleep(60)


async def test_a_standby_takes_over_within_15_seconds_and_knows_the_ages():
    async with a_cluster("n1", "n2", vpses=2, controllers=("c1", "c2")) as (api, nodes, controllers):
        leader = next(each for each in controllers if each.controller.is_leading)
        await leader.kill()
        nodes["n1"].mute()
        await api.create(VPS, a_vps("later", placement={"node": "n2"}))
        await eventually(api, 15, later="running")
        await eventually(api, 12, **{"on-n1": "lost"})
        assert (await phases(api))["on-n2"] == "running"


async def test_a_leader_that_ends_in_good_order_is_followed_at_once_and_leaves_no_lease():
    async with a_cluster("n1", controllers=("c1", "c2")) as (api, _, controllers):
        leader = next(each for each in controllers if each.controller.is_leading)
        await leader.stop()
        await api.create(VPS, a_vps("later"))
        await eventually(api, 4, later="running")
        leases = (await api.get(LEASE.path(namespace=SYSTEM_NAMESPACE))).body["items"]
    assert sorted(
        lease["metadata"]["name"] for lease in leases if "controller" in lease["metadata"]["name"]
    ) in (
        ["controller", "controller-c1"],
        ["controller", "controller-c2"],
    )


async def test_a_silent_node_gets_no_new_vps():
    async with a_cluster("n1", "n2", vpses=1) as (api, nodes, _):
        nodes["n2"].mute()
        await asyncio.sleep(15)
        await api.create(VPS, a_vps("pinned", placement={"node": "n2"}))
        await asyncio.sleep(3)
        assert (await get(api, "pinned"))["status"]["message"] == "node n2 is not ready"


def _users(names):
    return tuple(User(name, Role.NODE, node=name) for name in names)


class Slept(LoopClock):
    """Counts time in which nothing ran."""

    asleep = 0.0

    def monotonic(self):
        return super().monotonic() + self.asleep


@pytest.mark.fault(67)
async def test_a_controller_that_slept_works_within_seconds_and_calls_nobody_lost():
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api())
        link = await stack.enter_async_context(Link(int(api.url.rsplit(":", 1)[1])))
        await stack.enter_async_context(SimulatedNode(api, "n1"))
        clock = Slept()
        await stack.enter_async_context(RunningController(api, "c1", url=link.url, clock=clock))
        await asyncio.sleep(20)
        clock.asleep = 3600.0
        for end in link.ends:
            end.other = None  # the other side has let go of it
        await api.create(VPS, a_vps("dev"))
        await eventually(api, 15, dev="running")
        await asyncio.sleep(60)
        assert (await conditions(api, NODE.path(name="n1")))["Ready"]["status"] == "True"
