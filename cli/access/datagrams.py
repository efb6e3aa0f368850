"""One local UDP port that leads to a port of a VPS: each address that sends gets a stream of its own.

A message of the stream is a datagram (agent/streams/packets.py is the other end). What there is no room for
is dropped, as UDP does; who has been silent for a while is forgotten, and begins anew with the next datagram.
"""

import asyncio
import collections

from kohakuriver import errors
from kohakuriver.cli.access.telling import Telling
from kohakuriver.cli.session.opening import Opener
from kohakuriver.streams.stream import Control, Framed

IDLE = 120.0  # seconds without a datagram either way
_AT_ONCE = 1024  # addresses
_WAITING = 64  # datagrams that wait for their stream
_LARGEST = 65_507  # bytes of one datagram

Address = tuple[str, int]


class Datagrams(asyncio.DatagramProtocol):
    """The socket, and a conversation for each address."""

    def __init__(self, opener: Opener, remote: int, telling: Telling, *, idle: float = IDLE) -> None:
        self._opener = opener
        self._params = [("port", str(remote)), ("protocol", "udp")]
        self._telling = telling
        self._idle = idle
        self._open: dict[Address, asyncio.Task[None]] = {}
        self._conversations: dict[Address, _Conversation] = {}
        self._socket: asyncio.DatagramTransport | None = None

    async def listen(self, host: str, port: int) -> int:
        """Begin; the local port. Raises OSError."""
        loop = asyncio.get_running_loop()
        self._socket, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        return int(self._socket.get_extra_info("sockname")[1])

    async def aclose(self) -> None:
        """Stop listening, and end what is open."""
        if self._socket is not None:
            self._socket.close()
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        conversation = self._conversations.get(addr)
        if conversation is None:
            if len(self._open) >= _AT_ONCE:
                return
            conversation = self._conversations[addr] = _Conversation(self._socket, addr, idle=self._idle)
            task = asyncio.create_task(self._serve(addr, conversation), name="forwarded datagrams")
            self._open[addr] = task
            task.add_done_callback(lambda task: self._ended(addr, task))
        conversation.send(data)

    async def _serve(self, addr: Address, conversation: "_Conversation") -> None:
        self._telling.detail(f"datagrams from {addr[0]}:{addr[1]}")
        try:
            stream, first = await self._opener.transport("forward", self._params)
        except errors.KohakuRiverError as error:
            self._telling.failed(error)
            return
        self._telling.worked()
        conversation.begin(stream, first)
        try:
            await conversation.over
        finally:
            conversation.close()

    def _ended(self, addr: Address, task: asyncio.Task[None]) -> None:
        del self._open[addr], self._conversations[addr]
        if not task.cancelled() and (error := task.exception()) is not None:
            unexpected = errors.KohakuRiverError(f"a conversation failed in a way nobody expected: {error!r}")
            self._telling.failed(unexpected)


class _Conversation:
    """One address, and its stream (a `Receiver`)."""

    def __init__(self, local: asyncio.DatagramTransport | None, addr: Address, *, idle: float) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._local = local
        self._addr = addr
        self._idle = idle
        self._framed = Framed(self, masks=True)
        self._waiting: collections.deque[bytes] = collections.deque(maxlen=_WAITING)
        self._has_begun = False
        self._is_full = False
        self._parts = b""
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, stream: asyncio.Transport, first: bytes) -> None:
        self._has_begun = True
        self._framed.adopt(stream, first)
        for data in self._waiting:
            self._framed.send(data)
        self._waiting.clear()
        self._stir()

    def send(self, data: bytes) -> None:
        if not self._has_begun:
            self._waiting.append(data)
        elif not self._is_full:
            self._framed.send(data)
            self._stir()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._framed.close()

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        self._parts += data
        if len(self._parts) > _LARGEST:
            self.ended(errors.BadRequest("a datagram is too long"))
        elif ends:
            whole, self._parts = self._parts, b""
            if self._local is not None:
                self._local.sendto(whole, self._addr)
            self._stir()

    def control_came(self, message: Control) -> None:
        """Nothing is said beside the datagrams."""

    def writable(self, yes: bool) -> None:
        self._is_full = not yes

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def _stir(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._idle, self.ended, None)
