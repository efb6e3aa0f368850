"""The helper process: `python -m kohakuriver.agent.streams.files.helper SOCKET ROOT UIDS GIDS`,
descriptors and /proc/PID/uid_map.

Says `ready` on stdout and then speaks the stream on its socket until that ends; then it is gone, whatever
it was doing. It imports the standard library and kohakuriver.streams only, and never starts anything.
"""

import asyncio
import os
import resource
import socket
import sys

from kohakuriver import errors
from kohakuriver.agent.streams.files.operations import OPERATIONS
from kohakuriver.agent.streams.files.root import Ids, Root
from kohakuriver.agent.streams.files.service import serve
from kohakuriver.streams.stream import Stream

READY = b"ready\n"
MOST_MEMORY = 512 * 1024 * 1024  # bytes; it works in blocks, and no folder or stream makes it take the node's
CLEAN_UP_WITHIN = 5.0  # seconds for what was under way when the stream ended to remove its temporary file


class _Watched(Stream):
    """A stream whose end is seen while nobody reads from it."""

    def __init__(self) -> None:
        super().__init__(masks=False)
        self.over = asyncio.Event()

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        super().ended(error)
        self.over.set()


async def main(words: list[str]) -> None:
    """Serve one stream."""
    end, folder, uids, gids = words
    root = Root(int(folder), uids=Ids.parse(uids), gids=Ids.parse(gids))
    stream = _Watched()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=socket.socket(fileno=int(end)))
    stream.framed.adopt(transport)
    os.write(sys.stdout.fileno(), READY)
    serving = asyncio.ensure_future(serve(stream, root, OPERATIONS))
    over = asyncio.ensure_future(stream.over.wait())
    await asyncio.wait((serving, over), return_when=asyncio.FIRST_COMPLETED)
    done, _ = await asyncio.wait((serving,), timeout=CLEAN_UP_WITHIN)
    error = serving.exception() if done else None
    if error is not None and not isinstance(error, errors.KohakuRiverError):
        sys.excepthook(type(error), error, error.__traceback__)
    sys.stderr.flush()
    os._exit(0)  # a thread may hang in a dead filesystem, and nobody waits for it


if __name__ == "__main__":
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    asyncio.run(main(sys.argv[1:]))
