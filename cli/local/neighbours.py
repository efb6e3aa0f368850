"""The clusters this user has on this machine, so that two of them do not fight over SSH ports.

Of other users' clusters only the ports that are in use can be seen.

A list of data directories, one a line, below the user's state folder. What is gone does not count.
"""

import contextlib
import fcntl
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from kohakuriver import private_file
from kohakuriver.cli.local import cluster_options

STANDARD = (30000, 31999)
_SIZE = 2000
_LOWEST = 14000  # below lie the ports of private etcds; above 32767 the kernel's ephemeral ones
Range = tuple[int, int]


def path() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "kohakuriver" / "clusters"


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold this while choosing and writing down."""
    private_file.make_folder(path().parent)
    handle = os.open(path().with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def ranges(besides: Path) -> dict[Path, Range]:
    """The SSH ports of every other cluster, by its data directory."""
    found = {}
    for root in _listed():
        options = cluster_options.load(root / "options.json") if root != besides else None
        if options is not None and options.ssh_address != "off":
            found[root] = parse(options.ssh_port_range) or STANDARD
    return found


def roots() -> list[Path]:
    """The data directories of all of them."""
    return _listed()


def choose(taken: list[Range], used: Collection[int] = ()) -> Range:
    """The standard range, or the first below it that overlaps none of these and of which no port is used; if
    there is none, one that overlaps none, and the standard one at last."""
    firsts = range(STANDARD[0], _LOWEST - 1, -_SIZE)
    free = [
        (first, first + _SIZE - 1)
        for first in firsts
        if not any(overlaps((first, first + _SIZE - 1), other) for other in taken)
    ]
    unused = [mine for mine in free if not any(mine[0] <= port <= mine[1] for port in used)]
    return next(iter([*unused, *free]), STANDARD)


def overlaps(one: Range, other: Range) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def parse(text: str | None) -> Range | None:
    """A range as it is typed: 30000-31999."""
    first, dash, last = (text or "").partition("-")
    return (int(first), int(last)) if dash and first.isdigit() and last.isdigit() else None


def add(root: Path) -> None:
    """Write a cluster down."""
    known = _listed()
    if root not in known:
        _write([*known, root])


def forget(root: Path) -> None:
    """Strike a cluster off."""
    if root in _listed():
        _write([one for one in _listed() if one != root])


def _listed() -> list[Path]:
    try:
        lines = path().read_text().splitlines()
    except FileNotFoundError:
        return []
    return [Path(line) for line in lines if line and (Path(line) / "options.json").exists()]


def _write(roots: list[Path]) -> None:
    private_file.write(path(), "".join(f"{root}\n" for root in roots))
