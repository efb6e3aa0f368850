"""Files that hold secrets or state: written whole or not at all, readable by their owner alone."""

import contextlib
import errno
import os
import tempfile
from pathlib import Path


def write(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """Replace `path` in one step and make it durable. A reader sees the old file or the new one."""
    data = content.encode() if isinstance(content, str) else content
    make_folder(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise


def make_folder(path: Path) -> None:
    """Make `path` and its parents; what is made is for its owner alone. What exists stays as it is."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for one in reversed(missing):  # mkdir would make the parents for everybody
        one.mkdir(mode=0o700, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
