"""Room on the disk that is the journal's: a file of nothing, given up piece by piece when the disk is full.

So a restart, and a quarantine, are noted on a disk that a VPS has filled. Where the disk is read-only, or who
fills it takes the piece first, it does not help, and what needs a note waits.
"""

import errno
import os
from pathlib import Path
from typing import Final

from kohakuriver.agent.data_dir import Disk, PrivateFiles

FULL: Final = (errno.ENOSPC, errno.EDQUOT)
SIZE: Final = 1 << 20  # bytes
PIECE: Final = 64 << 10  # of them for one file that is written


class Reserve:
    """A `Disk` below a folder, with room of their own. Used by one thread at a time."""

    def __init__(self, folder: Path, files: Disk | None = None) -> None:
        self._file = folder / "reserve"
        self._files = files or PrivateFiles()

    def prepare(self) -> None:
        """Have the reserve whole again. Raises OSError while there is no room for it."""
        missing = SIZE - self._size()
        if missing <= 0:
            return
        with self._file.open("ab", buffering=0) as file:
            while missing > 0:  # with what no file system stores as nothing
                missing -= file.write(os.urandom(min(missing, PIECE)))
            os.fsync(file.fileno())

    def write(self, path: Path, content: str | bytes) -> None:
        try:
            self._files.write(path, content)
        except OSError as error:
            if error.errno not in FULL or not self._give():
                raise
            self._files.write(path, content)

    def remove(self, path: Path) -> None:
        self._files.remove(path)

    def _give(self) -> bool:
        """Whether there was something to give up."""
        size = self._size()
        if size > 0:
            os.truncate(self._file, max(0, size - PIECE))
        return size > 0

    def _size(self) -> int:
        try:
            return self._file.stat().st_size
        except FileNotFoundError:
            return 0
