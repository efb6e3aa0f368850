"""`kubectl cp` on an image without tar: what it sends, and what answers in place of a program."""

import asyncio
import contextlib
import io
import tarfile
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from kohakuriver import errors
from kohakuriver.apiserver.kubelet.channels import V5
from kohakuriver.apiserver.kubelet.copying import Bring, IsFolder, Take, parsed
from kohakuriver.streams.stream import Stream
from tests.apiserver.kubelet.kit import POD, Dev, a_vps, query, told
from tests.apiserver.kubelet.test_renaming import packed

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize(
    ("command", "means"),
    [
        (["test", "-d", "/srv"], IsFolder("/srv")),
        (["tar", "cf", "-", "/srv/a b"], Bring("/srv/a b")),
        (["sh", "-c", "tar cf - '/srv/a b' | tail -c+1025"], Bring("/srv/a b", 1024)),
        (["sh", "-c", "tar cf - /srv | tail -c+0"], Bring("/srv", 0)),
        (["tar", "-xmf", "-", "-C", "/srv"], Take("/srv")),
        (["tar", "--no-same-permissions", "--no-same-owner", "-xmf", "-", "-C", "/srv"], Take("/srv")),
        (["tar", "-xmf", "-"], Take(".")),
        (["tar", "cf", "-", "a", "b"], None),
        (["tar", "xf", "-"], None),
        (["sh", "-c", "tar cf - '/srv' | tail -c+1; rm -rf /"], None),
        (["sh", "-c", "tar cf - $(reboot) | tail -c+1"], None),
        (["sh"], None),
    ],
)
def test_the_commands_of_kubectl_cp_are_known_and_no_others(command, means):
    assert parsed(command) == means


@contextlib.asynccontextmanager
async def a_copy(
    dev: Dev, *command: str, exit: int = 127, **flags: str
) -> AsyncIterator[tuple[Any, Stream, Any]]:
    """What the client has, and what its node was asked for once the program was looked for."""
    opening = asyncio.create_task(
        dev.api.session.ws_connect(
            f"{dev.api.url}{POD}/exec",
            params=query(*command, **flags),
            protocols=(V5,),
            headers=dev.api.headers("alice") | {"Kubectl-Command": "kubectl cp"},
        )
    )
    probe = await dev.asked()
    assert (probe["kind"], probe["params"]["command"][1:]) == ("exec", ["--version"])
    probing = await dev.bring(probe["id"])
    await probing.send_control({"exit": {"code": exit}})
    probing.close()
    wanted = await dev.asked()
    inside = await dev.bring(wanted["id"])
    client = await opening
    await told(client)
    try:
        yield client, inside, wanted
    finally:
        await client.close()
        inside.framed.abort()


async def shown(client: aiohttp.ClientWebSocketResponse) -> dict[int, bytes]:
    """All that is said on each channel until the end."""
    found: dict[int, bytes] = {}
    async for message in client:
        found[message.data[0]] = found.get(message.data[0], b"") + message.data[1:]
    return found


async def test_an_image_with_tar_runs_its_own():
    async with a_vps() as dev, a_copy(dev, "tar", "cf", "-", "/srv", exit=0) as (_, _, wanted):
        assert (wanted["kind"], wanted["params"]) == ("exec", {"command": ["tar", "cf", "-", "/srv"]})


async def test_what_a_person_runs_means_what_it_says():
    async with a_vps() as dev, dev.exec("tar", "cf", "-", "/srv") as (_, _, wanted):
        assert wanted["kind"] == "exec"


@pytest.mark.parametrize(("kind", "status"), [("folder", b"Success"), ("file", b'"1"')])
async def test_whether_it_is_a_folder_is_asked_of_the_files(kind, status):
    async with a_vps() as dev, a_copy(dev, "test", "-d", "/srv") as (client, inside, wanted):
        assert wanted["kind"] == "files"
        assert await inside.receive() == {"request": {"op": "stat", "path": "/srv"}}
        await inside.send_control({"answer": {"kind": kind}})
        found = await shown(client)
        assert list(found) == [3] and status in found[3]


async def test_a_folder_comes_with_the_names_that_tar_would_write():
    async with a_vps() as dev, a_copy(dev, "tar", "cf", "-", "/srv/data") as (client, inside, _):
        await inside.receive()
        await inside.send_control({"answer": {"kind": "folder"}})
        assert await inside.receive() == {"request": {"op": "archive", "path": "/srv/data"}}
        await inside.send(packed({"a": b"content"}))
        await inside.send_control({"answer": {"count": 2, "left_out": ["pipe: it is not a file"]}})
        found = await shown(client)
        with tarfile.open(fileobj=io.BytesIO(found[1])) as archive:
            assert archive.extractfile("srv/data/a").read() == b"content"
        assert found[2] == b"tar: pipe: it is not a file\n"
        assert b"Success" in found[3]


@pytest.mark.parametrize("skip", [0, 600])
async def test_a_file_comes_from_the_byte_that_is_asked_for(skip):
    script = f"tar cf - '/etc/hosts' | tail -c+{skip + 1}"
    async with a_vps() as dev, a_copy(dev, "sh", "-c", script) as (client, inside, _):
        await inside.receive()
        await inside.send_control({"answer": {"kind": "file"}})
        assert await inside.receive() == {"request": {"op": "read", "path": "/etc/hosts"}}
        await inside.send_control({"part": {"size": 300, "mode": 0o644, "mtime": 7}})
        await inside.send(b"h" * 300)
        await inside.send_control({"answer": {"changed": False}})
        found = (await shown(client))[1]
        assert len(found) == 512 + 512 + 1024 - skip
        assert b"etc/hosts" in found or skip


async def test_what_comes_is_unpacked_by_the_files():
    async with (
        a_vps() as dev,
        a_copy(dev, "tar", "-xmf", "-", "-C", "/srv", stdin="true") as (client, inside, _),
    ):
        assert await inside.receive() == {"request": {"op": "extract", "path": "/srv"}}
        await client.send_bytes(b"\x00tar")
        await client.send_bytes(b"\xff\x00")
        assert await inside.receive() == b"tar"
        assert await inside.receive() == {"eof": True}
        await inside.send_control({"answer": {"count": 1, "left_out": []}})
        assert b"Success" in (await shown(client))[3]


async def test_what_the_files_refuse_is_said_as_tar_would():
    async with (
        a_vps() as dev,
        a_copy(dev, "tar", "-xmf", "-", "-C", "/nowhere", stdin="true") as (
            client,
            inside,
            _,
        ),
    ):
        await inside.receive()
        refusal = errors.NotFound("/nowhere: there is no such folder").to_status()
        await inside.send_control({"failed": refusal})
        found = await shown(client)
        assert found[2] == b"tar: /nowhere: there is no such folder\n"
        assert b'"2"' in found[3]
