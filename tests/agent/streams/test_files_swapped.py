"""What the files helper opens while somebody in the VPS swaps names under it: no device, no pipe, and nothing
of the kernel's. Counted by the kernel itself: inotify tells of every open."""

import contextlib
import ctypes
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.agent.streams.files import looking, moving, writing
from kohakuriver.agent.streams.files.root import Root, open_below
from kohakuriver.agent.streams.files.service import Request
from kohakuriver.trees.pack import pack

ARCHIVES = 5000
IN_OPEN = 0x20
NULL = os.makedev(1, 3)
_libc = ctypes.CDLL(None, use_errno=True)
SWAPS = """
import ctypes, sys
libc = ctypes.CDLL(None)
one, other = sys.argv[1].encode(), sys.argv[2].encode()
print("swaps", flush=True)
while True:
    libc.renameat2(-100, one, -100, other, 2)  # RENAME_EXCHANGE
"""


class Exchange:
    """As much of an exchange as these operations use."""

    def __init__(self) -> None:
        self.body = self

    def read(self, size: int) -> bytes:
        return b""

    def send(self, data: bytes) -> None:
        pass


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    folder = tmp_path / "root"
    folder.mkdir()
    with contextlib.closing(Descriptor(folder, os.O_PATH | os.O_DIRECTORY)) as opened:
        yield Root(opened.number)


class Descriptor:
    def __init__(self, path: Path, flags: int) -> None:
        self.number = os.open(path, flags)

    def close(self) -> None:
        os.close(self.number)


class Opens:
    """How often a file was opened; a mere path (O_PATH) counts for nothing."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert _libc.inotify_add_watch(self._descriptor, os.fsencode(path), IN_OPEN) >= 0

    def seen(self) -> int:
        try:
            return len(os.read(self._descriptor, 1 << 16)) // 16
        except BlockingIOError:
            return 0

    def close(self) -> None:
        os.close(self._descriptor)


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(path, stat.S_IFCHR | 0o666, NULL)


@contextlib.contextmanager
def swapping(one: Path, other: Path) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", SWAPS, one, other], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


made_by = pytest.mark.parametrize("make", [a_device, a_pipe])


@made_by
def test_no_archive_opens_what_is_swapped_for_a_file(
    root: Root, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    (tmp_path / "root/work").mkdir()
    (tmp_path / "root/work/w").write_text("a file")
    make(tmp_path / "other")
    with contextlib.closing(Opens(tmp_path / "other")) as opens:
        with swapping(tmp_path / "root/work/w", tmp_path / "other"):
            for _ in range(ARCHIVES):
                moving.archive(root, Request({"path": "/work"}), Exchange())  # type: ignore[arg-type]
        assert opens.seen() == 0, "the helper opened it"


@made_by
def test_what_became_something_else_since_it_was_looked_at_is_left_out_and_told(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/w").write_text("a file")
    make(tmp_path / "other")

    def swapped_first(name: str, flags: int, *, folder: int) -> int:
        (tmp_path / "other").rename(tmp_path / "work/w")
        return open_below(name, flags, folder=folder)

    notes: list[str] = []
    with (
        contextlib.closing(Opens(tmp_path / "other")) as opens,
        contextlib.closing(Descriptor(tmp_path / "work", os.O_RDONLY)) as folder,
    ):
        assert pack(folder.number, lambda data: None, notes.append, opened=swapped_first) == 1
        assert opens.seen() == 0
    assert notes == ["w: it is neither a file nor a folder"]


@made_by
def test_what_is_written_over_is_a_file_or_is_not_opened(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "other")
    with (
        contextlib.closing(Opens(tmp_path / "other")) as opens,
        contextlib.closing(Descriptor(tmp_path, os.O_RDONLY)) as folder,
    ):
        with pytest.raises(PermissionError):
            writing._overwrite(folder.number, "other", folder.number)
        assert opens.seen() == 0


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (moving.archive, "/sys/module"),
        (moving.extract, "/proc/sys"),
        (writing.make_folder, "/sys/fs/x"),
        (looking.list_folder, "/proc"),
    ],
)
def test_nothing_is_done_below_what_the_kernel_shows(operation: Callable[..., Any], path: str) -> None:
    with (
        contextlib.closing(Descriptor(Path("/"), os.O_PATH | os.O_DIRECTORY)) as opened,
        pytest.raises(errors.Forbidden, match="it is the kernel's"),
    ):
        operation(Root(opened.number), Request({"path": path}), Exchange())


def test_an_archive_passes_over_the_kernels_filesystems_and_takes_other_mounts_along(tmp_path: Path) -> None:
    """In a mount namespace of its own: a volume of the VPS and its /proc, both below what is archived."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts")
    for name in ("volume", "proc", "etc"):
        (tmp_path / name).mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/proc:/bin/sh\n")
    command = ["unshare", "--mount", sys.executable, "-c", PACKS, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    count, notes, beside_home = json.loads(said.stdout)
    assert (count, notes) == (5, ["proc: it is the kernel's, and no file of the VPS"])
    assert beside_home == "/notes", "a home that is the kernel's is none"


PACKS = """
import json, os, subprocess, sys
from kohakuriver.agent.streams.files.root import Root, open_below
from kohakuriver.trees.pack import pack
top, notes = sys.argv[1], []
for kind, name in (("tmpfs", "volume"), ("proc", "proc")):
    subprocess.run(["mount", "-t", kind, "none", f"{top}/{name}"], check=True)
open(f"{top}/volume/mine", "w").close()
folder = os.open(top, os.O_RDONLY)
count = pack(folder, lambda data: None, notes.append, opened=open_below)
print(json.dumps([count, notes, Root(folder).absolute("notes")]))
"""
