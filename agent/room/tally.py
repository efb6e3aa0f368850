"""`python -m kohakuriver.agent.room.tally SECONDS FILES FOLDER…` counts what is below folders, as
JSON on one line.

A program of its own that gauge.py starts for each walk, with a low priority, and can kill. The programs
of a VPS may move everything while it walks: it opens each folder by its name in the one above it, never
follows a link, stays on the device where it began, and counts a file with several names once.
"""

import contextlib
import json
import os
import resource
import stat
import sys
import time
from collections.abc import Iterator
from typing import Final

DEEPEST: Final = 2_000  # folders in one another; a path of 4,096 bytes reaches no further
_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK: Final = 512  # bytes: the unit of st_blocks, whatever the file system's own is


class Tally:
    """What was counted, until `until` seconds of the monotonic clock or `most` files."""

    def __init__(self, *, until: float, most: int) -> None:
        self.size = self.files = 0
        self.is_whole = True
        self.is_too_deep = False
        self._names = 0  # one file may have millions
        self._until = until
        self._most = most
        self._seen: set[tuple[int, int]] = set()  # files with several names

    def walk(self, folder: str) -> None:
        """Count it and what is below. Raises OSError where it cannot be opened itself."""
        top = os.open(folder, _FLAGS)
        device = os.fstat(top).st_dev
        above: list[tuple[int, Iterator[str]]] = []
        try:
            self._count(os.fstat(top))
            above.append((top, iter(self._content(top, device))))
            while above and self.is_whole:
                descriptor, names = above[-1]
                name = next(names, None)
                if name is None:
                    above.pop()
                    os.close(descriptor)
                    continue
                with contextlib.suppress(OSError):  # it is gone, or something else by now
                    below = os.open(name, _FLAGS, dir_fd=descriptor)
                    if os.fstat(below).st_dev != device:
                        os.close(below)
                        continue
                    above.append((below, iter(self._content(below, device))))
                    if len(above) > DEEPEST:
                        self.is_too_deep, self.is_whole = True, False
        finally:
            for descriptor, _ in above:
                os.close(descriptor)

    def _content(self, folder: int, device: int) -> list[str]:
        """Count what lies in a folder; the names of the folders in it."""
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    seen = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # it is gone
                if seen.st_dev != device:
                    continue
                self._count(seen)
                self._names += 1
                if entry.is_dir(follow_symlinks=False):
                    found.append(entry.name)
                if self.files >= self._most or (self._names % 1024 == 0 and time.monotonic() > self._until):
                    self.is_whole = False
                    break
        return found

    def _count(self, seen: os.stat_result) -> None:
        if seen.st_nlink > 1 and not stat.S_ISDIR(seen.st_mode):
            if (seen.st_dev, seen.st_ino) in self._seen:
                return
            self._seen.add((seen.st_dev, seen.st_ino))
        self.files += 1
        self.size += seen.st_blocks * _BLOCK


def main(arguments: list[str]) -> int:
    """The exit code; 1 with a sentence on standard error where a folder cannot be opened."""
    seconds, most, *folders = arguments
    os.nice(10)
    _, most_open = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most_open, DEEPEST + 100), most_open))
    began = time.monotonic()
    tally = Tally(until=began + float(seconds), most=int(most))
    try:
        for folder in folders:
            tally.walk(folder)
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'a folder'}: {error.strerror}\n")
        return 1
    found = {
        "size": tally.size,
        "files": tally.files,
        "is_whole": tally.is_whole,
        "is_too_deep": tally.is_too_deep,
        "seconds": time.monotonic() - began,
    }
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
