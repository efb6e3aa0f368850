"""Thousands of objects and hundreds of watchers on one event loop: no turn does much of what takes time.

They are ten times what a turn may do of anything. `make test-large` tries 10,000 objects and 1,000 watchers.

What counts is work, not seconds: how many objects are decoded, rows and lines made, watchers told and bytes
written between two turns of the loop. Objects are picked from the cache all in one turn, so that a list is of
one revision; the calls of a whole turn are bounded for that.
"""

import asyncio
import collections
import contextlib
import dataclasses
import os
import resource
import sys
import types
import uuid
from asyncio import base_events, selector_events
from collections.abc import Iterator

import aiohttp
import orjson
import pytest

from kohakuriver.apiserver.cache import cache, history, watchers
from kohakuriver.apiserver.cache.entry import entry_of
from kohakuriver.apiserver.printers import forms, tables
from kohakuriver.apiserver.read import read as reading
from kohakuriver.apiserver.read import watch
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.background import background_api
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.fault(45)
OBJECTS, WATCHERS = (10_000, 1_000) if os.environ.get("LARGE") else (2_000, 200)
MOST_CALLS = 40 * OBJECTS  # in one turn
VPSES = kinds.VPS.path(namespace="default")
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


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
    await fill(store)
    return store


async def fill(store: MemoryStore) -> None:
    for first in range(0, OBJECTS, 100):
        puts = [
            Put(codec.key(kinds.VPS, "default", f"v{number:05d}"), orjson.dumps(a_vps(number)))
            for number in range(first, first + 100)
        ]
        await store.commit(expect={}, writes=puts)


@dataclasses.dataclass(frozen=True)
class Work:
    """What takes time for each object, and how much of it one turn of the loop may do."""

    what: str
    done_by: types.CodeType
    at_most: int


