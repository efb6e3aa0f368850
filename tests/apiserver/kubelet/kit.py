"""A VPS `dev` on a real API server, a test that is its node's agent, and clients of kubectl's protocols.

async with a_vps() as dev:
    async with dev.exec("true") as (client, inside): ...
"""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiohttp
import yarl

from kohakuriver.apiserver.kubelet.channels import V5
from kohakuriver.streams.stream import Stream
from tests.apiserver.api import Api, running_api
from tests.apiserver.kubelet.spdy_client import SYN_REPLY, Frame, SpdyClient
from tests.apiserver.streaming.test_streams import an_agent, asked, bring, place

POD = "/api/v1/namespaces/default/pods/dev"
Query = list[tuple[str, str]]


@dataclasses.dataclass
class Dev:
    """The VPS, and both ends of what is opened into it."""

    api: Api
    control: Stream

    async def asked(self) -> dict[str, Any]:
        """What its agent is asked for next."""
        return await asked(self.control)

    async def bring(self, id_: str) -> Stream:
        return await bring(self.api, id_)

    @contextlib.asynccontextmanager
    async def exec(
        self, *command: str, protocol: str = V5, user: str = "alice", part: str = "exec", **flags: str
    ) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Stream, dict[str, Any]]]:
        """A command by WebSocket: its client's end, its agent's, and what the agent was asked for."""
        opening = asyncio.create_task(self.websocket(part, query(*command, **flags), protocol, user=user))
        wanted = await self.asked()
        inside = await self.bring(wanted["id"])
        client = await opening
        try:
            yield client, inside, wanted
        finally:
            await client.close()
            inside.framed.abort()

    async def websocket(
        self, part: str, params: Query, *protocols: str, user: str = "alice"
    ) -> aiohttp.ClientWebSocketResponse:
        return await self.api.session.ws_connect(
            f"{self.api.url}{POD}/{part}",
            params=params,
            protocols=protocols,
            headers=self.api.headers(user),
            max_msg_size=0,
        )


def query(*command: str, **flags: str) -> Query:
    found = [("command", word) for word in command]
    return found + list(({"stdout": "true", "stderr": "true"} | flags).items())


class Spdy:
    """A client's end of SPDY/3.1 over a connection of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self.head = head
        self.writer = writer
        self._reader = reader
        self._client = SpdyClient()
        self._frames: list[Frame] = []

    async def open(self, *, ends: bool = False, **headers: str) -> int:
        """A new stream, once the server has answered it."""
        number, frame = self._client.open(ends=ends, **headers)
        self.send(frame)
        assert (await self.frame(number)).kind == SYN_REPLY
        return number

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def frame(self, stream: int | None = None) -> Frame:
        """The next, of any stream or of that one."""
        while True:
            for at, frame in enumerate(self._frames):
                if stream is None or frame.stream == stream:
                    return self._frames.pop(at)
            data = await self._reader.read(65536)
            assert data, "the server closed the connection"
            self._frames += self._client.feed(data)

    async def rest(self, stream: int) -> bytes:
        """All data of a stream to its end."""
        found = b""
        while not (frame := await self.frame(stream)).ends:
            assert frame.kind == 0, frame
            found += frame.content
        return found + frame.content

    async def closed(self) -> bool:
        return await self._reader.read(1) == b""

    def close(self) -> None:
        self.writer.close()


async def spdy(
    api: Api, path: str, *protocols: str, user: str = "alice", params: Iterable[tuple[str, str]] = ()
) -> Spdy:
    """A connection that was upgraded to SPDY/3.1 by a POST, as kubectl does it."""
    url = yarl.URL(api.url)
    target = yarl.URL.build(path=path, query=list(params)).raw_path_qs
    lines = [f"POST {target} HTTP/1.1", f"Host: {url.host}", "Connection: Upgrade", "Upgrade: SPDY/3.1"]
    lines += [f"X-Stream-Protocol-Version: {protocol}" for protocol in protocols]
    lines += [f"Authorization: {api.headers(user)['Authorization']}", "Content-Length: 0", "", ""]
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write("\r\n".join(lines).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 101 "), head
    return Spdy(reader, writer, head)


@contextlib.asynccontextmanager
async def a_vps(state: str = "running") -> AsyncIterator[Dev]:
    async with running_api() as api:
        await place(api, state)
        async with an_agent(api) as control:
            yield Dev(api, control)


async def told(client: aiohttp.ClientWebSocketResponse) -> tuple[int, bytes]:
    """The channel and the bytes of the next message."""
    message = await client.receive()
    assert message.type is aiohttp.WSMsgType.BINARY, message
    return message.data[0], message.data[1:]


async def status(client: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """What is said on the channel of errors, which is next, and the end behind it."""
    channel, text = await told(client)
    assert channel == 3
    assert (await client.receive()).type is aiohttp.WSMsgType.CLOSE
    assert client.close_code == 1000
    return dict(json.loads(text))
