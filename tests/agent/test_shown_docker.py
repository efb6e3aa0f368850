"""A real lxcfs, killed, hung and started anew below real containers."""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kohakuriver.agent.deciding.shown import FILES
from kohakuriver.agent.machine.lxcfs import KernelLxcfs
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Container, Limits
from kohakuriver.agent.shown import Shown
from tests.agent.docker_world import DockerWorld, a_docker_world
from tests.agent.runtime_contract import started

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(
        shutil.which("lxcfs") is None or not os.access("/dev/fuse", os.W_OK),
        reason="this machine has no lxcfs, or no FUSE",
    ),
]
DEBIAN = "kohakuriver/debian-ssh"
LIMITS = Limits(millicores=500, memory=64 << 20)


class Server:
    """lxcfs on a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.folder.parent / "lxcfs.log").open("ab")
        pid_file = self.folder.parent / "lxcfs.pid"
        with log:
            self.process = subprocess.Popen(
                ["lxcfs", "-f", "--enable-cfs", "-p", str(pid_file), str(self.folder)], stdout=log, stderr=log
            )
        until = time.monotonic() + 60
        while not (self.folder / "proc" / "meminfo").exists():
            assert time.monotonic() < until
            time.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send it; a stop is waited for, as each thread hears of it in its own time."""
        assert self.process is not None
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def kill(self) -> None:
        """As a crash does; its unit's ExecStopPost takes the mount off then."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            subprocess.run(["umount", "-l", str(self.folder)], check=True)
            self.process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "lxcfs"
    folder.mkdir()
    server = Server(folder)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def world() -> AsyncIterator[DockerWorld]:
    async with a_docker_world() as world:
        yield world


async def a_vps(world: DockerWorld, roster: Roster) -> Container:
    container_id = await started(world, image=DEBIAN, limits=LIMITS)
    container = await world.runtime.inspect(container_id)
    assert container is not None
    roster.put(container)
    return container


def said(world: DockerWorld, container: Container, command: str) -> str:
    job = world.client.exec_create(container.id, ["/bin/sh", "-c", command])
    return str(world.client.exec_start(job["Id"]).decode())


async def test_what_runs_already_sees_its_limits_and_outlives_every_end_of_lxcfs(
    world: DockerWorld, server: Server
) -> None:
    roster = Roster()
    shown = Shown(KernelLxcfs(server.folder), roster, offered=True)
    container = await a_vps(world, roster)
    total = "awk '/MemTotal/ {print $2}' /proc/meminfo; cat /sys/devices/system/cpu/online"
    machine = await asyncio.to_thread(said, world, container, total)
    await shown.step()
    assert await asyncio.to_thread(said, world, container, total) == "65536\n0\n"
    listed = await asyncio.to_thread(said, world, container, "grep lxcfs /proc/mounts | grep -c ' ro,'")
    assert listed == f"{len(FILES)}\n"

    server.kill()
    broken = await asyncio.to_thread(said, world, container, "cat /proc/meminfo")
    assert "Transport endpoint is not connected" in broken
    await shown.step()
    assert await asyncio.to_thread(said, world, container, total) == machine

    server.start()
    await shown.step()
    assert await asyncio.to_thread(said, world, container, total) == "65536\n0\n"
    server.kill()
    await world.runtime.stop(container.id, 10)
    await world.runtime.start(container.id)  # nothing of it is in the container's own settings
    assert await asyncio.to_thread(said, world, container, total) == machine


async def test_one_that_hangs_is_left_behind_and_taken_off(world: DockerWorld, server: Server) -> None:
    roster = Roster()
    lxcfs = KernelLxcfs(server.folder)
    shown = Shown(lxcfs, roster, offered=True)
    container = await a_vps(world, roster)
    await shown.step()
    server.signal(signal.SIGSTOP)
    try:
        async with asyncio.timeout(60):
            await shown.step()
        assert lxcfs.views([container])[container.id].files == {}
        assert "MemTotal" in await asyncio.to_thread(said, world, container, "cat /proc/meminfo")
    finally:
        server.signal(signal.SIGCONT)
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(lxcfs.serves):  # noqa: ASYNC110 - what was left behind ends then
            await asyncio.sleep(0.05)
