"""Which version of the engine's API is spoken: with every engine, a too old one, and one that is replaced."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from kohakuriver.agent.runtime import engine_socket
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.errors import EngineRefused

EVERY_ENGINE = {
    "Docker 20.10": ("1.41", "1.12", "1.41"),
    "Docker 24": ("1.43", "1.12", "1.43"),
    "Docker 26": ("1.45", "1.24", "1.44"),
    "Docker 28": ("1.51", "1.24", "1.44"),
    "Docker 29": ("1.52", "1.44", "1.44"),
    "one of the years to come": ("1.60", "1.52", "1.52"),
}


class Engine:
    """Says its versions, refuses what it is asked at any other, and remembers what it was asked."""

    def __init__(self, newest: str, oldest: str) -> None:
        self.newest, self.oldest = newest, oldest
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        first, _, rest = request.path.strip("/").partition("/")
        if not first.startswith("v1."):
            return web.json_response({"ApiVersion": self.newest, "MinAPIVersion": self.oldest})
        spoken = int(first.removeprefix("v1."))
        if spoken < int(self.oldest.removeprefix("1.")):
            words = f"client version 1.{spoken} is too old. Minimum supported API version is {self.oldest}"
            return web.json_response({"message": words}, status=400)
        if spoken > int(self.newest.removeprefix("1.")):
            words = f"client version 1.{spoken} is too new. Maximum supported API version is {self.newest}"
            return web.json_response({"message": words}, status=400)
        if rest == "bad":
            return web.json_response({"message": "invalid reference format"}, status=400)
        return web.json_response({"at": f"1.{spoken}"})


@contextlib.asynccontextmanager
async def served(engine: Engine, folder: Path) -> AsyncIterator[EngineSocket]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", engine.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.UnixSite(runner, str(folder / "engine.sock")).start()
    try:
        yield EngineSocket(f"unix://{folder}/engine.sock")
    finally:
        await runner.cleanup()


class Heard(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if not self.data.done():
            self.data.set_result(data)


@pytest.mark.parametrize(("newest", "oldest", "spoken"), EVERY_ENGINE.values(), ids=EVERY_ENGINE)
async def test_every_engine_is_spoken_to_at_a_version_that_it_has(newest, oldest, spoken, tmp_path):
    engine = Engine(newest, oldest)
    async with served(engine, tmp_path) as socket:
        assert await socket.call("GET", "/containers/json") == {"at": spoken}
        assert f'"at": "{spoken}"'.encode() in await (await socket.open("GET", "/events", Heard())).data
    assert engine.asked.count("/version") == 1


async def test_an_engine_that_was_replaced_by_another_is_asked_again(tmp_path):
    engine = Engine("1.41", "1.12")
    async with served(engine, tmp_path) as socket:
        assert await socket.call("GET", "/containers/json") == {"at": "1.41"}
        engine.newest, engine.oldest = "1.52", "1.44"
        both = [socket.call("GET", "/containers/json") for _ in range(2)]
        assert await asyncio.gather(*both) == [{"at": "1.44"}] * 2
        engine.newest, engine.oldest = "1.41", "1.12"
        assert b'"at": "1.41"' in await (await socket.open("GET", "/events", Heard())).data


async def test_another_refusal_is_no_reason_to_ask_again(tmp_path):
    engine = Engine("1.51", "1.24")
    async with served(engine, tmp_path) as socket:
        with pytest.raises(EngineRefused, match="invalid reference format"):
            await socket.call("POST", "/bad", {})
    assert engine.asked == ["/version", "/v1.44/bad"]


async def test_an_engine_that_is_too_new_is_told_with_what_helps(tmp_path):
    async with served(Engine("1.70", "1.53"), tmp_path) as socket:
        with pytest.raises(EngineRefused, match=r"too new: .* up to 1\.52: upgrade KohakuRiver"):
            await socket.call("GET", "/containers/json")


async def test_an_engine_that_is_too_old_is_told_with_what_helps(tmp_path):
    async with served(Engine("1.40", "1.12"), tmp_path) as socket:
        with pytest.raises(EngineRefused, match=r"version 1\.40 of its API, and 1\.41 is needed: upgrade"):
            await socket.call("GET", "/containers/json")


async def test_an_engine_that_says_one_thing_and_does_another_is_not_asked_for_ever(tmp_path):
    lying = Engine("1.51", "1.24")
    lying_answer = lying.answer

    async def refuses(request: web.Request) -> web.StreamResponse:
        if request.path == "/version":
            return await lying_answer(request)
        lying.asked.append(request.path)
        return web.json_response({"message": "client version 1.44 is too old"}, status=400)

    lying.answer = refuses  # type: ignore[method-assign]
    async with served(lying, tmp_path) as socket:
        with pytest.raises(EngineRefused, match="too old"):
            await socket.call("GET", "/containers/json")
    assert lying.asked == ["/version", "/v1.44/containers/json", "/version"]


@pytest.mark.parametrize("said", [{}, {"ApiVersion": None}, {"ApiVersion": "new"}, {"ApiVersion": 1.44}])
def test_an_engine_that_says_nothing_of_use_is_refused(said):
    with pytest.raises(EngineRefused, match="does not say which version"):
        engine_socket.version(said)
