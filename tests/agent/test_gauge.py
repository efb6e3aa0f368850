"""What every gauge must count: the walker on real files, the one in memory on the same."""

import os
import resource
from pathlib import Path
from typing import Protocol

import pytest

from kohakuriver.agent.room import tally
from kohakuriver.agent.room.gauge import Amount, CannotMeasure, Gauge, Walker
from tests.fakes.gauge import FakeGauge


class World(Protocol):
    gauge: Gauge

    def folder(self, name: str, *, files: int, each: int) -> str:
        """A folder with so many files of so many bytes."""
        ...


class Real:
    def __init__(self, top: Path) -> None:
        self.gauge = Walker()
        self._top = top

    def folder(self, name: str, *, files: int, each: int) -> str:
        made = self._top / name
        made.mkdir()
        for number in range(files):
            (made / str(number)).write_bytes(b"x" * each)
        return str(made)


class Memory:
    def __init__(self) -> None:
        self.gauge = FakeGauge()

    def folder(self, name: str, *, files: int, each: int) -> str:
        self.gauge.folders[f"/{name}"] = Amount(size=files * each + 4096, files=files + 1)
        return f"/{name}"


@pytest.fixture(params=["real", "memory"])
def world(request, tmp_path):
    return Real(tmp_path) if request.param == "real" else Memory()


async def test_everything_below_all_folders_is_counted(world: World):
    one, other = world.folder("a", files=3, each=100_000), world.folder("b", files=2, each=4096)
    amount = await world.gauge.measure([one, other], within=30, most=1000)
    assert (amount.files, amount.is_whole) == (7, True)
    assert 308_000 <= amount.size <= 400_000


async def test_beyond_the_most_files_it_counts_no_further(world: World):
    amount = await world.gauge.measure([world.folder("a", files=50, each=1)], within=30, most=10)
    assert (amount.files, amount.is_whole) == (10, False)


async def test_a_folder_that_is_not_there_is_said(world: World):
    with pytest.raises(CannotMeasure, match=r"gone: No such file"):
        await world.gauge.measure([f"{world.folder('a', files=1, each=1)}/gone"], within=30, most=10)


def counted(top: Path, *, most: int = 100_000) -> tally.Tally:
    found = tally.Tally(until=1e18, most=most)
    found.walk(str(top))
    return found


def test_no_link_is_followed_and_a_file_with_two_names_is_one(tmp_path: Path):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "big").write_bytes(b"x" * 1_000_000)
    (inside / "link").symlink_to(outside)
    (inside / "one").write_bytes(b"x" * 100_000)
    os.link(inside / "one", inside / "two")
    found = counted(inside)
    assert found.files == 3
    assert found.size < 200_000


def test_a_walk_ends_in_time_among_many_names_of_one_file(tmp_path: Path):
    (tmp_path / "0").write_bytes(b"x")
    for number in range(1, 3000):
        os.link(tmp_path / "0", tmp_path / str(number))
    found = tally.Tally(until=0.0, most=100_000)
    found.walk(str(tmp_path))
    assert not found.is_whole


def test_a_sparse_file_counts_as_what_it_takes(tmp_path: Path):
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    assert counted(tmp_path).size < 100_000


def test_folders_too_deep_in_one_another_are_said_not_overlooked(tmp_path: Path):
    top = descriptor = os.open(tmp_path, os.O_DIRECTORY)
    for _ in range(tally.DEEPEST + 5):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_DIRECTORY, dir_fd=descriptor)
        if descriptor != top:
            os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    os.close(top)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 4096), before[1]))
        found = counted(tmp_path)
        assert (found.is_too_deep, found.is_whole) == (True, False)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        _remove_deep(tmp_path)


def _remove_deep(top: Path) -> None:
    """By moving what is below up, a level at a time; no path is long."""
    while (top / "d").exists():
        if (top / "d" / "d").exists():
            (top / "d" / "d").rename(top / "e")
        (top / "d").rmdir()
        if (top / "e").exists():
            (top / "e").rename(top / "d")


def test_what_is_open_below_does_not_pile_up(tmp_path: Path):
    for number in range(300):
        (tmp_path / str(number)).mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert counted(tmp_path).files == 301
    assert len(list(Path("/proc/self/fd").iterdir())) == before
