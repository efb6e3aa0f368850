"""Snapshots on a real engine: what is in them is what was there, and nothing stays frozen."""

import asyncio
import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.agent.runtime.docker import DEFAULT_SOCKET
from kohakuriver.agent.snapshots import archives
from kohakuriver.agent.snapshots.files import Files
from kohakuriver.agent.snapshots.guard import Program
from kohakuriver.agent.snapshots.hooks import EngineHooks
from kohakuriver.resources import kinds
from tests.agent.agent_kit import a_manifest
from tests.agent.docker_node import SMALL, DockerNode, a_docker_node
from tests.agent.docker_world import DockerWorld, a_built_image, a_docker_world
from tests.agent.runtime_contract import started
from tests.agent.snapshots import awkward

pytestmark = [pytest.mark.docker, pytest.mark.skipif(os.geteuid() != 0, reason="needs root")]

Json = dict[str, Any]
BASE = (
    "FROM kohakuriver/busybox\nRUN mkdir -p /opaque /kept && touch /opaque/old /deleted /replaced /kept/old\n"
)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[DockerNode]:
    async with a_docker_node(tmp_path / "agent") as made:
        yield made


@pytest.fixture
async def world() -> AsyncIterator[DockerWorld]:
    async with a_docker_world() as made:
        yield made


@contextlib.asynccontextmanager
async def taken(node: DockerNode, **spec: Any) -> AsyncIterator[Json]:
    """A Snapshot of dev that has been tried; it goes at the end, with all that it took."""
    body = {"metadata": {"name": "s1", "namespace": "default"}, "spec": {"vps": {"name": "dev"}, **spec}}
    path = kinds.SNAPSHOT.path(namespace="default", name="s1")
    made = await node.api.create(kinds.SNAPSHOT, body)
    try:
        async with asyncio.timeout(120):
            while (made.get("status") or {}).get("phase") in (None, "Taking"):
                await asyncio.sleep(0.05)
                made = dict((await node.api.get(path)).body)
        yield made
    finally:
        await node.api.call("DELETE", path)
        async with asyncio.timeout(60):
            while (await node.api.get(path)).code == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def files_of(node: DockerNode) -> Path:
    """The container's own files, while it runs."""
    return Path(f"/proc/{node.inspect()['State']['Pid']}/root")


@contextlib.contextmanager
def started_from(image: str) -> Iterator[Path]:
    """The files of a container that was made of this image."""
    with contextlib.closing(docker.APIClient(version="auto")) as client:
        made = client.create_container(image, ["sleep", "600"], name=f"kr-take-{uuid.uuid4().hex[:8]}")
        try:
            client.start(made["Id"])
            yield Path(f"/proc/{client.inspect_container(made['Id'])['State']['Pid']}/root")
        finally:
            client.remove_container(made["Id"], force=True, v=True)


def as_an_image_has_it(tree: dict[str, Json]) -> dict[str, Json]:
    """What the engine keeps of files when it makes a layer of them: whole seconds, and of the extended
    attributes the capabilities. Holes are filled."""
    return {
        path: {
            **{field: value for field, value in known.items() if field != "is sparse"},
            "time": known["time"] // 10**9,
            "attributes": {
                name: value for name, value in known["attributes"].items() if name == "security.capability"
            },
        }
        for path, known in tree.items()
    }


async def test_image_and_archive_have_every_file_as_it_was(node: DockerNode, tmp_path: Path) -> None:
    with a_built_image(BASE) as image:
        volumes = [{"name": "data", "target": "/data"}]
        await node.place(a_manifest(image=image, resources=SMALL, volumes=volumes))
        await node.until(phase="running")
        node.run(
            *("sh", "-c"),
            "rm -r /deleted /opaque; echo new > /replaced; mkdir /opaque /awkward; touch /opaque/new",
        )
        own = files_of(node)
        await asyncio.to_thread(awkward.make, own / "awkward", in_a_container=True)
        (volume,) = [Path(one["Source"]) for one in node.inspect()["Mounts"] if one["Type"] == "volume"]
        await asyncio.to_thread(awkward.make, volume)
        layer, data = awkward.tree(own / "awkward"), awkward.tree(volume)
        async with taken(node) as snapshot:
            status = snapshot["status"]
            assert status["phase"] == "Ready", status
            assert status["leftOut"] == ["/awkward/socket", "/data/socket"]
            assert "extended attributes and ACLs" in status["message"]
            assert "of 2 files, such as /awkward/" in status["message"]
            with started_from(status["image"]) as there:
                assert as_an_image_has_it(awkward.tree(there / "awkward")) == as_an_image_has_it(layer)
                assert not (there / "deleted").exists()
                assert (there / "replaced").read_text() == "new\n"
                assert [file.name for file in (there / "opaque").iterdir()] == ["new"]
                assert (there / "kept" / "old").exists()
            (archive,) = status["volumes"]
            file = Files(tmp_path / "agent").archive(snapshot["metadata"]["uid"], "data", "/data")
            await asyncio.to_thread(archives.unpack, file, tmp_path / "back", digest=archive["digest"])
            assert awkward.tree(tmp_path / "back") == data
            assert (await node.until(phase="running"))["status"]["observed"]["container"]["restarts"] == 0
            assert node.inspect()["State"]["Paused"] is False
            assert 0 < status["pausedMilliseconds"] < 60_000
        assert node.commits() == []
        assert not file.parent.exists()


