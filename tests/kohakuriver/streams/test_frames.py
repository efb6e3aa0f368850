"""The frames, held against another implementation (aiohttp's) and cut at every place."""

import os
from collections.abc import Iterable

import pytest
from aiohttp._websocket.helpers import websocket_mask
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.streams.frames import BrokenFrame, Decoder, Opcode, Piece, header

MESSAGES = st.lists(st.tuples(st.sampled_from([Opcode.BINARY, Opcode.TEXT]), st.binary(max_size=70_000)))


def whole(pieces: Iterable[Piece]) -> list[tuple[Opcode, bytes]]:
    """The messages that the pieces are of."""
    found, parts = [], b""
    for piece in pieces:
        parts += piece.data
        if piece.ends:
            found.append((piece.opcode, parts))
            parts = b""
    assert not parts
    return found


def masked(data: bytes, key: bytes) -> bytes:
    scrambled = bytearray(data)
    websocket_mask(key, scrambled)
    return bytes(scrambled)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(messages=MESSAGES, size=st.integers(1, 100_000), from_client=st.booleans())
def test_what_was_sent_comes_out_however_it_was_cut(messages, size, from_client):
    wire = b"".join(header(kind, len(data), masked=from_client) + data for kind, data in messages)
    decoder = Decoder(masked=from_client)
    pieces = [piece for part in cut(wire, max(size, len(wire) // 200 + 1)) for piece in decoder.feed(part)]
    assert whole(pieces) == messages


@given(data=st.binary(max_size=5000), key=st.binary(min_size=4, max_size=4), size=st.integers(1, 999))
def test_a_mask_of_anybody_is_taken_off(data, key, size):
    wire = header(Opcode.BINARY, len(data), masked=True)[:-4] + key + masked(data, key)
    decoder = Decoder(masked=True)
    assert whole(piece for part in cut(wire, size) for piece in decoder.feed(part)) == [(Opcode.BINARY, data)]


def test_a_message_in_fragments_goes_on_around_a_ping():
    wire = b"\x01\x02he" + b"\x89\x00" + b"\x80\x03llo"
    found = [(piece.opcode, piece.data, piece.ends) for piece in Decoder(masked=False).feed(wire)]
    assert found == [(Opcode.TEXT, b"he", False), (Opcode.PING, b"", True), (Opcode.TEXT, b"llo", True)]


@pytest.mark.parametrize(
    "wire",
    [
        b"\x82\x80\0\0\0\0",  # masked by the side that must not
        b"\xc2\x00",  # compressed
        b"\x83\x00",  # no such opcode
        b"\x80\x00",  # continues nothing
        b"\x01\x00\x82\x00",  # a message within a message
        b"\x09\x00",  # a ping in fragments
        b"\x88\x7e\x00\x80",  # a long close
        b"\x81\x7f" + (1 << 21).to_bytes(8, "big"),  # a control message of 2 MiB
    ],
)
def test_what_no_side_may_send_is_refused(wire):
    with pytest.raises(BrokenFrame):
        list(Decoder(masked=False).feed(wire))


def test_random_bytes_are_either_refused_or_waited_for():
    for _ in range(200):
        try:
            list(Decoder(masked=False).feed(os.urandom(64)))
        except BrokenFrame:
            continue
