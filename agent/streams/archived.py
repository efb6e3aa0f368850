"""The files of a volume, as an archive of a Snapshot has them and as they lie there now. Blocking.

An archive is read from header to header, past all contents; a folder is walked without following a link.
"""

import decimal
import os
import stat
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from kohakuriver import errors
from kohakuriver.agent.runtime.base import Entry
from kohakuriver.agent.runtime.contents import PORTION, entry, mark, path_of

Told = Callable[[Sequence[Entry]], None]
_BILLION: Final = 1_000_000_000
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
        with tarfile.open(file, "r:") as archive:
            _tell(_members(archive, target), told)
    except (OSError, tarfile.TarError) as error:
        raise errors.Unavailable(
            f"the archive of {target} in the Snapshot cannot be read: {error}",
            hint="describe the Snapshot: its node says whether its files are there",
        ) from error


def lying(folder: Path, target: str, told: Told) -> None:
    """Those that are in the folder now. What goes meanwhile is passed over. Raises Unavailable."""
    if not folder.is_absolute() or not folder.is_dir():
        raise errors.Unavailable(f"the files of the volume at {target} are not to be seen by the agent")
    _tell(_found(os.fsencode(folder), target), told)


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


def _found(folder: bytes, target: str) -> Iterator[Entry]:
    """Each file but sockets, of which an archive has none."""
    left = [(folder, os.fsencode(target))]
    while left:
        here, path = left.pop()
        try:
            with os.scandir(here) as entries:
                for one in entries:
                    where = path + b"/" + one.name
                    try:
                        seen = one.stat(follow_symlinks=False)
                        leads_to = _end_of(one.path) if stat.S_ISLNK(seen.st_mode) else ""
                    except FileNotFoundError:
                        continue
                    kind = next((kind for is_so, kind in _KINDS if is_so(seen.st_mode)), "")
                    if kind:
                        yield Entry(os.fsdecode(where), _mark(kind, seen, leads_to))
                    if kind == "folder":
                        left.append((one.path, where))
        except (FileNotFoundError, NotADirectoryError):
            continue  # it has gone meanwhile


def _end_of(link: bytes) -> str:
    return os.fsdecode(os.readlink(link))  # noqa: PTH115 - a Path has no bytes


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
