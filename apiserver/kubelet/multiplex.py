"""The streams of one SPDY/3.1 connection, to await on; the frames are `spdy.py`'s, the connection a `Wire`.

The clients know no windows. What waits to be read is bounded for the whole connection: once it is full, the
connection is read no further, which stops all its streams. Where `stalls_after` is given, the stream that
holds most of it is given up after so many seconds of that, so that the others go on; else the client is sent
pings, as a connection that is not read shows by what is written alone that its client has gone.
"""

import asyncio
import collections
import contextlib
from collections.abc import Mapping
from typing import Final

from kohakuriver import errors
from kohakuriver.apiserver.kubelet import spdy
from kohakuriver.apiserver.kubelet.wire import Wire
from kohakuriver.streams.stream import Control

MOST_WAITING: Final = 1 << 22  # bytes from the client that wait to be read, of all its streams
_GOES_ON: Final = MOST_WAITING // 2
_COUNTS: Final = 1 << 8  # bytes as which a piece counts beside its own
MOST_UNREAD: Final = 1 << 20  # bytes of answers to a client that reads none
ASKS_AFTER: Final = 20.0  # seconds for which a connection has not been read, and between two pings then
_OURS: Final = 2  # the number of every ping of the server's: even, so that the client's are others
_NAMED: Final = ("streamtype", "port", "requestid")  # the headers that mean something
_LONGEST: Final = 256  # characters of one


class Substream:
    """One of the client's streams."""

    def __init__(self, number: int, headers: Mapping[str, str], of: "Multiplex") -> None:
        self.number = number
        self.headers = headers
        self.waiting = 0  # bytes as which what has come counts
        self._of = of
        self._came: collections.deque[bytes] = collections.deque()
        self._news = asyncio.Event()
        self._error: errors.KohakuRiverError | None = None
        self.came_all = False
        self.sent_all = False

    async def receive(self) -> bytes | None:
        """The next bytes; None where the client sends no more. Raises Unreachable once it is given up."""
        while not self._came:
            if self._error is not None:
                raise self._error
            if self.came_all:
                return None
            self._news.clear()
            await self._news.wait()
        data = self._came.popleft()
        self._of.took(self, _weight(data))
        return data

    async def send(self, data: bytes) -> None:
        """Bytes, once there is room. Raises Unreachable."""
        if self._error is not None:
            raise self._error
        if not self.sent_all:
            await self._of.send(spdy.data(self.number, data))

    def finish(self, last: bytes = b"") -> None:
        """These were the last bytes that go this way."""
        if not self.sent_all and self._error is None:
            self.sent_all = True
            self._of.say(spdy.data(self.number, last, ends=True))
            self._of.half_over(self)

    def reset(self) -> None:
        """Give it up, both ways."""
        if self._error is None and not (self.sent_all and self.came_all):
            self._of.say(spdy.reset(self.number, spdy.CANCEL))
        self.broke(errors.Unreachable("the stream was given up"))

    # What the connection tells.

    def came(self, data: bytes, *, ends: bool) -> int:
        """Some bytes have come; as how many they count."""
        if self.came_all or self._error is not None:
            return 0
        if data:
            self._came.append(data)
        self.came_all = ends
        self._news.set()
        return _weight(data) if data else 0

    def broke(self, error: errors.KohakuRiverError) -> None:
        """Nothing more comes or goes, and what waits is dropped."""
        self._error = self._error or error
        self._came.clear()
        self._of.forget(self)
        self._news.set()


