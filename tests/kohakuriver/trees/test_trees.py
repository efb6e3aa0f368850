"""Folders as tar streams: what is packed is unpacked the same, and nothing is ever written outside."""

import io
import os
import stat
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.trees.members import Refused
from kohakuriver.trees.pack import pack
from kohakuriver.trees.unpack import leads_out, unpack


def packed(folder: Path) -> tuple[bytes, list[str]]:
    parts: list[bytes] = []
    notes: list[str] = []
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        pack(descriptor, parts.append, notes.append)
    finally:
        os.close(descriptor)
    return b"".join(parts), notes


def unpacked(data: bytes, folder: Path, *, outward_links: bool = False) -> list[str]:
    notes: list[str] = []
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        unpack(io.BytesIO(data), descriptor, note=notes.append, outward_links=outward_links)
    finally:
        os.close(descriptor)
    return notes


def a_tar(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for member in members:
            if member.isreg():
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def a_file(name: str) -> tarfile.TarInfo:
    return tarfile.TarInfo(name)


def a_link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "outside/target"
    folder.mkdir(parents=True)
    return folder


def seen(folder: Path) -> dict[str, object]:
    """What is in it: content, links, modes and times."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        what = (
            str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
        )
        mode = None if path.is_symlink() else stat.S_IMODE(status.st_mode)
        found[str(path.relative_to(folder))] = (what, mode, path.is_symlink() or int(status.st_mtime))
    return found


def test_a_folder_comes_out_as_it_went_in(tmp_path: Path, target: Path) -> None:
    source = tmp_path / "source"
    (source / "a/b").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "a/run").write_bytes(b"#!/bin/sh\n")
    (source / "a/run").chmod(0o755)
    (source / "a/b/large").write_bytes(os.urandom(700_001))
    (source / "a/link").symlink_to("b/large")
    (source / f"{'long' * 50}").write_text("x")
    Path(os.fsdecode(bytes(source) + b"/caf\xe9")).write_text("latin")
    os.utime(source / "a/run", (1_000_000_000, 1_000_000_000))
    (source / "a/b").chmod(0o555)
    data, notes = packed(source)
    assert unpacked(data, target) == notes == []
    assert seen(target) == seen(source)


def test_pipes_are_left_out_and_told(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    os.mkfifo(source / "pipe")
    assert packed(source)[1] == ["pipe: it is not a file, folder or link"]


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "a/../x", "/etc/x", "..", "./../x"])
def test_a_name_that_leads_out_ends_it(target: Path, name: str) -> None:
    with pytest.raises(Refused, match="leads out of the folder"):
        unpacked(a_tar(a_file(name), content=b"evil"), target)
    assert [path.name for path in target.parent.iterdir()] == ["target"]


@pytest.mark.parametrize(
    "to", ["/", "..", "../..", "/etc/passwd", "../outside", "a/../..", "x/../../..", "d/.."]
)
def test_a_link_that_leads_out_is_left_out_and_told(target: Path, to: str) -> None:
    (note,) = unpacked(a_tar(a_link("evil", to)), target)
    assert note == f"evil: a link to {to}, which leads out of the folder"
    assert not os.path.lexists(target / "evil")


@pytest.mark.parametrize("outward_links", [True, False])
def test_nothing_is_written_through_a_link_of_the_stream(target: Path, outward_links: bool) -> None:
    data = a_tar(a_link("way", ".."), a_link("also", "."), a_file("also/../x"), content=b"evil")
    with pytest.raises(Refused):
        unpacked(data, target, outward_links=outward_links)
    with pytest.raises(Refused, match="way is in the way: it is a link"):
        unpacked(a_tar(a_link("way", ".."), a_file("way/x"), content=b"evil"), target, outward_links=True)
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_nothing_is_written_through_a_link_that_was_there(target: Path) -> None:
    (target / "way").symlink_to("..")
    with pytest.raises(Refused, match="way is in the way"):
        unpacked(a_tar(a_file("way/x"), content=b"evil"), target)
    (target / "file").symlink_to("../x")
    unpacked(a_tar(a_file("file"), content=b"mine"), target)
    assert not (target / "file").is_symlink() and (target / "file").read_bytes() == b"mine"
    assert [path.name for path in target.parent.iterdir()] == ["target"]


@given(st.lists(st.sampled_from(["..", ".", "a", ""]), max_size=6), st.booleans(), st.integers(0, 3))
def test_a_link_that_is_kept_stays_inside_whatever_else_is_a_link(
    parts: list[str], absolute: bool, depth: int
) -> None:
    to = ("/" if absolute else "") + "/".join(parts)
    if leads_out(to, depth=depth):
        return
    height = depth
    for part in to.split("/"):
        height += {"..": -1, ".": 0, "": 0}.get(part, 0)  # a name may be a link to where it stands
        assert height >= 0, f"a link to {to!r} from {depth} folders deep leads out"


@pytest.mark.parametrize("cut", [100, 512, 600, 1024, 2000])
def test_a_stream_that_is_cut_leaves_no_half_file(target: Path, cut: int) -> None:
    data = a_tar(a_file("one"), content=b"x" * 5000)
    with pytest.raises(Refused):
        unpacked(data[:cut], target)
    assert list(target.iterdir()) == []


def test_setuid_bits_are_dropped(target: Path) -> None:
    info = a_file("su")
    info.mode = 0o6755
    unpacked(a_tar(info, content=b"x"), target)
    assert stat.S_IMODE((target / "su").stat().st_mode) == 0o755


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE])
def test_devices_and_hard_links_are_left_out(target: Path, kind: bytes) -> None:
    info = a_file("x")
    info.type, info.linkname = kind, "/etc/passwd"
    assert unpacked(a_tar(info), target) == ["x: it is not a file, folder or link"]
    assert list(target.iterdir()) == []


def test_a_file_that_is_there_is_replaced_and_a_folder_is_not(target: Path) -> None:
    (target / "f").write_text("old")
    (target / "d").mkdir()
    unpacked(a_tar(a_file("f"), content=b"new"), target)
    assert (target / "f").read_text() == "new"
    with pytest.raises(Refused, match="d is in the way: it is a folder"):
        unpacked(a_tar(a_file("d"), content=b"new"), target)
    assert sorted(path.name for path in target.iterdir()) == ["d", "f"]


def with_pax(**said: str) -> bytes:
    info = a_file("x")
    info.pax_headers = {name.replace("_", "."): value for name, value in said.items()}
    return info.tobuf(tarfile.PAX_FORMAT) + b"\0" * 1024


@pytest.mark.parametrize(
    "data",
    [
        with_pax(GNU_sparse_size="1000000000000", GNU_sparse_map="0,3", GNU_sparse_name="y"),
        with_pax(mtime="1e400"),
        with_pax(mtime="nan"),
        with_pax(GNU_sparse_size="abc"),
        with_pax(path="x/" * 2000),
        with_pax(path="q")[:-1536] * 5000,
    ],
    ids=["holes", "endless time", "no time", "no number", "deep", "headers about headers"],
)
def test_a_stream_that_lies_ends_with_a_refusal_and_makes_nothing(target: Path, data: bytes) -> None:
    with pytest.raises(Refused):
        unpacked(data, target)
    assert not any(file.is_file() for file in target.rglob("*"))


def test_memory_stays_flat_over_many_members(tmp_path: Path, target: Path) -> None:
    import tracemalloc

    source = tmp_path / "source"
    source.mkdir()
    for number in range(2000):
        (source / f"{number}").write_bytes(b"x" * 200)
    data, _ = packed(source)
    tracemalloc.start()
    try:
        unpacked(data, target)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(list(target.iterdir())) == 2000
    assert peak < 3_000_000, f"{peak} bytes for small files: something keeps them all"
