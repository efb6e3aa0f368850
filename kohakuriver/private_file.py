"""Files that hold secrets or state: written whole or not at all, readable by their owner alone."""

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_NO_FOLDERS: Final = (errno.EINVAL, errno.EACCES, errno.ENOTSUP)  # file systems that sync none; not readable


def write(
    path: Path, content: str | bytes, *, mode: int = 0o600, sync: Callable[[int], None] = os.fsync
) -> None:
    """Replace `path` in one step; content and name are on disk when this returns. A reader sees the old file
    or the new one."""
    data = content.encode() if isinstance(content, str) else content
    make_folder(path.parent, sync=sync)
    import tempfile  # here, as commands that only read need none of it

    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            sync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    sync_folder(path.parent, sync)


def make_folder(path: Path, *, sync: Callable[[int], None] = os.fsync) -> None:
    """Make `path` and its parents; what is made is for its owner alone. What exists stays as it is."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for one in reversed(missing):  # mkdir would make the parents for everybody
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent, sync)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def sync_folder(path: Path, sync: Callable[[int], None] = os.fsync) -> None:
    """A name is in its folder for good only once that is on disk too."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDERS:
            raise
