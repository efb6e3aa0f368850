"""The client's side of SPDY/3.1, for tests: frames as kubectl sends them, and what a server answered."""

import struct
import zlib
from typing import NamedTuple

from kohakuriver.apiserver.kubelet.spdy import DICTIONARY

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY, HEADERS, WINDOW_UPDATE = 1, 2, 3, 6, 7, 8, 9


class Frame(NamedTuple):
    """A data frame of `stream`, or a control frame of `kind`."""

    kind: int  # 0: data
    stream: int
    content: bytes
    ends: bool


def control(kind: int, body: bytes, *, flags: int = 0) -> bytes:
    return struct.pack("!HHI", 0x8003, kind, flags << 24 | len(body)) + body


def sent(stream: int, content: bytes, *, ends: bool = False) -> bytes:
    return struct.pack("!II", stream, ends << 24 | len(content)) + content


def ping(number: int) -> bytes:
    return control(PING, struct.pack("!I", number))


def reset(stream: int) -> bytes:
    return control(RST_STREAM, struct.pack("!II", stream, 5))


class SpdyClient:
    """One connection: opens streams, and reads frames."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._came = b""
        self._next = 1

    def headers(self, **headers: str) -> bytes:
        block = struct.pack("!I", len(headers))
        for name, value in headers.items():
            block += struct.pack("!I", len(name)) + name.encode()
            block += struct.pack("!I", len(value)) + value.encode()
        return self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def open(self, *, ends: bool = False, **headers: str) -> tuple[int, bytes]:
        """A new stream's number, and its frame."""
        number, self._next = self._next, self._next + 2
        body = struct.pack("!IIBB", number, 0, 0, 0) + self.headers(**headers)
        return number, control(SYN_STREAM, body, flags=int(ends))

    def feed(self, data: bytes) -> list[Frame]:
        self._came += data
        frames = []
        while len(self._came) >= 8:
            first, second = struct.unpack_from("!II", self._came)
            length = second & 0xFFFFFF
            if len(self._came) < 8 + length:
                break
            body, self._came = self._came[8 : 8 + length], self._came[8 + length :]
            ends = bool(second >> 24 & 1)
            if first >> 31:
                stream = struct.unpack_from("!I", body)[0]
                frames.append(Frame(first & 0xFFFF, stream, body[4:], ends))
            else:
                frames.append(Frame(0, first, body, ends))
        return frames
