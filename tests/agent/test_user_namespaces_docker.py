"""An engine that remaps users: root in a VPS is another user of the machine, and everything works as else."""

import asyncio
import contextlib
import io
import os
import socket
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kohakuriver.agent.machine import facts, inside
from kohakuriver.agent.runtime.base import Bind, Container, File, VolumeMount
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.streams.door import Opening, Waiting
from kohakuriver.agent.streams.files.door import Files
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.streams.stream import Stream
from tests.agent.docker_world import DockerWorld, a_docker_world
from tests.agent.remapped import BUSYBOX, DEBIAN, FIRST, a_remapped_machine, run_pytest_inside
from tests.agent.runtime_contract import a_spec, started
from tests.e2e.machines import Machine
from tests.files import adopted

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(not facts.is_root(), reason="only root starts an engine"),
]


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with a_remapped_machine(BUSYBOX, DEBIAN) as made:
        yield made


@pytest.fixture
async def world(machine: Machine) -> AsyncIterator[DockerWorld]:
    async with a_docker_world(machine.socket) as made:
        yield made


async def looked_at(world: DockerWorld, container_id: str) -> Container:
    found = await world.runtime.inspect(container_id)
    assert found is not None
    return found


@contextlib.asynccontextmanager
async def files_of(container: Container) -> AsyncIterator[FilesClient]:
    """Its files as a person reaches them: through the agent's door and its helper."""
    opening = Opening("1", "files", "default", "dev", "u1", 1, "alice", {}, container)
    near, far = socket.socketpair()
    opened = await Files().open(opening)
    transport, waiting = await asyncio.get_running_loop().create_connection(Waiting, sock=far)
    serving = asyncio.create_task(opened.serve(transport, waiting.early))
    stream = await adopted(near, Stream(masks=True))

    async def only() -> Stream:
        return stream

    client = FilesClient(only)
    try:
        yield client
    finally:
        client.close()
        await serving


def a_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo("tree")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(folder)
        link = tarfile.TarInfo("tree/link")
        link.type, link.linkname = tarfile.SYMTYPE, "leaf"
        archive.addfile(link)
        leaf = tarfile.TarInfo("tree/leaf")
        leaf.size = 4
        archive.addfile(leaf, io.BytesIO(b"leaf"))
    return buffer.getvalue()


async def test_root_in_a_container_is_an_ordinary_user_of_the_machine(world: DockerWorld) -> None:
    info = await world.runtime.info()
    assert info.remaps_users and info.root == (FIRST, FIRST)
    container = await looked_at(world, await started(world))
    assert world.says(container.id, "id", "-u").strip() == "0"
    with inside.opened(container, "status") as descriptor:
        status = os.read(descriptor, 1 << 14).decode()
    assert f"\nUid:\t{FIRST}\t{FIRST}\t{FIRST}\t{FIRST}\n" in status


async def test_what_is_put_and_read_by_the_engine_belongs_to_the_containers_users(world: DockerWorld) -> None:
    container_id = await world.runtime.create(a_spec(world))
    file = File("/etc/kohakuriver/note", b"mine", mode=0o640, uid=0, gid=42)
    await world.runtime.put_files(container_id, [file])
    assert await world.runtime.read_file(container_id, file.path) == file
    await world.runtime.start(container_id)
    assert world.says(container_id, "stat", "-c", "%u %g %a", file.path).strip() == "0 42 640"
    world.says(container_id, "chown", "33:33", file.path)
    changed = await world.runtime.read_file(container_id, file.path)
    assert changed is not None and (changed.uid, changed.gid) == (33, 33)


async def test_what_a_person_copies_in_belongs_to_root_inside_and_is_seen_so(world: DockerWorld) -> None:
    container = await looked_at(world, await started(world))
    world.says(container.id, "sh", "-c", "echo theirs > /theirs; chown 1000:1001 /theirs")

    async def whole() -> AsyncIterator[bytes]:
        yield a_tar()

    async with files_of(container) as files:
        await files.write("/new", b"x", expect="")
        await files.folder("/folder")
        await files.write("/theirs", b"changed", expect=None)
        await files.extract("/folder", whole())
        assert (await files.read("/theirs", limit=100)).data == b"changed"
        with inside.opened(container, "root", os.O_PATH | os.O_DIRECTORY) as root:
            owners = {
                name: os.stat(name, dir_fd=root, follow_symlinks=False)
                for name in ("new", "folder", "folder/tree", "folder/tree/link", "folder/tree/leaf")
            }
    assert {name: (one.st_uid, one.st_gid) for name, one in owners.items()} == dict.fromkeys(
        owners, (FIRST, FIRST)
    )
    paths = [f"/{name}" for name in owners]
    assert world.says(container.id, "stat", "-c", "%u:%g", *paths).split() == ["0:0"] * len(owners)
    assert world.says(container.id, "stat", "-c", "%u:%g", "/theirs").strip() == "1000:1001"
    assert world.says(container.id, "cat", "/folder/tree/link") == "leaf"


async def test_a_volume_belongs_to_root_inside(world: DockerWorld) -> None:
    label = {"kohakuriver.io/cluster": world.cluster}
    volume = VolumeMount(f"kohakuriver-{world.cluster[:8]}", "/data", label)
    first = await started(world, volumes=(volume,))
    assert world.says(first, "sh", "-c", "stat -c %u:%g /data; echo kept > /data/file").strip() == "0:0"
    await world.runtime.remove(first, force=True)
    second = await started(world, volumes=(volume,))
    assert world.says(second, "sh", "-c", "cat /data/file; stat -c %u /data/file").split() == ["kept", "0"]


async def test_a_folder_of_the_node_belongs_to_nobody_until_it_is_given_to_root_inside(
    world: DockerWorld, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    (tmp_path / "data").mkdir()
    (data / "file").write_text("the node's")
    container_id = await started(world, binds=(Bind(str(data), "/data"),))
    assert world.says(container_id, "sh", "-c", "cat /data/file; stat -c ' %u' /data").split()[-1] == "65534"
    assert "Permission denied" in world.says(container_id, "sh", "-c", "echo x > /data/new")
    os.chown(data, FIRST, FIRST)
    assert world.says(container_id, "sh", "-c", "echo x > /data/new") == ""
    assert os.stat(data / "new").st_uid == FIRST  # noqa: PTH116 - it asks for no more


async def test_the_engine_makes_nothing_privileged(world: DockerWorld) -> None:
    with pytest.raises(EngineRefused, match="incompatible with user namespaces"):
        await world.runtime.create(a_spec(world, privileged=True))


def test_what_files_and_logins_do_on_any_engine_they_do_here(machine: Machine) -> None:
    names = ("runtime_docker", "placement_docker", "keepalive_docker")
    wanted = "file or commit or snapshot or volume or tarball or opened or key or anybody"
    run_pytest_inside(machine, *(f"tests/agent/test_{name}.py" for name in names), "-k", wanted)


def test_vpses_see_their_own_limits_there_too(machine: Machine) -> None:
    assert "2 passed" in run_pytest_inside(machine, "-p", "no:xdist", "tests/agent/test_shown_docker.py")
