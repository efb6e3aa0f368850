"""Placement on a real Docker engine: a stale container, a stolen port, cores, a mount, an Environment."""

import asyncio
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kohakuriver.agent.machine.beneath import KernelMounter
from kohakuriver.placement.mounts import AllowedMount
from kohakuriver.resources import kinds
from tests.agent.agent_kit import a_manifest
from tests.agent.docker_node import PORT, SETTINGS, SMALL, DockerNode, a_docker_node
from tests.agent.placement_kit import bookings, drain, lose

pytestmark = pytest.mark.docker


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[DockerNode]:
    async with a_docker_node(tmp_path) as made:
        yield made


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def inspect(node: DockerNode, name: str) -> dict[str, object]:
    """The engine's own words about a VPS's container."""
    client = node.docker
    try:
        label = [f"kohakuriver.io/cluster={node.cluster}", f"kohakuriver.io/name={name}"]
        (row,) = client.containers(all=True, filters={"label": label})
        return dict(client.inspect_container(row["Id"]))
    finally:
        client.close()


def run(node: DockerNode, name: str, *command: str) -> bytes:
    client = node.docker
    try:
        made = client.exec_create(str(inspect(node, name)["Id"]), list(command))
        return bytes(client.exec_start(made["Id"]))
    finally:
        client.close()


@pytest.mark.fault(4, 7, 8)
async def test_the_container_of_a_forgotten_vps_is_removed_when_the_agent_returns(node: DockerNode) -> None:
    await node.place(a_manifest(resources=SMALL))
    await node.until(phase="running")
    (old,) = node.ids()
    await node.kill_agent()
    await lose(node)
    await node.delete(gracePeriodSeconds=0)
    made = await node.place(a_manifest(resources=SMALL))
    await node.start_agent(**SETTINGS)
    await node.until(phase="running")
    (new,) = node.ids()
    assert new != old
    assert list(await bookings(node)) == [made["metadata"]["uid"]]
    assert await node.events("RemovedStaleContainer")


@pytest.mark.fault(28)
async def test_a_real_program_on_its_port_costs_a_vps_nothing_but_the_port(node: DockerNode) -> None:
    with socket.create_server(("127.0.0.1", PORT)):
        await node.place(a_manifest(resources=SMALL, ssh={"authorizedKeys": []}))
        vps = await node.until(phase="running")
    assert vps["status"]["assignment"]["grant"]["sshPort"] == PORT + 1
    said = await node.events("PortTaken")
    assert f"process {os.getpid()}" in said[0]["message"]


@pytest.mark.fault(29)
async def test_a_drain_ends_and_begins_the_same_container(node: DockerNode) -> None:
    await node.place(a_manifest(resources=SMALL))
    await node.until(phase="running")
    before = node.ids()
    await drain(node, True)
    await node.until(state="stopped", reason="NodeDrained")
    await drain(node, None)
    await node.until(phase="running")
    assert node.ids() == before


@pytest.mark.fault(27)
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core cannot be shared and exclusive")
async def test_no_share_is_left_on_an_exclusive_core(node: DockerNode) -> None:
    await node.place(a_manifest("share", resources=SMALL))
    await node.until("share", phase="running")
    await node.place(a_manifest("alone", resources={"cores": 1, "memory": "64Mi", "exclusive": True}))
    vps = await node.until("alone", phase="running")
    mine = vps["status"]["assignment"]["grant"]["cpuset"]
    allowed = {
        name: run(node, name, "grep", "Cpus_allowed_list", "/proc/self/status") for name in ("share", "alone")
    }
    assert allowed["alone"].split()[-1].decode() == mine
    assert mine not in allowed["share"].split()[-1].decode()
    await node.delete("alone")
    await node.until_gone("alone")
    async with asyncio.timeout(60):
        while mine not in str(inspect(node, "share")["HostConfig"]["CpusetCpus"]):  # type: ignore[index]  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_mount_is_there_after_every_start(node: DockerNode, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "file").write_text("from the node")
    await node.kill_agent()
    node.mounter = KernelMounter()  # type: ignore[assignment]
    await node.start_agent(**SETTINGS, allow_mounts=(AllowedMount(str(data)),))
    await asyncio.sleep(1)
    await node.place(a_manifest(resources=SMALL, mounts=[{"source": str(data), "target": "/data"}]))
    await node.until(phase="running")
    assert run(node, "dev", "cat", "/data/file") == b"from the node"
    await node.change(restartRequest="r1")
    await node.until(phase="running", restartRequest="r1")
    assert run(node, "dev", "cat", "/data/file") == b"from the node"
    assert str(node.folder) not in mounts()


async def test_an_environment_s_tarball_becomes_its_container(node: DockerNode, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    client = node.docker
    with file.open("wb") as sink:
        sink.writelines(client.get_image("kohakuriver/busybox"))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    spec = {"tarball": str(file), "digest": f"sha256:{digest}"}
    name = f"test-{node.cluster[:8]}"
    await node.api.create(kinds.ENVIRONMENT, {"metadata": {"name": name}, "spec": spec})
    try:
        await node.place(a_manifest(resources=SMALL, image=None, environment=name))
        vps = await node.until(phase="running")
        image = vps["status"]["observed"]["container"]["image"]
        assert image == f"kohakuriver/environment-{name}:{digest[:12]}"
    finally:
        for container in node.ids():
            client.remove_container(container, force=True)
        client.remove_image(f"kohakuriver/environment-{name}:{digest[:12]}", force=True)
        client.close()
