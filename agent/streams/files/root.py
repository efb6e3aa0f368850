"""Finds paths as a process in the container would, and never outside its root folder.

The kernel walks every path with openat2 (RESOLVE_IN_ROOT), so links and `..` stay inside whatever somebody
changes meanwhile. What is found is opened as a mere path first; only regular files and folders, and none of
the kernel's (/proc, /sys), are then opened to be read or written: the very thing that was asked what it is,
by its descriptor, and never its name again. So no device or pipe ever is, however names are swapped.
"""

import contextlib
import dataclasses
import errno
import os
import stat
from collections.abc import Iterator
from typing import Final

from kohakuriver import errors
from kohakuriver.agent.machine.beneath import of_the_kernel, open_in_root
from kohakuriver.trees.unpack import Owner

_LINKS: Final = 40  # links on the way to one name, as in the kernel
_LONGEST: Final = 4095  # bytes of a path
_PASSWD: Final = 1 << 20  # bytes read of it at most
# The helper is root on the node, and may be told what the container's root may not: kmsg is the log of the
# node's own kernel, and sysfs shows every device of the node.
_KERNELS: Final = "it is the kernel's, and no file of the VPS"


@dataclasses.dataclass(frozen=True, slots=True)
class Ids:
    """How user or group ids of the container are numbered on the node: (inside, outside, count)."""

    ranges: tuple[tuple[int, int, int], ...] = ((0, 0, 1 << 32),)

    @classmethod
    def parse(cls, text: str) -> "Ids":
        """What /proc/PID/uid_map says."""
        rows = [tuple(map(int, line.split())) for line in text.splitlines() if line.strip()]
        return cls(tuple((row[0], row[1], row[2]) for row in rows)) if rows else cls()

    def inside(self, outside: int) -> int:
        for first, start, count in self.ranges:
            if start <= outside < start + count:
                return first + outside - start
        return 65534  # nobody, as the container would see it

    @property
    def root(self) -> int:
        """The container's root, as the node numbers it."""
        return next((start for first, start, _ in self.ranges if first == 0), 0)


class Root:
    """The root folder of one container, by descriptor."""

    def __init__(self, descriptor: int, *, uids: Ids | None = None, gids: Ids | None = None) -> None:
        self._descriptor = descriptor
        self.uids, self.gids = uids or Ids(), gids or Ids()
        self._home: str | None = None

    @property
    def owner(self) -> Owner:
        """The container's root user."""
        return Owner(self.uids.root, self.gids.root)

    @property
    def home(self) -> str:
        """The home folder of the container's root user; relative paths begin there."""
        if self._home is None:
            self._home = self._find_home()
        return self._home

    def absolute(self, path: str) -> str:
        """The path from the root, its `..` untouched: behind a link they mean something else than they read.
        Raises BadRequest."""
        if "\0" in path or len(os.fsencode(path)) > _LONGEST:
            raise errors.BadRequest(f"{path[:60]!r} cannot be a path")
        return path if path.startswith("/") else f"{self.home}/{path}"

    @contextlib.contextmanager
    def found(self, path: str, *, follow: bool = True) -> Iterator[tuple[int, os.stat_result]]:
        """What is there, opened as a mere path. Raises OSError."""
        flags = os.O_PATH if follow else os.O_PATH | os.O_NOFOLLOW
        descriptor = open_in_root(self._descriptor, self.absolute(path), flags)
        try:
            yield descriptor, os.fstat(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def file(self, path: str, flags: int = os.O_RDONLY) -> Iterator[int]:
        """A regular file, opened. Raises OSError, and BadRequest for anything else."""
        with self.found(path) as (found, status):
            if stat.S_ISDIR(status.st_mode):
                raise errors.BadRequest(f"{path}: it is a folder")
            if not stat.S_ISREG(status.st_mode):
                raise errors.BadRequest(f"{path}: it is neither a file nor a folder")
            _check_not_of_the_kernel(found, path)
            descriptor = _reopened(found, flags)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """A folder, opened. Raises OSError, and Forbidden for the kernel's."""
        with self.found(path) as (found, status):
            if not stat.S_ISDIR(status.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", path)
            _check_not_of_the_kernel(found, path)
            descriptor = _reopened(found, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def parent(self, path: str) -> Iterator[tuple[int, str]]:
        """The folder that holds the last name of the path, opened, and that name. Raises OSError and
        BadRequest."""
        above, name = _split(self.absolute(path))
        with self.folder(above) as descriptor:
            yield descriptor, name

    def settled(self, path: str) -> str:
        """The path that it comes to when its last name is a link, and what that leads to, and so on: where
        a file is to be written. Raises OSError."""
        path = self.absolute(path)
        for _ in range(_LINKS):
            above, name = _split(path)
            with self.folder(above) as descriptor:
                try:
                    target = os.readlink(name, dir_fd=descriptor)
                except FileNotFoundError:
                    return path
                except OSError as error:
                    if error.errno == errno.EINVAL:  # no link
                        return path
                    raise
            path = target if target.startswith("/") else f"{above}/{target}"
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)

    def _find_home(self) -> str:
        self._home = "/"  # for what is asked meanwhile
        home = "/root"
        with contextlib.suppress(OSError, errors.ApiError), self.file("/etc/passwd") as descriptor:
            for line in os.read(descriptor, _PASSWD).decode(errors="replace").splitlines():
                fields = line.split(":")
                if len(fields) == 7 and fields[2] == "0" and fields[5].startswith("/"):
                    home = fields[5]
                    break
        try:
            with self.folder(home):
                return home.rstrip("/")
        except (OSError, errors.ApiError):
            return ""


def _split(path: str) -> tuple[str, str]:
    above, _, name = path.rstrip("/").rpartition("/")
    if name in ("", ".", ".."):
        raise errors.BadRequest(f"{path}: this takes a path that ends with a name")
    return above or "/", name


def open_below(name: str, flags: int, *, folder: int) -> int:
    """A file or folder of that name in an open folder, opened; no link is followed. Raises OSError."""
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        mode = os.fstat(found).st_mode
        if flags & os.O_DIRECTORY and not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, "it is not a folder", name)
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise PermissionError(errno.EPERM, "it is neither a file nor a folder", name)
        if of_the_kernel(found):
            raise PermissionError(errno.EPERM, _KERNELS, name)
        return _reopened(found, flags & ~os.O_NOFOLLOW)
    finally:
        os.close(found)


def _check_not_of_the_kernel(found: int, path: str) -> None:
    if of_the_kernel(found):
        raise errors.Forbidden(f"{path}: {_KERNELS}", hint="read it in a terminal of the VPS")


def _reopened(found: int, flags: int) -> int:
    """What is known to be a file or a folder, opened for real; it never waits."""
    return os.open(f"/proc/self/fd/{found}", flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
