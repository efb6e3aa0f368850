"""Which files of a VPS differ, as whoever asks for it hears it."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import errors, image_name
from kohakuriver.agent.runtime.base import CLUSTER_LABEL, ContainerSpec, File, Limits, VolumeMount
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.snapshots import archives
from kohakuriver.agent.snapshots.files import Files
from kohakuriver.agent.streams.changes import AT_ONCE, Changes
from kohakuriver.agent.streams.door import Opened, Opening
from kohakuriver.streams.stream import Stream
from tests.fakes.engine import FakeEngine
from tests.fakes.runtime import FakeRuntime

pytestmark = pytest.mark.looptime

UID = "0b9c5b8e-1111-2222-3333-444455556666"


class Node:
    """A VPS on an engine in memory, with a volume; and the door to what differs in it."""

    def __init__(self, folder: Path) -> None:
        self.engine = FakeEngine()
        self.engine.folder = str(folder)
        self.runtime = FakeRuntime(self.engine, cluster="c")
        self.files = Files(folder / "data")
        self.door = Changes(self.runtime, self.files)
        self.id = ""

    async def begin(self) -> None:
        spec = ContainerSpec(
            name="dev",
            image="kohakuriver/debian-ssh",
            hostname="dev",
            labels={CLUSTER_LABEL: "c"},
            limits=Limits(millicores=100, memory=64 << 20),
            network="n",
            volumes=(VolumeMount("v", "/home", {CLUSTER_LABEL: "c"}),),
        )
        self.id = await self.runtime.create(spec)
        (self.home / "notes").write_bytes(b"1")

    @property
    def home(self) -> Path:
        folder = self.engine.volume_folder("v")
        assert folder is not None
        return Path(folder)

    async def write(self, *paths: str, content: bytes = b"1") -> None:
        await self.runtime.put_files(self.id, [File(path, content) for path in paths])

    async def snapshot(self) -> None:
        """As an agent takes one."""
        await self.runtime.commit(self.id, image_name.of_snapshot(UID), {})
        file = self.files.archive(UID, "home", "/home")
        file.parent.mkdir(parents=True)
        archives.pack(self.home, file)

    async def open(self, *, namespace: str = "default", **params: str) -> Opened:
        given = {name: (value,) for name, value in params.items()}
        container = await self.runtime.inspect(self.id)
        assert container is not None
        return await self.door.open(Opening("s", "changes", namespace, "dev", "u", 1, "me", given, container))


WITH_SNAPSHOT = {"snapshot": UID, "volumes": json.dumps([{"name": "home", "target": "/home"}])}


@pytest.fixture
async def node(tmp_path: Path) -> Node:
    node = Node(tmp_path)
    await node.begin()
    return node


@contextlib.asynccontextmanager
async def served(opened: Opened) -> AsyncIterator[Stream]:
    """The visitor's end."""
    near, far = socket.socketpair()
    loop = asyncio.get_running_loop()
    theirs, _ = await loop.create_connection(asyncio.Protocol, sock=far)
    ours, _ = await loop.create_connection(asyncio.Protocol, sock=near)
    client = Stream(masks=True)
    client.framed.adopt(ours)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(opened.serve(theirs, b""))
        try:
            yield client
        finally:
            client.framed.abort()


async def told(opened: Opened) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """What differs, and what was said at the end."""
    lines, last = b"", {}
    async with served(opened) as client:
        while (message := await client.receive()) is not None:
            if isinstance(message, bytes):
                lines += message
            else:
                last = message
    found = [json.loads(line) for line in lines.splitlines()]
    return [(one["kind"], one["path"]) for one in found], last


async def test_what_differs_from_the_image_is_told_in_order_and_then_the_end(node):
    await node.write("/work/b", "/work/a", "/etc/hostname", "/dev/x")
    found, last = await told(await node.open())
    assert found == [("added", "/work/a"), ("added", "/work/b")]
    assert last == {"end": {"reason": "Ended", "message": "that is all"}}


async def test_what_differs_from_a_snapshot_is_told_with_its_volumes(node):
    await node.write("/kept", "/gone", "/changed")
    await node.snapshot()
    await node.write("/changed", content=b"22")
    await node.write("/new")
    del node.engine.find(node.id).files["/gone"]
    (node.home / "notes").unlink()
    (node.home / "more").write_bytes(b"1")
    found, last = await told(await node.open(**WITH_SNAPSHOT))
    assert found == [
        ("changed", "/changed"),
        ("deleted", "/gone"),
        ("added", "/home/more"),
        ("deleted", "/home/notes"),
        ("added", "/new"),
    ]
    assert "end" in last


async def test_many_changes_come_whole_and_names_that_are_no_text_as_they_are(node):
    odd = "/work/\udcff\n\x1b[31m"
    await node.write(odd, *(f"/work/{number:05}" for number in range(3000)))
    found, _ = await told(await node.open())
    assert len(found) == 3001
    assert ("added", odd) in found


async def test_files_of_a_snapshot_that_are_gone_are_told_before_anything_is_opened(node):
    with pytest.raises(errors.Conflict, match="not on the node any more"):
        await node.open(**WITH_SNAPSHOT)


async def test_an_archive_that_is_gone_is_told(node):
    await node.snapshot()
    node.files.archive(UID, "home", "/home").unlink()
    found, last = await told(await node.open(**WITH_SNAPSHOT))
    assert found == []
    assert "archive of /home in the Snapshot cannot be read" in last["error"]["message"]


async def test_an_engine_that_refuses_is_quoted(node):
    await node.runtime.stop(node.id, 0)
    node.engine.switches.refusals["changes"] = EngineRefused("the disk is broken")
    found, last = await told(await node.open())
    assert found == []
    assert "the container engine: the disk is broken" in last["error"]["message"]


async def test_a_namespace_has_no_more_than_its_share_and_gets_it_back(node):
    mine = [await node.open() for _ in range(AT_ONCE // 2)]
    with pytest.raises(errors.TooManyRequests, match="compares files 4 times"):
        await node.open()
    other = await node.open(namespace="other")
    await other.aclose()
    await mine.pop().aclose()
    await told(await node.open())
    await told(await node.open())


async def test_who_goes_in_the_middle_leaves_nothing(node):
    await node.write(*(f"/work/{number:05}" for number in range(20_000)))
    async with served(await node.open()) as client:
        await client.receive()
    for _ in range(AT_ONCE):
        async with served(await node.open()):
            pass


@pytest.mark.parametrize("volumes", ["{", "[1]", "[{}]", '{"name": "home"}'])
async def test_nonsense_from_a_server_is_refused(node, volumes):
    await node.snapshot()
    with pytest.raises(errors.BadRequest):
        await node.open(snapshot=UID, volumes=volumes)
