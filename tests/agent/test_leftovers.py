"""Processes that an engine has lost sight of: found by cgroup, ended, and nobody else's touched."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.runtime import leftovers

ID = "75d9957fc175ebed09a5edd5dafc417de5e9727f0644ba542e6a631d287d906c"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the test's own."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def a_group(root: Path, place: str, *pids: int) -> Path:
    """A cgroup as the kernel shows it; it does not forget who has ended, as the kernel would."""
    group = root / place
    group.mkdir(parents=True)
    (group / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))
    return group


@pytest.mark.parametrize(
    "place",
    [
        f"docker/{ID}",
        f"pids/docker/{ID}",
        f"system.slice/docker-{ID}.scope",
        f"systemd/system.slice/docker-{ID}.scope",
        f"docker/{ID}/init.scope",
    ],
)
async def test_what_runs_in_the_containers_cgroup_is_ended(tmp_path, sleeper, place):
    a_group(tmp_path, place, sleeper.pid)
    assert await leftovers.end(ID, root=tmp_path) == 1
    assert await asyncio.to_thread(sleeper.wait, 5) == -9


async def test_another_containers_processes_are_left_alone(tmp_path, sleeper):
    a_group(tmp_path, f"docker/{'0' * 64}", sleeper.pid)
    assert await leftovers.end(ID, root=tmp_path) == 0
    assert sleeper.poll() is None


async def test_frozen_ones_are_thawed_first(tmp_path, sleeper):
    a_group(tmp_path, f"pids/docker/{ID}", sleeper.pid)
    freezer = a_group(tmp_path, f"freezer/docker/{ID}", sleeper.pid)
    (freezer / "freezer.state").write_text("FROZEN")
    assert await leftovers.end(ID, root=tmp_path) == 1
    assert (freezer / "freezer.state").read_text() == "THAWED"


async def test_where_nothing_is_left_nothing_is_done(tmp_path):
    assert await leftovers.end(ID, root=tmp_path) == 0
    a_group(tmp_path, f"docker/{ID}")
    assert await leftovers.end(ID, root=tmp_path) == 0
