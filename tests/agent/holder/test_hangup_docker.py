"""Shells in real containers are hung up, with what they started, and with nothing else."""

import asyncio
import contextlib
import time
from collections.abc import Iterator

import docker
import pytest

from kohakuriver.agent.holder.hangup import hang_up
from kohakuriver.agent.holder.hangup_inside import hang_up_inside, innermost
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.execs import Execs

pytestmark = pytest.mark.docker
# By its path: a `sleep` some shells of busybox run inside themselves: then there is no process to look for.
STUBBORN = "trap '' HUP; /bin/sleep 1001 & setsid /bin/sleep 1002 & exec /bin/sleep 1003"


@pytest.fixture
def container() -> Iterator[tuple[docker.APIClient, str]]:
    with contextlib.closing(docker.APIClient(version="auto")) as client:
        made = client.create_container("kohakuriver/busybox", ["sleep", "1000"], network_disabled=True)["Id"]
        client.start(made)
        yield client, made
        client.remove_container(made, force=True)


def session(client: docker.APIClient, container: str) -> tuple[str, int]:
    """A session that minds no HUP: its exec's id, and its leader's pid on the machine."""
    exec_id = client.exec_create(container, ["sh", "-c", STUBBORN], tty=True)["Id"]
    client.exec_start(exec_id, detach=True, tty=True)
    ends = time.monotonic() + 60
    while not all(f"/bin/sleep {number}" in running(client, container) for number in (1001, 1002, 1003)):
        assert time.monotonic() < ends
        time.sleep(0.05)
    return exec_id, client.exec_inspect(exec_id)["Pid"]


def running(client: docker.APIClient, container: str) -> list[str]:
    return [row[-1] for row in client.top(container)["Processes"]]


async def test_what_minds_no_hangup_is_killed_and_what_left_the_session_lives(container):
    client, id_ = container
    _, leader = session(client, id_)
    home = client.inspect_container(id_)["State"]["Pid"]
    assert await hang_up(leader, home, patience=0.3)
    async with asyncio.timeout(60):
        while {"/bin/sleep 1001", "/bin/sleep 1003"} & set(running(client, id_)):  # noqa: ASYNC110 - of a container
            await asyncio.sleep(0.05)
    assert running(client, id_) == ["sleep 1000", "/bin/sleep 1002"]


async def test_a_session_of_another_container_is_left_alone(container):
    client, id_ = container
    _, leader = session(client, id_)
    other = client.create_container("kohakuriver/busybox", ["sleep", "999"], network_disabled=True)["Id"]
    client.start(other)
    try:
        assert not await hang_up(leader, client.inspect_container(other)["State"]["Pid"], patience=0.1)
    finally:
        client.remove_container(other, force=True)
    assert "/bin/sleep 1003" in running(client, id_)


async def test_a_shell_inside_does_the_same_for_who_may_not(container):
    client, id_ = container
    _, leader = session(client, id_)
    await hang_up_inside(Execs(EngineSocket("/var/run/docker.sock")), id_, leader)
    async with asyncio.timeout(60):
        while {"/bin/sleep 1001", "/bin/sleep 1003"} & set(running(client, id_)):  # noqa: ASYNC110 - of a container
            await asyncio.sleep(0.2)
    assert {"sleep 1000", "/bin/sleep 1002"} <= set(running(client, id_))


def test_the_innermost_pid_is_the_containers_own():
    assert innermost("Name:\tsh\nNSpid:\t4711\t12\nThreads:\t1\n") == 12
