"""Room that is the journal's own, on a disk that is full."""

import errno
from pathlib import Path

import pytest

from kohakuriver.agent.data_dir import DataDir, Disk, PrivateFiles
from kohakuriver.agent.reserve import PIECE, SIZE, Reserve

NOTE = "x" * 4096


class SmallDisk(PrivateFiles):
    """One that holds so many bytes below a folder."""

    def __init__(self, folder: Path, capacity: int) -> None:
        self._folder = folder
        self._capacity = capacity

    def write(self, path: Path, content: str | bytes) -> None:
        if sum(one.stat().st_size for one in self._folder.iterdir()) + len(content) > self._capacity:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        super().write(path, content)


def test_files_are_replaced_and_removed(tmp_path: Path):
    files: Disk = Reserve(tmp_path)
    for content in ("one", b"two"):
        files.prepare()
        files.write(tmp_path / "file", content)
    assert (tmp_path / "file").read_bytes() == b"two"
    for _ in range(2):
        files.remove(tmp_path / "file")
        assert not (tmp_path / "file").exists()
    assert (tmp_path / "reserve").stat().st_size == SIZE


def test_notes_are_taken_on_a_full_disk_until_the_reserve_is_used_up(tmp_path: Path):
    files = Reserve(tmp_path, SmallDisk(tmp_path, SIZE))
    files.prepare()
    for number in range(SIZE // PIECE):
        files.write(tmp_path / str(number), NOTE)
    assert 0 < (tmp_path / "reserve").stat().st_size < SIZE
    with pytest.raises(OSError, match="No space left"):
        files.write(tmp_path / "large", "x" * SIZE)
    assert (tmp_path / "0").read_text() == NOTE


def test_the_reserve_is_whole_again_once_there_is_room(tmp_path: Path):
    files = Reserve(tmp_path, SmallDisk(tmp_path, SIZE))
    files.prepare()
    files.write(tmp_path / "file", NOTE)
    assert (tmp_path / "reserve").stat().st_size == SIZE - PIECE
    files.prepare()
    assert (tmp_path / "reserve").stat().st_size == SIZE


async def test_a_disk_without_room_for_the_reserve_is_said_to_be_full(tmp_path: Path):
    (tmp_path / "reserve").symlink_to("/dev/full")
    disk = DataDir(tmp_path, files=Reserve(tmp_path))
    await disk.look()
    assert disk.reason == "DiskFull"
    (tmp_path / "reserve").unlink()
    await disk.look()
    assert disk.reason == "Writable"
