"""A VPS that takes more of the disk than it may is stopped, and starts when it may; on a fake engine."""

import asyncio
import contextlib

import pytest

from kohakuriver.agent.machine.facts import Disk
from kohakuriver.agent.room.gauge import Amount
from tests.agent.agent_kit import Node, a_manifest, a_node
from tests.agent.deciding.test_room import GI

pytestmark = pytest.mark.looptime


def a_disk(free: int = 80 * GI) -> Disk:
    return Disk("/var/lib/fake", total=100 * GI, free=free, files=6_000_000, free_files=5_000_000)


def writes(node: Node, size: int, *, files: int = 100, name: str = "dev") -> None:
    """From now on its files take so much."""
    (layer,) = [one.name for one in node.containers() if f"-{name}-" in one.name]
    node.gauge.folders[f"/layers/{layer}"] = Amount(size, files)
    node.disk = a_disk(80 * GI - size)


@contextlib.asynccontextmanager
async def a_running_node(folder, disk="10Gi", **settings):
    async with a_node(folder, **settings) as node:
        resources = {"cores": 1, "memory": "1Gi", **({"disk": disk} if disk else {})}
        await node.place(a_manifest(resources=resources))
        await node.until(phase="running")
        writes(node, GI)
        yield node


async def test_beyond_its_limit_it_is_stopped_with_its_reason_and_kept(tmp_path):
    async with a_running_node(tmp_path) as node:
        writes(node, 11 * GI)
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        assert "11Gi of disk, and spec.resources.disk allows 10Gi" in vps["status"]["message"]
        assert "frees no room" not in vps["status"]["message"]
        assert node.container().exit_code == 0
        (event,) = await node.events("DiskLimitExceeded")
        assert event["message"] == vps["status"]["message"]


async def test_it_starts_again_once_its_limit_is_raised_and_no_sooner(tmp_path):
    async with a_running_node(tmp_path) as node:
        writes(node, 11 * GI)
        await node.until(phase="stopped", reason="DiskLimitExceeded")
        writes(node, GI)  # a program that tidies up at its end must not go round for ever
        walks = len(node.gauge.asked)
        await node.change(priority=1)
        await node.until(phase="running")
        assert len(node.gauge.asked) > walks
        writes(node, 11 * GI)
        await node.until(phase="stopped", reason="DiskLimitExceeded")
        await node.change(resources={"disk": "20Gi"})
        await node.until(phase="running", reason=None)


async def test_a_restart_that_is_asked_for_counts_again_and_changes_nothing_while_it_is_full(tmp_path):
    async with a_running_node(tmp_path) as node:
        writes(node, 11 * GI)
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        writes(node, 12 * GI)
        await node.change(restartRequest="1")
        said = vps["status"]["message"].replace("11Gi", "12Gi")
        await node.until(phase="stopped", message=said)
        assert node.container().started_at == vps["status"]["observed"]["container"]["startedAt"]
        writes(node, 2 * GI)
        await node.change(restartRequest="2")
        await node.until(phase="running")


async def test_an_agent_that_starts_anew_starts_it_no_sooner(tmp_path):
    async with a_running_node(tmp_path) as node:
        writes(node, 11 * GI)
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        await node.agent.data_dir.flush(within=2.0)
        await node.kill_agent()
        await node.start_agent()
        await node.place(a_manifest("other"))
        await node.until("other", phase="running")
        assert (await node.get())["status"]["reason"] == "DiskLimitExceeded"
        (container,) = [one for one in node.containers() if "-dev-" in one.name]
        assert not container.is_up
        assert container.started_at == vps["status"]["observed"]["container"]["startedAt"]


async def test_files_that_take_no_bytes_are_counted_too(tmp_path):
    async with a_running_node(tmp_path) as node:
        writes(node, GI, files=700_000)
        node.disk = Disk("/var/lib/fake", 100 * GI, 79 * GI, files=6_000_000, free_files=4_300_000)
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        assert "700,000 files, and spec.resources.disk allows 655,360" in vps["status"]["message"]


async def test_where_nobody_has_said_anything_half_of_the_disk_is_a_fuse(tmp_path):
    async with a_running_node(tmp_path, disk=None) as node:
        writes(node, 60 * GI)
        await asyncio.sleep(60)
        assert await node.events("DiskNearLimit")
        assert (await node.get())["status"]["phase"] == "running"
        node.disk = a_disk(2 * GI)
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        assert "the default of its node allows 50Gi" in vps["status"]["message"]


