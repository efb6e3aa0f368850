"""The client of a command over a WebSocket with channels (`channels.py`)."""

import asyncio
import contextlib
import json

from kohakuriver import errors
from kohakuriver.apiserver.kubelet import channels
from kohakuriver.apiserver.kubelet.channels import Closed, Part, Reader, message
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
from kohakuriver.apiserver.kubelet.wire import FLUSHED_WITHIN, Socket
from kohakuriver.streams.stream import CONTROL_COUNTS, Control


class ChannelClient:
    """Both in one: what a command sees of its client, and what is told by the WebSocket (a `Receiver`)."""

    def __init__(self, protocol: str, wanted: Wanted) -> None:
        self._socket = Socket(self)
        self._reader = Reader(protocol)
        self._wanted = wanted
        self._inbox: Inbox[Said] = Inbox(self._pause)
        self._size = bytearray()  # of a resize message, as far as it has come
        self._room = asyncio.Event()
        self._room.set()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def adopt(self, transport: asyncio.Transport) -> None:
        """Take over the connection. An empty message tells the client that it stands."""
        self._socket.adopt(transport)
        wanted = self._wanted
        shows_errors = wanted.stderr and not wanted.tty
        first = channels.STDOUT if wanted.stdout else channels.STDERR if shows_errors else channels.STATUS
        self._socket.send(message(first, b""))

    async def ready(self) -> None:
        """It is from the start."""

    async def receive(self) -> Said | None:
        return await self._inbox.get()

    async def gone(self) -> None:
        await asyncio.shield(self._over)

    async def send(self, channel: int, data: bytes) -> None:
        if not (self._wanted.stderr if channel == channels.STDERR else self._wanted.stdout):
            return
        self._socket.send(message(channel, data))
        await self._room.wait()
        if self._over.done():
            raise errors.Unreachable("the client has gone")

    async def finish(self, status: Status) -> None:
        self._socket.send(message(channels.STATUS, json.dumps(status).encode()))
        self._socket.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSHED_WITHIN):
                await asyncio.shield(self._over)

    def abort(self) -> None:
        self._socket.abort()

    # What the WebSocket tells.

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        for found in self._reader.feed(data, ends=ends):
            match found:
                case Part(channels.STDIN, typed) if self._wanted.stdin and typed:
                    self._inbox.put(Typed(typed), len(typed))
                case Part(channels.RESIZE, text):
                    self._resize(text, ends=ends)
                case Closed(channels.STDIN) if self._wanted.stdin:
                    self._inbox.put(InputEnded(), CONTROL_COUNTS)

    def control_came(self, message: Control) -> None:
        """Nothing: text is bytes here."""

    def writable(self, yes: bool) -> None:
        if yes:
            self._room.set()
        else:
            self._room.clear()

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        self._inbox.end()
        self._room.set()
        if not self._over.done():
            self._over.set_result(None)

    def _resize(self, text: bytes, *, ends: bool) -> None:
        self._size += text[: LONGEST_RESIZE + 1 - len(self._size)]
        if not ends:
            return
        size = resized(bytes(self._size))
        self._size.clear()
        if size is not None:
            self._inbox.put(size, CONTROL_COUNTS)

    def _pause(self, yes: bool) -> None:
        if yes:
            self._socket.pause_reading()
        else:
            self._socket.resume_reading()
