"""An agent's end of streams, played by the test: it holds n1's control connection and brings what is asked.

What each stream leads to is a handler of the test's; the server between is the real one.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from kohakuriver import errors
from kohakuriver.client.config import Connection
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import BARE, Dialer
from kohakuriver.streams.stream import Control, Stream
from tests.apiserver.api import Api, token_of

_STREAMS = kinds.NODE.path(name="n1", subresource="streams")

Open = Callable[[Control], Awaitable[Callable[[asyncio.Transport, bytes], Awaitable[None]]]]
"""What the agent does with an opening: raises ApiError, or says how the connection is to be served."""


def connection(api: Api, user: str = "alice") -> Connection:
    return Connection(server=api.url, token=token_of(user))


@contextlib.asynccontextmanager
async def an_agent(api: Api, open_: Open) -> AsyncIterator[None]:
    """Node n1 is connected, and opens streams like this."""
    dialer = Dialer(connection(api, "n1"), program="test")
    control = await dialer.stream(_STREAMS)
    async with asyncio.TaskGroup() as tasks:
        main = tasks.create_task(_answer(dialer, control, open_, tasks))
        try:
            yield
        finally:
            control.framed.abort()
            main.cancel()


async def _answer(dialer: Dialer, control: Stream, open_: Open, tasks: asyncio.TaskGroup) -> None:
    with contextlib.suppress(errors.Unreachable):
        while (message := await control.receive()) is not None:
            assert isinstance(message, dict)
            tasks.create_task(_bring(dialer, control, open_, message["open"]))


async def _bring(dialer: Dialer, control: Stream, open_: Open, opening: Control) -> None:
    try:
        serve = await open_(opening)
    except errors.ApiError as error:
        await control.send_control({"refuse": {"id": opening["id"], "status": error.to_status()}})
        return
    transport, first = await dialer.transport(f"{_STREAMS}/{opening['id']}", upgrade=BARE)
    await serve(transport, first)


def to_port(port: int) -> Open:
    """Whatever is asked leads to that port of this machine, as agent/streams/forward.py has it."""
    from kohakuriver.agent.streams.door import Waiting
    from kohakuriver.agent.streams.packets import Packets
    from kohakuriver.streams.joint import Joint

    async def open_(opening: Control) -> Callable[[asyncio.Transport, bytes], Awaitable[None]]:
        loop = asyncio.get_running_loop()
        if opening["params"].get("protocol") == ["udp"]:
            import socket

            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            made.connect(("127.0.0.1", port))
            return Packets(made).serve
        try:
            local, _ = await loop.create_connection(Waiting, "127.0.0.1", port)
        except OSError:
            raise errors.Conflict("nothing listens on port 80 in dev") from None

        async def serve(transport: asyncio.Transport, first: bytes) -> None:
            joint = Joint(masks=False)
            joint.join(local, transport, first)
            await joint.over
            joint.framed.close()

        return serve

    return open_
