"""Which files differ between then and now, however many there are: kept on disk, in order. Blocking.

Two passes: what there was, then what there is. SQLite has both in a file of its own that has no name and is
gone with this process, so that a million files take little memory. Decides nothing about what is compared.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from kohakuriver import errors
from kohakuriver.agent.runtime.base import Change, ChangeKind, Entry

MOST: Final = 5_000_000  # files, of then and now together
MOST_BYTES: Final = 1 << 30  # of their paths, which are written to the disk of the node
_AT_ONCE: Final = 500  # rows read between two turns of others
_OVER: Final = "nobody waits for it any more"
_THEN, _NOW = 0, 1


class Differences:
    """One comparison. It may be closed while another thread still tells it something."""

    def __init__(self, *, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._count = 0
        self._is_over = False
        self._turn = threading.Lock()
        self._rows = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._rows.execute("PRAGMA journal_mode = OFF")
        self._rows.execute(
            "CREATE TABLE files (side INT, path BLOB, mark BLOB, PRIMARY KEY (side, path)) WITHOUT ROWID"
        )
        self._rows.execute("CREATE TABLE changes (path BLOB PRIMARY KEY, kind TEXT) WITHOUT ROWID")
        self._rows.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the disk. Whoever still tells it something hears that it is over."""
        self._is_over = True
        self._rows.interrupt()
        with self._turn:
            self._rows.close()

    def there_was(self, found: Sequence[Entry]) -> None:
        """Files of then."""
        self._add(_THEN, found)

    def there_is(self, found: Sequence[Entry]) -> None:
        """Files of now."""
        self._add(_NOW, found)

    def changed(self, found: Sequence[Change]) -> None:
        """Differences that somebody else has found."""
        rows = ((os.fsencode(one.path), one.kind.value) for one in found)
        with self._at_work(found):
            self._rows.executemany("INSERT OR REPLACE INTO changes VALUES (?, ?)", rows)

    def compare(self) -> None:
        """Then with now, once all was told."""
        with self._at_work():
            self._compare()

    def _compare(self) -> None:
        for kind, one, other in ((ChangeKind.ADDED, _NOW, _THEN), (ChangeKind.DELETED, _THEN, _NOW)):
            self._rows.execute(
                "INSERT OR REPLACE INTO changes SELECT path, ? FROM files AS one WHERE side = ? AND "
                "NOT EXISTS (SELECT 1 FROM files AS other WHERE other.side = ? AND other.path = one.path)",
                (kind.value, one, other),
            )
        self._rows.execute(
            "INSERT OR REPLACE INTO changes SELECT one.path, ? FROM files AS one JOIN files AS other "
            "ON other.side = ? AND other.path = one.path WHERE one.side = ? AND one.mark != other.mark",
            (ChangeKind.CHANGED.value, _THEN, _NOW),
        )
        self._rows.execute("DELETE FROM files")

    def all(self) -> Iterator[list[Change]]:
        """Every difference by path, in portions."""
        with self._at_work():
            rows = self._rows.execute("SELECT path, kind FROM changes ORDER BY path")
        while True:
            with self._at_work():
                found = rows.fetchmany(_AT_ONCE)
            if not found:
                return
            yield [Change(os.fsdecode(path), ChangeKind(kind)) for path, kind in found]

    def _add(self, side: int, found: Sequence[Entry]) -> None:
        with self._at_work(found):
            for one in found:
                mark = self._mark(side, one.link) if one.link else one.mark
                self._rows.execute(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?)", (side, os.fsencode(one.path), mark)
                )

    def _mark(self, side: int, path: str) -> bytes:
        row = self._rows.execute(
            "SELECT mark FROM files WHERE side = ? AND path = ?", (side, os.fsencode(path))
        ).fetchone()
        return bytes(row[0]) if row is not None else b""

    @contextlib.contextmanager
    def _at_work(self, more: Sequence[Entry | Change] = ()) -> Iterator[None]:
        """Raises Unavailable once it is over, where there are too many, and where the disk is full."""
        with self._turn:
            if self._is_over:
                raise errors.Unavailable(_OVER)
            self._count += len(more)
            self._bytes += sum(len(one.path) for one in more)
            self._check_count()
            try:
                yield
            except sqlite3.Error as error:
                why = _OVER if self._is_over else f"the files cannot be compared on this node: {error}"
                raise errors.Unavailable(why) from error

    def _check_count(self) -> None:
        if self._count > self._most:
            raise errors.Unavailable(
                f"there are more than {self._most:,} files, which is too many to be compared",
                hint="compare parts of them inside the VPS",
            )
        if self._bytes > self._most_bytes:
            raise errors.Unavailable(
                f"the paths of its files have more than {self._most_bytes:,} bytes, which is too much to be "
                "compared",
                hint="compare parts of them inside the VPS",
            )
