"""Operations that change something: write, folder, rename, remove."""

import contextlib
import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from typing import Any, Final

from kohakuriver import errors
from kohakuriver.agent.streams.files.looking import describe, version
from kohakuriver.agent.streams.files.root import Root, open_below
from kohakuriver.agent.streams.files.service import Exchange, Request
from kohakuriver.trees.pack import CHUNK
from kohakuriver.trees.unpack import temporary

_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MODES: Final = 0o7777
_KEEP_OLD: Final = 1  # RENAME_NOREPLACE
_libc = ctypes.CDLL(None, use_errno=True)


def write(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """write: the whole file, which appears under its name only when all of it is there.

    `expect`: the version that is to be replaced, "" where no file may be yet; anything else is refused.
    The owner of a file that was there is kept, and its mode where no `mode` is given; a new one is root's."""
    given = request.path()
    expect = request.text("expect") if "expect" in request.fields else None
    path = root.settled(given)
    with root.parent(path) as (folder, name):
        old = _look(folder, name)
        if old is not None and not stat.S_ISREG(old.st_mode):
            raise errors.BadRequest(f"{given}: it is not a file")
        _check(given, old, expect)
        with _beside(folder, name) as (hidden, descriptor):
            while data := exchange.body.read(CHUNK):
                _write_all(descriptor, data)
            kept = stat.S_IMODE(old.st_mode) if old is not None else 0o644
            mode = request.number("mode", kept, most=_MODES)
            owner = (old.st_uid, old.st_gid) if old is not None else (root.owner.uid, root.owner.gid)
            os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            if "mtime" in request.fields:
                seconds = request.number("mtime", 0)
                os.utime(descriptor, (seconds, seconds))
            os.fsync(descriptor)
            _check(given, _look(folder, name), expect)
            _put_in_place(folder, hidden, name, descriptor, replace=expect != "")
        with root.found(path, follow=False) as (_, status):
            return {"path": os.path.normpath(path), **describe(root, status)}


def make_folder(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """folder: a new folder; `existing`: fine where it is there already."""
    path = request.path()
    try:
        with root.parent(path) as (folder, name):
            os.mkdir(name, request.number("mode", 0o755, most=_MODES), dir_fd=folder)
            os.chown(name, root.owner.uid, root.owner.gid, dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        if not request.flag("existing"):
            raise
    with root.found(path) as (_, status):
        if not stat.S_ISDIR(status.st_mode):
            raise errors.AlreadyExists(f"{path}: it is there already, and no folder")
        return {"path": os.path.normpath(root.absolute(path)), **describe(root, status)}


def rename(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """rename: give what is at `path` the name `to`; what is there is replaced with `replace` only."""
    path, to = request.path(), request.path("to")
    with root.parent(path) as (folder, name), root.parent(to) as (target, new):
        if request.flag("replace"):
            os.rename(name, new, src_dir_fd=folder, dst_dir_fd=target)
        else:
            try:
                _rename_new(folder, name, target, new)
            except FileExistsError:
                raise errors.AlreadyExists(f"{to}: it is there already") from None
        return describe(root, os.stat(new, dir_fd=target, follow_symlinks=False))


def remove(root: Root, request: Request, exchange: Exchange) -> dict[str, Any]:
    """remove: a file, a link, an empty folder, or with `recursive` a folder and all in it.

    Follows no link, and stops at what is mounted."""
    path = request.path()
    with root.parent(path) as (folder, name):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=folder)
        else:
            if request.flag("recursive"):
                _empty(folder, name, os.fstat(folder).st_dev, path)
            os.rmdir(name, dir_fd=folder)
    return {}


def _empty(folder: int, name: str, device: int, path: str) -> None:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    descriptor = os.open(name, flags, dir_fd=folder)
    try:
        if os.fstat(descriptor).st_dev != device:
            raise errors.Conflict(f"{path}: something is mounted there, and what is in it is not removed")
        with os.scandir(descriptor) as entries:
            children = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for child, is_folder in children:
            if is_folder:
                _empty(descriptor, child, device, f"{path}/{child}")
                os.rmdir(child, dir_fd=descriptor)
            else:
                os.unlink(child, dir_fd=descriptor)
    finally:
        os.close(descriptor)


def _look(folder: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _check(path: str, found: os.stat_result | None, expect: str | None) -> None:
    if expect is None:
        return
    if found is None and expect:
        raise errors.Conflict(f"{path}: it is not there any more")
    if found is not None and not expect:
        raise errors.AlreadyExists(f"{path}: it is there already")
    if found is not None and version(found) != expect:
        raise errors.Conflict(f"{path}: it was changed meanwhile")


@contextlib.contextmanager
def _beside(folder: int, name: str) -> Iterator[tuple[str, int]]:
    """A hidden file in the same folder; gone in the end if it has no other name by then."""
    hidden = temporary(name)
    descriptor = os.open(hidden, _NEW, 0o600, dir_fd=folder)
    try:
        yield hidden, descriptor
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(hidden, dir_fd=folder)


def _put_in_place(folder: int, hidden: str, name: str, descriptor: int, *, replace: bool) -> None:
    if not replace:
        _rename_new(folder, hidden, folder, name)
        return
    try:
        os.rename(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        _overwrite(folder, name, descriptor)  # a mount, as /etc/hosts is: it can only be written over


def _overwrite(folder: int, name: str, source: int) -> None:
    target = open_below(name, os.O_WRONLY, folder=folder)
    try:
        os.ftruncate(target, 0)
        offset = 0
        while data := os.pread(source, CHUNK, offset):
            _write_all(target, data)
            offset += len(data)
        os.fsync(target)
    finally:
        os.close(target)


def _rename_new(folder: int, name: str, target: int, new: str) -> None:
    """Raises FileExistsError where there is something already."""
    old_name, new_name = os.fsencode(name), os.fsencode(new)
    if _libc.renameat2(folder, old_name, target, new_name, _KEEP_OLD) == 0:
        return
    code = ctypes.get_errno()
    if code not in (errno.EINVAL, errno.ENOSYS):  # a filesystem that knows no such flag
        raise OSError(code, os.strerror(code), new)
    if _look(target, new) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new)
    os.rename(name, new, src_dir_fd=folder, dst_dir_fd=target)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
