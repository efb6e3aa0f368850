"""What the agent and the holder say to each other before there are frames: one line of JSON each way.

The socket's name carries the version. An agent of a later version leaves older holders the sessions that they
have, asks them by these same lines, and starts a holder of its own for new ones.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

VERSION: Final = 1
LINE_LIMIT: Final = 1 << 16  # bytes
_LONGEST: Final = 100  # bytes of a path that a socket's address holds


def socket_file(folder: Path, version: int = VERSION) -> Path:
    """Where the holder of that version listens."""
    return folder / f"v{version}.sock"


def older(folder: Path) -> list[Path]:
    """The sockets of holders before this version, the latest first."""
    found = []
    for path in folder.glob("v*.sock"):
        number = path.stem.removeprefix("v")
        if number.isdigit() and int(number) < VERSION:
            found.append((int(number), path))
    return [path for _, path in sorted(found, reverse=True)]


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """The path as a socket's address, which is short: through a descriptor of its folder where it must be."""
    if len(os.fsencode(path)) <= _LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
