"""What takes away room needs none: an agent whose own folder refuses every change (CORRECTNESS 31)."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest

from kohakuriver.resources import kinds
from tests.agent.agent_kit import PATIENCE, Node, a_manifest, a_node

pytestmark = [pytest.mark.looptime, pytest.mark.fault(60)]

REFUSALS = [(errno.ENOSPC, "DiskFull"), (errno.EROFS, "ReadOnly")]


async def condition(node: Node, status: str) -> dict[str, Any]:
    """The Node's condition, once it is that."""
    async with asyncio.timeout(PATIENCE):
        while True:
            reply = await node.api.get(kinds.NODE.path(name=node.name))
            found = {one["type"]: one for one in reply.body["status"]["conditions"]}.get("DataDirWritable")
            if found is not None and found["status"] == status:
                return dict(found)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("refuses", "reason"), REFUSALS)
async def test_what_runs_is_stopped_and_deleted_while_nothing_can_be_written(
    tmp_path: Path, refuses: int, reason: str
):
    async with a_node(tmp_path) as node:
        for name in ("halted", "gone"):
            await node.place(a_manifest(name))
            await node.until(name, phase="running")
        node.files.refuses = refuses
        await node.change("halted", runState="Stopped")
        await node.delete("gone")
        await node.until("halted", state="stopped", reason="Stopped")
        await node.until_gone("gone")
        assert not node.container().is_up
        said = await condition(node, "False")
        assert said["reason"] == reason
        assert str(tmp_path) in said["message"]
        await asyncio.sleep(120)
        assert node.task is not None and not node.task.done()


@pytest.mark.parametrize(("refuses", "reason"), REFUSALS)
async def test_a_start_that_needs_a_note_waits_for_it_and_says_why(tmp_path: Path, refuses: int, reason: str):
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        first = node.container().started_at
        node.files.refuses = refuses
        await node.change(restartRequest="again")
        vps = await node.until(state="failed", reason="DataDirNotWritable")
        assert str(tmp_path) in vps["status"]["message"]
        assert "started as soon as" in vps["status"]["message"]
        assert not node.container().is_up
        starts = node.engine.calls["start"]
        await asyncio.sleep(30)
        assert node.engine.calls["start"] == starts
        node.files.refuses = 0
        await node.until(phase="running", restartRequest="again")
        assert node.container().started_at != first
        assert (await condition(node, "True"))["reason"] == "Writable"


async def test_a_vps_whose_host_key_cannot_be_kept_is_not_made_but_can_be_deleted(tmp_path: Path):
    async with a_node(tmp_path) as node:
        node.files.refuses = errno.ENOSPC
        for name in ("waits", "gone"):
            await node.place(a_manifest(name, ssh={}))
            await node.until(name, state="failed", reason="DataDirNotWritable")
        await node.delete("gone")
        await node.until_gone("gone")
        assert node.containers() == []
        node.files.refuses = 0
        await node.until("waits", state="running")
        await condition(node, "True")


async def test_a_vps_that_needs_no_note_starts_on_a_full_disk(tmp_path: Path):
    async with a_node(tmp_path) as node:
        node.files.refuses = errno.ENOSPC
        await node.place(a_manifest())
        await node.until(phase="running")


async def test_an_agent_that_starts_on_a_full_disk_goes_on_with_what_there_is(tmp_path: Path):
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        node.files.refuses = errno.EROFS
        await node.kill_agent()
        await node.start_agent()
        await node.change(runState="Stopped")
        await node.until(state="stopped")
        await node.delete()
        await node.until_gone()


async def test_a_restart_of_which_nothing_was_noted_is_finished_once_by_the_next_agent(tmp_path: Path):
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        node.files.refuses = errno.ENOSPC
        await node.change(restartRequest="again")
        await node.until(state="failed", reason="DataDirNotWritable")
        await node.kill_agent()
        node.files.refuses = 0
        await node.start_agent()
        await node.until(phase="running", restartRequest="again")
        await asyncio.sleep(60)
        assert node.engine.calls["start"] == 2
        assert node.engine.calls["create"] == 1


async def test_what_a_vps_is_made_anew_for_waits_with_its_files_until_it_can_be_noted(tmp_path: Path):
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        first = node.container().id
        node.files.refuses = errno.EROFS
        await node.change(env={"A": "1"}, restartRequest="again")
        await node.until(state="failed", reason="DataDirNotWritable")
        await asyncio.sleep(30)
        assert (node.container().id, node.engine.calls["commit"]) == (first, 0)
        node.files.refuses = 0
        await node.until(phase="running", restartRequest="again")
        assert node.container().id != first
        assert node.engine.calls["commit"] == 1
        assert await node.events("Recreated")