DECODED = Work("objects decoded", entry_of.__code__, cache.AT_ONCE)
ROWS = Work("rows made", tables.row.__code__, reading.ROWS_AT_ONCE)
LINES = Work("lines made of objects that are there", forms.Plain.event.__code__, watch.CHUNK // 500)
TOLD = Work("watchers told", history.Event.line.__code__, watchers.WOKEN_AT_ONCE)
WROTE = Work("bytes written", selector_events._SelectorSocketTransport.write.__code__, 2 * watch.CHUNK)
TURN = base_events.BaseEventLoop._run_once.__code__
ALL_WORK = {work.done_by: work for work in (DECODED, ROWS, LINES, TOLD, WROTE)}


class StandingClock(SystemClock):
    """On a busy machine, and with all calls counted, what takes milliseconds may take many seconds. Nobody is
    to be taken for silent meanwhile."""

    def monotonic(self) -> float:
        return 0.0


class Turns:
    """How much work each turn of this thread's loop does while somebody counts: calls, no seconds."""

    def __init__(self) -> None:
        self.start_anew()

    def start_anew(self) -> None:
        self._now, self._most = collections.Counter[Work](), collections.Counter[Work]()
        self.done = collections.Counter[Work]()
        self._calls, self._most_calls = 0, 0

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        sys.setprofile(self._look)
        try:
            yield
        finally:
            sys.setprofile(None)
            self._next_turn()

    async def count_forever(self) -> None:
        with self.counted():
            await asyncio.Event().wait()

    def check(self) -> None:
        for work, most in self._most.items():
            assert most <= work.at_most, f"{most} {work.what} in one turn of the loop"
        assert self._most_calls < MOST_CALLS, f"{self._most_calls} calls in one turn of the loop"

    def _look(self, frame: types.FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is TURN:
            self._next_turn()
        elif event == "call" and (work := ALL_WORK.get(frame.f_code)) is not None:
            self._now[work] += len(frame.f_locals["data"]) if work is WROTE else 1
        if event in ("call", "c_call"):
            self._calls += 1

    def _next_turn(self) -> None:
        if self._now:
            self._most |= self._now
            self.done += self._now
            self._now.clear()
        self._most_calls, self._calls = max(self._most_calls, self._calls), 0


@contextlib.contextmanager
def held_short(*works: tuple[Work, int]) -> Iterator[None]:
    """Inside, so much of this work is done, and no turn of the loop does too much of any."""
    turns = Turns()
    with turns.counted():
        yield
    for work, number in works:
        assert turns.done[work] >= number, f"{turns.done[work]} {work.what}: this looks at nothing"
    turns.check()


async def read(api: Api, path: str, **options: object) -> int:
    """The answer's size. It is not parsed: that would be this client's time on the same loop."""
    headers = api.headers("admin") | options.pop("headers", {})  # type: ignore[operator]
    size = 0
    options["timeout"] = aiohttp.ClientTimeout(total=None)
    async with api.session.get(api.url + path, headers=headers, **options) as reply:  # type: ignore[arg-type]
        assert reply.status == 200
        async for chunk in reply.content.iter_any():
            size += len(chunk)
    return size


async def read_lines(api: Api, number: int, **options: object) -> None:
    """So many lines of the VPSes' watch, and then no more."""
    async with api.session.get(api.url + VPSES, headers=api.headers("admin"), **options) as reply:  # type: ignore[arg-type]
        async for chunk in reply.content.iter_any():
            number -= chunk.count(b"\n")
            if number <= 0:
                return


async def test_loading_listing_and_watching_thousands_of_objects() -> None:
    store = await a_full_store()
    async with contextlib.AsyncExitStack() as stack:
        with held_short((DECODED, OBJECTS)):
            api = await stack.enter_async_context(running_api(store, clock=StandingClock()))
        with held_short((WROTE, OBJECTS * 500)):
            assert await read(api, VPSES) > OBJECTS * 500
        with held_short((ROWS, OBJECTS), (WROTE, OBJECTS * 100)):
            assert await read(api, VPSES, headers=TABLE) > OBJECTS * 100
        with held_short((WROTE, OBJECTS * 250)):
            await read(api, VPSES, params={"labelSelector": "odd=1"})
        with held_short((WROTE, 500 * 500)):
            await read(api, VPSES, params={"limit": "500"})
        exactly = {"resourceVersion": str(await store.revision()), "resourceVersionMatch": "Exact"}
        with held_short((DECODED, OBJECTS), (WROTE, OBJECTS * 500)):
            await read(api, VPSES, params=exactly)
        with held_short((LINES, OBJECTS), (WROTE, OBJECTS * 500)):
            await read_lines(api, OBJECTS, params={"watch": "1"})


@pytest.mark.looptime  # the cache opens its next watch when there is nothing else to do: once all is written
async def test_taking_over_thousands_of_changes_that_were_missed() -> None:
    store = await a_full_store()
    async with running_api(store) as api:
        store.drop_watches()
        await fill(store)
        with held_short((DECODED, OBJECTS)):
            assert await api.server.cache.wait_for(await store.revision())


def allow_files(number: int) -> None:
    """Both ends of so many connections are this process's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


async def test_an_event_for_hundreds_of_watchers() -> None:
    """The server has a thread of its own here, so that the watchers' work is not taken for the server's."""
    allow_files(3 * WATCHERS)
    turns, store = Turns(), MemoryStore()
    with background_api(turns.count_forever, store=store, clock=StandingClock()) as api:
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
                status = None
                while status != 200:  # a server that is this busy may say "later", and is asked again
                    async with session.get(api.url + VPSES, params=query, timeout=forever) as reply:
                        status = reply.status
                        if status == 200:
                            opened.release()
                            async for _ in reply.content:
                                seen.release()
                            raise AssertionError("the server ended a watch")

            async with asyncio.timeout(600), asyncio.TaskGroup() as group:
                watches = [group.create_task(watch()) for _ in range(WATCHERS)]
                for _ in range(WATCHERS):
                    await opened.acquire()
                turns.start_anew()
                for number in range(3):
                    headers = {"Content-Type": "application/merge-patch+json"}
                    change = orjson.dumps({"metadata": {"labels": {"n": str(number)}}})
                    async with session.patch(
                        f"{api.url}{VPSES}/dev", data=change, headers=headers
                    ) as changed:
                        assert changed.status == 200
                    for _ in range(WATCHERS):
                        await seen.acquire()
                for task in watches:
                    task.cancel()
    assert turns.done[TOLD] == 3 * WATCHERS
    turns.check()
