"""A folder as a tar stream: regular files, folders and links, without holding any of it in memory.

Walked by descriptors, following no link, so that nobody can swap a folder for a link on the way. Knows
nothing of where the bytes go.
"""

import errno
import os
import stat
import tarfile
from collections.abc import Callable
from typing import Final, Protocol

CHUNK: Final = 1 << 18  # bytes read or written at a time

Write = Callable[[bytes], None]
Note = Callable[[str], None]


class Opened(Protocol):
    """Opens a name in an open folder, once it is said to be a file or a folder. Whoever reads what is not
    his own has one that looks again at the very thing it opens."""

    def __call__(self, name: str, flags: int, /, *, folder: int) -> int:
        """Its descriptor. Raises OSError, in words."""
        ...


def by_name(name: str, flags: int, /, *, folder: int) -> int:
    """For a person's own files."""
    return os.open(name, flags, dir_fd=folder)


def pack(folder: int, write: Write, note: Note, *, opened: Opened = by_name) -> int:
    """Everything below the folder, which is a descriptor, and the folder's own mode as the member `.`; how
    many members. `note` is told what was left out, and why."""
    packer = _Packer(write, note, opened)
    packer.folder(folder, "")
    packer.end()
    return packer.count


class _Packer:
    def __init__(self, write: Write, note: Note, opened: Opened) -> None:
        self.count = 0
        self._write = write
        self._note = note
        self._opened = opened
        self._waiting = bytearray()

    def folder(self, descriptor: int, name: str) -> None:
        self._member(name or ".", os.fstat(descriptor), tarfile.DIRTYPE)
        for child in sorted(os.listdir(descriptor)):
            path = f"{name}/{child}" if name else child
            try:
                self._child(descriptor, child, path)
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENOTDIR):
                    raise
                self._note(f"{path}: {error.strerror}")

    def end(self) -> None:
        self._put(b"\0" * (2 * tarfile.BLOCKSIZE))
        self._flush()

    def _child(self, folder: int, child: str, path: str) -> None:
        found = os.stat(child, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
            descriptor = self._opened(child, flags, folder=folder)
            try:
                self.folder(descriptor, path)
            finally:
                os.close(descriptor)
        elif stat.S_ISLNK(found.st_mode):
            self._member(path, found, tarfile.SYMTYPE, link=os.readlink(child, dir_fd=folder))
        elif stat.S_ISREG(found.st_mode):
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = self._opened(child, flags, folder=folder)
            try:
                self._file(descriptor, path)
            finally:
                os.close(descriptor)
        else:
            self._note(f"{path}: it is not a file, folder or link")

    def _file(self, descriptor: int, path: str) -> None:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            self._note(f"{path}: it is not a file any more")
            return
        self._member(path, found, tarfile.REGTYPE, size=found.st_size)
        left = found.st_size
        while left:
            data = os.read(descriptor, min(left, CHUNK))
            if not data:
                self._note(f"{path}: it shrank while it was read, and is filled up with zeros")
                self._zeros(left)
                break
            left -= len(data)
            self._put(data)
        self._put(b"\0" * (-found.st_size % tarfile.BLOCKSIZE))

    def _member(
        self, name: str, found: os.stat_result, kind: bytes, *, size: int = 0, link: str = ""
    ) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname = kind, size, link
        info.mode, info.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
        self._put(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        self.count += 1

    def _zeros(self, count: int) -> None:
        while count:
            part = min(count, CHUNK)
            self._put(b"\0" * part)
            count -= part

    def _put(self, data: bytes) -> None:
        if len(data) >= CHUNK:
            self._flush()
            self._write(data)
            return
        self._waiting += data
        if len(self._waiting) >= CHUNK:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._write(bytes(self._waiting))
            self._waiting.clear()
