"""The agent's end of a forwarded port: what is refused in words, and that a greeting is never missed."""

import asyncio
import socket

import pytest
import uvloop

from kohakuriver.agent.streams.door import Waiting
from kohakuriver.agent.streams.forward import _Tcp
from kohakuriver.streams.stream import Stream


@pytest.mark.parametrize(
    "loop_of", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"]
)
def test_what_a_service_says_before_it_is_asked_arrives(loop_of):
    async def greeted() -> bytes:
        service, ours = socket.socketpair()
        near, far = socket.socketpair()
        service.send(b"SSH-2.0-x\r\n")
        for end in (ours, near, far):
            end.setblocking(False)
        loop = asyncio.get_running_loop()
        client = Stream(masks=True)
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
        client.framed.adopt(transport)
        brought, waiting = await loop.create_connection(Waiting, sock=far)
        serving = asyncio.create_task(_Tcp(ours).serve(brought, waiting.early))
        async with asyncio.timeout(60):
            got = await client.receive()
        service.close()
        client.close()
        async with asyncio.timeout(60):
            await serving
            await client.wait_closed()
        assert isinstance(got, bytes)
        return got

    with asyncio.Runner(loop_factory=loop_of) as runner:
        for _ in range(20):
            assert runner.run(greeted()) == b"SSH-2.0-x\r\n"
