import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kohakuriver.agent.snapshots import archives
from kohakuriver.agent.snapshots.files import Files
from tests.agent.snapshots import awkward

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="devices and owners are made by root")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    made = tmp_path / "volume"
    made.mkdir()
    return made


@contextlib.contextmanager
def a_small_disk(folder: Path, size: str) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_all_that_a_folder_is_comes_back_but_sockets(top: Path, tmp_path: Path) -> None:
    awkward.make(top)
    before = awkward.tree(top)
    packed = archives.pack(top, tmp_path / "kept" / "volume.tar")
    left = archives.unpack(tmp_path / "kept" / "volume.tar", tmp_path / "back", digest=packed.digest)
    assert awkward.tree(tmp_path / "back", sockets=True) == before
    assert packed.left_out == ("socket",)
    assert left == ()


def test_what_has_holes_takes_no_more_room_than_it_has_content(top: Path, tmp_path: Path) -> None:
    awkward.make(top)
    packed = archives.pack(top, tmp_path / "volume.tar")
    assert packed.size == (tmp_path / "volume.tar").stat().st_size < 1 << 20


def test_nobody_else_may_read_an_archive(top: Path, tmp_path: Path) -> None:
    archives.pack(top, tmp_path / "kept" / "volume.tar")
    assert (tmp_path / "kept" / "volume.tar").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["volume.tar"]


def test_of_many_sockets_the_first_are_named_and_all_are_counted(top: Path, tmp_path: Path) -> None:
    for at in range(30):
        os.mknod(top / f"{at:02}\n", 0o140600)
    packed = archives.pack(top, tmp_path / "volume.tar")
    assert (len(packed.left_out), packed.left_out_in_all) == (20, 30)
    assert all(path.endswith("\\n") for path in packed.left_out)  # as a person can read them, on one line


def test_a_full_disk_is_said_and_leaves_nothing_behind(top: Path, tmp_path: Path) -> None:
    (top / "large").write_bytes(os.urandom(3 << 20))
    packed = archives.pack(top, tmp_path / "volume.tar")
    with a_small_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(archives.ArchiveError, match=f"there is no room left on the disk of {disk}/kept"):
            archives.pack(top, disk / "kept" / "volume.tar")
        assert list((disk / "kept").iterdir()) == []
        with pytest.raises(archives.ArchiveError, match="No space left on device"):
            archives.unpack(tmp_path / "volume.tar", disk / "back", digest=packed.digest)
        assert not (disk / "back").exists()


def test_an_archive_that_was_changed_is_not_taken(top: Path, tmp_path: Path) -> None:
    (top / "file").write_text("content")
    packed = archives.pack(top, tmp_path / "volume.tar")
    with (tmp_path / "volume.tar").open("ab") as file:
        file.write(bytes(1024))
    with pytest.raises(archives.ArchiveError, match="its digest is another"):
        archives.unpack(tmp_path / "volume.tar", tmp_path / "back", digest=packed.digest)
    assert not (tmp_path / "back").exists()


def test_what_is_no_archive_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "volume.tar").write_bytes(b"nonsense" * 1000)
    with pytest.raises(archives.ArchiveError, match="does not look like a tar archive"):
        archives.unpack(tmp_path / "volume.tar", tmp_path / "back", digest="sha256:0")
    assert not (tmp_path / "back").exists()


def test_nothing_is_unpacked_over_what_is_there(top: Path, tmp_path: Path) -> None:
    packed = archives.pack(top, tmp_path / "volume.tar")
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "mine").touch()
    with pytest.raises(archives.ArchiveError, match="File exists"):
        archives.unpack(tmp_path / "volume.tar", tmp_path / "back", digest=packed.digest)
    assert (tmp_path / "back" / "mine").exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(archives.ArchiveError, match="No such file or directory"):
        archives.pack(tmp_path / "gone", tmp_path / "volume.tar")
    assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_try_has_left_is_written_anew(top: Path, tmp_path: Path) -> None:
    (tmp_path / "volume.tar.part").write_text("half")
    packed = archives.pack(top, tmp_path / "volume.tar")
    assert packed.size == (tmp_path / "volume.tar").stat().st_size
    assert not (tmp_path / "volume.tar.part").exists()


def test_packing_is_ended_by_its_handle_from_another_thread(top: Path, tmp_path: Path) -> None:
    (top / "large").write_bytes(bytes(8 << 20))
    handle = archives.Handle()

    def end_it(size: int) -> None:
        thread = threading.Thread(target=handle.end)
        thread.start()
        thread.join()

    with pytest.raises(archives.Ended):
        archives.pack(top, tmp_path / "volume.tar", progress=end_it, handle=handle)
    with pytest.raises(archives.Ended):
        archives.pack(top, tmp_path / "volume.tar", handle=handle)
    assert list(tmp_path.iterdir()) == [top]


def test_what_hears_of_progress_may_say_no(top: Path, tmp_path: Path) -> None:
    def refuse(size: int) -> None:
        raise archives.ArchiveError("enough")

    with pytest.raises(archives.ArchiveError, match="enough"):
        archives.pack(top, tmp_path / "volume.tar", progress=refuse)
    assert list(tmp_path.iterdir()) == [top]


def test_a_tree_that_is_removed_may_be_deep(tmp_path: Path) -> None:
    at = tmp_path / "deep"
    at.mkdir()
    descriptor = os.open(at, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("folder", dir_fd=descriptor)
        below = os.open("folder", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    archives.remove_tree(at)
    archives.remove_tree(at)
    assert list(tmp_path.iterdir()) == []


def test_this_machine_s_tar_does_what_is_needed() -> None:
    archives.check()


@pytest.mark.parametrize("says", ["#!/bin/sh\necho 'tar: unrecognized option: acls' >&2; exit 1\n", ""])
def test_a_tar_that_does_not_is_said_with_what_to_install(tmp_path: Path, says: str) -> None:
    if says:
        (tmp_path / "tar").write_text(says)
        (tmp_path / "tar").chmod(0o755)
    else:
        (tmp_path / "tar").symlink_to("/no/such/program")
    with pytest.raises(archives.ArchiveError) as caught:
        archives.check(str(tmp_path / "tar"))
    assert "apt-get install tar" in caught.value.hint


def test_archives_of_a_snapshot_lie_in_its_own_folder_by_the_names_of_its_volumes(tmp_path: Path) -> None:
    files, uid = Files(tmp_path), "0b1c-22"
    named, declared = files.archive(uid, "data", "/data"), files.archive(uid, None, "/var/lib/postgresql")
    assert named == tmp_path / "snapshots" / uid / "volume-data.tar"
    assert declared.parent == named.parent
    assert declared != files.archive(uid, None, "/var/lib/mysql")


@pytest.mark.parametrize("uid", ["", "..", "a/b", "/etc", "A", "a\n"])
def test_a_uid_that_no_server_gives_names_no_folder(tmp_path: Path, uid: str) -> None:
    with pytest.raises(ValueError, match="invalid uid"):
        Files(tmp_path).folder(uid)


@pytest.mark.parametrize("name", ["", "../x", "a.b", "_"])
def test_a_name_that_no_server_lets_in_names_no_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="invalid name"):
        Files(tmp_path).archive("u1", name, "/data")
