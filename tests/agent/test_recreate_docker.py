"""A VPS made anew on a real engine: other settings, the same files, login and host key."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import docker
import pytest

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.machine.isolation import chains
from kohakuriver.agent.runtime.docker import DEFAULT_SOCKET
from kohakuriver.agent.runtime.iptables import Iptables
from kohakuriver.agent.runtime.purge import purge
from kohakuriver.resources import kinds
from tests.agent.agent_kit import a_manifest
from tests.agent.docker_node import SMALL, DockerNode, a_docker_node
from tests.agent.docker_world import a_built_image
from tests.agent.placement_kit import MERGE, condition, drain

pytestmark = pytest.mark.docker


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[DockerNode]:
    async with a_docker_node(tmp_path) as made:
        yield made


@pytest.fixture
def image_with_a_volume() -> Iterator[str]:
    """An image whose maker declared a volume, a user and a variable."""
    with a_built_image(
        "FROM kohakuriver/busybox\nVOLUME /data\nENV BASE=ours SHARED=base\nUSER 7:7\nWORKDIR /data\n"
    ) as reference:
        yield reference


async def until_one(found: Callable[[], list[str]], *, of: int = 1) -> None:
    async with asyncio.timeout(60):
        while True:
            if len(await asyncio.to_thread(found)) == of:
                return
            await asyncio.sleep(0.05)


async def restarted(node: DockerNode, request: str) -> None:
    await node.until(restartRequest=request)
    await node.until(phase="running")
    await until_one(node.ids)


async def test_a_changed_env_comes_with_a_restart_and_the_files_stay(node: DockerNode) -> None:
    resources = SMALL | {"cores": "1", "memory": "256Mi"}
    await node.place(
        a_manifest(
            image="kohakuriver/debian-ssh", ssh={}, resources=resources, env={"A": "old", "GONE": "secret"}
        )
    )
    before = (await node.until(phase="running"))["status"]
    assert before["observed"]["ssh"]["state"] == "ready"
    await asyncio.to_thread(node.run, "/bin/sh", "-c", "echo mine > /root/note; rm /usr/bin/less")
    await node.change(env={"A": "new", "GONE": None}, restartRequest="r1")
    await restarted(node, "r1")
    after = (await node.get())["status"]
    assert after["observed"]["container"]["id"] != before["observed"]["container"]["id"]
    assert after["observed"]["container"]["image"] == "kohakuriver/debian-ssh"
    assert after["observed"]["ssh"]["state"] == "ready"
    assert after["observed"]["ssh"]["hostKey"] == before["observed"]["ssh"]["hostKey"]
    assert after["assignment"]["grant"]["sshPort"] == before["assignment"]["grant"]["sshPort"]
    said, complained = await asyncio.to_thread(
        node.says, "/bin/sh", "-c", "cat /root/note; env | grep -E '^(A|GONE)='; ls /usr/bin/less"
    )
    assert said.splitlines() == ["mine", "A=new"]
    assert "No such file" in complained
    assert len(await node.events("Recreated")) == 1
    assert len(await asyncio.to_thread(node.commits)) == 1
    await node.delete()
    await node.until_gone()
    assert await asyncio.to_thread(node.ids) == [] == await asyncio.to_thread(node.commits)


async def test_what_the_image_declared_is_back_when_the_spec_no_longer_says_otherwise(
    image_with_a_volume: str, node: DockerNode
) -> None:
    await node.place(
        a_manifest(image=image_with_a_volume, resources=SMALL, env={"SHARED": "spec", "MORE": "1"})
    )
    await node.until(phase="running")
    await asyncio.to_thread(node.run, "/bin/sh", "-c", "echo kept > /data/file; echo kept > /tmp/file")
    (volume,) = [mount["Name"] for mount in (await asyncio.to_thread(node.inspect))["Mounts"]]
    for number in (1, 2):
        env = {"SHARED": None, "MORE": None, f"TURN{number}": "1"}
        await node.change(env=env, restartRequest=f"r{number}")
        await restarted(node, f"r{number}")
    said = await asyncio.to_thread(
        node.run, "/bin/sh", "-c", "cat /data/file /tmp/file; env | grep -E 'BASE|SHARED|MORE' | sort; pwd"
    )
    assert said.splitlines() == ["kept", "kept", "BASE=ours", "SHARED=base", "/data"]
    body = await asyncio.to_thread(node.inspect)
    assert [mount["Name"] for mount in body["Mounts"]] == [volume]
    await node.change(command=["/bin/sh", "-c", "sleep 1000"], restartRequest="r3")
    await restarted(node, "r3")
    assert (await asyncio.to_thread(node.inspect))["Config"]["User"] == "7:7"
    await node.delete()
    await node.until_gone()
    client = node.docker
    with pytest.raises(docker.errors.NotFound):
        await asyncio.to_thread(client.inspect_volume, volume)
    client.close()


async def test_too_many_layers_become_one_and_nothing_is_lost(
    image_with_a_volume: str, tmp_path: Path
) -> None:
    async with a_docker_node(tmp_path, most_layers=2) as node:
        await node.place(a_manifest(image=image_with_a_volume, resources=SMALL, env={"A": "1", "B": "1"}))
        await node.until(phase="running")
        await asyncio.to_thread(node.run, "/bin/sh", "-c", "echo kept > /tmp/file; echo kept > /data/file")
        for number in range(1, 5):
            await node.change(env={"A": f"{number} $x 'y\" \\", "B": None}, restartRequest=f"r{number}")
            await restarted(node, f"r{number}")
            image = (await asyncio.to_thread(node.inspect))["Image"]
            client = node.docker
            layers = (await asyncio.to_thread(client.inspect_image, image))["RootFS"]["Layers"]
            client.close()
            assert len(layers) <= 2
        said = await asyncio.to_thread(
            node.run, "/bin/sh", "-c", "cat /tmp/file /data/file; env | grep -E '^(A|B|BASE)=' | sort"
        )
        assert said.splitlines() == ["kept", "kept", "A=4 $x 'y\" \\", "BASE=ours"]
        assert len(await asyncio.to_thread(node.commits)) == 1


async def point_at(node: DockerNode, image: str) -> None:
    path, to = kinds.ENVIRONMENT.path(name="lab"), {"spec": {"image": image}}
    assert (await node.api.call("PATCH", path, to, headers=MERGE)).code == 200


@pytest.mark.fault(59)
async def test_files_outlive_a_drain_and_a_stop_after_the_environment_changed_until_the_owners_word(
    image_with_a_volume: str, node: DockerNode
) -> None:
    first = "kohakuriver/busybox"
    await node.api.create(kinds.ENVIRONMENT, {"metadata": {"name": "lab"}, "spec": {"image": first}})
    await node.place(a_manifest(resources=SMALL, image=None, environment="lab"))
    before = (await node.until(phase="running"))["status"]["observed"]["container"]
    await asyncio.to_thread(node.run, "/bin/sh", "-c", "echo mine > /root-note")
    await point_at(node, image_with_a_volume)
    await drain(node, True)
    await node.until(state="stopped", reason="NodeDrained")
    await node.act("release")
    await drain(node, None)
    await node.act("regrant")
    await node.until(phase="running")
    assert await asyncio.to_thread(node.run, "cat", "/root-note") == "mine"
    await node.change(runState="Stopped")
    await node.until(phase="stopped")
    await node.act("release")
    await node.change(runState="Running", env={"A": "1"})
    await node.act("regrant")
    await node.until_container(lambda container: container["id"] != before["id"])
    await until_one(node.ids)
    assert await asyncio.to_thread(node.run, "/bin/sh", "-c", "cat /root-note; echo $A") == "mine\n1"
    vps = await node.get()
    assert vps["status"]["observed"]["container"]["image"] == first
    assert condition(vps, "RestartRequired")["reason"] == "ImageChanged"
    await node.change(restartRequest="r1", replaceFiles=1)
    await restarted(node, "r1")
    assert "No such file" in (await asyncio.to_thread(node.says, "cat", "/root-note"))[1]
    assert (await asyncio.to_thread(node.inspect))["Config"]["Labels"][labels.IMAGE] == image_with_a_volume
    assert len(await node.events("FilesystemReplaced")) == 1
    await until_one(node.commits, of=0)


def keeps_removed_images(node: DockerNode) -> bool:
    """Whether its engine has images in containerd's store, where a container keeps what it was made of."""
    with contextlib.closing(node.docker) as client:
        return any("io.containerd.snapshotter" in kind for _, kind in client.info()["DriverStatus"])


