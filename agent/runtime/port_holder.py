"""Who listens on a TCP port of this machine, in words. Reads /proc; never changes anything."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LISTENING: Final = "0A"


def holder(port: int, *, proc: Path = Path("/proc")) -> str | None:
    """The process that listens, as `nginx (process 812)`; None where none is found or may be seen."""
    inodes = {inode for table in ("net/tcp", "net/tcp6") for inode in _listeners(proc / table, port)}
    if not inodes:
        return None
    for process in _processes(proc):
        if inodes & _sockets(process):
            return f"{_name(process)} (process {process.name})"
    return None


def _listeners(table: Path, port: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _processes(proc: Path) -> list[Path]:
    return [path for path in proc.iterdir() if path.name.isdecimal()]


def _sockets(process: Path) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.update(re.findall(r"^socket:\[(\d+)\]$", str(descriptor.readlink())))
    return found


def _name(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "comm").read_text().strip()
    return "a program"
