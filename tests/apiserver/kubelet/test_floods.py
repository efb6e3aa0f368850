"""Clients that send what costs a server more than themselves: each costs memory and time within bounds."""

import asyncio
import contextlib
import json

import pytest

from kohakuriver.apiserver.kubelet import spdy_client
from kohakuriver.apiserver.kubelet.client import Wanted
from kohakuriver.apiserver.kubelet.multiplex import MOST_UNREAD, Multiplex
from tests.apiserver.kubelet.spdy_client import SpdyClient, ping, reset, sent

pytestmark = pytest.mark.looptime

WITH_A_TERMINAL = Wanted(stdin=False, stdout=True, stderr=False, tty=True)


class Wire:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.is_over = False

    def send(self, data: bytes) -> None:
        self.sent += data

    def abort(self) -> None:
        self.is_over = True

    def close(self) -> None:
        self.is_over = True

    def adopt(self, transport: asyncio.Transport) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def a_multiplex(most: int = 5) -> tuple[Multiplex, Wire]:
    multiplex, wire = Multiplex(most=most), Wire()
    multiplex.wire = wire
    return multiplex, wire


async def accepted(multiplex: Multiplex) -> list[dict[str, str]]:
    """The headers of all streams that wait to be accepted."""
    found = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            while (stream := await multiplex.accept()) is not None:
                found.append(dict(stream.headers))
    return found


async def test_streams_that_are_opened_and_given_up_again_are_not_kept():
    multiplex, _ = a_multiplex(most=5)
    client = SpdyClient()
    for _ in range(1000):
        number, frame = client.open(streamtype="error")
        multiplex.bytes_came(frame + reset(number), ends=True)
    assert await accepted(multiplex) == []


async def test_of_a_streams_headers_only_those_that_mean_something_are_kept():
    multiplex, _ = a_multiplex(most=5)
    _, frame = SpdyClient().open(streamtype="data", port="80", requestid="7", more="x" * 10_000)
    multiplex.bytes_came(frame, ends=True)
    assert await accepted(multiplex) == [{"streamtype": "data", "port": "80", "requestid": "7"}]


async def test_a_stream_whose_header_is_long_is_refused():
    multiplex, _ = a_multiplex(most=5)
    _, frame = SpdyClient().open(streamtype="data", port="80", requestid="7" * 10_000)
    multiplex.bytes_came(frame, ends=True)
    assert await accepted(multiplex) == []


async def test_a_client_that_reads_no_answer_and_asks_for_more_and_more_is_ended():
    multiplex, wire = a_multiplex(most=5)
    multiplex.writable(False)
    client = SpdyClient()
    for count in range(200_000):
        if multiplex.over.done():
            break
        multiplex.bytes_came(client.open(streamtype="data")[1] + ping(count), ends=True)
    assert multiplex.over.done()
    assert wire.is_over
    assert len(wire.sent) <= MOST_UNREAD + 100


async def test_answers_that_are_read_count_no_more():
    multiplex, wire = a_multiplex(most=5)
    client = SpdyClient()
    while len(wire.sent) < 1.25 * MOST_UNREAD:
        multiplex.writable(False)
        for _ in range(1000):
            multiplex.bytes_came(client.open(streamtype="data")[1], ends=True)
        multiplex.writable(True)
    assert not multiplex.over.done()


async def test_of_many_sizes_that_come_at_once_the_last_counts():
    made = spdy_client.SpdyClient("v4.channel.k8s.io", WITH_A_TERMINAL)
    multiplex = made._multiplex
    multiplex.wire = Wire()
    client = SpdyClient()
    numbers = {}
    for kind in ("error", "stdout", "resize"):
        numbers[kind], frame = client.open(streamtype=kind)
        multiplex.bytes_came(frame, ends=True)
    await made.ready()
    sizes = b"\n" * 100_000 + b"".join(
        json.dumps({"Height": rows, "Width": 80}).encode() + b"\n" for rows in (10, 20)
    )
    multiplex.bytes_came(sent(numbers["resize"], sizes), ends=True)
    said = await made.receive()
    assert (said.rows, said.cols) == (20, 80)
    made.abort()
