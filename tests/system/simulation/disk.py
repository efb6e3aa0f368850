"""A disk that is full or read-only, below one folder, for whatever this process does there.

The interpreter asks an audit hook before each open, mkdir, rename and removal, and what the hook raises is
what the caller gets: so nothing has to be replaced, no privilege is needed, and whoever writes finds it.
"""

import errno
import os
import sys
from pathlib import Path
from typing import Any

FULL, READ_ONLY = errno.ENOSPC, errno.EROFS
_broken: dict[str, int] = {}  # the fault, by folder
_installed: list[bool] = []  # a hook stays for as long as the process
_TAKES_ROOM = frozenset({"os.mkdir", "os.symlink", "os.link"})
_CHANGES = _TAKES_ROOM | {"os.remove", "os.rmdir", "os.rename", "os.truncate", "os.chmod"}


class Disk:
    """The one below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder}{os.sep}"

    @property
    def is_whole(self) -> bool:
        return self._folder not in _broken

    def fail(self, fault: int) -> None:
        """FULL or READ_ONLY, until it is mended."""
        if not _installed:
            _installed.append(True)
            sys.addaudithook(_ask)
        _broken[self._folder] = fault

    def mend(self) -> None:
        _broken.pop(self._folder, None)


def _ask(event: str, args: tuple[Any, ...]) -> None:
    if not _broken or (event != "open" and event not in _CHANGES):
        return
    path = os.fsdecode(args[0]) if isinstance(args[0], str | bytes | os.PathLike) else ""
    for folder, fault in _broken.items():
        if f"{path}{os.sep}".startswith(folder) and _is_refused(event, path, args, fault):
            raise OSError(fault, os.strerror(fault), path)


def _is_refused(event: str, path: str, args: tuple[Any, ...], fault: int) -> bool:
    if event != "open":
        return fault == READ_ONLY or event in _TAKES_ROOM
    flags = args[2]
    if not flags & (os.O_WRONLY | os.O_RDWR):
        return False
    # What is there already has its room: it may be written over in place.
    return fault == READ_ONLY or bool(flags & os.O_TRUNC) or not os.path.exists(path)  # noqa: PTH110
