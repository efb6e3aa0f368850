"""What hangs at one container is said of its VPS, and is nobody else's matter: on the fake engine."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.resources import kinds
from tests.agent.agent_kit import PATHS, PATIENCE, Json, Node, a_manifest, a_node
from tests.agent.placement_kit import bookings, lose

pytestmark = pytest.mark.looptime
A_LIST = 12.0  # seconds: containers are listed every ten, and each is looked at then


def small(name: str) -> Json:
    return a_manifest(name, resources={"cores": "0.05", "memory": "32Mi"})


async def running(node: Node, name: str) -> Container:
    await node.place(small(name))
    await node.until(name, phase="running")
    return container(node, name)


def container(node: Node, name: str) -> Container:
    (found,) = (one for one in node.containers() if one.labels["kohakuriver.io/name"] == name)
    return found


def hang(node: Node, call: str, *containers: Container) -> None:
    node.engine.switches.hangs_at[call] = {one.id for one in containers}


async def runtime_ready(node: Node) -> Json:
    reply = await node.api.get(kinds.NODE.path(name="n1"))
    return next(one for one in reply.body["status"]["conditions"] if one["type"] == "RuntimeReady")


def now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.fault(18, 63)
async def test_a_look_that_hangs_is_said_of_its_vps_and_stops_no_other(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        stuck = await running(node, "stuck")
        await running(node, "dev")
        hang(node, "inspect", stuck)
        await asyncio.sleep(30)
        begun = now()
        await node.change("dev", runState="Stopped")
        await node.place(small("more"))
        await node.until("dev", phase="stopped")
        await node.until("more", phase="running")
        assert now() - begun < 5
        assert (await runtime_ready(node))["status"] == "True"
        vps = await node.until("stuck", reason="ContainerSilent")
        assert vps["status"]["phase"] == "running"
        assert stuck.name in vps["status"]["observed"]["message"]
        hang(node, "inspect")
        vps = await node.until("stuck", reason=None)
        assert vps["status"]["phase"] == "running"
        assert container(node, "stuck") == stuck


@pytest.mark.fault(18, 63)
async def test_twenty_looks_that_hang_stop_no_other(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        stuck = [await running(node, f"s{number}") for number in range(20)]
        hang(node, "inspect", *stuck)
        await asyncio.sleep(30)
        begun = now()
        await node.place(small("dev"))
        await node.until("dev", phase="running")
        assert now() - begun < 5


@pytest.mark.fault(63)
async def test_an_agent_that_begins_while_a_look_hangs_leaves_that_vps_alone_until_it_answers(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        stuck = await running(node, "stuck")
        await node.kill_agent()
        hang(node, "inspect", stuck)
        await node.change("stuck", runState="Stopped")
        await node.start_agent()
        begun = now()
        await node.place(small("dev"))
        await node.until("dev", phase="running")
        assert now() - begun < 5
        vps = await node.until("stuck", reason="ContainerSilent")
        assert vps["status"]["observed"]["state"] == "running"
        await asyncio.sleep(60)
        assert container(node, "stuck") == stuck
        hang(node, "inspect")
        await node.until("stuck", phase="stopped", reason="Stopped")
        assert container(node, "stuck").id == stuck.id


@pytest.mark.fault(63)
async def test_what_was_silent_from_the_beginning_and_is_removed_by_hand_keeps_its_vps_from_nothing(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        stuck = await running(node, "stuck")
        await node.kill_agent()
        hang(node, "inspect", stuck)
        await node.delete("stuck")
        await node.start_agent()
        await node.until("stuck", reason="Terminating")
        await asyncio.sleep(30)
        node.engine.remove(stuck.id, force=True)
        await node.until_gone("stuck")


@pytest.mark.fault(63)
async def test_what_ends_while_it_is_silent_is_found_once_it_answers(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        stuck = await running(node, "stuck")
        hang(node, "inspect", stuck)
        await asyncio.sleep(20)
        node.engine.switches.loses_events = True
        node.engine.end(stuck.id, exit_code=1)
        await asyncio.sleep(60)
        assert (await node.get("stuck"))["status"]["observed"]["state"] == "running"
        hang(node, "inspect")
        await asyncio.sleep(15)
        vps = await node.until("stuck", phase="running", reason=None)
        assert vps["status"]["observed"]["container"]["restarts"] == 1


@pytest.mark.fault(63)
async def test_who_was_started_again_between_two_looks_is_found_without_any_event(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        dev = await running(node, "dev")
        for number in range(30):
            await running(node, f"other{number}")
        await asyncio.sleep(300)
        node.engine.switches.loses_events = True
        node.engine.end(dev.id, exit_code=1)
        node.engine.start(dev.id)
        await asyncio.sleep(15)
        vps = await node.get("dev")
        assert vps["status"]["observed"]["container"]["restarts"] == 1


async def test_on_a_full_node_a_list_asks_after_a_quarter_of_what_rests(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        for number in range(120):
            await running(node, f"v{number}")
        await asyncio.sleep(300)
        before, asked = node.engine.calls["list"], node.engine.calls["inspect"]
        await asyncio.sleep(100)
        lists = node.engine.calls["list"] - before
        assert lists == 10
        assert node.engine.calls["inspect"] - asked == 30 * lists


@pytest.mark.fault(18, 63)
async def test_removals_that_hang_are_said_and_stop_no_other(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        stuck = [await running(node, f"s{number}") for number in range(9)]
        hang(node, "remove", *stuck)
        for number in range(9):
            await node.delete(f"s{number}")
        await asyncio.sleep(20)
        begun = now()
        await running(node, "dev")
        await node.delete("dev")
        await node.until_gone("dev")
        assert now() - begun < 5
        vps = await node.get("s0")
        assert vps["status"]["observed"]["reason"] == "EngineSlow"
        assert "removing" in vps["status"]["observed"]["message"]
        assert (await runtime_ready(node))["status"] == "True"
        hang(node, "remove")
        for number in range(9):
            await node.until_gone(f"s{number}")


@pytest.mark.fault(63)
async def test_a_start_that_hangs_is_said_and_stops_no_other(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        stuck = await running(node, "stuck")
        await node.change("stuck", runState="Stopped")
        await node.until("stuck", phase="stopped")
        hang(node, "start", stuck)
        await node.change("stuck", runState="Running")
        await asyncio.sleep(15)
        vps = await node.get("stuck")
        assert vps["status"]["observed"]["reason"] == "EngineSlow"
        assert "starting" in vps["status"]["observed"]["message"]
        begun = now()
        await running(node, "dev")
        assert now() - begun < 5
        hang(node, "start")
        await node.until("stuck", phase="running", reason=None)


@pytest.mark.fault(63)
@pytest.mark.parametrize("call", ["start", "stop"])
async def test_what_was_done_though_no_answer_came_is_not_said_for_ever(tmp_path: Path, call: str) -> None:
    async with a_node(tmp_path) as node:
        await running(node, "dev")
        node.engine.switches.lost_replies[call] = 1
        await node.change("dev", runState="Stopped")
        await node.until("dev", phase="stopped")
        if call == "start":
            await node.change("dev", runState="Running")
            await node.until("dev", phase="running")
        await asyncio.sleep(60)
        assert (await node.get("dev"))["status"].get("reason") != "RuntimeTimeout"


@pytest.mark.fault(4, 63)
async def test_a_tombstone_whose_removal_hangs_stops_no_other(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        stuck, other = await running(node, "stuck"), await running(node, "other")
        await node.kill_agent()
        await lose(node, "stuck")
        await node.delete("stuck", gracePeriodSeconds=0)
        hang(node, "remove", stuck)
        await node.start_agent()
        begun = now()
        await node.place(small("dev"))
        await node.until("dev", phase="running")
        assert now() - begun < 10
        await asyncio.sleep(20)
        await node.kill_agent()
        await lose(node, "other")
        await node.delete("other", gracePeriodSeconds=0)
        await node.start_agent()
        await asyncio.sleep(5)
        assert [one.id for one in node.containers() if one.id in (stuck.id, other.id)] == [stuck.id]
        hang(node, "remove")
        await asyncio.sleep(40)
        assert len(await bookings(node)) == 1
        assert all(one.state is ContainerState.RUNNING for one in node.containers())


async def test_a_node_on_which_processes_cannot_be_told_says_so_and_confirms_no_removal(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        await running(node, "dev")
        node.engine.switches.blind = "what is left of containers cannot be told"
        await node.delete("dev")
        await asyncio.sleep(20)
        reply = await node.api.get(kinds.NODE.path(name="n1"))
        (said,) = (one for one in reply.body["status"]["conditions"] if one["type"] == "ProcessesVisible")
        assert (said["status"], said["reason"]) == ("False", "LayoutUnknown")
        vps = await node.get("dev")
        assert vps["status"]["observed"]["message"] == "what is left of containers cannot be told"
        node.engine.switches.blind = ""
        await node.until_gone("dev")


async def test_what_an_unknown_container_holds_stays_said_while_it_does_not_answer(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        stray = await running(node, "stray")
        vps = await node.get("stray")
        await node.kill_agent()
        await node.delete("stray")
        body = {"uid": vps["metadata"]["uid"], "epoch": 1}
        await node.api.call("POST", f"{PATHS}/stray/finish", body, user="n1", headers=node.session)
        await node.start_agent()
        await asyncio.sleep(25)
        before = (await node.until_ready())["status"]["unknown"]
        assert (before[0]["container"], before[0]["cores"]) == (stray.name, "50m")
        await node.kill_agent()
        hang(node, "inspect", stray)
        await node.start_agent()
        await asyncio.sleep(60)
        assert (await node.until_ready())["status"]["unknown"] == before


@pytest.mark.fault(63)
async def test_a_container_that_answers_again_is_acted_upon_at_once_and_not_at_the_next_try(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path) as node:
        stuck = await running(node, "stuck")
        assert node.agent is not None
        hang(node, "inspect", stuck)
        await node.until("stuck", reason="ContainerSilent")
        await node.change("stuck", runState="Stopped")
        (entry,) = node.agent.roster
        for _ in range(int(PATIENCE)):
            if entry.memory.trouble is not None and entry.memory.trouble.retry_at > now() + 2 * A_LIST:
                break
            await asyncio.sleep(1)
        else:
            raise AssertionError("its next try is never far off: this test tries nothing")
        hang(node, "inspect")
        await asyncio.sleep(A_LIST)
        assert (await node.get("stuck"))["status"]["phase"] in ("stopping", "stopped")
