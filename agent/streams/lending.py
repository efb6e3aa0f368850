"""Tarballs of Environments between nodes, through the API server: brought to who lacks one, and fetched.

What is brought is what the Environment names, as a path of this machine, and nothing else. What is fetched is
checked by tarballs.py like what comes from anywhere.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import BinaryIO

from kohakuriver import errors
from kohakuriver.agent.images.environments import Environments
from kohakuriver.agent.streams.door import Opened
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer
from kohakuriver.streams.stream import Stream

CHUNK = 1 << 18


class Lender:
    """Opens what this node has."""

    def __init__(self, environments: Environments) -> None:
        self._environments = environments

    async def open(self, name: str) -> Opened:
        """Raises NotFound where this node has no such file."""
        found = self._environments.tarball(self._environments.image(name))
        if found is None or not found.is_path:
            raise errors.NotFound(f"the Environment {name} has no tarball")
        try:
            return _Lent(await asyncio.to_thread(_opened, Path(found.source)))
        except OSError as error:
            raise errors.NotFound(f"{found.source} cannot be read on this node: {error.strerror}") from error


def _opened(path: Path) -> BinaryIO:
    if not path.is_file():
        raise FileNotFoundError(2, "no such file", str(path))
    return path.open("rb")


class _Lent:
    """One file, to be sent once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    async def serve(self, transport: asyncio.Transport, first: bytes) -> None:
        stream = Stream(masks=False)
        stream.framed.adopt(transport, first)
        try:
            with self._file, contextlib.suppress(errors.KohakuRiverError):
                await stream.send_control({"size": os.fstat(self._file.fileno()).st_size})
                while chunk := await asyncio.to_thread(self._file.read, CHUNK):
                    await stream.send(chunk)
                await stream.send_control({"eof": True})
                stream.close()
                await stream.wait_closed()
        finally:
            stream.framed.abort()

    async def aclose(self) -> None:
        self._file.close()


class Borrower:
    """Fetches what another node has."""

    def __init__(self, dialer: Callable[[], Dialer]) -> None:
        self._dialer = dialer

    async def chunks(self, name: str, sized: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
        """The Environment's tarball. Raises ApiError, and Unreachable when it breaks off."""
        path = kinds.ENVIRONMENT.path(name=name, subresource="tarball")
        stream = await self._dialer().stream(path)
        try:
            while (message := await stream.receive()) is not None:
                if isinstance(message, bytes):
                    yield message
                elif "size" in message:
                    sized(int(message["size"]))
                elif "eof" in message:
                    return
            raise errors.Unreachable("the node that has it went away in the middle")
        finally:
            stream.framed.abort()
