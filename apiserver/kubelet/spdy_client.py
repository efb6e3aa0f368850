"""The client of a command over SPDY/3.1: a stream for its input, its size, its end, and each output."""

import asyncio
import contextlib
import json
from typing import Final

from kohakuriver import errors
from kohakuriver.apiserver.kubelet import channels
from kohakuriver.apiserver.kubelet.client import (
    LONGEST_RESIZE,
    InputEnded,
    Said,
    Status,
    Typed,
    Wanted,
    resized,
)
from kohakuriver.apiserver.kubelet.inbox import Inbox
from kohakuriver.apiserver.kubelet.multiplex import Multiplex, Substream
from kohakuriver.apiserver.kubelet.wire import LEAVES_WITHIN, Plain
from kohakuriver.errors import BadRequest
from kohakuriver.streams.stream import CONTROL_COUNTS

PROTOCOLS: Final = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io")
OPENS_WITHIN: Final = 30.0  # seconds for the client to open the streams that it has asked for
_STREAMS: Final = ("error", "stdin", "stdout", "stderr", "resize")
_SAYS_STATUS, _KNOWS_NO_SIZE = "v4.channel.k8s.io", "v2.channel.k8s.io"


class SpdyClient:
    """What a command sees of its client."""

    def __init__(self, protocol: str, wanted: Wanted) -> None:
        self._protocol = protocol
        self._wanted = wanted
        self._multiplex = Multiplex(most=len(_STREAMS))
        self._multiplex.wire = Plain(self._multiplex)
        self._streams: dict[str, Substream] = {}
        self._inbox: Inbox[Said] = Inbox(lambda _: None)  # each reader waits for room in it
        self._readers: list[asyncio.Task[None]] = []

    def adopt(self, transport: asyncio.Transport) -> None:
        """Take over the connection."""
        self._multiplex.wire.adopt(transport)

    async def ready(self) -> None:
        """Once the client has opened all its streams. Raises BadRequest and Unreachable."""
        missing = self._expected()
        try:
            async with asyncio.timeout(OPENS_WITHIN):
                while missing:
                    stream = await self._multiplex.accept()
                    if stream is None:
                        raise errors.Unreachable("the client has gone")
                    kind = stream.headers.get("streamtype", "")
                    if kind not in missing:
                        raise BadRequest(f'a stream of type "{kind[:40]}" is not wanted here')
                    missing.remove(kind)
                    self._streams[kind] = stream
        except TimeoutError:
            raise BadRequest(
                f"no stream of type {' and '.join(sorted(missing))} was opened in time"
            ) from None
        self._readers = [
            asyncio.create_task(read(self._streams[kind]), name=f"{kind} of a command")
            for kind, read in (("stdin", self._type), ("resize", self._resize))
            if kind in self._streams
        ]
        self._multiplex.over.add_done_callback(lambda _: self._inbox.end())

    async def receive(self) -> Said | None:
        return await self._inbox.get()

    async def gone(self) -> None:
        await asyncio.shield(self._multiplex.over)

    async def send(self, channel: int, data: bytes) -> None:
        stream = self._streams.get("stderr" if channel == channels.STDERR else "stdout")
        if stream is not None:
            await stream.send(data)

    async def finish(self, status: Status) -> None:
        for kind in ("stdout", "stderr"):
            if kind in self._streams:
                self._streams[kind].finish()
        if "error" in self._streams:
            self._streams["error"].finish(self._last(status))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVES_WITHIN):
                await asyncio.shield(self._multiplex.over)
        self._multiplex.wire.close()

    def abort(self) -> None:
        for reader in self._readers:
            reader.cancel()
        if not self._multiplex.over.done():
            self._multiplex.wire.abort()

    def _expected(self) -> set[str]:
        wanted = self._wanted
        asked = {"stdin": wanted.stdin, "stdout": wanted.stdout, "stderr": wanted.stderr}
        asked["resize"] = wanted.tty and self._protocol != _KNOWS_NO_SIZE
        return {"error", *(kind for kind, yes in asked.items() if yes)}

    def _last(self, status: Status) -> bytes:
        """How it ended, as this version of the protocol says it."""
        if self._protocol == _SAYS_STATUS:
            return json.dumps(status).encode()
        return b"" if status.get("status") == "Success" else str(status.get("message")).encode()

    async def _type(self, stream: Substream) -> None:
        with contextlib.suppress(errors.KohakuRiverError):
            while (data := await stream.receive()) is not None:
                await self._inbox.room()
                self._inbox.put(Typed(data), len(data))
            self._inbox.put(InputEnded(), CONTROL_COUNTS)

    async def _resize(self, stream: Substream) -> None:
        """Each size is a line of JSON; of those that come at once the last counts."""
        text = b""
        with contextlib.suppress(errors.KohakuRiverError):
            while (data := await stream.receive()) is not None:
                *lines, text = (text + data).split(b"\n")
                text = text[:LONGEST_RESIZE]
                size = resized(lines[-1]) if lines else None
                if size is not None:
                    await self._inbox.room()
                    self._inbox.put(size, CONTROL_COUNTS)
