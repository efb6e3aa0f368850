"""What differs between then and now, in order, however much it is; and volumes as archives have them."""

import os
import socket
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.agent.runtime.base import Change, ChangeKind, Entry
from kohakuriver.agent.snapshots import archives
from kohakuriver.agent.streams import archived
from kohakuriver.agent.streams.differences import Differences

ADDED, CHANGED, DELETED = ChangeKind.ADDED, ChangeKind.CHANGED, ChangeKind.DELETED


def a_file(path, mark="1", *, link=""):
    return Entry(path, b"" if link else mark.encode(), link)


def found(differences):
    return [one for portion in differences.all() for one in portion]


def test_what_came_went_and_changed_is_told_by_path():
    with Differences() as it:
        it.there_was([a_file("/b"), a_file("/c"), a_file("/same")])
        it.there_is([a_file("/same"), a_file("/c", "2"), a_file("/a")])
        it.compare()
        assert found(it) == [Change("/a", ADDED), Change("/b", DELETED), Change("/c", CHANGED)]


def test_another_name_of_a_file_is_compared_as_the_file():
    with Differences() as it:
        it.there_was([a_file("/a"), a_file("/b", link="/a")])
        it.there_is([a_file("/b"), a_file("/a", link="/b")])
        it.compare()
        assert found(it) == []
    with Differences() as it:
        it.there_was([a_file("/a"), a_file("/b", link="/a")])
        it.there_is([a_file("/a", "2"), a_file("/b", link="/a")])
        it.compare()
        assert found(it) == [Change("/a", CHANGED), Change("/b", CHANGED)]


def test_paths_that_are_no_text_come_back_as_they_were():
    odd = os.fsdecode(b"/\xff\n\x1b[31m")
    with Differences() as it:
        it.changed([Change(odd, ADDED), Change("/ä", DELETED)])
        assert found(it) == [Change("/ä", DELETED), Change(odd, ADDED)]


def test_too_many_are_refused_in_words():
    with Differences(most=2) as it:
        it.there_was([a_file("/a")])
        with pytest.raises(errors.Unavailable, match="more than 2 files"):
            it.there_is([a_file("/a"), a_file("/b")])


def test_paths_that_would_fill_the_disk_are_refused_in_words():
    with Differences(most_bytes=100) as it:
        it.there_was([a_file("/" + "a" * 49)])
        with pytest.raises(errors.Unavailable, match="more than 100 bytes"):
            it.changed([Change("/" + "a" * 50, ADDED)])


def test_who_tells_more_once_nobody_waits_hears_that_it_is_over():
    it = Differences()
    it.there_was([a_file("/a")])
    it.close()
    for call in (it.there_is, it.changed):
        with pytest.raises(errors.Unavailable, match="nobody waits"):
            call([])


def a_tree(folder: Path) -> Path:
    folder.mkdir()
    (folder / "sub").mkdir()
    for name in ("kept", "sub/kept", "longer", "later", "open", "gone", "odd \n\udcff"):
        (folder / name).write_bytes(b"1")
    (folder / "link").symlink_to("kept")
    (folder / "two").hardlink_to(folder / "kept")
    os.mkfifo(folder / "pipe")
    with (folder / "holes").open("wb") as file:
        file.truncate(1 << 22)
        file.seek(1 << 21)
        file.write(b"1")
    return folder


def compared(file: Path, folder: Path):
    with Differences() as it:
        archived.packed(file, "/data", it.there_was)
        archived.lying(folder, "/data", it.there_is)
        it.compare()
        return found(it)


def test_a_volume_that_nobody_touched_is_the_same_as_its_archive(tmp_path):
    folder, file = a_tree(tmp_path / "it"), tmp_path / "it.tar"
    archives.pack(folder, file)
    with socket.socket(socket.AF_UNIX) as left_out:
        left_out.bind(str(folder / "socket"))
    assert compared(file, folder) == []


def test_what_was_done_to_a_volume_since_is_told(tmp_path):
    folder, file = a_tree(tmp_path / "it"), tmp_path / "it.tar"
    archives.pack(folder, file)
    (folder / "longer").write_bytes(b"22")
    seen = (folder / "later").stat()
    os.utime(folder / "later", ns=(seen.st_atime_ns, seen.st_mtime_ns + 1))
    (folder / "open").chmod(0o777)
    (folder / "gone").unlink()
    (folder / "link").unlink()
    (folder / "link").symlink_to("elsewhere")
    (folder / "sub" / "new").mkdir()
    (folder / "odd \n\udcff").unlink()
    assert compared(file, folder) == [
        Change("/data/gone", DELETED),
        Change("/data/later", CHANGED),
        Change("/data/link", CHANGED),
        Change("/data/longer", CHANGED),
        Change("/data/odd \n\udcff", DELETED),
        Change("/data/open", CHANGED),
        Change("/data/sub/new", ADDED),
    ]


def test_a_link_out_of_the_volume_is_not_followed(tmp_path):
    folder, file = tmp_path / "it", tmp_path / "it.tar"
    folder.mkdir()
    archives.pack(folder, file)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"1")
    (folder / "way").symlink_to(tmp_path / "outside")
    assert compared(file, folder) == [Change("/data/way", ADDED)]


def test_a_folder_that_becomes_a_link_while_it_is_read_leads_nowhere(tmp_path, monkeypatch):
    folder, outside, heard = tmp_path / "it", tmp_path / "outside", []
    (outside / "below").mkdir(parents=True)
    (outside / "secret").write_bytes(b"1")
    (outside / "below" / "secret").write_bytes(b"1")
    for name in ("a", "b"):
        (folder / name / "below").mkdir(parents=True)
    monkeypatch.setattr(archived, "PORTION", 1)

    def told(portion):
        """Both folders were seen, and the first was read: what is left of them is swapped."""
        heard.extend(one.path for one in portion)
        for name in ("a", "b") if any(one.endswith("/below") for one in heard) else ():
            if not (folder / name).is_symlink():
                (folder / name).rename(tmp_path / f"old-{name}")
                (folder / name).symlink_to(outside)

    archived.lying(folder, "/data", told)
    assert len(heard) == 3
    assert not [one for one in heard if "secret" in one]


def test_a_path_longer_than_any_is_told_in_words(tmp_path):
    folder = tmp_path / "it"
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=here)
        above, here = here, os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(above)
    os.close(here)
    with pytest.raises(errors.Unavailable, match="volume at /data cannot be read: File name too long"):
        archived.lying(folder, "/data", lambda told: None)


def test_an_archive_that_is_damaged_or_gone_is_told(tmp_path):
    file = tmp_path / "it.tar"
    with pytest.raises(errors.Unavailable, match="archive of /data in the Snapshot cannot be read"):
        archived.packed(file, "/data", lambda told: None)
    file.write_bytes(b"x" * 16384)
    with pytest.raises(errors.Unavailable, match="archive of /data in the Snapshot cannot be read"):
        archived.packed(file, "/data", lambda told: None)
    for folder in (tmp_path / "none", Path()):
        with pytest.raises(errors.Unavailable, match="volume at /data"):
            archived.lying(folder, "/data", lambda told: None)
