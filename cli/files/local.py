"""This machine's side of a copy: files and folders that appear under their name when they are whole.

Blocks of a fixed size are all that is ever in memory.
"""

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from kohakuriver import errors
from kohakuriver.trees.pack import CHUNK
from kohakuriver.trees.unpack import temporary

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_MODES: Final = 0o1777


class NewFile:
    """A file under a hidden name beside its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hidden = path.with_name(temporary(path.name))
        self._descriptor = os.open(self._hidden, _NEW, 0o600)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def finish(self, *, mode: int, mtime: int) -> None:
        """Give it its name."""
        os.fchmod(self._descriptor, mode & _MODES)
        os.utime(self._descriptor, (mtime, mtime))
        self._hidden.rename(self._path)

    def close(self) -> None:
        """What was not finished is gone."""
        os.close(self._descriptor)
        self._hidden.unlink(missing_ok=True)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[NewFile]:
    made = NewFile(path)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[int]:
    """A descriptor of a folder that gets its name when the block is over; one that is there already is
    used."""
    if path.is_dir():
        with opened(path) as descriptor:
            yield descriptor
        return
    hidden = path.with_name(temporary(path.name))
    hidden.mkdir(0o700)
    try:
        with opened(hidden) as descriptor:
            yield descriptor
        hidden.rename(path)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[int]:
    """A descriptor of a folder that is there."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def blocks(descriptor: int) -> AsyncIterator[bytes]:
    """What is in a file."""
    while data := os.read(descriptor, CHUNK):
        yield data


def target(place: str, name: str, *, wants_folder: bool) -> Path:
    """Where something of that name comes to lie. Raises NotFound where the folder is missing."""
    path = Path(place)
    if path.is_dir():
        return path / name if name else path
    if wants_folder or not path.parent.is_dir():
        missing = path if wants_folder else path.parent
        raise errors.NotFound(f"there is no folder {missing} here", hint=f"make it first: mkdir -p {missing}")
    return path


def status(place: str) -> os.stat_result:
    """What is there. Raises NotFound."""
    try:
        return Path(place).stat()
    except FileNotFoundError:
        raise errors.NotFound(f"there is no file or folder {place} here") from None
