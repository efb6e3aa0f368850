"""Copies both ways: whole or not at all, into folders or under new names, with memory that stays flat."""

import os
import stat
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kohakuriver import errors
from kohakuriver.cli.files import copy
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.cli.files.meter import Meter
from kohakuriver.cli.files.place import parse
from tests.files import Link, files_of


def measure(what: str, total: int | None) -> Meter:
    return Meter(what, total=total)


class Both:
    """A VPS `dev` with a root folder, and a folder here."""

    def __init__(self, files: FilesClient, link: Link, vps: Path, here: Path) -> None:
        self.files, self.link, self.vps, self.here = files, link, vps, here

    async def fetch(self, source: str, target: str) -> list[str]:
        return await copy.fetch(self.files, parse(source), parse(f"{self.here}/{target}"), measure)

    async def send(self, source: str, target: str) -> list[str]:
        return await copy.send(self.files, parse(f"{self.here}/{source}"), parse(target), measure)


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Both]:
    vps, here = tmp_path / "vps", tmp_path / "here"
    (vps / "root").mkdir(parents=True)
    (vps / "srv").mkdir()
    here.mkdir()
    async with files_of(vps) as (files, link):
        yield Both(files, link, vps, here)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def a_project(folder: Path) -> None:
    (folder / "src/deep").mkdir(parents=True)
    (folder / "src/run").write_text("#!/bin/sh\n")
    (folder / "src/run").chmod(0o751)
    (folder / "src/deep/data").write_bytes(os.urandom(400_000))
    (folder / "src/link").symlink_to("deep/data")


async def test_a_file_keeps_its_content_mode_and_time_both_ways(both: Both) -> None:
    data = os.urandom(3_000_000)
    (both.here / "a").write_bytes(data)
    (both.here / "a").chmod(0o640)
    os.utime(both.here / "a", (1e9, 1e9))
    await both.send("a", "dev:/srv")
    await both.fetch("dev:/srv/a", "b")
    for path in (both.vps / "srv/a", both.here / "b"):
        found = path.stat()
        assert path.read_bytes() == data
        assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o640, 1e9)
    assert names(both.here) == ["a", "b"] and names(both.vps) == ["root", "srv", "srv/a"]


async def test_a_folder_becomes_a_new_name_or_goes_into_a_folder(both: Both) -> None:
    a_project(both.here)
    assert await both.send("src", "dev:/srv") == []
    assert await both.send("src", "dev:/new") == []
    assert await both.send("src/.", "dev:") == []
    wanted = names(both.here / "src")
    for place in ("srv/src", "new", "root"):
        assert names(both.vps / place) == wanted
    assert stat.S_IMODE((both.vps / "new/run").stat().st_mode) == 0o751
    assert (both.vps / "new/link").readlink() == Path("deep/data")
    assert await both.fetch("dev:/new", "back") == []
    assert await both.fetch("dev:/new", "") == []
    assert await both.fetch("dev:/new/.", "back") == []
    assert names(both.here / "back") == names(both.here / "new") == wanted
    data = (both.here / "src/deep/data").read_bytes()
    assert (both.here / "back/deep/data").read_bytes() == data


async def test_a_relative_path_begins_in_roots_home(both: Both) -> None:
    (both.here / "a").write_text("1")
    await both.send("a", "dev:")
    await both.send("a", "dev:b")
    await both.fetch("dev:b", "c")
    assert names(both.vps / "root") == ["a", "b"] and (both.here / "c").read_text() == "1"


async def test_what_is_missing_is_named(both: Both) -> None:
    (both.here / "a").write_text("1")
    with pytest.raises(errors.NotFound, match="/no/file: there is no such file or folder"):
        await both.fetch("dev:/no/file", "x")
    with pytest.raises(errors.NotFound, match=r"there is no folder .*/no here"):
        await both.fetch("dev:/srv", "no/x")
    with pytest.raises(errors.NotFound, match="there is no folder dev:/no/"):
        await both.send("a", "dev:/no/")
    with pytest.raises(errors.NotFound, match=r"there is no file or folder .*/missing here"):
        await both.send("missing", "dev:")
    with pytest.raises(errors.NotFound, match="/no/x: there is no such file or folder"):
        await both.send("a", "dev:/no/x")


async def test_a_folder_is_not_copied_over_a_file_nor_a_file_over_a_folder(both: Both) -> None:
    a_project(both.here)
    (both.vps / "srv/src").write_text("a file")
    with pytest.raises(errors.ApiError, match="/srv/src"):
        await both.send("src", "dev:/srv/src")
    with pytest.raises(errors.Conflict, match="src is a folder here"):
        await both.fetch("dev:/srv/src", "")
    (both.here / "srv").write_text("a file")
    with pytest.raises(errors.Conflict, match="srv is a file here"):
        await both.fetch("dev:/srv", "srv")
    assert (both.vps / "srv/src").read_text() == "a file"
    assert not [name for name in names(both.vps) if "kohakuriver" in name]


async def test_links_that_lead_out_are_left_out_here_and_kept_in_the_vps(both: Both) -> None:
    (both.vps / "srv/evil").symlink_to("/etc/passwd")
    (both.vps / "srv/up").symlink_to("../../x")
    notes = await both.fetch("dev:/srv", "srv")
    assert len(notes) == 2 and "evil: a link to /etc/passwd, which leads out of the folder" in notes
    assert names(both.here / "srv") == []
    (both.here / "srv/mine").symlink_to("/usr/bin/env")
    assert await both.send("srv", "dev:/copy") == []
    assert (both.vps / "copy/mine").readlink() == Path("/usr/bin/env")


@pytest.mark.parametrize("what", ["file", "folder"])
async def test_a_link_that_breaks_leaves_nothing_half(both: Both, what: str) -> None:
    for place in (both.vps / "srv", both.here):
        (place / "folder").mkdir()
        (place / "folder/f").write_bytes(b"x" * 20_000_000)
        (place / "file").write_bytes(b"x" * 20_000_000)
    (both.vps / "srv/file").write_text("old")

    class Cutting(Meter):
        def add(self, size: int) -> None:
            both.link.cut()

    def cutting(name: str, total: int | None) -> Meter:
        return Cutting(name, total=total)

    before = names(both.here)
    source = "/srv/folder/f" if what == "file" else "/srv/folder"
    with pytest.raises(errors.KohakuRiverError):
        await copy.fetch(both.files, parse(f"dev:{source}"), parse(f"{both.here}/new"), cutting)
    assert names(both.here) == before
    both.link.mend()
    target = "/srv/file" if what == "file" else "/new"
    with pytest.raises(errors.KohakuRiverError):
        await copy.send(both.files, parse(f"{both.here}/{what}"), parse(f"dev:{target}"), cutting)
    await both.link.end()
    assert (both.vps / "srv/file").read_text() == "old" and not (both.vps / "new").exists()


async def test_memory_stays_flat_however_large_the_file(both: Both) -> None:
    with (both.here / "large").open("wb") as file:
        file.truncate(60_000_000)
    tracemalloc.start()
    try:
        await both.send("large", "dev:")
        await both.fetch("dev:large", "back")
        await both.fetch("dev:", "home")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (both.here / "back").stat().st_size == 60_000_000
    assert peak < 16_000_000
