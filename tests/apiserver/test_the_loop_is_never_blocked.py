"""10,000 objects and 1,000 watchers on one event loop: nothing keeps it for 100 ms.

What counts is the processor time of one turn of the loop, so that a busy machine does not fail the test.
"""

import asyncio
import contextlib
import gc
import time
import uuid
from collections.abc import AsyncIterator, Iterator

import aiohttp
import orjson
import pytest

from apiserver import codec
from apiserver.store.base import Put
from apiserver.store.memory import MemoryStore
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.background import background_api

pytestmark = pytest.mark.fault(45)
OBJECTS, WATCHERS = 10_000, 1_000
LONGEST = 0.1  # seconds
VPSES = kinds.VPS.path(namespace="default")
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


@pytest.fixture(autouse=True)
def no_garbage_collector() -> Iterator[None]:
    """The garbage collector, which looks through all of a test run's memory here, is left out of it."""
    gc.disable()
    yield
    gc.enable()


def a_vps(number: int) -> dict[str, object]:
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": "VPS",
        "metadata": {
            "name": f"v{number:05d}",
            "namespace": "default",
            "uid": str(uuid.UUID(int=number)),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": 1,
            "labels": {"odd": str(number % 2)},
            "annotations": {"note": "x" * 400},
        },
        "spec": {"runState": "Running", "image": "i", "resources": {"cores": "2", "memory": "4Gi"}},
        "status": {
            "phase": "running",
            "epoch": 1,
            "assignment": {"node": f"n{number % WATCHERS}", "epoch": 1, "id": "x", "grant": {"cores": "2"}},
        },
    }


async def a_full_store() -> MemoryStore:
    store = MemoryStore()
    for first in range(0, OBJECTS, 100):
        puts = [
            Put(codec.key(kinds.VPS, "default", f"v{number:05d}"), orjson.dumps(a_vps(number)))
            for number in range(first, first + 100)
        ]
        await store.commit(expect={}, writes=puts)
    return store


class Turns:
    """How much processor time each turn of the loop takes, while `run()` runs."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest, last = max(self.longest, now - last), now


@contextlib.asynccontextmanager
async def held_short(what: str) -> AsyncIterator[None]:
    turns = Turns()
    task = asyncio.create_task(turns.run())
    try:
        yield
        await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert turns.longest < LONGEST, f"{what} kept the loop for {turns.longest * 1000:.0f} ms"


async def read(api: Api, path: str, **options: object) -> int:
    """The answer's size. It is not parsed: that would be this client's time on the same loop."""
    headers = api.headers("admin") | options.pop("headers", {})  # type: ignore[operator]
    size = 0
    async with api.session.get(api.url + path, headers=headers, **options) as reply:  # type: ignore[arg-type]
        assert reply.status == 200
        async for chunk in reply.content.iter_any():
            size += len(chunk)
    return size


async def test_loading_listing_and_watching_ten_thousand_objects() -> None:
    store = await a_full_store()
    async with contextlib.AsyncExitStack() as stack:
        async with held_short("filling the cache"):
            api = await stack.enter_async_context(running_api(store, clock=SystemClock()))
        async with held_short("a list"):
            assert await read(api, VPSES) > OBJECTS * 500
        async with held_short("a table"):
            assert await read(api, VPSES, headers=TABLE) > OBJECTS * 100
        async with held_short("a list by label"):
            await read(api, VPSES, params={"labelSelector": "odd=1"})
        async with held_short("a list in pages"):
            await read(api, VPSES, params={"limit": "500"})
        async with held_short("a watch that begins with all of them"):
            await read(api, VPSES, params={"watch": "1", "timeoutSeconds": "2"})


async def test_an_event_for_a_thousand_watchers() -> None:
    """The server has a thread of its own here, so that the watchers' work is not taken for the server's."""
    turns, store = Turns(), MemoryStore()
    with background_api(turns.run, store=store) as api:
        async with aiohttp.ClientSession(
            headers=api.headers("admin"), connector=aiohttp.TCPConnector(limit=0)
        ) as session:
            body = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": "dev"}}
            async with session.post(api.url + VPSES, json=body) as made:
                revision = (await made.json())["metadata"]["resourceVersion"]
            opened, seen = asyncio.Semaphore(0), asyncio.Semaphore(0)

            async def watch() -> None:
                query = {"watch": "1", "resourceVersion": revision}
                forever = aiohttp.ClientTimeout(total=None)
                async with session.get(api.url + VPSES, params=query, timeout=forever) as reply:
                    opened.release()
                    async for _ in reply.content:
                        seen.release()

            watches = [asyncio.create_task(watch()) for _ in range(WATCHERS)]
            async with asyncio.timeout(60):
                for _ in range(WATCHERS):
                    await opened.acquire()
                turns.longest = 0.0
                for number in range(3):
                    headers = {"Content-Type": "application/merge-patch+json"}
                    change = orjson.dumps({"metadata": {"labels": {"n": str(number)}}})
                    async with session.patch(
                        f"{api.url}{VPSES}/dev", data=change, headers=headers
                    ) as changed:
                        assert changed.status == 200
                    for _ in range(WATCHERS):
                        await seen.acquire()
            longest = turns.longest
            for task in watches:
                task.cancel()
            await asyncio.gather(*watches, return_exceptions=True)
    assert longest < LONGEST, f"it kept the loop for {longest * 1000:.0f} ms"
