"""Into the network namespaces of real containers: this container's, or nothing (CORRECTNESS 23)."""

import asyncio
import contextlib
import dataclasses
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from kohakuriver import errors
from kohakuriver.agent.machine import facts, inside
from kohakuriver.agent.machine.inside import Namespaces
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.agent.streams.door import Opening, Waiting
from kohakuriver.agent.streams.files.door import Files
from kohakuriver.agent.streams.forward import Forward
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.streams.stream import Stream
from tests.files import adopted

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(not facts.is_root(), reason="only root enters namespaces"),
]
IMAGE = "kohakuriver/busybox"


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.APIClient]:
    client = docker.APIClient(version="auto")
    yield client
    client.close()


@dataclasses.dataclass
class Made:
    """Containers of a test, which are gone after it."""

    engine: docker.APIClient
    ids: list[str]

    def start(self, *command: str, network: str = "none") -> Container:
        host = self.engine.create_host_config(network_mode=network)
        name = f"kohakuriver-inside-{os.getpid()}-{len(self.ids)}"
        id_ = self.engine.create_container(IMAGE, list(command), name=name, host_config=host)["Id"]
        self.ids.append(id_)
        self.engine.start(id_)
        return self.look(id_)

    def look(self, id_: str) -> Container:
        found = self.engine.inspect_container(id_)
        return Container(
            id=id_,
            name=found["Name"].lstrip("/"),
            image=IMAGE,
            image_id=found["Image"],
            labels={},
            created_at=found["Created"],
            state=ContainerState.RUNNING,
            started_at=found["State"]["StartedAt"],
            pid=found["State"]["Pid"] or None,
        )


@pytest.fixture
def made(engine) -> Iterator[Made]:
    one = Made(engine, [])
    yield one
    for id_ in one.ids:
        engine.remove_container(id_, force=True)


@pytest.fixture
def namespaces() -> Iterator[Namespaces]:
    one = Namespaces()
    yield one
    one.close()


def an_opening(container: Container, **params: str) -> Opening:
    return Opening(
        id="1",
        kind="forward",
        namespace="default",
        name="dev",
        uid="u",
        epoch=1,
        user="alice",
        params={key: (value,) for key, value in params.items()},
        container=container,
    )


PROC = Path("/proc")


