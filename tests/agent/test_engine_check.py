"""What is said of the engine before a cluster starts: in words, with what to do next."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from kohakuriver.agent import engine_check


@contextlib.asynccontextmanager
async def an_engine(folder: Path, newest: str, oldest: str = "1.12") -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"ApiVersion": newest, "MinAPIVersion": oldest})

    async with _served(folder, answer) as path:
        yield path


@contextlib.asynccontextmanager
async def _served(folder: Path, answer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    path = str(folder / "engine.sock")
    await web.UnixSite(runner, path).start()
    try:
        yield path
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("newest", "oldest"), [("1.41", "1.12"), ("1.52", "1.44"), ("1.60", "1.50")])
async def test_an_engine_that_can_be_used_has_no_problem(newest, oldest, tmp_path):
    async with an_engine(tmp_path, newest, oldest) as path:
        found = await engine_check.look(path, tmp_path / "agent")
    assert found == engine_check.Report("", "", used_before=False)


async def test_the_ports_that_containers_have_are_told_whosever_they_are(tmp_path):
    rows = [
        {"Ports": [{"PrivatePort": 22, "PublicPort": 30001}, {"PrivatePort": 22, "PublicPort": 30001}]},
        {"Ports": [{"PrivatePort": 80}]},
        {"Ports": None},
        {"Ports": [{"PrivatePort": 22, "PublicPort": 30000}]},
    ]

    async def answer(request: web.Request) -> web.StreamResponse:
        is_list = request.path.endswith("/containers/json")
        return web.json_response(rows if is_list else {"ApiVersion": "1.41", "MinAPIVersion": "1.12"})

    async with _served(tmp_path, answer) as path:
        found = await engine_check.look(path, tmp_path / "agent")
    assert found.published == (30000, 30001)


async def test_where_nothing_is_the_socket_is_named_and_what_to_do(tmp_path):
    found = await engine_check.look(f"{tmp_path}/nope.sock", tmp_path)
    assert found.problem == f"no container engine answers at {tmp_path}/nope.sock: No such file or directory"
    assert "--docker-host" in found.hint


async def test_a_socket_that_nobody_listens_on_any_more_is_told(tmp_path):
    file = f"{tmp_path}/engine.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(file)
    found = await engine_check.look(file, tmp_path)
    assert found.problem == f"no container engine answers at {file}: Connection refused"


async def test_an_engine_that_is_too_old_is_told_with_what_helps(tmp_path):
    async with an_engine(tmp_path, "1.40") as path:
        found = await engine_check.look(path, tmp_path)
    assert "has version 1.40 of its API, and 1.41 is needed" in found.problem
    assert found.hint.startswith("upgrade Docker")


async def test_an_engine_that_hangs_is_told(tmp_path):
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("it never answers")

    async with _served(tmp_path, hang) as path:
        found = await engine_check.look(path, tmp_path, timeout=0.05)
    assert found.problem.startswith(f"the container engine at {path} does not answer")


async def test_something_else_at_that_socket_is_told(tmp_path):
    async def greet(request: web.Request) -> web.StreamResponse:
        return web.Response(text="hello")

    async with _served(tmp_path, greet) as path:
        found = await engine_check.look(path, tmp_path)
    assert found.problem == f"what answers at {path} is not a container engine"


def test_who_may_not_use_the_engine_is_told_of_its_group():
    error = engine_check.RuntimeUnavailable("no container engine answers: Permission denied")
    error.__cause__ = PermissionError(13, "Permission denied")
    problem, hint = engine_check._words("/var/run/docker.sock", error)
    assert "may not use the container engine at /var/run/docker.sock" in problem
    assert "usermod -aG docker" in hint


def a_folder(folder: Path, **files: str) -> Path:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(content)
    return folder


@pytest.mark.parametrize(
    ("content", "used"),
    [
        ({"has_sentinel": True}, True),
        ({"has_sentinel": False}, False),
        ({}, True),
        ([], True),
    ],
)
def test_an_engine_was_used_where_the_agent_has_marked_it_or_nobody_knows(content, used, tmp_path):
    assert engine_check.used_before(a_folder(tmp_path, node=json.dumps(content))) is used


def test_a_folder_of_an_agent_that_never_ran_says_no(tmp_path):
    assert engine_check.used_before(tmp_path / "agent") is False


def test_what_is_kept_of_a_vps_says_that_there_was_one(tmp_path):
    (tmp_path / "hostkeys").mkdir()
    a_folder(tmp_path, node=json.dumps({"has_sentinel": False}))
    assert engine_check.used_before(tmp_path) is False
    (tmp_path / "hostkeys" / "a-uid").touch()
    assert engine_check.used_before(tmp_path) is True
