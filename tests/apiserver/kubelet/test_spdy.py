"""SPDY/3.1 as kubectl speaks it: known bytes, any cutting of them, and what is refused."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.kubelet import spdy
from kohakuriver.apiserver.kubelet.spdy import BrokenFrame, Data, Left, Opened, Pinged, Reset, Session
from tests.apiserver.kubelet.spdy_client import (
    GOAWAY,
    HEADERS,
    PING,
    RST_STREAM,
    SYN_REPLY,
    SYN_STREAM,
    WINDOW_UPDATE,
    Frame,
    SpdyClient,
    control,
    ping,
    reset,
    sent,
)


def test_the_dictionary_is_the_one_that_clients_have():
    assert len(spdy.DICTIONARY) == 1423
    assert zlib.adler32(spdy.DICTIONARY) == 0xE3C6A7C2, (
        "the number that every SPDY/3 header block begins with"
    )


def test_a_stream_is_opened_with_its_headers_in_lower_case():
    number, frame = SpdyClient().open(streamtype="data", Port="8080", ends=True)
    assert list(Session().feed(frame)) == [Opened(number, {"streamtype": "data", "port": "8080"}, ends=True)]


def test_the_frames_are_these_bytes():
    session = Session()
    assert spdy.data(5, b"abc").hex() == "0000000500000003616263"
    assert spdy.data(5, b"", ends=True).hex() == "0000000501000000"
    assert spdy.reset(7, spdy.CANCEL).hex() == "80030003000000080000000700000005"
    assert spdy.ping(9).hex() == "800300060000000400000009"
    reply = session.reply(3)
    assert reply[:4].hex() == "80030002"
    assert reply[8:12] == struct.pack("!I", 3)
    assert reply[12:18].hex() == "78bbe3c6a7c2", "a zlib stream with the dictionary's number"
    inflate = zlib.decompressobj(zdict=spdy.DICTIONARY)
    assert inflate.decompress(reply[12:]) == bytes(4)
    assert inflate.decompress(session.reply(5)[12:]) == bytes(4), "one compression goes through all replies"


def test_headers_that_nobody_asked_for_still_count_in_the_compression():
    client, session = SpdyClient(), Session()
    _, first = client.open(streamtype="error")
    between = control(HEADERS, struct.pack("!I", 1) + client.headers(more="x"))
    _, second = client.open(streamtype="data")
    opened = list(session.feed(first + between + second))
    assert [event.headers for event in opened if isinstance(event, Opened)] == [
        {"streamtype": "error"},
        {"streamtype": "data"},
    ]


def test_what_is_not_needed_is_passed_over():
    window = control(WINDOW_UPDATE, struct.pack("!II", 1, 65536))
    settings = control(4, struct.pack("!I", 0))
    farewell = control(GOAWAY, bytes(8))
    assert list(Session().feed(window + settings + ping(3) + reset(1) + farewell)) == [
        Pinged(3),
        Reset(1),
        Left(),
    ]


A_SESSION = st.lists(
    st.one_of(
        st.tuples(
            st.just("open"), st.dictionaries(st.sampled_from(["port", "streamtype", "x"]), st.text("ab-1"))
        ),
        st.tuples(st.just("data"), st.binary(max_size=200)),
        st.tuples(st.just("ping"), st.integers(0, 2**32 - 1)),
        st.tuples(st.just("reset"), st.integers(1, 99)),
    ),
    max_size=12,
)


@given(A_SESSION, st.lists(st.integers(0, 400), max_size=12))
def test_however_it_is_cut_the_same_is_read(steps, cuts):
    client, wire, expected = SpdyClient(), b"", []
    for kind, what in steps:
        match kind:
            case "open":
                number, frame = client.open(**what)
                expected.append(("open", number, what))
            case "data":
                frame = sent(3, what, ends=len(what) % 2 == 0)
                expected.append(("data", what, len(what) % 2 == 0))
            case "ping":
                frame = ping(what)
                expected.append(("ping", what))
            case _:
                frame = reset(what)
                expected.append(("reset", what))
        wire += frame
    session, read, at = Session(), [], 0
    for cut in [*sorted(cuts), len(wire)]:
        for event in session.feed(wire[at:cut]):
            match event:
                case Opened(stream, headers, _):
                    read.append(("open", stream, headers))
                case Data(_, content, ends):
                    read.append(("part", content, ends))
                case Pinged(number):
                    read.append(("ping", number))
                case Reset(stream):
                    read.append(("reset", stream))
        at = max(at, min(cut, len(wire)))
    assert _joined(read) == _joined(expected)


def _joined(events):
    """Pieces of data that follow each other are one, up to one that ends."""
    found = []
    for event in events:
        if event[0] in ("part", "data") and found and found[-1][0] == "data" and not found[-1][2]:
            found[-1] = ("data", found[-1][1] + event[1], event[2])
        elif event[0] == "part":
            found.append(("data", *event[1:]))
        else:
            found.append(event)
    return found


@given(st.binary(max_size=300))
def test_nonsense_is_refused_or_read_and_nothing_else(data):
    session = Session()
    try:
        for _ in session.feed(data):
            pass
    except BrokenFrame:
        pass
    assert len(session._waiting) <= 8 + spdy.LONGEST


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (struct.pack("!HHI", 0x8002, PING, 4) + bytes(4), "version 3"),
        (struct.pack("!HHI", 0x8003, PING, spdy.LONGEST + 1), "too long"),
        (control(RST_STREAM, b"\0"), "too short"),
        (control(SYN_STREAM, bytes(10) + b"nonsense"), "cannot be inflated"),
        (control(SYN_STREAM, bytes(10) + SpdyClient().headers(x="y" * spdy.LONGEST_HEADERS)), "too long"),
        (
            control(SYN_STREAM, bytes(10) + SpdyClient().headers(**{f"h{n}": "" for n in range(65)})),
            "too many",
        ),
    ],
)
def test_what_is_broken_or_too_much_ends_the_connection(wire, says):
    with pytest.raises(BrokenFrame, match=says):
        list(Session().feed(wire))


def test_the_client_of_the_tests_reads_what_the_server_sends():
    frames = SpdyClient().feed(Session().reply(1) + spdy.data(1, b"x", ends=True))
    assert [(frame.kind, frame.stream) for frame in frames] == [(SYN_REPLY, 1), (0, 1)]
    assert frames[1] == Frame(0, 1, b"x", ends=True)
