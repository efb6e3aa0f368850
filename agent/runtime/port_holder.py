"""Who listens on a TCP port of this machine, in words, and which are taken. Reads /proc; changes nothing."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_LISTENING: Final = "0A"
_TABLES: Final = ("net/tcp", "net/tcp6")


def holder(port: int, *, proc: Path = Path("/proc")) -> str | None:
    """The process that listens, as `nginx (process 812)`; None where none is found or may be seen."""
    inodes = {inode for table in _TABLES for at, inode in _listeners(proc / table) if at == port}
    if not inodes:
        return None
    for process in _processes(proc):
        if inodes & _sockets(process):
            return f"{_name(process)} (process {process.name})"
    return None


def listening(*, proc: Path = Path("/proc")) -> set[int]:
    """The ports that anything listens on."""
    return {port for table in _TABLES for port, _ in _listeners(proc / table)}


def published(containers: Any) -> tuple[int, ...]:
    """The ports that containers have, from an engine's answer when it is asked for a list. Pure."""
    rows = containers if isinstance(containers, list) else []
    found = (port for row in rows for port in row.get("Ports") or ())
    return tuple(sorted({int(port["PublicPort"]) for port in found if port.get("PublicPort")}))


def _listeners(table: Path) -> Iterator[tuple[int, str]]:
    """Each port, and the number of the socket."""
    with contextlib.suppress(OSError):
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING:
                yield int(fields[1].rpartition(":")[2], 16), fields[9]


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
