"""RFC 6455 frames without I/O: bytes in, pieces of messages out. Knows no JSON and no connection.

Payloads are handed on as they arrive, not when their frame is whole, so a decoder holds next to nothing.
Which side masks is the RFC's: the client does, with a key of zero (docs/design/005-streams.md says why).
"""

import enum
import struct
from collections.abc import Iterator
from typing import NamedTuple

LIMIT = 1 << 20  # bytes of one text or control message


class Opcode(enum.IntEnum):
    """What a frame carries (RFC 6455, 11.8)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class BrokenFrame(Exception):
    """What came is no frame that this side may be sent."""


class Piece(NamedTuple):
    """A part of a message; `ends` with the message's last byte."""

    opcode: Opcode
    data: bytes
    ends: bool


def header(opcode: Opcode, length: int, *, masked: bool) -> bytes:
    """What stands before a payload of that many bytes; `masked` with a key of zero."""
    first, bit = 0x80 | opcode, 0x80 if masked else 0
    if length < 126:
        head = struct.pack("!BB", first, bit | length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, bit | 127, length)
    return head + b"\0\0\0\0" if masked else head


class Decoder:
    """What one side sent, piece by piece. `masked`: whether it is the side that has to mask; `longest_text`:
    bytes that one frame of text may have."""

    def __init__(self, *, masked: bool, longest_text: int = LIMIT) -> None:
        self._masked = masked
        self._longest_text = longest_text
        self._waiting = b""  # the beginning of a header
        self._opcode = Opcode.BINARY  # of the frame under way
        self._final = True
        self._left = 0  # payload bytes of it that are still to come
        self._key = b""
        self._taken = 0  # payload bytes of it so far
        self._message = Opcode.BINARY  # what a continuation continues
        self._open = False  # whether there is something to continue

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces in it. Raises BrokenFrame; then nothing more can be read."""
        position = 0
        if self._waiting:
            data, self._waiting = self._waiting + data, b""
        while position < len(data):
            if not self._left:
                start = self._header(data, position)
                if start is None:
                    self._waiting = data[position:]
                    return
                position = start
                if not self._left:
                    yield self._piece(b"")
                continue
            whole = position == 0 and len(data) <= self._left
            part = data if whole else data[position : position + self._left]
            position += len(part)
            self._left -= len(part)
            yield self._piece(part)

    def _piece(self, part: bytes) -> Piece:
        if self._key and part:
            part = _unmasked(part, self._key, self._taken)
        self._taken += len(part)
        return Piece(self._opcode, part, ends=self._final and not self._left)

    def _header(self, data: bytes, position: int) -> int | None:
        """Take in a frame's header; where its payload begins, or None while the header is not whole."""
        have = len(data) - position
        if have < 2:
            return None
        first, second = data[position], data[position + 1]
        length, size = second & 0x7F, 2
        if length >= 126:
            size = 4 if length == 126 else 10
            if have < size:
                return None
            length = int.from_bytes(data[position + 2 : position + size], "big")
        masked = bool(second & 0x80)
        if masked is not self._masked:
            raise BrokenFrame("the frame is masked" if masked else "the frame is not masked")
        if masked:
            if have < size + 4:
                return None
            key = data[position + size : position + size + 4]
            self._key = key if key != b"\0\0\0\0" else b""
            size += 4
        self._begin(first, length)
        return position + size

    def _begin(self, first: int, length: int) -> None:
        if first & 0x70:
            raise BrokenFrame("an extension that nobody asked for")
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise BrokenFrame(f"no such opcode: {first & 0x0F}") from None
        final = bool(first & 0x80)
        if opcode >= Opcode.CLOSE:
            if not final or length > 125:
                raise BrokenFrame("a control frame is whole and short")
        elif opcode is Opcode.CONTINUATION:
            if not self._open:
                raise BrokenFrame("a continuation of nothing")
            opcode, self._open = self._message, not final
        else:
            if self._open:
                raise BrokenFrame("a message within a message")
            self._message, self._open = opcode, not final
        if opcode is Opcode.TEXT and length > self._longest_text:
            raise BrokenFrame("a control message is too long")
        self._opcode, self._final = opcode, final
        self._left, self._taken = length, 0


def _unmasked(data: bytes, key: bytes, offset: int) -> bytes:
    turned = key[offset % 4 :] + key[: offset % 4]
    count = len(data)
    pattern = (turned * (count // 4 + 1))[:count]
    return (int.from_bytes(data, "little") ^ int.from_bytes(pattern, "little")).to_bytes(count, "little")
