"""A commit that takes hours: one at a time, and the VPS comes back in any case. On a fake engine."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kohakuriver.agent.deciding.memory import run_of
from kohakuriver.agent.recreate import UNSURE
from kohakuriver.agent.runtime import docker
from kohakuriver.agent.runtime.base import File
from kohakuriver.agent.settings import Settings
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


@contextlib.asynccontextmanager
async def whose_agent_dies_in_the_middle(folder: Path, *, after: float = 10.0) -> AsyncIterator[Node]:
    """A node whose engine is at a commit that the agent of then began; another agent is about to begin."""
    pid = folder / "docker.pid"
    pid.write_text("7")
    async with a_node(folder, docker=str(folder / "docker.sock"), commit_patience=6 * HOUR) as node:
        await lived_in(node)
        node.engine.switches.delays["commit"] = 6 * HOUR
        await node.change(env={"A": "2"}, restartRequest="r1")
        await asyncio.sleep(after)
        assert node.engine.calls["commit"] == 1
        await node.kill_agent()
        node.engine.switches.delays.clear()
        yield node


async def start_again(node: Node) -> None:
    await node.start_agent(docker=str(node.folder / "docker.sock"), commit_patience=6 * HOUR)


def finish(node: Node) -> None:
    """The engine ends what it was asked for by the agent that died."""
    container = node.container()
    marks = {
        "kohakuriver.io/commit-cluster": node.cluster,
        "kohakuriver.io/commit-of": container.id,
        "kohakuriver.io/commit-run": run_of(container) or "",
        "kohakuriver.io/commit": "",
    }
    uid = container.labels["kohakuriver.io/uid"]
    node.engine.commit(container.id, f"kohakuriver/commit-{uid[:8]}:1", marks)


async def test_what_an_agent_that_died_had_begun_is_waited_for_by_the_next(tmp_path: Path) -> None:
    async with whose_agent_dies_in_the_middle(tmp_path) as node:
        await start_again(node)
        await asyncio.sleep(2 * HOUR)
        assert node.engine.calls["commit"] == 1, "a second one was begun beside the first"
        finish(node)
        await node.until(phase="running", restartRequest="r1")
        await asyncio.sleep(5)
        assert is_whole(node, A="2") and node.engine.calls["commit"] == 1


async def test_what_it_had_begun_moments_before_it_died_is_waited_for_too(tmp_path: Path) -> None:
    async with whose_agent_dies_in_the_middle(tmp_path, after=2.0) as node:
        await start_again(node)
        await asyncio.sleep(UNSURE / 2)
        assert node.engine.calls["commit"] == 1, "a second one was begun beside the first"
        finish(node)
        await node.until(phase="running", restartRequest="r1")
        await asyncio.sleep(5)
        assert is_whole(node, A="2") and node.engine.calls["commit"] == 1


async def test_what_it_had_noted_and_never_begun_is_begun_in_the_end(tmp_path: Path) -> None:
    async with whose_agent_dies_in_the_middle(tmp_path, after=2.0) as node:
        await start_again(node)
        begun = asyncio.get_running_loop().time()
        await node.until(phase="running", restartRequest="r1")
        waited = asyncio.get_running_loop().time() - begun
        assert UNSURE <= waited < UNSURE + 20
        await asyncio.sleep(5)
        assert is_whole(node, A="2") and node.engine.calls["commit"] == 2


async def test_where_the_engine_was_started_since_it_is_begun_again(tmp_path: Path) -> None:
    async with whose_agent_dies_in_the_middle(tmp_path) as node:
        (tmp_path / "docker.pid").write_text("8")
        await start_again(node)
        await node.until(phase="running", restartRequest="r1")
        await asyncio.sleep(5)
        assert is_whole(node, A="2") and node.engine.calls["commit"] == 2


async def test_where_it_came_to_nothing_unseen_the_vps_goes_on_and_the_next_restart_begins_again(
    tmp_path: Path,
) -> None:
    async with whose_agent_dies_in_the_middle(tmp_path) as node:
        await start_again(node)
        await asyncio.sleep(6 * HOUR + 3)
        await node.until(phase="running", restartRequest="r1")
        assert is_whole(node, A="1")
        await node.change(restartRequest="r2")
        await node.until(phase="running", restartRequest="r2")
        await asyncio.sleep(5)
        assert is_whole(node, A="2") and node.engine.calls["commit"] == 2


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
