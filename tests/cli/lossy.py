"""A way to the API server on which answers to writes get lost after the server has done them."""

import asyncio
import contextlib
import urllib.parse
from collections.abc import AsyncIterator


class Lossy:
    """`losses` answers to requests of `method` are still to be lost."""

    def __init__(self, upstream: str, *, method: str, losses: int) -> None:
        self._upstream = urllib.parse.urlsplit(upstream)
        self._method = method.encode()
        self.losses = losses
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._requests(reader, up_writer))
                tasks.create_task(self._answers(up_reader, writer))
        except* (ConnectionError, _LostError):
            pass
        finally:
            for one in (writer, up_writer):
                one.close()

    async def _requests(self, reader: asyncio.StreamReader, up_writer: asyncio.StreamWriter) -> None:
        self._losing = False
        while data := await reader.read(65536):
            self._losing = self._losing or (data.startswith(self._method + b" ") and self.losses > 0)
            up_writer.write(data)
        raise _LostError

    async def _answers(self, up_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await up_reader.read(65536):
            if self._losing:
                self.losses -= 1
                raise _LostError
            writer.write(data)
        raise _LostError


class _LostError(Exception):
    """One side is gone: so is the other."""


@contextlib.asynccontextmanager
async def lossy(upstream: str, *, method: str, losses: int) -> AsyncIterator[Lossy]:
    proxy = Lossy(upstream, method=method, losses=losses)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield proxy
