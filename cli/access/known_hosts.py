"""The file by which ssh knows VPSes: one line each, as the API server says it, rewritten when that changes.

It is ours alone, so that no key is asked about and none of a VPS made anew is taken for an attack.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from kohakuriver import private_file

_MOST = 1000  # lines; those of VPSes long gone are dropped
FOLDER = Path(".ssh/kohakuriver")  # below the home folder


def default_file(home: Path) -> Path:
    return home / FOLDER / "known_hosts"


def pin(file: Path, alias: str, key: str) -> None:
    """That host has that key, and no other. Writes nothing where it is so already."""
    line = f"{alias} {key}"
    if line in _lines(file):
        return
    with _alone(file):
        others = [one for one in _lines(file) if one.partition(" ")[0] != alias]
        private_file.write(file, "".join(f"{one}\n" for one in (*others[-_MOST:], line)))


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except FileNotFoundError:
        return []


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One writer at a time: several ssh may begin at once."""
    private_file.make_folder(file.parent)
    handle = os.open(file.with_name(file.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
