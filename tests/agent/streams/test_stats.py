"""What a VPS uses, told once or for as long as somebody listens."""

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.streams.door import Opening
from kohakuriver.agent.streams.stats import BETWEEN, BETWEEN_FOLLOWED, Stats
from kohakuriver.streams.stream import Stream
from tests.agent.builders import a_container
from tests.agent.engine_kit import SocketEngine, a_socket_engine
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime

MIB = 1 << 20


def reading(*, cpu: float, network: int = 0, disk: int = 0) -> dict[str, Any]:
    """As the engine says it, after so many seconds of one core and so many bytes each way."""
    return {
        "cpu_stats": {"cpu_usage": {"total_usage": int(cpu * 1e9)}},
        "memory_stats": {"usage": 50 * MIB, "stats": {"inactive_file": 20 * MIB}},
        "pids_stats": {"current": 7},
        "networks": {"eth0": {"rx_bytes": network, "tx_bytes": 2 * network}},
        "blkio_stats": {
            "io_service_bytes_recursive": [{"op": "read", "value": disk}, {"op": "Write", "value": 3 * disk}]
        },
    }


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[tuple[SocketEngine, Stats]]:
    async with a_socket_engine(tmp_path, "c") as (engine, path):
        yield engine, Stats(EngineSocket(path), clock=LoopClock())


@contextlib.asynccontextmanager
async def listening(stats: Stats, **params: str) -> AsyncIterator[Stream]:
    """The client's end of a stream that is opened with these parameters."""
    container = dataclasses.replace(a_container(), id="c")
    given = {name: (value,) for name, value in params.items()}
    opened = await stats.open(Opening("s", "stats", "default", "dev", "u", 1, "me", given, container))
    near, far = socket.socketpair()
    loop = asyncio.get_running_loop()
    theirs, _ = await loop.create_connection(asyncio.Protocol, sock=far)
    ours, _ = await loop.create_connection(asyncio.Protocol, sock=near)
    client = Stream(masks=True)
    client.framed.adopt(ours)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(opened.serve(theirs, b""))
        try:
            yield client
        finally:
            client.framed.abort()


def climbing(*cpu: float) -> Iterator[dict[str, Any]]:
    return (reading(cpu=one, network=number * 1000, disk=number * 4096) for number, one in enumerate(cpu))


async def test_it_is_told_once(engine):
    world, stats = engine
    world.readings = list(climbing(10.0, 10.5))
    async with listening(stats) as client:
        said = await client.receive()
        assert said == {
            "stats": {
                "cores": pytest.approx(0.5 / BETWEEN, rel=0.05),
                "memory": 30 * MIB,
                "processes": 7,
                "received": pytest.approx(1000 / BETWEEN, rel=0.05),
                "sent": pytest.approx(2000 / BETWEEN, rel=0.05),
                "read": pytest.approx(4096 / BETWEEN, rel=0.05),
                "written": pytest.approx(3 * 4096 / BETWEEN, rel=0.05),
            }
        }
        assert await client.receive() is None


async def test_who_follows_is_told_again_and_again(engine):
    world, stats = engine
    world.readings = list(climbing(0.0, 1.0, 1.0 + 4 * BETWEEN_FOLLOWED, 1.0 + 5 * BETWEEN_FOLLOWED))
    async with listening(stats, follow="1") as client:
        cores = [(await client.receive())["stats"]["cores"] for _ in range(3)]
    assert cores == [pytest.approx(each, rel=0.05) for each in (1.0 / BETWEEN, 4.0, 1.0)]


async def test_the_engine_is_asked_no_more_once_the_listener_has_gone(engine):
    world, stats = engine
    world.readings = list(climbing(0.0, 1.0))
    async with listening(stats, follow="1") as client:
        await client.receive()
    asked = world.calls["stats", "c"]
    await asyncio.sleep(10 * BETWEEN_FOLLOWED)
    assert world.calls["stats", "c"] == asked


async def test_counters_that_began_anew_read_as_nothing(engine):
    world, stats = engine
    world.readings = [reading(cpu=100.0, network=5000, disk=5000), reading(cpu=0.1)]
    async with listening(stats) as client:
        said = (await client.receive())["stats"]
    assert (said["cores"], said["received"], said["written"]) == (0, 0, 0)


async def test_a_container_that_goes_ends_it_in_words(engine):
    world, stats = engine
    world.readings = list(climbing(0.0, 1.0))
    async with listening(stats, follow="1") as client:
        await client.receive()
        world.ids.remove("c")
        said = await client.receive()
        assert "No such container" in said["error"]["message"]
        assert await client.receive() is None
