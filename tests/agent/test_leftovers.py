"""Processes that an engine has lost sight of: found by cgroup, ended, and nobody else's touched."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kohakuriver.agent.runtime import leftovers
from kohakuriver.agent.runtime.docker import DockerRuntime
from kohakuriver.agent.runtime.errors import EngineRefused
from kohakuriver.agent.runtime.leftovers import Sight
from tests.agent.engine_kit import CLUSTER, SocketEngine, a_socket_engine

ID = "75d9957fc175ebed09a5edd5dafc417de5e9727f0644ba542e6a631d287d906c"
OTHER = "0" * 64


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the test's own."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def a_process(proc: Path, pid: int, *groups: str) -> None:
    """A process as the kernel shows it; the file does not go with it, as the kernel's would."""
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "cgroup").write_text("".join(f"{group}\n" for group in groups))


@pytest.mark.parametrize(
    "group",
    [
        f"4:pids:/docker/{ID}",
        f"0::/system.slice/docker-{ID}.scope",
        f"1:name=systemd:/system.slice/docker-{ID}.scope",
        f"0::/system.slice/docker-{ID}.scope/init.scope",
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope",
        f"0::/vps.slice/docker-{ID}.scope",
        f"4:pids:/lab/{ID}",
        f"4:pids:/docker/{OTHER}/docker/{ID}",
        f"0::/../../docker/{ID}",
        f"0::/vps.slice:docker:{ID}",
    ],
)
async def test_what_runs_in_the_containers_cgroup_is_ended_wherever_that_is(tmp_path, sleeper, group):
    a_process(tmp_path, sleeper.pid, "9:cpu:/", group)
    assert await leftovers.end(ID, proc=tmp_path) == 1
    assert await asyncio.to_thread(sleeper.wait, 5) == -9


@pytest.mark.parametrize(
    "group", [f"0::/docker/{OTHER}", f"0::/docker/{ID[:12]}", f"0::/docker/x{ID}", "0::/", "nonsense"]
)
async def test_another_containers_processes_are_left_alone(tmp_path, sleeper, group):
    a_process(tmp_path, sleeper.pid, group)
    assert await leftovers.end(ID, proc=tmp_path) == 0
    assert sleeper.poll() is None


async def test_frozen_ones_are_thawed_first(tmp_path, sleeper):
    a_process(tmp_path / "proc", sleeper.pid, f"6:freezer:/lab/{ID}")
    freezer = tmp_path / "cgroup" / "freezer" / "lab" / ID
    freezer.mkdir(parents=True)
    (freezer / "freezer.state").write_text("FROZEN")
    assert await leftovers.end(ID, proc=tmp_path / "proc", cgroups=tmp_path / "cgroup") == 1
    assert (freezer / "freezer.state").read_text() == "THAWED"


@pytest.mark.parametrize("container", ["", "c1", ID[:12]])
async def test_what_is_no_whole_id_is_nobodys(tmp_path, sleeper, container):
    a_process(tmp_path, sleeper.pid, "0::/", f"1:pids:/docker/{container}")
    assert await leftovers.end(container, proc=tmp_path) == 0
    assert sleeper.poll() is None


async def test_where_nothing_is_left_nothing_is_done(tmp_path):
    assert await leftovers.end(ID, proc=tmp_path) == 0


# Whether it could be seen at all.


def test_a_running_container_in_a_cgroup_of_its_own_proves_that_they_can_be_told(tmp_path):
    sight = Sight(tmp_path)
    a_process(tmp_path, 7, f"0::/a/layout/that/nobody/knows/docker-{ID}.scope")
    sight.check(ID, 7)
    for _ in range(3):
        sight.check(OTHER, 8)
    sight.require()


@pytest.mark.parametrize("group", [None, "0::/user.slice", f"0::/docker/{OTHER}"])
def test_a_container_that_runs_without_a_cgroup_to_be_seen_means_that_nothing_found_says_nothing(
    tmp_path, group
):
    sight = Sight(tmp_path)
    if group is not None:
        a_process(tmp_path, 7, group)
    sight.check(ID, 7)
    sight.require()  # it may have ended while it was looked at
    sight.check(ID, 7)
    with pytest.raises(EngineRefused, match="cannot be told"):
        sight.require()


def test_containers_that_end_while_they_are_looked_at_say_nothing_of_the_layout(tmp_path):
    sight = Sight(tmp_path)
    for pid in range(1, 20):
        sight.check(ID, pid)
    sight.require()


@pytest.fixture
async def blind(tmp_path: Path) -> AsyncIterator[tuple[SocketEngine, DockerRuntime]]:
    """An engine whose containers have pids that are not to be seen here."""
    async with a_socket_engine(tmp_path, ID, OTHER) as (engine, socket):
        engine.pid = 2**30
        runtime = DockerRuntime(cluster=CLUSTER, socket_path=socket)
        yield engine, runtime
        await runtime.aclose()


async def test_on_an_engine_whose_processes_are_not_to_be_seen_no_removal_counts_as_done(blind):
    engine, runtime = blind
    for _ in range(2):
        await runtime.inspect(OTHER)
    assert "cannot be told" in runtime.blind()
    with pytest.raises(EngineRefused, match="cannot be told"):
        await runtime.remove(ID, force=True)
    assert engine.ids == [OTHER]
    with pytest.raises(EngineRefused, match="cannot be told"):
        await runtime.end_leftovers(ID)
