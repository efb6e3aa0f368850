"""A VPS `dev` on a real API server, a test that is its node's agent, and clients of kubectl's protocols.

async with a_vps() as dev:
    async with dev.exec("true") as (client, inside): ...
"""

import asyncio
import contextlib
import dataclasses
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from kohakuriver.apiserver.kubelet.channels import V5
from kohakuriver.streams.stream import Stream
from tests.apiserver.api import Api, running_api
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
