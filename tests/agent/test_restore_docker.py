"""Files and volumes come back from a Snapshot on a real engine, and a fork is a VPS of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.login import ssh
from tests.agent.agent_kit import Json, a_manifest
from tests.agent.docker_node import SMALL, DockerNode, a_docker_node
from tests.agent.docker_world import a_built_image
from tests.agent.snapshot_kit import a_snapshot, of_vps

pytestmark = pytest.mark.docker

DATA = [{"name": "data", "target": "/data"}]
FROM = {"filesFrom": {"snapshot": "s1"}}
WRITE = "echo {word} > /root-note; echo {word} > /data/note; echo {word} > /cache/note"
READ = "cat /root-note /data/note /cache/note"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[DockerNode]:
    async with a_docker_node(tmp_path) as made:
        yield made


@pytest.fixture
def image() -> Iterator[str]:
    """One whose maker declared a volume."""
    with a_built_image("FROM kohakuriver/busybox\nVOLUME /cache\n") as reference:
        yield reference


async def says(node: DockerNode, vps: Json, command: str) -> str:
    """What a shell says in the container of that VPS."""
    found = await of_vps(node, vps["metadata"]["uid"])

    def work() -> str:
        with contextlib.closing(node.docker) as client:
            made = client.exec_create(found.id, ["/bin/sh", "-c", command])
            return bytes(client.exec_start(made["Id"])).decode().strip()

    return await asyncio.to_thread(work)


async def lived_in(node: DockerNode, image: str) -> Json:
    """A VPS with a Snapshot s1 of it, in which something was written since."""
    await node.place(a_manifest(image=image, resources=SMALL, volumes=DATA))
    vps = await node.until(phase="running")
    await says(node, vps, WRITE.format(word="before") + "; ln /data/note /data/link; chmod 750 /data")
    await a_snapshot(node)
    await says(node, vps, WRITE.format(word="later") + "; rm /data/link; chmod 700 /data")
    return vps


async def restored(node: DockerNode, word: int) -> None:
    await node.until(replaceFiles=word)
    await node.until(phase="running")
    await at_rest(node)


async def at_rest(node: DockerNode, *, containers: int = 1) -> None:
    """So many containers are left, and nothing is under way."""
    async with asyncio.timeout(60):
        while True:
            notes = (
                [one.memory.durable.filling for one in node.agent.roster] if node.agent is not None else []
            )
            ids = await asyncio.to_thread(node.ids)
            if notes and not any(notes) and len(ids) == containers:
                return
            await asyncio.sleep(0.05)


async def volumes(node: DockerNode) -> dict[str, Any]:
    """Of the container, by where they are seen."""
    body = await asyncio.to_thread(node.inspect)
    return {one["Destination"]: one for one in body["Mounts"]}


async def test_files_and_volumes_come_back_and_the_undo_is_undone(image: str, node: DockerNode) -> None:
    vps = await lived_in(node, image)
    before = await volumes(node)
    await node.change(**FROM, replaceFiles=1, keepReplacedFiles="1h")
    await restored(node, 1)
    assert (await says(node, vps, READ)).split() == ["before"] * 3
    assert await says(node, vps, "stat -c '%h %a' /data/note; stat -c %a /data") == "2 644\n750"
    now = await volumes(node)
    assert now["/data"]["Name"] == before["/data"]["Name"]
    assert now["/cache"]["Name"] != before["/cache"]["Name"]
    for one in now.values():
        assert [path.name for path in Path(one["Source"]).parent.iterdir()] == ["_data"]
    with contextlib.closing(node.docker) as client, pytest.raises(docker.errors.NotFound):
        await asyncio.to_thread(client.inspect_volume, before["/cache"]["Name"])
    await node.change(filesFrom={"snapshot": "dev-before-1"}, replaceFiles=2, keepReplacedFiles=None)
    await restored(node, 2)
    assert (await says(node, vps, READ)).split() == ["later"] * 3
    assert await says(node, vps, "ls /data; stat -c %a /data") == "note\n700"
    found = await of_vps(node, vps["metadata"]["uid"])
    runtime = node.runtime
    assert runtime is not None and node.agent is not None
    folders = await runtime.folders(found.id, carried=labels.commit_number(found))
    assert any((Path(one) / "root-note").exists() for one in folders)
    await node.delete()
    await node.until_gone()
    with contextlib.closing(node.docker) as client, pytest.raises(docker.errors.NotFound):
        await asyncio.to_thread(client.inspect_volume, now["/cache"]["Name"])


async def test_one_is_restored_whose_base_image_somebody_has_removed(image: str, node: DockerNode) -> None:
    vps = await lived_in(node, image)
    with contextlib.closing(node.docker) as client:
        await asyncio.to_thread(client.remove_image, image, force=True)
    await node.change(**FROM, replaceFiles=1)
    await restored(node, 1)
    assert (await says(node, vps, READ)).split() == ["before"] * 3
    await node.change(env={"A": "1"}, restartRequest="r1")
    await node.until(restartRequest="r1")
    await node.until(phase="running")
    await at_rest(node)
    assert (await says(node, vps, READ)).split() == ["before"] * 3


async def test_a_fork_runs_beside_its_parent_with_a_host_key_of_its_own(node: DockerNode) -> None:
    resources = SMALL | {"cores": "1", "memory": "256Mi"}
    whole = {"image": "kohakuriver/debian-ssh", "ssh": {}, "resources": resources, "volumes": DATA}
    await node.place(a_manifest(**whole))
    parent = await node.until(phase="running")
    await says(node, parent, "echo ours > /root/note; echo ours > /data/note")
    await a_snapshot(node)
    await node.place(a_manifest("fork", **{**whole, "image": None}, **FROM))
    fork = await node.until("fork", phase="running")
    await at_rest(node, containers=2)
    assert await says(node, fork, "cat /root/note /data/note") == "ours\nours"
    for vps in (parent, fork):
        seen = (await node.get(vps["metadata"]["name"]))["status"]["observed"]
        assert seen["ssh"]["state"] == "ready"
    keys = [one["status"]["observed"]["ssh"]["hostKey"] for one in (parent, fork)]
    inside = [await says(node, one, f"cat {ssh.HOST_KEY}") for one in (parent, fork)]
    assert keys[0] != keys[1] and inside[0] != inside[1]
    await says(node, fork, "echo mine > /data/note; echo mine > /root/note")
    assert await says(node, parent, "cat /root/note /data/note") == "ours\nours"


async def test_an_agent_killed_in_the_middle_leaves_the_rest_to_the_next(
    image: str, node: DockerNode
) -> None:
    vps = await lived_in(node, image)
    for word, wait in enumerate((0.2, 0.6, 1.0, 1.4, 1.8), start=1):
        await node.change(**FROM, replaceFiles=word)
        await asyncio.sleep(wait)
        await node.kill_agent()
        await node.start_agent()
        await restored(node, word)
        assert (await says(node, vps, READ)).split() == ["before"] * 3
        for one in (await volumes(node)).values():
            assert [path.name for path in Path(one["Source"]).parent.iterdir()] == ["_data"]
        await says(node, vps, WRITE.format(word="later"))
