"""The channel messages of kubectl's WebSockets, whole and in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.kubelet.channels import STDIN, V4, V5, Closed, Part, Reader, message


def test_a_message_is_its_channel_and_its_bytes():
    assert message(1, b"out") == b"\x01out"
    assert list(Reader(V5).feed(b"\x00typed", ends=True)) == [Part(STDIN, b"typed", ends=True)]


def test_version_5_closes_a_channel_and_version_4_knows_no_such_thing():
    assert list(Reader(V5).feed(b"\xff\x00", ends=True)) == [Closed(STDIN)]
    assert list(Reader(V4).feed(b"\xff\x00", ends=True)) == [Part(255, b"\x00", ends=True)]


def test_a_message_without_a_channel_says_nothing():
    reader = Reader(V5)
    assert list(reader.feed(b"", ends=True)) == []
    assert list(reader.feed(b"\x04{}", ends=True)) == [Part(4, b"{}", ends=True)]


@given(st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=40)), max_size=6), st.integers(1, 7))
def test_however_messages_are_cut_each_channel_has_its_bytes(messages, size):
    reader, read = Reader(V5), []
    for channel, content in messages:
        whole = message(channel, content)
        for start in range(0, len(whole), size):
            piece = whole[start : start + size]
            for part in reader.feed(piece, ends=start + size >= len(whole)):
                assert isinstance(part, Part)
                read.append(part)
    joined, under_way = [], b""
    for part in read:
        under_way += part.data
        if part.ends:
            joined.append((part.channel, under_way))
            under_way = b""
    assert joined == messages
