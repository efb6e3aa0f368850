"""Calls about some containers that an engine never answers: the real runtime on a socket of the test's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kohakuriver.agent.runtime.base import ContainerSpec, Limits
from kohakuriver.agent.runtime.docker import DockerRuntime
from tests.agent.engine_kit import CLUSTER, SocketEngine, a_socket_engine

MANY = [f"c{number:02}" for number in range(12)]  # more than there are threads of a kind

World = tuple[SocketEngine, DockerRuntime]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_socket_engine(tmp_path, "fine", *MANY) as (engine, socket):
        runtime = DockerRuntime(cluster=CLUSTER, socket_path=socket)
        yield engine, runtime
        engine.release()
        await runtime.aclose()


@pytest.mark.fault(63)
async def test_a_list_asks_for_no_container_by_itself(world: World) -> None:
    engine, runtime = world
    engine.hangs = {("inspect", one) for one in MANY}
    rows = await runtime.list()
    assert [row.id for row in rows] == ["fine", *MANY]
    assert all(row.is_old for row in rows)
    assert not engine.calls


@pytest.mark.parametrize(
    ("status", "is_old"),
    [
        ("Up Less than a second", False),
        ("Up 1 second", False),
        ("Up 59 seconds (Paused)", False),
        ("Up About a minute", True),
        ("Up 2 minutes (healthy)", True),
        ("Up About an hour (Paused)", True),
        ("Up 5 weeks", True),
        ("Exited (0) 3 seconds ago", False),
        ("Exited (137) 2 years ago", True),
        ("Created", True),
        ("Removal In Progress", False),
        ("Dead", False),
        ("", False),
    ],
)
async def test_only_who_says_so_in_words_that_are_known_is_old(
    world: World, status: str, is_old: bool
) -> None:
    engine, runtime = world
    engine.status = status
    assert {row.is_old for row in await runtime.list()} == {is_old}


@pytest.mark.fault(63)
@pytest.mark.parametrize("verb", ["inspect", "start", "remove"])
async def test_more_calls_that_hang_than_there_are_threads_stop_no_other(world: World, verb: str) -> None:
    engine, runtime = world
    engine.hangs = {(verb, one) for one in MANY}
    calls = [asyncio.create_task(getattr(runtime, verb)(one)) for one in MANY]
    async with asyncio.timeout(60):
        await engine.until_asked(*engine.hangs)
        assert len(await runtime.list()) == len(MANY) + 1
        assert await runtime.inspect("fine") is not None
        await runtime.start("fine")
        await runtime.stop("fine", 0)
        await runtime.remove("fine")
        assert await runtime.inspect("fine") is None
    assert all(engine.calls[call] == 1 for call in engine.hangs)
    engine.release()
    await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize("warnings", [[], None, ["Your kernel does not support swap limit capabilities."]])
async def test_what_the_engine_warns_of_at_a_create_is_heard(
    world: World, warnings: list[str] | None
) -> None:
    engine, runtime = world
    engine.warnings = warnings  # type: ignore[assignment]  # engines have null for none
    heard: list[str] = []
    spec = ContainerSpec("new", "i", "h", {}, Limits(millicores=100, memory=1 << 26), "n")
    assert await runtime.create(spec, warned=heard.append) == "new"
    assert heard == (warnings or [])


@pytest.mark.fault(63)
async def test_a_removal_that_hangs_is_asked_for_once_however_often_it_is_tried_again(world: World) -> None:
    engine, runtime = world
    engine.hangs = {("remove", "c00")}
    first = asyncio.create_task(runtime.remove("c00", force=True))
    await engine.until_asked(("remove", "c00"))
    for _ in range(20):  # as a tombstone does, whose patience ends before the call's
        again = asyncio.create_task(runtime.remove("c00", force=True))
        await asyncio.sleep(0)
        again.cancel()
    last = asyncio.create_task(runtime.remove("c00", force=True))
    await runtime.remove("fine")
    assert engine.calls["remove", "c00"] == 1
    engine.release()
    await asyncio.gather(first, last)
    assert "c00" not in engine.ids
