"""The server's side of SPDY/3.1, without I/O: bytes in, events out; and frames for what the server sends.

It is what kubectl speaks beside WebSockets, and within them where it forwards ports. Only what those clients
use is read: streams, their data, resets, pings and the farewell. Windows are passed over, as by the clients:
who uses this bounds what waits. A data frame's content is handed on as it comes.
"""

import dataclasses
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

LONGEST: Final = 1 << 14  # bytes of one control frame
LONGEST_HEADERS: Final = 1 << 14  # of all headers of a stream, once they are inflated
MOST_HEADERS: Final = 64
LONGEST_DATA: Final = (1 << 24) - 1  # bytes of one data frame

REFUSED_STREAM: Final = 3
CANCEL: Final = 5

_VERSION: Final = 3
_SYN_REPLY, _RST_STREAM, _PING = 2, 3, 6
_FIN: Final = 1
_CONTROL: Final = 1 << 31
_STREAM: Final = _CONTROL - 1

_WORDS: Final = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-"
    "ranges age allow authorization cache-control connection content-base content-encoding content-"
    "language content-length content-location content-md5 content-range content-type date etag expect "
    "expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-"
    "modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-"
    "after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate "
    "method get status "
)
_MORE_WORDS: Final = ("200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin")
_TEXT: Final = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized"
    "403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY: Final = (
    b"".join(struct.pack("!I", len(word)) + word.encode() for word in (*_WORDS.split(), *_MORE_WORDS))
    + _TEXT.encode()
)
"""What both sides' compression of headers begins with (SPDY/3, 2.6.10.1)."""


class BrokenFrame(Exception):
    """What came is not SPDY/3.1 that a server may be sent."""


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """The client opens a stream; `ends` where it sends nothing on it."""

    stream: int
    headers: Mapping[str, str]
    ends: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Data:
    """Some bytes of a stream; `ends` with the last that it will have."""

    stream: int
    data: bytes
    ends: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Reset:
    """The client has given a stream up, both ways."""

    stream: int


@dataclasses.dataclass(frozen=True, slots=True)
class Pinged:
    """The client wants this number back."""

    number: int


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """The client opens no more streams."""


Event = Opened | Data | Reset | Pinged | Left


class Session:
    """One connection."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._waiting = b""  # the beginning of a frame
        self._stream = 0  # of the data frame under way
        self._ends = False
        self._left = 0  # bytes of it that are still to come

    def feed(self, data: bytes) -> Iterator[Event]:
        """What is in it. Raises BrokenFrame; then nothing more can be read."""
        if self._waiting:
            data, self._waiting = self._waiting + data, b""
        at = 0
        while at < len(data):
            if self._left:
                part = data[at : at + self._left]
                at += len(part)
                self._left -= len(part)
                yield Data(self._stream, part, ends=self._ends and not self._left)
                continue
            size = self._frame(data, at)
            if size is None:
                self._waiting = data[at:]
                return
            first, flags = struct.unpack_from("!IB", data, at)
            if first & _CONTROL:
                yield from self._control(first, flags, data[at + 8 : at + size])
            elif not self._left:
                yield Data(self._stream, b"", ends=self._ends)
            at += size

    def _frame(self, data: bytes, at: int) -> int | None:
        """The bytes of the frame that begins there, of a data frame those of its head; None where they have
        not all come."""
        have = len(data) - at
        if have < 8:
            return None
        first, second = struct.unpack_from("!II", data, at)
        length = second & 0xFFFFFF
        if not first & _CONTROL:
            self._stream, self._ends, self._left = first, bool(second >> 24 & _FIN), length
            return 8
        if length > LONGEST:
            raise BrokenFrame("a control frame is too long")
        return 8 + length if have >= 8 + length else None

    def _control(self, first: int, flags: int, body: bytes) -> Iterator[Event]:
        if (first >> 16) & 0x7FFF != _VERSION:
            raise BrokenFrame("it is not of version 3")
        try:
            match first & 0xFFFF:
                case 1:  # SYN_STREAM
                    stream = struct.unpack_from("!I", body)[0] & _STREAM
                    yield Opened(stream, self._headers(body[10:]), ends=bool(flags & _FIN))
                case 2 | 8:  # SYN_REPLY, HEADERS: the compression goes on through all of them
                    self._headers(body[4:])
                case 3:  # RST_STREAM
                    yield Reset(struct.unpack_from("!I", body)[0] & _STREAM)
                case 6:  # PING
                    yield Pinged(struct.unpack_from("!I", body)[0])
                case 7:  # GOAWAY
                    yield Left()
        except struct.error:
            raise BrokenFrame("a control frame is too short") from None

    def _headers(self, block: bytes) -> dict[str, str]:
        try:
            plain = self._inflate.decompress(block, LONGEST_HEADERS + 1)
        except zlib.error as error:
            raise BrokenFrame(f"headers that cannot be inflated: {error}") from None
        if len(plain) > LONGEST_HEADERS or self._inflate.unconsumed_tail:
            raise BrokenFrame("the headers of a stream are too long")
        return _pairs(plain)

    # What the server sends.

    def reply(self, stream: int) -> bytes:
        """That the stream is there."""
        block = self._deflate.compress(struct.pack("!I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _frame(_SYN_REPLY, struct.pack("!I", stream) + block)


def data(stream: int, content: bytes, *, ends: bool = False) -> bytes:
    """The frame of some bytes of a stream; `ends` with its last."""
    return struct.pack("!II", stream, (_FIN if ends else 0) << 24 | len(content)) + content


def reset(stream: int, status: int) -> bytes:
    """The frame that gives a stream up."""
    return _frame(_RST_STREAM, struct.pack("!II", stream, status))


def ping(number: int) -> bytes:
    """The frame that answers a ping, or is one."""
    return _frame(_PING, struct.pack("!I", number))


def _frame(kind: int, body: bytes) -> bytes:
    return struct.pack("!HHI", 1 << 15 | _VERSION, kind, len(body)) + body


def _pairs(plain: bytes) -> dict[str, str]:
    """The headers of a block, by their names in lower case."""
    (count,), at = struct.unpack_from("!I", plain), 4
    if count > MOST_HEADERS:
        raise BrokenFrame("a stream has too many headers")
    texts = []
    for _ in range(2 * count):
        (length,) = struct.unpack_from("!I", plain, at)
        at += 4 + length
        if at > len(plain):
            raise BrokenFrame("a header is cut off")
        texts.append(plain[at - length : at].decode("latin-1"))
    return {name.lower(): value for name, value in zip(texts[::2], texts[1::2], strict=True)}
