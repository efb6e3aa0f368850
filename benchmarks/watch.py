"""What 10,000 VPSes on 1,000 nodes and 1,010 watchers cost: LIST, GET, the delivery of events, memory.

A real API server with TLS on a real etcd, and this client. 1,000 watchers follow one node each, as agents do,
and 10 follow everything; ten VPSes a second change. The time of an event is from when the change is sent
to when its line is read, so the write is in it. First in peace, then with a whole LIST every two seconds.
"""

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import orjson

from benchmarks import _figures, _programs
from kohakuriver.client.rest import Client
from kohakuriver.resources import kinds

AT_ONCE = 32
MARK = "benchmark/sent"
RATE = 10.0  # changes a second
VPSES = kinds.VPS.path(namespace="default")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vpses", type=int, default=10_000)
    parser.add_argument("--nodes", type=int, default=1_000)
    parser.add_argument("--full-watchers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of the two phases")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="kohakuriver-bench-") as folder,
        _programs.running(Path(folder)) as programs,
    ):
        asyncio.run(_measure(programs, options))


async def _measure(programs: _programs.Programs, options: argparse.Namespace) -> None:
    async with (
        Client(programs.connection("admin"), program="benchmark", timeout=60) as admin,
        Client(programs.connection("controller"), program="benchmark", timeout=60) as controller,
    ):
        await _in_turn(_node(admin, number) for number in range(options.nodes))
        await _in_turn(_vps(admin, controller, number, options.nodes) for number in range(options.vpses))
        figures = _Figures()
        async with _watching(programs, options, figures) as session:
            before = programs.used("apiserver")[0]
            rows = [
                (
                    "what",
                    "LIST of all",
                    "/version p50",
                    "p99",
                    "GET p50",
                    "p99",
                    "change → watcher p50",
                    "p99",
                )
            ]
            for what, listing in (("in peace", False), ("with a LIST every 2 s", True)):
                figures.clear()
                await _phase(session, figures, options, listing=listing)
                rows.append((what, *figures.row()))
            spent, memory = programs.used("apiserver")
    title = f"{options.vpses:,} VPSes, {options.nodes:,} watchers of a node, {options.full_watchers} of all"
    _figures.table(title, rows)
    cpu = (spent - before) / (2 * options.seconds)
    print(f"\nAPI server: {memory:.0f} MB at its largest, {cpu:.0%} of a core meanwhile")


class _Figures:
    """Seconds that things took."""

    def __init__(self) -> None:
        self.lists: list[float] = []
        self.floor: list[
            float
        ] = []  # a request that touches nothing: what machine and TLS cost by themselves
        self.gets: list[float] = []
        self.events: list[float] = []

    def clear(self) -> None:
        for values in (self.lists, self.floor, self.gets, self.events):
            values.clear()

    def row(self) -> Iterator[str]:
        yield f"{max(self.lists) * 1000:.0f} ms" if self.lists else ""
        for values in (self.floor, self.gets, self.events):
            for share in (0.5, 0.99):
                yield f"{_figures.percentile(values, share) * 1000:.1f} ms"


@contextlib.asynccontextmanager
async def _watching(
    programs: _programs.Programs, options: argparse.Namespace, figures: _Figures
) -> AsyncIterator[aiohttp.ClientSession]:
    connection = programs.connection("admin")
    connector = aiohttp.TCPConnector(limit=0, ssl=connection.tls() or True)
    headers = {"Authorization": f"Bearer {connection.token}"}
    async with aiohttp.ClientSession(connection.server, connector=connector, headers=headers) as session:
        async with session.get(VPSES, params={"limit": "1"}) as reply:
            revision = (await reply.json())["metadata"]["resourceVersion"]
        selectors = [f"status.assignment.node={_name(number)}" for number in range(options.nodes)]
        opened = asyncio.Semaphore(0)
        watches = [
            asyncio.create_task(_watch(session, selector, revision, opened, figures))
            for selector in [*selectors, *[""] * options.full_watchers]
        ]
        for _ in watches:
            await opened.acquire()
        try:
            yield session
        finally:
            for watch in watches:
                watch.cancel()
            await asyncio.gather(*watches, return_exceptions=True)


