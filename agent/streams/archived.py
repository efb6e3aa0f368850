"""The files of a volume, as an archive of a Snapshot has them and as they lie there now. Blocking.

An archive is read from header to header, past all contents; a folder is walked without following a link.
"""

import contextlib
import decimal
import errno
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from kohakuriver import errors
from kohakuriver.agent.runtime.base import Entry
from kohakuriver.agent.runtime.contents import PORTION, entry, mark, path_of
from kohakuriver.trees.members import Member

Told = Callable[[Sequence[Entry]], None]
_BILLION: Final = 1_000_000_000
_LONGEST: Final = 4096  # bytes of a path, as of the kernel's
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KINDS: Final = (
    (stat.S_ISDIR, "folder"),
    (stat.S_ISLNK, "link"),
    (stat.S_ISBLK, "block device"),
    (stat.S_ISCHR, "character device"),
    (stat.S_ISFIFO, "pipe"),
    (stat.S_ISREG, "file"),
)


def packed(file: Path, target: str, told: Told) -> None:
    """Those of an archive, at the paths that they have in the VPS. Raises Unavailable."""
    try:
        with tarfile.open(file, "r:", tarinfo=Member) as archive:
            _tell(_members(archive, target), told)
    except (OSError, tarfile.TarError) as error:
        raise errors.Unavailable(
            f"the archive of {target} in the Snapshot cannot be read: {error}",
            hint="describe the Snapshot: its node says whether its files are there",
        ) from error


def lying(folder: Path, target: str, told: Told) -> None:
    """Those that are in the folder now. What goes meanwhile is passed over. Raises Unavailable."""
    if not folder.is_absolute():
        raise errors.Unavailable(f"the files of the volume at {target} are not to be seen by the agent")
    try:
        root = os.open(folder, _FOLDER & ~os.O_NOFOLLOW)
    except OSError as error:
        words = f"the files of the volume at {target} are not to be seen by the agent: {error.strerror}"
        raise errors.Unavailable(words) from error
    try:
        _tell(_found(root, target), told)
    except OSError as error:
        words = f"the files of the volume at {target} cannot be read: {error.strerror}"
        raise errors.Unavailable(words) from error
    finally:
        os.close(root)


def _members(archive: tarfile.TarFile, target: str) -> Iterator[Entry]:
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # it would keep every one
        path = path_of(member.name)
        if path == "/":
            continue
        found = entry(target + path, member, modified=_nanoseconds(member))
        yield Entry(found.path, found.mark, link=target + found.link) if found.link else found


def _nanoseconds(member: tarfile.TarInfo) -> int:
    """The time of a member, which Python reads as a float alone."""
    written = member.pax_headers.get("mtime")
    try:
        return int(decimal.Decimal(written) * _BILLION) if written else int(member.mtime) * _BILLION
    except decimal.InvalidOperation:
        return int(member.mtime) * _BILLION


def _found(root: int, target: str) -> Iterator[Entry]:
    """Each file but sockets, of which an archive has none."""
    left, above = [b""], os.fsencode(target)
    while left:
        inside = left.pop()
        try:
            with _opened(root, inside) as here, os.scandir(here) as entries:
                for one in entries:
                    name = os.fsencode(one.name)
                    try:
                        seen = one.stat(follow_symlinks=False)
                        leads_to = _end_of(name, here) if stat.S_ISLNK(seen.st_mode) else ""
                    except OSError as error:
                        if error.errno in (errno.ENOENT, errno.EINVAL):  # gone, or no link any more
                            continue
                        raise
                    kind = next((kind for is_so, kind in _KINDS if is_so(seen.st_mode)), "")
                    where = inside + b"/" + name
                    if kind:
                        yield Entry(os.fsdecode(above + where), _mark(kind, seen, leads_to))
                    if kind == "folder":
                        left.append(where)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise  # else it has gone meanwhile, or something else is there


@contextlib.contextmanager
def _opened(root: int, inside: bytes) -> Iterator[int]:
    """A folder below `root`, name by name: whoever is root in the VPS may put a link in the place of any of
    them at any moment, and that would lead to the files of the machine."""
    if len(inside) > _LONGEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    here = os.dup(root)
    try:
        for name in inside.split(b"/")[1:]:
            above, here = here, os.open(name, _FOLDER, dir_fd=here)
            os.close(above)
        yield here
    finally:
        os.close(here)


def _end_of(link: bytes, folder: int) -> str:
    return os.fsdecode(os.readlink(link, dir_fd=folder))


def _mark(kind: str, seen: os.stat_result, leads_to: str) -> bytes:
    is_device = kind in ("block device", "character device")
    return mark(
        kind,
        mode=0 if kind == "link" else seen.st_mode,
        owner=(seen.st_uid, seen.st_gid),
        size=seen.st_size if kind == "file" else 0,
        modified=seen.st_mtime_ns,
        leads_to=leads_to,
        device=(os.major(seen.st_rdev), os.minor(seen.st_rdev)) if is_device else (0, 0),
    )


def _tell(found: Iterator[Entry], told: Told) -> None:
    portion: list[Entry] = []
    for one in found:
        portion.append(one)
        if len(portion) >= PORTION:
            told(portion)
            portion = []
    told(portion)
