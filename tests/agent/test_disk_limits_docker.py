"""A real VPS that writes more than it may is stopped by the agent before the node suffers, and kept."""

import asyncio

import pytest

from tests.agent.agent_kit import a_manifest
from tests.agent.docker_node import SMALL, a_docker_node

pytestmark = pytest.mark.docker
FILL = "dd if=/dev/zero of={} bs=1M count={} 2>/dev/null; ls {}"


async def test_a_vps_beyond_its_limit_is_stopped_and_runs_again_with_a_higher_one(tmp_path):
    async with a_docker_node(tmp_path / "agent") as node:
        volumes = [{"name": "home", "target": "/root", "reclaimPolicy": "Delete"}]
        await node.place(a_manifest(resources={**SMALL, "disk": "64Mi"}, volumes=volumes))
        await node.until(phase="running")
        assert node.run("sh", "-c", FILL.format("/layer", 40, "/layer")) == "/layer"
        assert node.run("sh", "-c", FILL.format("/root/volume", 40, "/root/volume")) == "/root/volume"
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        assert "of disk, and spec.resources.disk allows 64Mi" in vps["status"]["message"]
        assert await node.events("DiskLimitExceeded")

        await node.change(restartRequest="1")
        await node.until(restartRequest="1", phase="stopped", reason="DiskLimitExceeded")
        await node.change(resources={"disk": "200Mi"})
        await node.until(phase="running")
        assert node.run("ls", "/layer", "/root/volume").split() == ["/layer", "/root/volume"]

        await node.change(env={"MADE": "anew"}, restartRequest="2")
        await node.until(restartRequest="2", phase="running")
        async with asyncio.timeout(60):
            while len(node.ids()) > 1:  # the one before it goes once this one has run
                await node.find()
        assert node.run("sh", "-c", FILL.format("/more", 130, "/more")) == "/more"
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        assert "spec.resources.disk allows 200Mi" in vps["status"]["message"]


async def test_files_without_bytes_count_too(tmp_path):
    async with a_docker_node(tmp_path / "agent") as node:
        await node.place(a_manifest(resources={**SMALL, "disk": "64Mi"}))
        await node.until(phase="running")
        made = node.run("sh", "-c", "mkdir /many; cd /many; seq 1 11000 | xargs touch; ls | wc -l")
        assert made == "11000"
        vps = await node.until(phase="stopped", reason="DiskLimitExceeded")
        assert "files, and spec.resources.disk allows 10,000" in vps["status"]["message"]
