"""`python -m kohakuriver.agent.snapshots.scan SECONDS FOLDER` names what of a container's files an engine's
image does not hold, as JSON on one line.

A program of its own that losses.py starts, with a low priority, and can kill. The programs of a VPS may move
everything while it looks: it opens each folder by its name in the one above it, and follows no link.
"""

import contextlib
import json
import os
import stat
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

MOST_NAMED: Final = 20
DEEPEST: Final = 900  # folders in one another, which is as deep as os.fwalk goes
_KEPT: Final = (
    "security.",
    "trusted.overlay.",
    "user.overlay.",
)  # capabilities, and what is the overlay's own


def scan(folder: str, *, until: float) -> dict[str, Any]:
    """Sockets, and files with extended attributes or ACLs; what was found by then."""
    sockets: list[str] = []
    sockets_in_all = attributes = 0
    first = ""
    for path, mode, names in _files(folder):
        if stat.S_ISSOCK(mode):
            sockets_in_all += 1
            if len(sockets) < MOST_NAMED:
                sockets.append(path)
        elif any(not name.startswith(_KEPT) for name in names):
            attributes += 1
            first = first or path
        if time.monotonic() > until:
            break
    return {
        "sockets": sockets,
        "sockets_in_all": sockets_in_all,
        "attributes": attributes,
        "first": first,
    }


def _files(folder: str) -> Iterator[tuple[str, int, list[str]]]:
    """Path, mode and the names of the extended attributes of each."""
    for where, folders, files, descriptor in os.fwalk(folder, follow_symlinks=False):
        relative = os.path.relpath(where, folder)
        if relative.count("/") >= DEEPEST:
            folders.clear()
        for name in (*folders, *files):
            with contextlib.suppress(OSError):  # it is gone
                mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
                path = f"/proc/self/fd/{descriptor}/{name}"
                yield (
                    os.path.normpath(f"/{relative}/{name}"),
                    mode,
                    [] if stat.S_ISLNK(mode) else os.listxattr(path, follow_symlinks=False),
                )


def main(arguments: list[str]) -> int:
    seconds, folder = arguments
    os.nice(10)
    found = scan(folder, until=time.monotonic() + float(seconds))
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
