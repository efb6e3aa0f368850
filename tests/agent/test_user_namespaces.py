"""What a node says of the engine's user namespaces, and what it then does not run."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver.agent.machine.facts import root_in_a_vps
from kohakuriver.agent.runtime import archive, translate
from kohakuriver.agent.runtime.base import File
from kohakuriver.resources import kinds
from tests.agent.agent_kit import PATIENCE, Json, Node, a_manifest, a_node
from tests.agent.placement_kit import status_of_node

pytestmark = pytest.mark.looptime
INFO = {
    "ID": "ABCD",
    "ServerVersion": "20.10.24",
    "NCPU": 8,
    "MemTotal": 1 << 34,
    "DockerRootDir": "/var/lib/docker",
    "Driver": "overlay2",
    "OperatingSystem": "Debian GNU/Linux 12",
    "KernelVersion": "6.1",
    "Architecture": "x86_64",
    "SecurityOptions": ["name=seccomp,profile=default"],
}


async def condition(node: Node, status: str) -> Json:
    """The Node's condition, once it is that."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = {one["type"]: one for one in (await status_of_node(node))["conditions"]}
            if found.get("UserNamespaces", {}).get("status") == status:
                return dict(found["UserNamespaces"])
            await asyncio.sleep(0.05)


async def until_nothing_is_privileged(node: Node) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if "allowPrivileged" not in await status_of_node(node):
                return
            await asyncio.sleep(0.05)


async def remapped(node: Node) -> None:
    """The agent is started again, on an engine that was started again with userns-remap."""
    await node.kill_agent()
    node.engine.root = (100_000, 100_000)
    await node.start_agent(allow_privileged=True)
    await node.until_ready()


async def test_a_node_says_that_root_in_a_vps_is_its_root_and_takes_vpses_all_the_same(tmp_path: Path):
    async with a_node(tmp_path) as node:
        said = await condition(node, "False")
        assert said["message"] == "root in a VPS is root of this machine: start the engine with userns-remap"
        await node.place(a_manifest())
        await node.until(phase="running")


async def test_a_node_says_which_user_of_it_root_in_a_vps_is(tmp_path: Path):
    async with a_node(tmp_path) as node:
        await remapped(node)
        assert (await condition(node, "True"))["message"] == "root in a VPS is user 100000 of this machine"


async def test_an_engine_that_remaps_users_gets_no_privileged_vps(tmp_path: Path):
    async with a_node(tmp_path, allow_privileged=True) as node:
        await condition(node, "False")
        assert (await status_of_node(node))["allowPrivileged"] is True
        await remapped(node)
        await until_nothing_is_privileged(node)
        await node.place(a_manifest(privileged=True))
        await asyncio.sleep(5)
        status = (await node.get())["status"]
        assert "assignment" not in status
        assert "userns-remap" in status["rejectedBy"]["n1"]
        assert node.engine.records() == []


async def test_while_the_engine_is_away_what_it_said_stands(tmp_path: Path):
    async with a_node(tmp_path, allow_privileged=True) as node:
        await remapped(node)
        await until_nothing_is_privileged(node)
        before = await node.api.get(kinds.NODE.path(name=node.name))
        await node.kill_agent()
        node.engine.switches.is_away = True
        await node.start_agent(allow_privileged=True)
        await asyncio.sleep(60)
        after = await node.api.get(kinds.NODE.path(name=node.name))
        assert "allowPrivileged" not in after.body["status"]
        was, now = (
            {one["type"]: one for one in reply.body["status"]["conditions"]} for reply in (before, after)
        )
        assert now["UserNamespaces"] == was["UserNamespaces"]
        assert now["RuntimeReady"]["status"] == "False"


@pytest.mark.parametrize(
    ("options", "folder", "words"),
    [
        (["name=seccomp,profile=default"], "/var/lib/docker", "is root of this machine"),
        (["name=apparmor", "name=userns"], "/var/lib/docker/231072.231072", "is user 231072 of this machine"),
        (["name=userns"], "/srv/engine", "is an ordinary user of this machine"),
        (None, "/var/lib/docker/100000.100000", "is root of this machine"),
    ],
)
def test_a_node_reads_it_from_what_its_engine_says(options: list[str] | None, folder: str, words: str):
    info = translate.engine_info({**INFO, "SecurityOptions": options, "DockerRootDir": folder})
    assert words in root_in_a_vps(info)


@pytest.mark.parametrize(
    ("outside", "inside"),
    [((100_000, 100_042), (0, 42)), ((0, 0), (0, 0)), ((0, 42), (0, 42)), ((165_535, 100_000), (65_535, 0))],
)
def test_a_file_is_owned_by_whom_the_container_sees(outside: tuple[int, int], inside: tuple[int, int]):
    file = archive.as_seen_inside(File("/f", b"", uid=outside[0], gid=outside[1]), root=(100_000, 100_000))
    assert (file.uid, file.gid) == inside


def test_an_engine_that_remaps_nobody_changes_no_owner():
    file = File("/f", b"", uid=100_042, gid=42)
    assert archive.as_seen_inside(file, root=translate.root(INFO)) == file