def open_files() -> int:
    """How many namespaces, processes and sockets of containers this process holds open."""
    found = []
    for descriptor in (PROC / "self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the folder's own
            found.append(str(descriptor.readlink()))
    return sum(one.startswith(("net:[", "anon_inode:[pidfd]")) for one in found)


def network_of(process: str) -> Path:
    return (PROC / process / "ns/net").readlink()


HTTPD = ("httpd", "-f", "-p", "127.0.0.1:8000")


async def test_a_socket_is_made_where_the_container_is_and_we_stay_where_we_are(made, namespaces):
    container = made.start(*HTTPD)
    before = network_of("self")
    with await namespaces.make(container, socket.AF_INET, socket.SOCK_STREAM) as there:
        # SO_NETNS_COOKIE tells namespaces apart without entering them.
        cookie = there.getsockopt(socket.SOL_SOCKET, 71, 8)
        with socket.socket() as here:
            assert here.getsockopt(socket.SOL_SOCKET, 71, 8) != cookie
    assert network_of("thread-self") == before == network_of("self")
    for task in (PROC / "self/task").iterdir():
        assert network_of(f"self/task/{task.name}") == before


async def test_another_process_s_pid_is_refused(made, namespaces):
    """As when the container ended and its pid went to somebody else before we looked."""
    first, second = made.start("sleep", "99"), made.start("sleep", "99")
    for pid in (second.pid, os.getpid()):
        stale = dataclasses.replace(first, pid=pid)
        with pytest.raises(errors.Conflict, match="has just ended"):
            await namespaces.make(stale, socket.AF_INET, socket.SOCK_STREAM)
    assert namespaces._kept == {}


async def test_a_pid_that_is_gone_or_never_was_is_refused(made, namespaces):
    container = made.start("sleep", "99")
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    for pid in (gone.pid, None):
        with pytest.raises(errors.Conflict, match="has just ended"):
            await namespaces.make(dataclasses.replace(container, pid=pid), socket.AF_INET, socket.SOCK_STREAM)


async def test_the_nodes_own_network_is_refused(made, namespaces):
    container = made.start("sleep", "99", network="host")
    with pytest.raises(errors.Forbidden, match="has the node's own network"):
        await namespaces.make(container, socket.AF_INET, socket.SOCK_STREAM)
    assert namespaces._kept == {}


async def test_descriptors_are_kept_per_start_and_let_go(made, namespaces):
    container = made.start("sleep", "99")
    before = open_files()
    for _ in range(5):
        (await namespaces.make(container, socket.AF_INET, socket.SOCK_STREAM)).close()
    assert open_files() == before + 1
    made.engine.restart(container.id, timeout=0)
    again = made.look(container.id)
    (await namespaces.make(again, socket.AF_INET, socket.SOCK_STREAM)).close()
    assert len(namespaces._kept) == 2, "a new start was taken for the old one"
    namespaces.keep_only(iter([again]))
    assert open_files() == before + 1
    namespaces.keep_only(iter(()))
    assert open_files() == before


def test_what_is_opened_below_a_process_is_closed_again(made):
    container = made.start("sleep", "99")
    before = open_files()
    with inside.opened(container, "ns/net") as descriptor:
        assert os.fstat(descriptor).st_ino != (PROC / "self/ns/net").stat().st_ino
    assert open_files() == before


async def test_a_port_of_the_containers_own_loopback_is_reached(made, namespaces):
    door = Forward(namespaces)
    container = made.start(*HTTPD)
    opened = None
    async with asyncio.timeout(60):
        while opened is None:
            try:
                opened = await door.open(an_opening(container, port="8000"))
            except errors.Conflict:
                await asyncio.sleep(0.1)  # until it listens
    await opened.aclose()


@pytest.mark.parametrize(
    ("params", "kind", "says"),
    [
        ({}, errors.BadRequest, "port=N says which port is meant"),
        ({"port": "0x50"}, errors.BadRequest, "is not a whole number"),
        ({"port": "65536"}, errors.BadRequest, "is not a whole number"),
        ({"port": "80", "protocol": "sctp"}, errors.BadRequest, "is neither tcp nor udp"),
        ({"port": "80", "host": "example.org"}, errors.BadRequest, "is not an IP address"),
        ({"port": "80"}, errors.Conflict, "nothing listens on port 80 in dev"),
        ({"port": "80", "host": "192.0.2.1"}, errors.Unavailable, "cannot be reached"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
async def test_what_a_forward_refuses_it_refuses_in_words(made, namespaces, params, kind, says):
    container = made.start("sleep", "99")
    before = open_files()
    with pytest.raises(kind, match=says):
        await Forward(namespaces).open(an_opening(container, **params))
    assert open_files() <= before + 1, "more is left than the namespace"


async def test_a_files_stream_ends_with_its_container(made):
    """The folders that the helper has open are those of one start: what is written there after the next, on a
    tmpfs above all, is in nobody's VPS."""
    container = made.start("sleep", "99")
    before = open_files()
    opened = await Files().open(an_opening(container))
    near, far = socket.socketpair()
    client_side = await adopted(near, Stream(masks=True))

    async def open_() -> Stream:
        return client_side

    files = FilesClient(open_)
    far.setblocking(False)
    transport, waiting = await asyncio.get_running_loop().create_connection(Waiting, sock=far)
    serving = asyncio.create_task(opened.serve(transport, waiting.early))
    assert (await files.write("/root/a", b"1", expect=None)).size == 1
    made.engine.kill(container.id)
    async with asyncio.timeout(30):
        await client_side.wait_closed()
        await serving
    with pytest.raises(errors.Unreachable):
        await files.write("/root/a", b"2", expect=None)
    assert open_files() == before


async def test_a_files_stream_that_ends_first_leaves_nothing(made):
    container = made.start("sleep", "99")
    before = open_files()
    opened = await Files().open(an_opening(container))
    await opened.aclose()
    assert open_files() == before