async def test_a_volume_that_its_image_declares_is_in_it_too(node: DockerNode) -> None:
    with a_built_image("FROM kohakuriver/busybox\nVOLUME /var/lib/things\n") as image:
        await node.place(a_manifest(image=image, resources=SMALL))
        await node.until(phase="running")
        node.run("sh", "-c", "echo kept > /var/lib/things/file")
        async with taken(node) as snapshot:
            (volume,) = snapshot["status"]["volumes"]
            assert (volume.get("name"), volume["target"]) == (None, "/var/lib/things")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "small").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", tmp_path / "small"], check=True)
    yield tmp_path / "small"
    subprocess.run(["umount", "--lazy", tmp_path / "small"], check=True)


async def test_a_disk_without_room_is_said_before_anything_is_begun(small_disk: Path) -> None:
    async with a_docker_node(small_disk / "agent") as node:
        volumes = [{"name": "data", "target": "/data"}]
        await node.place(a_manifest(resources=SMALL, volumes=volumes))
        await node.until(phase="running")
        node.run("sh", "-c", "echo something > /data/file")
        async with taken(node) as snapshot:
            message = snapshot["status"]["message"]
            assert snapshot["status"]["phase"] == "Failed"
            assert message.startswith("there is no room for it: the archives of its volumes take ")
            assert f"free on {small_disk}/agent" in message
        assert node.commits() == []


_AN_AGENT = """
import asyncio, sys
from kohakuriver.agent.runtime.docker import DockerRuntime
from kohakuriver.agent.snapshots.guard import Program

async def main(cluster, engine, container):
    runtime = DockerRuntime(cluster=cluster)
    await Program(engine).begin(container)
    await runtime.pause(container)
    print("frozen", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main(*sys.argv[1:]))
"""


async def state_of(world: DockerWorld, container_id: str) -> ContainerState:
    found = await world.runtime.inspect(container_id)
    assert isinstance(found, Container)
    return found.state


async def test_what_is_frozen_goes_on_when_its_agent_is_killed(world: DockerWorld) -> None:
    container_id = await started(world)
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _AN_AGENT, world.cluster, DEFAULT_SOCKET, container_id),
        stdout=asyncio.subprocess.PIPE,
    )
    assert agent.stdout is not None
    assert await agent.stdout.readline() == b"frozen\n"
    assert await state_of(world, container_id) is ContainerState.PAUSED
    agent.kill()
    await agent.wait()
    async with asyncio.timeout(30):
        while await state_of(world, container_id) is not ContainerState.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_guard_that_is_dismissed_thaws_nothing(world: DockerWorld) -> None:
    container_id = await started(world)
    watcher = await Program(DEFAULT_SOCKET).begin(container_id)
    await world.runtime.pause(container_id)
    await watcher.dismiss(thawed=True)
    assert await state_of(world, container_id) is ContainerState.PAUSED
    watcher = await Program(DEFAULT_SOCKET).begin(container_id)
    await watcher.dismiss(thawed=False)
    assert await state_of(world, container_id) is ContainerState.RUNNING


async def test_hooks_run_as_root_with_a_limit_and_say_how_they_ended(world: DockerWorld) -> None:
    container_id, hooks = await started(world), EngineHooks(DEFAULT_SOCKET)

    async def run(*command: str, within: float = 30.0) -> tuple[int | None, str]:
        outcome = await hooks.run(container_id, command, snapshot="s1", within=within)
        return outcome.code, outcome.words

    assert await run("sh", "-c", 'id -u; echo "$KOHAKURIVER_SNAPSHOT"') == (0, "0\ns1")
    assert await run("sh", "-c", "echo no such database >&2; exit 3") == (3, "no such database")
    code, words = await run("sh", "-c", "seq 1 100000; exit 1")
    assert code == 1 and words.endswith("99999\n100000") and len(words) <= 4096
    code, words = await run("no-such-program")
    assert code != 0 and "no-such-program" in words
    code, words = await run("sh", "-c", "echo waiting; sleep 4711 & sleep 4711", within=5.0)
    assert code is None and words == "it did not end in 5s: waiting"
    assert not [line for line in world.processes(container_id) if "4711" in line]
