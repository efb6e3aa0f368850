"""The folder of one volume, and what stands beside it while it gets the files of a Snapshot. Blocking.

    volumes/NAME/_data                what the engine mounts
                 _data.ID-part-…      being unpacked
                 _data.ID-ready       whole, checked and on the disk
                 _data.ID-replaced    what was in it, until a container has run with the new

Each step is one rename on one file system, so that whatever dies at any point leaves one of few states, and
each of them leads forward and back. The engine takes the folders beside `_data` for nothing of its own, and
removes them with the volume.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from kohakuriver.agent.snapshots import archives

Rename = Callable[[Path, Path], object]


def is_empty(folder: Path) -> bool:
    """Whether nothing is in it. Raises OSError."""
    with os.scandir(folder) as found:
        return next(found, None) is None


class Place:
    """One volume. `id_` tells one filling of it from another."""

    def __init__(self, folder: Path, id_: str, *, rename: Rename = os.rename) -> None:
        self.folder = folder
        self._rename = rename
        self._begin = f"{folder.name}.{id_}-"
        self._ready = folder.with_name(f"{self._begin}ready")
        self._replaced = folder.with_name(f"{self._begin}replaced")

    @property
    def is_changed(self) -> bool:
        """Whether it has the new files."""
        return os.path.lexists(self._replaced) and os.path.lexists(self.folder)

    def bring(self, unpack: Callable[[Path], object]) -> None:
        """Have the new files beside it; `unpack` makes a folder of them. Raises what it raises, and
        OSError."""
        if os.path.lexists(self._replaced) and not os.path.lexists(self._ready):
            if self.is_changed:
                return
            self._rename(self._replaced, self.folder)
        if os.path.lexists(self._ready):
            return
        self._remove("part-")
        part = self._part()
        unpack(part)
        self._rename(part, self._ready)
        self._sync()

    def change(self) -> None:
        """Put what was brought in its place; what was there goes beside it. Raises OSError."""
        if not os.path.lexists(self._replaced):
            self._rename(self.folder, self._replaced)
        if not os.path.lexists(self.folder):
            self._rename(self._ready, self.folder)
        self._sync()

    def put_back(self) -> None:
        """What was there before is there again, and nothing is left beside it. Raises OSError and
        ArchiveError."""
        if os.path.lexists(self._replaced):
            if os.path.lexists(self.folder):
                self._rename(self.folder, self._part())
            self._rename(self._replaced, self.folder)
            self._sync()
        self._remove("")

    def settle(self) -> None:
        """What was there before is not needed any more. Raises OSError and ArchiveError."""
        if os.path.lexists(self.folder):
            self._remove("")

    def _part(self) -> Path:
        return self.folder.with_name(f"{self._begin}part-{secrets.token_hex(4)}")

    def _remove(self, kind: str) -> None:
        for one in self._beside(kind):
            archives.remove_tree(one)

    def _beside(self, kind: str) -> Iterator[Path]:
        if self.folder.parent.exists():
            yield from sorted(self.folder.parent.glob(f"{self._begin}{kind}*"))

    def _sync(self) -> None:
        descriptor = os.open(self.folder.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