async def _watch(
    session: aiohttp.ClientSession,
    selector: str,
    revision: str,
    opened: asyncio.Semaphore,
    figures: _Figures,
) -> None:
    params = {"watch": "1", "resourceVersion": revision, **({"fieldSelector": selector} if selector else {})}
    url = kinds.VPS.path() if selector else VPSES
    async with session.get(url, params=params, timeout=aiohttp.ClientTimeout(total=None)) as reply:
        assert reply.status == 200, await reply.text()
        opened.release()
        async for line in reply.content:
            now = time.perf_counter()
            sent = orjson.loads(line)["object"]["metadata"].get("annotations", {}).get(MARK)
            if sent is not None:
                figures.events.append(now - float(sent))


async def _phase(
    session: aiohttp.ClientSession, figures: _Figures, options: argparse.Namespace, *, listing: bool
) -> None:
    work = [
        _every(1 / RATE, lambda: _change(session, options.vpses)),
        _every(0.05, lambda: _get(session, "/version", figures.floor)),
        _every(0.05, lambda: _get(session, f"{VPSES}/v7", figures.gets)),
    ]
    work += [_every(2.0, lambda: _list(session, figures))] if listing else []
    tasks = [asyncio.create_task(each) for each in work]
    await asyncio.sleep(options.seconds)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    await asyncio.sleep(1)  # what is under way arrives


async def _every(seconds: float, job: Callable[[], Awaitable[None]]) -> None:
    due = time.perf_counter()
    while True:
        await job()
        due += seconds
        await asyncio.sleep(max(0.0, due - time.perf_counter()))


_turn = iter(range(10**9))


async def _change(session: aiohttp.ClientSession, vpses: int) -> None:
    number = next(_turn) * 997 % vpses
    headers = {"Content-Type": "application/merge-patch+json"}
    body = orjson.dumps({"metadata": {"annotations": {MARK: repr(time.perf_counter())}}})
    async with session.patch(f"{VPSES}/v{number}", data=body, headers=headers) as reply:
        assert reply.status == 200, await reply.text()
        await reply.read()


async def _get(session: aiohttp.ClientSession, path: str, took: list[float]) -> None:
    began = time.perf_counter()
    async with session.get(path) as reply:
        await reply.read()
    took.append(time.perf_counter() - began)


async def _list(session: aiohttp.ClientSession, figures: _Figures) -> None:
    began = time.perf_counter()
    async with session.get(VPSES) as reply:
        async for _ in reply.content.iter_any():
            pass
    figures.lists.append(time.perf_counter() - began)


async def _in_turn(jobs: Iterator[Awaitable[None]]) -> None:
    """Run many coroutines, a bounded number at a time."""

    async def work() -> None:
        for job in jobs:
            await job

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def _name(number: int) -> str:
    return f"n{number:04d}"


async def _node(admin: Client, number: int) -> None:
    head = {"apiVersion": kinds.API_VERSION, "kind": "Node", "metadata": {"name": _name(number)}}
    await admin.create(kinds.NODE, head)
    amount = {"cores": "64", "memory": "256Gi"}
    conditions = [
        {"type": kind, "status": "True", "reason": "Simulated"} for kind in ("Ready", "RuntimeReady")
    ]
    status = {"capacity": amount, "allocatable": amount, "conditions": conditions}
    await admin.patch(kinds.NODE, _name(number), {"status": status}, subresource="status")


async def _vps(admin: Client, controller: Client, number: int, nodes: int) -> None:
    made = await admin.create(
        kinds.VPS,
        {
            "apiVersion": kinds.API_VERSION,
            "kind": "VPS",
            "metadata": {"name": f"v{number}", "namespace": "default"},
            "spec": {"resources": {"cores": 2, "memory": "4Gi"}, "ssh": {"disabled": True}},
        },
    )
    body = {"uid": made["metadata"]["uid"], "node": _name(number % nodes)}
    await controller.act(kinds.VPS, f"v{number}", "bind", body, namespace="default")


if __name__ == "__main__":
    main()
