"""What only a real engine and a real kernel can show of mounts, volumes, cores and tarballs."""

import hashlib
import io
import os
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kohakuriver.agent.deciding.desired import Mount
from kohakuriver.agent.machine.beneath import KernelMounter
from kohakuriver.agent.machine.staging import MountRefused, Staging
from kohakuriver.agent.runtime.errors import ImagePullFailed
from kohakuriver.placement.mounts import AllowedMount
from tests.agent.docker_world import DockerWorld, a_docker_world
from tests.agent.runtime_contract import BUSYBOX, a_spec

pytestmark = pytest.mark.docker


@pytest.fixture
async def world() -> AsyncIterator[DockerWorld]:
    async with a_docker_world() as world:
        yield world


def mounts_below(folder: Path) -> list[str]:
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {folder}/" in line]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose mounts are gone at the end."""
    yield tmp_path
    for line in reversed(mounts_below(tmp_path)):
        KernelMounter().unbind(line.split()[4])


async def test_the_folder_that_was_opened_is_what_the_container_sees(
    world: DockerWorld, folder: Path
) -> None:
    (folder / "data/set").mkdir(parents=True)
    (folder / "data/set/file").write_text("from the node")
    (folder / "data/set").chmod(0o777)  # root in the container may be another user of the machine
    staging = Staging(
        folder / "staged",
        mounter=KernelMounter(),
        permitted=(AllowedMount(str(folder / "data")),),
        node="n1",
    )
    binds = staging.stage("u1", [Mount(str(folder / "data/set"), "/data")])
    container = await world.runtime.create(a_spec(world, binds=binds))
    staging.unstage("u1")
    staging.stage("u1", [Mount(str(folder / "data/set"), "/data")])
    await world.runtime.start(container)
    staging.unstage("u1")
    assert mounts_below(folder / "staged") == []
    assert os.listdir(binds[0].source) == []  # noqa: PTH208
    made = world.client.exec_create(container, ["sh", "-c", "cat /data/file; echo mine > /data/new"])
    assert world.client.exec_start(made["Id"]) == b"from the node"
    assert (folder / "data/set/new").read_text() == "mine\n"
    staging.forget("u1")
    assert not (folder / "staged/u1").exists()
    assert (folder / "data/set/file").exists()


async def test_what_is_read_only_cannot_be_written(world: DockerWorld, folder: Path) -> None:
    (folder / "data").mkdir()
    permitted = (AllowedMount(str(folder / "data"), read_only=True),)
    staging = Staging(folder / "staged", mounter=KernelMounter(), permitted=permitted, node="n1")
    with pytest.raises(MountRefused, match="readOnly: true"):
        staging.stage("u1", [Mount(str(folder / "data"), "/data")])
    binds = staging.stage("u1", [Mount(str(folder / "data"), "/data", read_only=True)])
    container = await world.runtime.create(a_spec(world, binds=binds))
    await world.runtime.start(container)
    made = world.client.exec_create(container, ["sh", "-c", "echo mine > /data/new"])
    assert b"Read-only" in world.client.exec_start(made["Id"])


def test_unstaging_takes_nothing_else_away(folder: Path) -> None:
    """A mount below a shared one: to unmount its copy must leave the first where it is."""
    (folder / "data/deep").mkdir(parents=True)
    (folder / "other").mkdir()
    (folder / "other/file").write_text("x")
    mounter = KernelMounter()
    descriptor = os.open(folder / "other", os.O_PATH)
    mounter.bind(descriptor, str(folder / "data/deep"), whole=False)
    os.close(descriptor)
    permitted = (AllowedMount(str(folder / "data")),)
    staging = Staging(folder / "staged", mounter=mounter, permitted=permitted, node="n1")
    (bind,) = staging.stage("u1", [Mount(str(folder / "data"), "/data")])
    assert (Path(bind.source) / "deep/file").exists()
    staging.unstage("u1")
    assert (folder / "data/deep/file").exists()


@pytest.mark.parametrize("kind", ["save", "export"])
async def test_a_tarball_becomes_an_image_of_one_name(world: DockerWorld, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "image.tar"
    if kind == "save":
        with file.open("wb") as sink:
            sink.writelines(world.client.get_image(BUSYBOX))
    else:
        container = await world.runtime.create(a_spec(world))
        with file.open("wb") as sink:
            sink.writelines(world.client.export(container))
    before = (await world.runtime.image(BUSYBOX)).id  # type: ignore[union-attr]
    reference = (
        f"kohakuriver/environment-test-{world.cluster[:8]}:{hashlib.sha256(kind.encode()).hexdigest()[:12]}"
    )
    try:
        await world.runtime.load(file, reference)
        assert await world.runtime.image(reference) is not None
        assert (await world.runtime.image(BUSYBOX)).id == before  # type: ignore[union-attr]
        container = await world.runtime.create(a_spec(world, image=reference))
        await world.runtime.start(container)
        assert (await world.runtime.inspect(container)).is_up  # type: ignore[union-attr]
        await world.runtime.remove(container, force=True)
    finally:
        world.clean_image(reference)


async def test_what_is_no_image_is_refused_in_words(world: DockerWorld, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    file.write_bytes(b"not a tarball")
    with pytest.raises(ImagePullFailed, match="cannot be read"):
        await world.runtime.load(file, "kohakuriver/environment-x:1")
    with tarfile.open(file, "w") as tar:
        member = tarfile.TarInfo("manifest.json")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"[]"))
    with pytest.raises(ImagePullFailed):
        await world.runtime.load(file, "kohakuriver/environment-x:1")
