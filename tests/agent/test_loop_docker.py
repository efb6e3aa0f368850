"""The whole agent on a real Docker engine, beside the real API server, in real time."""

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest
import requests.exceptions

from kohakuriver.agent.runtime.docker import DEFAULT_SOCKET
from kohakuriver.agent.runtime.purge import purge
from tests.agent.agent_kit import a_manifest
from tests.agent.docker_node import SETTINGS, SMALL, DockerNode, a_docker_node

pytestmark = pytest.mark.docker


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[DockerNode]:
    async with a_docker_node(tmp_path) as made:
        yield made


async def test_a_vps_starts_is_paused_stopped_restarted_and_deleted(node: DockerNode) -> None:
    await node.place(a_manifest(resources=SMALL))
    first = (await node.until(phase="running"))["status"]["observed"]["container"]
    await node.change(runState="Paused")
    await node.until(phase="paused")
    await node.change(runState="Stopped")
    await node.until(phase="stopped")
    await node.change(runState="Running")
    await node.until(phase="running")
    await node.change(restartRequest="r1")
    again = (await node.until(restartRequest="r1", phase="running"))["status"]["observed"]["container"]
    assert again["id"] == first["id"] and again["restarts"] == 2
    await node.delete()
    await node.until_gone()
    assert await asyncio.to_thread(node.ids) == []


@pytest.mark.fault(16)
async def test_a_container_removed_by_hand_comes_back(node: DockerNode) -> None:
    await node.place(a_manifest(resources=SMALL))
    first = (await node.until(phase="running"))["status"]["observed"]["container"]["id"]
    await asyncio.to_thread(node.do, "remove_container")
    await node.until_container(lambda container: container["id"] != first)
    assert len(await node.events("FilesystemLost")) == 1
    assert len(await asyncio.to_thread(node.ids)) == 1


@pytest.mark.fault(16)
async def test_a_container_stopped_or_paused_by_hand_runs_again_and_says_so(node: DockerNode) -> None:
    await node.place(a_manifest(resources=SMALL))
    await node.until(phase="running")
    await asyncio.to_thread(node.do, "pause")
    assert len(await node.events("PausedOutside")) == 1
    await node.until(phase="running")
    await asyncio.to_thread(node.do, "kill")
    await node.until_container(lambda container: container["restarts"] == 1)
    assert len(await node.events("StoppedOutside")) == 1


@pytest.mark.fault(17)
async def test_an_exit_code_is_reported(node: DockerNode) -> None:
    command = ["/bin/sh", "-c", "sleep 0.2; exit 7"]
    await node.place(a_manifest(resources=SMALL, restartPolicy="Never", command=command))
    vps = await node.until(phase="stopped")
    assert vps["status"]["observed"]["container"]["exitCode"] == 7
    assert vps["status"]["reason"] == "Error"


async def test_a_command_that_the_image_lacks_is_named(node: DockerNode) -> None:
    await node.place(a_manifest(resources=SMALL, command=["/no/such/program"]))
    vps = await node.until(phase="assigning", state="backoff")
    assert "/no/such/program" in vps["status"]["message"]


@pytest.mark.fault(1)
async def test_an_agent_started_again_adopts_what_runs(node: DockerNode) -> None:
    await node.place(a_manifest(resources=SMALL))
    first = await node.until(phase="running")
    await node.kill_agent()
    await node.start_agent(**SETTINGS)
    await asyncio.sleep(3)
    again = await node.until(phase="running")
    assert again["status"]["observed"]["container"] == first["status"]["observed"]["container"]


async def test_ssh_answers_with_the_key_in_the_status_before_it_runs(node: DockerNode) -> None:
    await node.place(a_manifest(image="kohakuriver/debian-ssh", ssh={}, resources=SMALL | {"cores": "1"}))
    vps = await node.until(phase="running")
    assert vps["status"]["observed"]["ssh"]["state"] == "ready"
    port = vps["status"]["assignment"]["grant"]["sshPort"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert (await reader.readline()).startswith(b"SSH-2.0-")
    writer.close()
    await writer.wait_closed()


async def test_purge_removes_this_cluster_and_no_other(node: DockerNode, tmp_path: Path) -> None:
    await node.place(a_manifest(resources=SMALL))
    await node.until(phase="running")
    nothing = await asyncio.to_thread(purge, cluster=uuid.uuid4().hex, socket=DEFAULT_SOCKET)
    assert (nothing.containers, nothing.networks, nothing.volumes) == (0, 0, 0)
    assert len(await asyncio.to_thread(node.ids)) == 1
    await node.kill_agent()
    done = await asyncio.to_thread(purge, cluster=node.cluster, socket=DEFAULT_SOCKET)
    assert (done.containers, done.networks) == (1, 1)
    await node.start_agent()


@contextlib.asynccontextmanager
async def hanging(container: str) -> AsyncIterator[None]:
    """The engine waits with this container's lock for its shim, which stands still."""
    with contextlib.closing(docker.APIClient(version="auto", timeout=600)) as client:
        shim = _parent(client.inspect_container(container)["State"]["Pid"])
        os.kill(shim, signal.SIGSTOP)
        try:
            kill = asyncio.create_task(asyncio.to_thread(client.kill, container))
            async with asyncio.timeout(60):
                while not await asyncio.to_thread(_is_silent, container):
                    pass
            yield
        finally:
            os.kill(shim, signal.SIGCONT)
            await asyncio.gather(kill, return_exceptions=True)


def _parent(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("PPid:")).split()[1])


def _is_silent(container: str) -> bool:
    with contextlib.closing(docker.APIClient(version="auto", timeout=1)) as client:
        try:
            client.inspect_container(container)
        except requests.exceptions.ReadTimeout:
            return True
        return False


@pytest.mark.fault(18, 63)
async def test_a_container_at_which_the_engine_hangs_is_said_and_stops_no_other(node: DockerNode) -> None:
    await node.place(a_manifest("stuck", resources=SMALL))
    await node.place(a_manifest("dev", resources=SMALL))
    stuck = (await node.until("stuck", phase="running"))["status"]["observed"]["container"]
    await node.until("dev", phase="running")
    async with hanging(stuck["id"]):
        await node.change("dev", runState="Stopped")
        await node.place(a_manifest("more", resources=SMALL))
        await node.until("dev", phase="stopped")
        await node.until("more", phase="running")
        vps = await node.until("stuck", reason="ContainerSilent")
        assert vps["status"]["phase"] == "running" and stuck["name"] in vps["status"]["observed"]["message"]
        await node.delete("dev")
        await node.until_gone("dev")
        await node.until_ready()
    again = (await node.until("stuck", phase="running", reason=None))["status"]["observed"]["container"]
    assert again["id"] == stuck["id"]
