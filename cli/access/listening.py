"""Which ports something listens on in a VPS, by its own /proc. No service is connected to: some serve once.

A VPS without `cat`, or one that does not run, says nothing, and nothing is said of it.
"""

from kohakuriver import errors
from kohakuriver.cli.session.ended import ending
from kohakuriver.cli.session.opening import Opener

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENING = "0A"  # the kernel's number of that state
_MOST = 1 << 20  # bytes


async def ports(opener: Opener) -> set[int] | None:
    """Those on which something listens; None where that is not known."""
    try:
        stream = await opener.stream("exec", [("command", word) for word in ("cat", *_TABLES)])
    except errors.KohakuRiverError:
        return None
    found = b""
    try:
        while (message := await stream.receive()) is not None and len(found) < _MOST:
            if isinstance(message, bytes):
                found += message
            elif (ended := ending(message)) is not None:
                return read(found.decode(errors="replace")) if ended.code == 0 else None
    except errors.KohakuRiverError:
        pass
    finally:
        stream.framed.abort()
    return None


def read(tables: str) -> set[int]:
    """From the lines of /proc/net/tcp. Pure."""
    rows = (line.split() for line in tables.splitlines())
    listening = (row[1] for row in rows if len(row) > 3 and row[3] == _LISTENING)
    return {int(address.rpartition(":")[2], 16) for address in listening}