async def test_one_whose_image_somebody_removed_by_force_keeps_its_files_and_what_it_says_is_so(
    image_with_a_volume: str, node: DockerNode
) -> None:
    await node.place(a_manifest(resources=SMALL, image=image_with_a_volume))
    await node.until(phase="running")
    await asyncio.to_thread(node.run, "/bin/sh", "-c", "echo mine > /tmp/note")
    await node.change(runState="Stopped")
    await node.until(phase="stopped")
    await node.act("release")
    with contextlib.closing(node.docker) as client:
        await asyncio.to_thread(client.remove_image, image_with_a_volume, force=True)
    await node.change(runState="Running", env={"A": "1"})
    await node.act("regrant")
    await node.until(phase="running")
    await until_one(node.ids)
    said = await asyncio.to_thread(node.run, "/bin/sh", "-c", "cat /tmp/note; echo $A")
    required = condition(await node.get(), "RestartRequired")
    if await asyncio.to_thread(keeps_removed_images, node):  # it is still made anew from what is kept there
        assert (said, required["status"]) == ("mine\n1", "False")
        return
    assert (said, required["status"], required["reason"]) == ("mine", "True", "RecreationRefused")
    assert "the image that its container was made from is gone from the node" in required["message"]


async def test_an_agent_killed_while_it_makes_one_anew_leaves_the_rest_to_the_next(node: DockerNode) -> None:
    for turn, wait in enumerate((0.15, 0.3, 0.45, 0.6), start=1):
        if turn == 1:
            await node.place(a_manifest(resources=SMALL))
            await node.until(phase="running")
            await asyncio.to_thread(node.run, "/bin/sh", "-c", "echo mine > /root-note")
        await node.change(env={"A": str(turn)}, restartRequest=f"r{turn}")
        await asyncio.sleep(wait)
        await node.kill_agent()
        await node.start_agent()
        await restarted(node, f"r{turn}")
        said = await asyncio.to_thread(node.run, "/bin/sh", "-c", "cat /root-note; echo $A")
        assert said.splitlines() == ["mine", str(turn)]
    await until_one(node.commits)


async def test_purge_takes_the_images_of_files_too_and_the_node_s_rules_stand(node: DockerNode) -> None:
    await node.place(a_manifest(resources=SMALL))
    await node.until(phase="running")
    rules = await Iptables().rules()
    assert all(f"-N {chain}" in rules for chain in chains(node.cluster))
    await node.change(env={"A": "1"}, restartRequest="r1")
    await restarted(node, "r1")
    assert len(await asyncio.to_thread(node.commits)) == 1
    await node.kill_agent()
    done = await asyncio.to_thread(purge, cluster=node.cluster, socket=DEFAULT_SOCKET)
    assert (done.containers, done.volumes) == (1, 1)
    assert await asyncio.to_thread(node.commits) == []
    await node.start_agent()
