"""Whose a volume is, on a real engine: labels, marks, and the command as printed that hands one over."""

import asyncio
import dataclasses
import shlex
import subprocess
from collections.abc import AsyncIterator

import pytest

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.desired import Volume
from kohakuriver.agent.runtime.base import VolumeMount
from kohakuriver.agent.volumes import VolumeOfAnother, Volumes
from tests.agent.builders import a_vps
from tests.agent.docker_world import DockerWorld, a_docker_world
from tests.agent.runtime_contract import started

pytestmark = pytest.mark.docker

VPS = a_vps(volumes=(Volume("home", "/root"), Volume("cache", "/cache", kept=False)), namespace_uid="first")
NEXT = dataclasses.replace(VPS, uid="uid-of-the-next", namespace_uid="second")


@pytest.fixture
async def world() -> AsyncIterator[DockerWorld]:
    async with a_docker_world() as world:
        yield world


def mount(world: DockerWorld, name: str, *, uid: str) -> VolumeMount:
    vps = dataclasses.replace(VPS, namespace_uid=uid)
    called = labels.volume_name((vps.namespace, vps.name), name, cluster=world.cluster)
    return VolumeMount(called, f"/{name}", labels.of_volume(vps, name, cluster=world.cluster))


async def test_files_are_handed_over_by_the_printed_command_and_by_nothing_else(world: DockerWorld) -> None:
    volumes = Volumes(world.runtime, cluster=world.cluster, node="n1")
    written, unwritten = mount(world, "home", uid="first"), mount(world, "cache", uid="")
    container = await started(world, volumes=(written, unwritten))
    assert world.says(container, "sh", "-c", "echo mine > /home/file") == ""
    await volumes.claim(VPS)
    await world.runtime.remove(container, force=True)
    there = {one.name: one.labels for one in await world.runtime.volumes()}
    assert there[written.name]["kohakuriver.io/namespace-uid"] == "first"
    assert there[unwritten.name + "_owner"]["kohakuriver.io/namespace-uid"] == "first"
    for name in ("home", "cache"):
        one = dataclasses.replace(NEXT, volumes=(Volume(name, "/x"),))
        with pytest.raises(VolumeOfAnother) as caught:
            await volumes.claim(one)
        await volumes.remove((VPS.namespace, VPS.name), [name], namespace_uid="second", why="a test")
        command = caught.value.message.partition("hands the files over: ")[2].partition("; and this")[0]
        for words in command.split(";"):
            await asyncio.to_thread(subprocess.run, shlex.split(words), check=True, capture_output=True)
        await volumes.claim(one)
    container = await started(world, volumes=(mount(world, "home", uid="second"),))
    assert world.says(container, "cat", "/home/file") == "mine\n"
    await world.runtime.remove(container, force=True)
    both = ["home", "cache"]
    await volumes.remove((VPS.namespace, VPS.name), both, namespace_uid="first", why="a test")
    assert len(await world.runtime.volumes()) == 4
    await volumes.remove((VPS.namespace, VPS.name), both, namespace_uid="second", why="a test")
    assert await world.runtime.volumes() == ()
