"""Clients that go while the VPS takes none of their input: what they ran ends with them, and all is freed."""

import asyncio
from typing import Any

import pytest

from kohakuriver.apiserver.kubelet import running
from kohakuriver.apiserver.kubelet import spdy as codec
from kohakuriver.apiserver.kubelet.client import Said, Status, Typed
from kohakuriver.apiserver.kubelet.multiplex import ASKS_AFTER, MOST_WAITING, Multiplex
from tests.apiserver.kubelet.spdy_client import PING, SpdyClient, ping, sent
from tests.apiserver.kubelet.test_floods import Wire

pytestmark = pytest.mark.looptime


class Leaving:
    """A client that types, and goes."""

    def __init__(self) -> None:
        self.typed: list[Said] = [Typed(b"ls"), Typed(b"exit")]
        self.shown: list[bytes] = []

    def adopt(self, transport: asyncio.Transport) -> None: ...

    async def ready(self) -> None: ...

    async def receive(self) -> Said | None:
        return self.typed.pop(0) if self.typed else None

    async def gone(self) -> None: ...

    async def send(self, channel: int, data: bytes) -> None:
        self.shown.append(data)

    async def finish(self, status: Status) -> None: ...

    def abort(self) -> None: ...


class Full:
    """What runs, and reads what is typed after so many seconds each."""

    def __init__(self, after: float) -> None:
        self.read: list[Said] = []
        self._after = after

    async def say(self, said: Said) -> None:
        await asyncio.sleep(self._after)
        self.read.append(said)

    async def hear(self) -> Any:
        await asyncio.get_running_loop().create_future()


class Request(dict[Any, Any]):
    """As much of one as is told of."""

    def __init__(self) -> None:
        super().__init__()
        self[running.asked.VISIT] = self
        self.shown: dict[str, object] = {}
        self.reason = ""


async def joined(inside: Full) -> None:
    request: Any = Request()
    async with asyncio.timeout(3600):
        assert await running._join(request, Leaving(), inside) is None
    assert request.reason == "the client closed it"


async def test_what_reads_no_input_ends_with_its_client():
    inside = Full(after=1e6)
    await joined(inside)
    assert inside.read == []


async def test_what_was_typed_before_is_read_all_the_same():
    inside = Full(after=5)
    await joined(inside)
    assert inside.read == [Typed(b"ls"), Typed(b"exit")]


async def a_full_one() -> tuple[Multiplex, Wire, Any]:
    """A connection that is not read, as its stream is full."""
    multiplex, wire = Multiplex(most=5), Wire()
    multiplex.wire = wire
    number, frame = SpdyClient().open(streamtype="stdin")
    multiplex.bytes_came(frame + sent(number, b"x" * (MOST_WAITING + 1)), ends=True)
    stream = await multiplex.accept()
    wire.sent.clear()
    return multiplex, wire, stream


async def test_a_spdy_connection_that_is_not_read_is_asked_whether_its_client_is_there():
    _, wire, _ = await a_full_one()
    await asyncio.sleep(2.5 * ASKS_AFTER)
    assert [frame.kind for frame in SpdyClient().feed(bytes(wire.sent))] == [PING, PING]


async def test_and_no_more_once_it_is_read_or_over():
    for end in (True, False):
        multiplex, wire, stream = await a_full_one()
        if end:
            multiplex.ended(None)
        else:
            await stream.receive()
        await asyncio.sleep(3 * ASKS_AFTER)
        assert wire.sent == b""


async def test_the_answer_to_such_a_ping_is_not_answered():
    multiplex, wire, _ = await a_full_one()
    await asyncio.sleep(1.5 * ASKS_AFTER)
    asked = bytes(wire.sent)
    multiplex.bytes_came(asked, ends=True)
    assert bytes(wire.sent) == asked
    multiplex.bytes_came(ping(1), ends=True)
    assert bytes(wire.sent) == asked + codec.ping(1)
