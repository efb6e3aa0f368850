"""Ports over a WebSocket with channels: of port i, 2i is its data and 2i+1 the words of an error.

The first message of each says the port, as two bytes with the lower one first. There is no end of a channel:
the connection ends when all its ports have.
"""

import asyncio

from kohakuriver import errors
from kohakuriver.apiserver.kubelet.channels import V4, Part, Reader, message
from kohakuriver.apiserver.kubelet.inbox import Inbox
from kohakuriver.apiserver.kubelet.wire import Socket
from kohakuriver.streams.stream import Control


class Port:
    """The connection to one of them."""

    def __init__(self, port: int, channel: int, of: "Ports") -> None:
        self.port = port
        self.inbox: Inbox[bytes] = Inbox(of.pause)
        self._channel = channel
        self._of = of

    async def receive(self) -> bytes | None:
        """The next bytes; None once the client has gone."""
        return await self.inbox.get()

    async def send(self, data: bytes) -> None:
        """Bytes, once there is room. Raises Unreachable."""
        await self._of.send(message(self._channel, data))

    def finish(self) -> None:
        """Nothing can be said of that."""

    def done(self) -> None:
        """Nor of that."""

    def failed(self, error: errors.KohakuRiverError) -> None:
        """In words, on the channel for them."""
        self._of.say(message(self._channel + 1, error.in_one_message.encode()))


class Ports:
    """All of one connection (a `Receiver`)."""

    def __init__(self, numbers: list[int]) -> None:
        self._socket = Socket(self)
        self._reader = Reader(V4)
        self._paused = 0  # inboxes that are full
        self._room = asyncio.Event()
        self._room.set()
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.all = [Port(number, 2 * index, self) for index, number in enumerate(numbers)]

    def adopt(self, transport: asyncio.Transport) -> None:
        """Take over the connection, and say which channels are whose."""
        self._socket.adopt(transport)
        for index, port in enumerate(self.all):
            for channel in (2 * index, 2 * index + 1):
                self.say(message(channel, port.port.to_bytes(2, "little")))

    async def wait_gone(self) -> None:
        """Until the client has gone."""
        await asyncio.shield(self._over)

    async def send(self, data: bytes) -> None:
        self._socket.send(data)
        await self._room.wait()
        if self._over.done():
            raise errors.Unreachable("the client has gone")

    def say(self, data: bytes) -> None:
        """A message of a few bytes."""
        if not self._over.done():
            self._socket.send(data)

    def close(self) -> None:
        self._socket.close()

    def abort(self) -> None:
        self._socket.abort()

    def pause(self, yes: bool) -> None:
        """One more inbox is full, or no longer is."""
        self._paused += 1 if yes else -1
        if self._paused == 1 and yes:
            self._socket.pause_reading()
        elif not self._paused:
            self._socket.resume_reading()

    # What the WebSocket tells.

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        for found in self._reader.feed(data, ends=ends):
            if isinstance(found, Part) and found.data and not found.channel % 2:
                index = found.channel // 2
                if index < len(self.all):
                    self.all[index].inbox.put(found.data, len(found.data))

    def control_came(self, message: Control) -> None:
        """Nothing: text is bytes here."""

    def writable(self, yes: bool) -> None:
        if yes:
            self._room.set()
        else:
            self._room.clear()

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        for port in self.all:
            port.inbox.end()
        self._room.set()
        if not self._over.done():
            self._over.set_result(None)
