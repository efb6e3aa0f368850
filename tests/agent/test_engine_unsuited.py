"""An engine that is too old or too new: said of the Node, and of every VPS that waits for it."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver.agent.engine import IMAGES_EVERY
from kohakuriver.agent.loop import Agent
from kohakuriver.agent.runtime.errors import EngineRefused, EngineUnsuited
from kohakuriver.resources import kinds
from tests.agent.agent_kit import PATIENCE, Json, Node, a_manifest, a_node

pytestmark = pytest.mark.looptime
TOO_OLD = "the container engine is too old: it has version 1.40 of its API, and 1.41 is needed"


def unsuit(node: Node) -> None:
    """From now on its engine is another one, which is too old."""
    node.engine.switches.refusals["list"] = EngineUnsuited(TOO_OLD)
    node.engine.restart()


async def until_runtime(node: Node, reason: str) -> Json:
    async with asyncio.timeout(PATIENCE):
        while True:
            reply = await node.api.get(kinds.NODE.path(name="n1"))
            (said,) = [one for one in reply.body["status"]["conditions"] if one["type"] == "RuntimeReady"]
            if said["reason"] == reason:
                return dict(said)
            await asyncio.sleep(0.1)


async def until_listed(agent: Agent, times: int) -> None:
    """Until it has read everything so many times more."""
    lists = agent.engine.lists
    async with asyncio.timeout(PATIENCE):
        while True:
            if agent.engine.lists >= lists + times:
                return
            await asyncio.sleep(0.1)


async def test_its_node_is_not_ready_and_a_vps_bound_to_it_says_why_it_waits(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        unsuit(node)
        said = await until_runtime(node, "EngineUnsuited")
        assert (said["status"], said["message"]) == ("False", TOO_OLD)
        reply = await node.api.create(kinds.VPS, a_manifest("late"))
        refused = await node.api.call(
            "POST",
            f"{node.paths}/late/bind",
            {"uid": reply["metadata"]["uid"], "node": "n1"},
            user="controller",
        )
        assert refused.code == 422 and TOO_OLD in refused.body["message"]


async def test_a_vps_that_waits_on_it_says_why_and_goes_on_once_it_is_mended(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        node.engine.switches.refusals["create"] = EngineUnsuited("not yet")
        await node.place(a_manifest())
        await node.until(reason="EngineUnsuited")
        unsuit(node)
        vps = await node.until(phase="assigning", message=TOO_OLD)
        assert vps["status"]["reason"] == "EngineUnsuited"
        node.engine.switches.refusals.clear()
        vps = await node.until(phase="running")
        assert not vps["status"].get("message")


async def test_one_that_runs_there_keeps_what_was_known_of_it(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        node.engine.switches.refusals["list"] = EngineUnsuited(TOO_OLD)
        await node.kill_agent()
        await node.start_agent()
        await until_runtime(node, "EngineUnsuited")
        assert (await node.get())["status"]["phase"] == "running"
        await node.delete()
        vps = await node.until(message=TOO_OLD)
        assert vps["status"]["observed"]["state"] == "removing"
        node.engine.switches.refusals.clear()
        await node.until_gone()


@pytest.mark.parametrize("call", ["image", "images"])
async def test_an_image_that_the_engine_cannot_tell_of_makes_no_node_unready(
    call: str, tmp_path: Path
) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        node.engine.switches.refusals[call] = EngineRefused("500: layer does not exist")
        assert node.agent is not None
        await until_listed(node.agent, IMAGES_EVERY + 1)
        said = await until_runtime(node, "EngineAnswers")
        assert said["status"] == "True"
        await node.place(a_manifest("second"))
        await node.until("second", phase="running")