async def test_what_is_set_as_the_default_of_a_node_counts_always(tmp_path):
    async with a_running_node(tmp_path / "a", disk=None, default_disk=0.5) as node:
        writes(node, 45 * GI)
        await asyncio.sleep(15)
        assert await node.events("DiskNearLimit")
        assert (await node.get())["status"]["phase"] == "running"
        writes(node, 51 * GI)
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        assert "the default of its node allows 50Gi" in vps["status"]["message"]
    async with a_running_node(tmp_path / "b", disk=None, default_disk=0.0) as node:
        writes(node, 79 * GI)
        node.disk = None  # not looked at meanwhile
        await node.place(a_manifest("other", resources={"cores": 1, "memory": "1Gi", "disk": "1Gi"}))
        await node.until("other", phase="running")
        writes(node, 2 * GI, name="other")
        await node.until("other", phase="stopped", reason="DiskLimitExceeded")
        assert (await node.get())["status"]["phase"] == "running"


async def test_near_its_limit_its_owner_is_told_once(tmp_path):
    async with a_running_node(tmp_path) as node:
        writes(node, 9 * GI)
        await asyncio.sleep(20)
        told = await node.events("DiskNearLimit")
        walks = len(node.gauge.asked)
        writes(node, 9 * GI + 1)
        await asyncio.sleep(150)
        assert len(node.gauge.asked) > walks
        assert [one.get("count") or 1 for one in await node.events("DiskNearLimit")] == [1]
        assert "spec.resources.disk" in told[0]["message"]
        assert (await node.get())["status"]["phase"] == "running"


async def test_its_volumes_and_what_was_carried_over_are_its_own(tmp_path):
    async with a_running_node(tmp_path) as node:
        volumes = [{"name": "home", "target": "/root"}]
        node.disk = None  # not looked at meanwhile
        await node.change(volumes=volumes, restartRequest="1")
        await node.until(restartRequest="1", phase="running")
        container = node.container()
        node.gauge.folders[f"/layers/{container.name}"] = Amount(4 * GI, 10)
        node.gauge.folders[f"/layers/{container.image_id}/0"] = Amount(4 * GI, 10)
        (volume,) = [name for name in node.engine.volumes if name.endswith("_home")]
        node.gauge.folders[f"/volumes/{volume}"] = Amount(4 * GI, 10)
        node.disk = a_disk(60 * GI)
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        assert "take 12Gi of" in vps["status"]["message"]
        assert "before its container was last made anew this frees no room" in vps["status"]["message"]


async def test_files_that_cannot_be_counted_stop_nobody(tmp_path):
    async with a_running_node(tmp_path) as node:
        node.gauge.trouble = "its files could not be counted: Permission denied"
        writes(node, 20 * GI)
        walks = len(node.gauge.asked)
        await asyncio.sleep(130)
        assert len(node.gauge.asked) > walks
        assert (await node.get())["status"]["phase"] == "running"


async def test_what_can_never_be_counted_is_tried_less_and_less(tmp_path):
    async with a_running_node(tmp_path) as node:
        node.gauge.trouble = "its files could not be counted: /layers: Permission denied"
        tries = len(node.gauge.asked)
        await asyncio.sleep(1000)
        assert 3 <= len(node.gauge.asked) - tries < 8


async def test_one_that_was_stopped_starts_when_it_is_asked_for_and_nothing_can_be_counted(tmp_path):
    async with a_running_node(tmp_path) as node:
        writes(node, 11 * GI)
        await node.until(phase="stopped", reason="DiskLimitExceeded")
        node.gauge.trouble = "its files could not be counted: /layers: Permission denied"
        await node.change(resources={"disk": "20Gi"})
        await asyncio.sleep(170)
        assert (await node.get())["status"]["phase"] == "stopped"
        await asyncio.sleep(20)
        await node.until(phase="running", reason=None)


async def test_nothing_is_written_while_nothing_changes(tmp_path):
    async with a_running_node(tmp_path) as node:
        writes(node, 11 * GI)
        before = await node.until(phase="stopped", reason="DiskLimitExceeded")
        walks = len(node.gauge.asked)
        await asyncio.sleep(60)
        assert len(node.gauge.asked) == walks
        assert await node.get() == before
