"""Whose image a VPS may be made of, whatever the server has let through, on a fake engine."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.images import whose
from kohakuriver.agent.runtime.base import REFERENCE_LABEL, ContainerState, File
from kohakuriver.agent.runtime.errors import EngineRefused
from tests.agent.agent_kit import a_manifest, a_node
from tests.agent.past_the_rules import name_image
from tests.fakes.switches import FakeImage, Pull

pytestmark = pytest.mark.looptime

MINE = Desired("default", "dev", "12345678-aaaa", 1)
OTHERS = "87654321"


@pytest.mark.parametrize("registry", ["", "docker.io/", "index.docker.io/", "registry-1.docker.io/"])
def test_files_of_a_vps_are_for_that_vps_alone(registry: str) -> None:
    whose.check(f"{registry}kohakuriver/commit-12345678:3", MINE)
    for name in (f"commit-{OTHERS}:1", "commit-12345678-x:1", "commit-1234567:1", "commit-12345678x"):
        with pytest.raises(EngineRefused, match="the files of another VPS"):
            whose.check(f"{registry}kohakuriver/{name}", MINE)


@pytest.mark.parametrize("registry", ["", "docker.io/", "index.docker.io/", "registry-1.docker.io/"])
def test_an_environments_image_is_had_through_it_alone(registry: str) -> None:
    image = f"{registry}kohakuriver/environment-lab:0123456789ab"
    with pytest.raises(EngineRefused, match="through that alone"):
        whose.check(image, MINE)
    whose.check(image, Desired("default", "dev", "12345678-aaaa", 1, environment="lab"))


@pytest.mark.parametrize("image", [f"kohakuriver/commit-{OTHERS}:1", "kohakuriver/environment-lab:1"])
async def test_an_image_that_is_not_for_it_makes_no_container(tmp_path: Path, image: str) -> None:
    async with a_node(tmp_path) as node:
        secret = File("/root/secret", b"another's")
        node.engine.images[image] = FakeImage("sha256:1f2e", files={secret.path: secret})
        await node.bind(await name_image(node.api, image))
        vps = await node.until(reason="ImageOfAnother")
        assert f"the image {image} " in vps["status"]["message"]
        assert node.containers() == []
        await node.change(image="kohakuriver/busybox")
        await node.until(phase="running")


async def test_files_are_not_given_up_for_an_image_that_is_not_for_it(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        before, note = node.container().id, File("/root/note", b"mine")
        node.engine.put_files(before, (note,))
        image = f"kohakuriver/commit-{OTHERS}:1"
        node.engine.images[image] = FakeImage("sha256:1f2e")
        await name_image(node.api, image, replaceFiles=1)
        await node.until(reason="ImageOfAnother")
        assert (node.container().id, node.container().state) == (before, ContainerState.EXITED)
        await node.change(image="kohakuriver/busybox", replaceFiles=0)
        await node.until(phase="running")
        assert node.engine.find(before).files[note.path] == note


async def test_nothing_replaces_the_default_image_however_a_user_writes_its_name(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        before = dict(node.engine.images)
        for number, registry in enumerate(("docker.io/", "index.docker.io/", "registry-1.docker.io/")):
            name, image = f"dev{number}", f"{registry}kohakuriver/debian-ssh:latest"
            node.engine.registry[image] = Pull(FakeImage("sha256:evil"))
            await node.place(a_manifest(name, image=image, imagePullPolicy="Always"))
        await node.until("dev0", phase="running")
        await node.until("dev1", phase="running")
        await node.until("dev2", reason="ImageNotOnNode")
        assert node.engine.images == before
        assert {one.image_id for one in node.containers()} == {before["kohakuriver/debian-ssh"].id}


async def test_labels_that_an_image_carries_are_not_taken_for_ours(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        forged = {"kohakuriver.io/gpus": "GPU-a", "kohakuriver.io/commit": "7", "kohakuriver.io/mounts": "x"}
        node.engine.images["theirs"] = FakeImage("sha256:1f2e", labels=forged)
        await node.place(a_manifest(image="theirs"))
        await node.until(phase="running")
        assert {node.container().labels[name] for name in forged} == {""}
        before = node.container().id
        await node.change(restartRequest="r1")
        await node.until(restartRequest="r1")
        await node.until(phase="running")
        assert node.container().id == before, "it differs in nothing from what is declared"


async def test_who_declares_a_variable_that_is_not_passed_on_is_told(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        env = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_GDS": "1", "NVIDIA_DRIVER_CAPABILITIES": "all"}
        await node.place(a_manifest(env={"A": "1", **env}))
        await node.until(phase="running")
        (said,) = await node.events("VariablesIgnored")
        assert "not set in its container: NVIDIA_GDS, NVIDIA_VISIBLE_DEVICES; GPUs are" in said["message"]


async def test_a_container_of_an_earlier_agent_is_left_as_it_is(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest())
        await node.until(phase="running")
        await node.kill_agent()
        (record,) = node.engine.records()
        earlier = {name: value for name, value in record.seen.labels.items() if value}
        del earlier[REFERENCE_LABEL]
        record.seen = dataclasses.replace(record.seen, labels=earlier)
        before, calls = record.seen, node.engine.calls.copy()
        await node.start_agent()
        await node.until_ready()
        await node.change(restartPolicy="Never")
        await asyncio.sleep(60)
        assert node.container() == before
        acts = ("create", "start", "stop", "update", "commit", "rename", "remove")
        assert {act: node.engine.calls[act] - calls[act] for act in acts} == dict.fromkeys(acts, 0)
