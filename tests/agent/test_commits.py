"""A commit that takes hours: one at a time, and the VPS comes back in any case. On a fake engine."""

import asyncio
from pathlib import Path

import pytest

from agent.runtime import docker
from agent.runtime.base import File
from agent.settings import Settings
from tests.agent.agent_kit import Node, a_manifest, a_node
from tests.agent.placement_kit import condition

pytestmark = pytest.mark.looptime

NOTE = File("/root/note", b"written by its owner")
HOUR = 20.0  # which is all that is waited for here, as 6 of them are in the settings


async def lived_in(node: Node) -> str:
    """A VPS with a file of its owner's; its container."""
    await node.place(a_manifest(env={"A": "1"}))
    await node.until(phase="running")
    node.engine.put_files(node.container().id, (NOTE,))
    return node.container().id


def commits(node: Node) -> list[str]:
    return [name for name in node.engine.images if name.startswith("kohakuriver/commit-")]


def is_whole(node: Node, **env: str) -> bool:
    (record,) = node.engine.records()
    return record.files.get(NOTE.path) == NOTE and record.spec.env == env


async def test_a_commit_of_hours_is_made_once_and_waited_for(tmp_path: Path) -> None:
    async with a_node(tmp_path, commit_patience=6 * HOUR) as node:
        await lived_in(node)
        node.engine.switches.delays["commit"] = 4 * HOUR
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(4 * HOUR + 3)
        await node.until(phase="running", restartRequest="r1")
        await asyncio.sleep(5)
        assert is_whole(node, A="2") and node.engine.calls["commit"] == 1
        assert await node.events("RecreationRefused") == []


async def test_after_hours_without_end_it_goes_on_as_it_was_and_says_so(tmp_path: Path) -> None:
    async with a_node(tmp_path, commit_patience=6 * HOUR) as node:
        first = await lived_in(node)
        node.engine.switches.delays["commit"] = 8 * HOUR
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(6 * HOUR + 3)
        vps = await node.until(phase="running", restartRequest="r1")
        assert node.container().id == first and is_whole(node, A="1")
        said = condition(vps, "RestartRequired")
        assert (
            said["reason"] == "RecreationRefused"
            and "has been at its files for 2m, and is not done" in said["message"]
        )
        await node.change(restartRequest="r2")
        await node.until(phase="running", restartRequest="r2")
        said = condition(await node.get(), "RestartRequired")
        assert "which has to end first" in said["message"]
        assert node.engine.calls["commit"] == 1, "a second one was begun beside the first"
        await asyncio.sleep(2 * HOUR)
        assert commits(node) == [], "what came too late was left behind"
        node.engine.switches.delays["commit"] = 1.0
        await node.change(restartRequest="r3")
        await node.until(phase="running", restartRequest="r3")
        await asyncio.sleep(5)
        assert is_whole(node, A="2") and node.engine.calls["commit"] == 2


async def test_a_change_taken_back_brings_it_up_at_once_though_the_engine_is_still_at_it(
    tmp_path: Path,
) -> None:
    async with a_node(tmp_path, commit_patience=6 * HOUR) as node:
        first = await lived_in(node)
        node.engine.switches.delays["commit"] = HOUR
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(7)
        await node.change(env={"A": "1"})
        await node.until(phase="running")
        assert asyncio.get_running_loop().time() < HOUR, "it was kept down by a commit of no use"
        assert node.container().id == first and is_whole(node, A="1")
        await asyncio.sleep(2 * HOUR)
        node.engine.put_files(first, (File("/root/later", b"after the commit"),))
        node.engine.switches.delays.clear()
        await node.change(env={"A": "2"}, restartRequest="r2")
        await node.until(phase="running", restartRequest="r2")
        await asyncio.sleep(5)
        assert is_whole(node, A="2") and "/root/later" in node.engine.records()[0].files


async def test_it_can_be_stopped_started_and_deleted_while_the_engine_is_at_it(tmp_path: Path) -> None:
    async with a_node(tmp_path, commit_patience=6 * HOUR) as node:
        await lived_in(node)
        node.engine.switches.delays["commit"] = HOUR
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(7)
        await node.change(runState="Stopped")
        await node.until(phase="stopped")
        await node.change(runState="Running")
        await asyncio.sleep(2)
        assert node.engine.calls["commit"] == 1
        await node.delete()
        await node.until_gone()
        assert asyncio.get_running_loop().time() < HOUR, "it was kept from going by a commit of no use"
        await asyncio.sleep(2 * HOUR)
        assert node.containers() == [] and commits(node) == []


def test_no_call_gives_a_commit_up_before_its_vps_does(tmp_path: Path) -> None:
    assert Settings(node="n1", cluster="c", data_dir=tmp_path).commit_patience < docker._COMMIT


async def test_an_engine_that_goes_away_in_the_middle_is_asked_again_once_it_is_back(tmp_path: Path) -> None:
    async with a_node(tmp_path, commit_patience=6 * HOUR) as node:
        await lived_in(node)
        node.engine.switches.late["commit"] = 10 * HOUR  # it hangs up, and never does it
        await node.change(env={"A": "2"}, restartRequest="r1")
        await node.until(phase="running", restartRequest="r1")
        await asyncio.sleep(5)
        assert is_whole(node, A="2") and node.engine.calls["commit"] == 2
