"""The files of a folder as the helper serves them, within the test's own process."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from kohakuriver import errors
from kohakuriver.agent.streams.files.operations import OPERATIONS
from kohakuriver.agent.streams.files.root import Ids, Root
from kohakuriver.agent.streams.files.service import serve
from kohakuriver.cli.files.client import FilesClient
from kohakuriver.streams.stream import Stream


async def adopted(end: socket.socket, stream: Stream) -> Stream:
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=end)
    stream.framed.adopt(transport)
    return stream


class Link:
    """Opens streams to the files below a folder, and cuts them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_up = True
        self.opened = 0
        self._streams: list[Stream] = []
        self._serving: list[asyncio.Task[None]] = []

    async def open(self) -> Stream:
        if not self.is_up:
            raise errors.Unreachable("the link is down")
        self.opened += 1
        near, far = socket.socketpair()
        client, agent = await adopted(near, Stream(masks=True)), await adopted(far, Stream(masks=False))
        self._streams += [client, agent]
        self._serving.append(asyncio.create_task(self._serve(agent)))
        return client

    def cut(self) -> None:
        """The link breaks, and stays broken."""
        self.is_up = False
        for stream in self._streams:
            stream.framed.abort()

    def mend(self) -> None:
        self.is_up = True

    async def end(self) -> None:
        self.cut()
        await asyncio.gather(*self._serving)

    async def _serve(self, stream: Stream) -> None:
        descriptor = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        try:
            ids = Ids(((0, os.getuid(), 1),)), Ids(((0, os.getgid(), 1),))
            with contextlib.suppress(errors.Unreachable):
                await serve(stream, Root(descriptor, uids=ids[0], gids=ids[1]), OPERATIONS)
        finally:
            stream.framed.abort()
            os.close(descriptor)


@contextlib.asynccontextmanager
async def files_of(folder: Path) -> AsyncIterator[tuple[FilesClient, Link]]:
    """A client of the files below the folder, which is `/` to it, and its link."""
    link = Link(folder)
    client = FilesClient(link.open)
    try:
        yield client, link
    finally:
        client.close()
        await link.end()
