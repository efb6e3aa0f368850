"""Finding holders by their sockets: this version's for new sessions, older ones' for those they have."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.agent.holder import wire
from kohakuriver.agent.streams.holders import Holders

Answer = Callable[[dict[str, Any]], dict[str, Any]]


@contextlib.asynccontextmanager
async def a_holder(folder: Path, version: int, answer: Answer) -> AsyncIterator[list[dict[str, Any]]]:
    """A socket that answers lines; and the lines."""
    heard: list[dict[str, Any]] = []
    guests: list[asyncio.Task[Any] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        guests.append(asyncio.current_task())
        heard.append(json.loads(await reader.readline()))
        writer.write(json.dumps(answer(heard[-1])).encode() + b"\n")
        await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()

    with wire.address(wire.socket_file(folder, version)) as address:
        server = await asyncio.start_unix_server(serve, address)
    async with server:
        yield heard
        await asyncio.gather(*filter(None, guests))


def has(*sessions: str) -> Answer:
    def answer(line: dict[str, Any]) -> dict[str, Any]:
        if line["op"] == "list":
            return {"ok": [{"session": name} for name in sessions]}
        if line.get("session") in sessions or line.get("create", True):
            return {"ok": {}}
        return {"refused": errors.NotFound("there is no such session").to_status()}

    return answer


@pytest.fixture
def folder(tmp_path) -> Path:
    """Its path is longer than a socket's address may be."""
    found = tmp_path / ("long-" * 30) / "sessions"
    found.mkdir(parents=True)
    return found


async def test_an_upgraded_agent_leaves_old_sessions_with_the_old_holder(folder):
    holders = Holders(folder, docker="/nowhere")
    async with a_holder(folder, 0, has("old")) as older, a_holder(folder, wire.VERSION, has("new")) as own:
        for name in ("old", "new", "another"):
            await (await holders.terminal({"uid": "u", "session": name, "create": True})).aclose()
        assert [line["session"] for line in own] == ["new", "another"]
        assert {line["create"] for line in older} == {False}, "a new session was made in an old holder"
        assert await holders.sessions("u") == [{"session": "old"}, {"session": "new"}]


async def test_a_refusal_of_the_holder_is_its_own(folder):
    holders = Holders(folder, docker="/nowhere")
    async with a_holder(folder, wire.VERSION, has()):
        with pytest.raises(errors.NotFound, match="no such session"):
            await holders.terminal({"uid": "u", "session": "gone", "create": False})


async def test_where_no_holder_is_there_are_no_sessions_and_none_is_started(folder):
    holders = Holders(folder, docker="/nowhere")
    assert await holders.sessions("u") == []
    await holders.set_window("u", 5)
    assert list(folder.iterdir()) == []


async def test_a_holder_that_the_disk_does_not_let_begin_is_said_to_be_missing_and_why(tmp_path):
    (tmp_path / "file").write_text("")
    holders = Holders(tmp_path / "file" / "sessions", docker="/nowhere")
    with pytest.raises(errors.Unavailable, match="cannot be started: Not a directory"):
        await holders.terminal({"uid": "u", "session": "s", "create": True})