class Multiplex:
    """One connection (a `Receiver`). `most`: streams open at the same time."""

    def __init__(self, *, most: int, stalls_after: float | None = None) -> None:
        self.wire: Wire
        self._most = most
        self._stalls_after = stalls_after
        self._session = spdy.Session()
        self._streams: dict[int, Substream] = {}
        self._opened: collections.deque[Substream] = collections.deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._owed: int | None = None  # the last ping, while there is no room for its answer
        self._unread = 0  # bytes of answers since there was room for them last
        self._waiting = 0
        self._stall: asyncio.TimerHandle | None = None
        self._is_paused = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def accept(self) -> Substream | None:
        """The next stream that the client opens; None once it has gone."""
        while not self._opened:
            if self.over.done():
                return None
            self._news.clear()
            await self._news.wait()
        return self._opened.popleft()

    async def send(self, frame: bytes) -> None:
        """A frame, once there is room for more. Raises Unreachable."""
        self.wire.send(frame)
        await self._room.wait()
        if self.over.done():
            raise errors.Unreachable("the client has gone")

    def say(self, frame: bytes) -> None:
        """A frame of a few bytes. A client that asks for ever more of them and reads none is ended."""
        if self.over.done():
            return
        self.wire.send(frame)
        if not self._room.is_set():
            self._unread += len(frame)
            if self._unread > MOST_UNREAD:
                self.wire.abort()
                self.ended(errors.BadRequest("the client does not read what it is answered"))

    def took(self, stream: Substream, weight: int) -> None:
        """Some of what waited has been read."""
        stream.waiting -= weight
        self._waiting -= weight
        self._look()

    def half_over(self, stream: Substream) -> None:
        """One direction has ended."""
        if stream.came_all and stream.sent_all:
            self._streams.pop(stream.number, None)

    def forget(self, stream: Substream) -> None:
        """It is given up."""
        self._streams.pop(stream.number, None)
        with contextlib.suppress(ValueError):
            self._opened.remove(stream)
        self._waiting -= stream.waiting
        stream.waiting = 0
        self._look()

    # What the connection tells.

    def bytes_came(self, data: bytes, *, ends: bool) -> None:
        try:
            for event in self._session.feed(data):
                self._happened(event)
        except spdy.BrokenFrame as error:
            self.wire.abort()
            self.ended(errors.BadRequest(f"the client does not speak SPDY/3.1: {error}"))

    def control_came(self, message: Control) -> None:
        """Nothing: there is none here."""

    def writable(self, yes: bool) -> None:
        if not yes:
            self._room.clear()
            return
        self._unread = 0
        if self._owed is not None:
            self.say(spdy.ping(self._owed))
            self._owed = None
        self._room.set()

    def ended(self, error: errors.KohakuRiverError | None) -> None:
        if self.over.done():
            return
        self.over.set_result(None)
        for stream in list(self._streams.values()):
            stream.broke(error or errors.Unreachable("the client has gone"))
        if self._stall is not None:
            self._stall.cancel()
        self._news.set()
        self._room.set()

    def _happened(self, event: spdy.Event) -> None:
        match event:
            case spdy.Opened(number, headers, ends):
                self._open(number, headers, ends=ends)
            case spdy.Data(number, data, ends) if number in self._streams:
                stream = self._streams[number]
                weight = stream.came(data, ends=ends)
                stream.waiting += weight
                self._waiting += weight
                self.half_over(stream)
                self._look()
            case spdy.Reset(number) if number in self._streams:
                self._streams[number].broke(errors.Unreachable("the client gave the stream up"))
            case spdy.Pinged(number) if number == _OURS:
                pass  # its answer
            case spdy.Pinged(number) if self._room.is_set():
                self.say(spdy.ping(number))
            case spdy.Pinged(number):
                self._owed = number

    def _open(self, number: int, headers: Mapping[str, str], *, ends: bool) -> None:
        named = {name: headers[name] for name in _NAMED if name in headers}
        is_long = any(len(value) > _LONGEST for value in named.values())
        if is_long or number in self._streams or len(self._streams) >= self._most:
            self.say(spdy.reset(number, spdy.REFUSED_STREAM))
            return
        stream = self._streams[number] = Substream(number, named, self)
        stream.came_all = ends
        self.say(self._session.reply(number))
        self._opened.append(stream)
        self._news.set()

    def _look(self) -> None:
        """Whether the connection is read."""
        if not self._is_paused and self._waiting > MOST_WAITING:
            self._is_paused = True
            self.wire.pause_reading()
            loop = asyncio.get_running_loop()
            if self._stalls_after is not None:
                self._stall = loop.call_later(self._stalls_after, self._end_stalled)
            else:
                self._stall = loop.call_later(ASKS_AFTER, self._ask)
        elif self._is_paused and self._waiting <= _GOES_ON:
            self._is_paused = False
            self.wire.resume_reading()
            if self._stall is not None:
                self._stall.cancel()

    def _ask(self) -> None:
        """Whether the client is there still."""
        if self._room.is_set():
            self.say(spdy.ping(_OURS))
        self._stall = asyncio.get_running_loop().call_later(ASKS_AFTER, self._ask)

    def _end_stalled(self) -> None:
        """A stream that nobody reads keeps all the others from being read."""
        while self._is_paused and self._streams and not self.over.done():
            fullest = max(self._streams.values(), key=lambda stream: stream.waiting)
            if not fullest.waiting:
                return
            fullest.reset()


def _weight(data: bytes) -> int:
    return len(data) + _COUNTS
