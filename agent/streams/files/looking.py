"""Operations that change nothing: stat, list, walk, read."""

import collections
import contextlib
import os
import stat
from typing import Any, Final

from kohakuriver.agent.streams.files.root import Root, open_below
from kohakuriver.agent.streams.files.service import Exchange, Request
from kohakuriver.trees.pack import CHUNK

_PAGE: Final = 400  # entries in a message: at most 255 bytes a name, six characters a byte
_MOST_NAMES: Final = 100_000  # that a walk may find
_LEFT_OUT: Final = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".cache"})


def kind(status: os.stat_result) -> str:
    """What it is, in a word."""
    if stat.S_ISREG(status.st_mode):
        return "file"
    if stat.S_ISDIR(status.st_mode):
        return "folder"
    return "link" if stat.S_ISLNK(status.st_mode) else "other"


def version(status: os.stat_result) -> str:
    """Changes whenever the file does; to be compared for equality, and never read."""
    return f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"


def describe(root: Root, status: os.stat_result) -> dict[str, Any]:
    return {
        "kind": kind(status),
        "size": status.st_size,
        "mode": stat.S_IMODE(status.st_mode),
        "uid": root.uids.inside(status.st_uid),
        "gid": root.gids.inside(status.st_gid),
        "mtime": int(status.st_mtime),
        "version": version(status),
    }


def look(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """stat: one file, folder or link; `path` comes back from the root."""
    path = request.path()
    follow = request.flag("follow", default=True)
    with root.found(path, follow=follow) as (_, status):
        return {"path": os.path.normpath(root.absolute(path)), **describe(root, status)}


def list_folder(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """list: what is in a folder, unsorted, in parts."""
    path, count = request.path(), 0
    page: list[dict[str, Any]] = []
    with root.folder(path) as folder, os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                page.append(_entry(root, path, entry))
                count += 1
            if len(page) >= _PAGE:
                exchange.part({"entries": page})
                page = []
    if page:
        exchange.part({"entries": page})
    return {"count": count}


def _entry(root: Root, path: str, entry: "os.DirEntry[str]") -> dict[str, Any]:
    status = entry.stat(follow_symlinks=False)
    found = {
        "name": entry.name,
        "kind": kind(status),
        "size": status.st_size,
        "mode": stat.S_IMODE(status.st_mode),
        "mtime": int(status.st_mtime),
    }
    if found["kind"] == "link":
        found["leads"] = "nowhere"
        with contextlib.suppress(OSError), root.found(f"{path}/{entry.name}") as (_, target):
            found["leads"] = kind(target)
    return found


def walk(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """walk: the paths of files below a folder, nearest first, in parts, and no more than `limit` of them.

    Follows no link, stays on one filesystem, and leaves out what nobody opens by name (.git,
    node_modules)."""
    limit = request.number("limit", 20_000, most=_MOST_NAMES)
    waiting = collections.deque([""])
    page: list[str] = []
    count = 0
    with root.folder(request.path()) as top:
        device = os.fstat(top).st_dev
        while waiting and count < limit:
            folder = waiting.popleft()
            for name, is_folder in _names(top, folder, device):
                path = f"{folder}/{name}" if folder else name
                if is_folder:
                    waiting.append(path)
                    continue
                page.append(path)
                count += 1
                if len(page) >= 100:
                    exchange.part({"paths": page})
                    page = []
                if count >= limit:
                    break
    if page:
        exchange.part({"paths": page})
    return {"count": count, "complete": not waiting and count < limit}


def _names(top: int, folder: str, device: int) -> list[tuple[str, bool]]:
    """The files and folders in one folder, in order; nothing of one that cannot be read, or is a mount."""
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = _below(top, folder, flags)
    except OSError:
        return []
    try:
        if os.fstat(descriptor).st_dev != device:
            return []
        with os.scandir(descriptor) as entries:
            found = [
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if entry.name not in _LEFT_OUT
                and (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False))
            ]
    except OSError:
        return []
    finally:
        os.close(descriptor)
    return sorted(found)


def _below(top: int, path: str, flags: int) -> int:
    """A folder below, through no link."""
    descriptor = os.open(".", flags, dir_fd=top)
    for part in path.split("/") if path else ():
        above = descriptor
        try:
            descriptor = open_below(part, flags, folder=above)
        finally:
            os.close(above)
    return descriptor


def read(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """read: what is in a file, from `offset`, at most `limit` bytes; the answer tells which version it
    was."""
    offset, limit = request.number("offset", 0), request.number("limit", 1 << 62)
    with root.file(request.path()) as descriptor:
        before = os.fstat(descriptor)
        exchange.part(describe(root, before))
        left = limit
        while left and (data := os.pread(descriptor, min(left, CHUNK), offset)):
            exchange.send(data)
            offset += len(data)
            left -= len(data)
        after = os.fstat(descriptor)
        return {**describe(root, before), "changed": version(before) != version(after)}
