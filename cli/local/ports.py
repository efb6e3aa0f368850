"""TCP ports of this machine: which are free, and who holds the others."""

import errno
import random
import socket
from collections.abc import Collection
from pathlib import Path

from kohakuriver.cli.local import process

PRIVATE = range(10000, 12000)
"""Where private servers get theirs: below the kernel's ephemeral ports, or else a client that reconnects to a
stopped server could be given the server's own port, and connect to itself."""


def is_free(address: str, port: int) -> bool:
    """Whether a server could listen there. Raises OSError for an address that this machine does not have."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def choose(address: str, *, chance: random.Random, besides: Collection[int] = ()) -> int:
    """A free private port. Raises OSError when none is left."""
    for port in chance.sample(PRIVATE, len(PRIVATE)):
        if port not in besides and is_free(address, port):
            return port
    raise OSError(errno.EADDRINUSE, f"no port from {PRIVATE.start} to {PRIVATE.stop - 1} is free")


def next_free(address: str, port: int) -> int:
    """The first free port above one that is taken."""
    return next((one for one in range(port + 1, min(port + 100, 65536)) if is_free(address, one)), port + 1)


def holder(port: int) -> str:
    """Who listens on a port, as far as we may see it; empty when we may not."""
    inode = listening().get(port, "")
    for folder in Path("/proc").glob("[0-9]*/fd") if inode else ():
        try:
            if any(str(link.readlink()) == f"socket:[{inode}]" for link in folder.iterdir()):
                return process.title(int(folder.parent.name))
        except OSError:
            continue  # another user's, or gone meanwhile
    return ""


def listening() -> dict[int, str]:
    """The ports that anything listens on, and the sockets' numbers in the kernel's tables."""
    found = {}
    for name in ("tcp6", "tcp"):
        try:
            lines = Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == "0A":
                found[int(fields[1].rpartition(":")[2], 16)] = fields[9]
    return found
