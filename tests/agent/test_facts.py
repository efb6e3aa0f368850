"""When the engine's disk counts as short: of bytes, or of the files that can still be made."""

import os
from pathlib import Path

import pytest

from kohakuriver.agent.machine.facts import Disk, disk

GIB = 1 << 30


@pytest.mark.parametrize(
    ("files", "free_files", "is_short"),
    [
        (16_000_000, 900_000, False),
        (16_000_000, 700_000, True),
        (100_000, 10_001, False),
        (100_000, 9_999, True),
        (0, 0, False),  # btrfs makes them as it goes
    ],
)
def test_a_disk_is_short_when_few_more_files_can_be_made(files: int, free_files: int, is_short: bool) -> None:
    seen = Disk("/d", total=100 * GIB, free=50 * GIB, files=files, free_files=free_files)
    assert seen.is_short is is_short
    assert ("inodes" in seen.words) is is_short


def test_a_disk_is_short_of_bytes_as_before() -> None:
    assert Disk("/d", total=100 * GIB, free=4 * GIB, files=100_000, free_files=90_000).is_short
    assert not Disk("/d", total=100 * GIB, free=6 * GIB, files=100_000, free_files=90_000).is_short


def test_what_the_kernel_says_is_what_is_seen(tmp_path: Path) -> None:
    seen, told = disk(str(tmp_path)), os.statvfs(tmp_path)
    assert seen is not None and seen.total == told.f_frsize * told.f_blocks and seen.files == told.f_files
    assert disk(str(tmp_path / "missing")) is None
