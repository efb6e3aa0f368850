"""What one user's worst requests cost everybody else: another user's GET, a node's renewals, memory.

A real API server with its shipped limits and TLS on a real etcd. In a process of its own one credential of
role user does one deed after the other, each as hard as the server lets it; meanwhile another user reads a
VPS of its own every 20 ms, and a node renews. In the same moments the same client reads the same from another
server on an etcd of its own, to which nobody does anything: what the machine, and the programs of this
benchmark themselves, make slower is in both, and the figure that counts is how much slower the first is.
"""

import argparse
import asyncio
import contextlib
import io
import itertools
import multiprocessing
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import orjson

from benchmarks import _figures, _programs
from kohakuriver.client import config
from kohakuriver.resources import kinds

USERS: dict[str, dict[str, object]] = {
    "alice": {"role": "user", "namespaces": ["team-a"]},
    "bob": {"role": "user", "namespaces": ["team-b"]},
    "n1": {"role": "node", "node": "n1"},
}
QUIET = 5.0  # seconds before each deed
VPSES = 400  # of bob
REQUIREMENTS = (1590, 50)  # in one selector: what fits into a line, else what is taken
BYTES = (1_300_000, 200_000)  # in one object: what etcd takes, else what is taken
MINE = kinds.VPS.path(namespace="team-a")
HIS = kinds.VPS.path(namespace="team-b")
LEASE = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE)
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each deed")
    parser.add_argument("--only", nargs="*", default=[""], help="deeds that have one of these words")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="kohakuriver-bench-") as folder,
        _programs.running(_made(Path(folder) / "server"), limits=(), more=USERS) as programs,
        _programs.running(_made(Path(folder) / "calm"), limits=(), more=USERS) as calm,
    ):
        rows = [
            (
                "deed",
                "GET p50, p99 before",
                "meanwhile",
                "calm server meanwhile",
                "p99 / calm p99",
                "worst renewal",
                "largest memory",
                "bob got",
            )
        ]
        asyncio.run(set_up(programs, VPSES))
        asyncio.run(set_up(calm, VPSES))
        for deed in [deed for deed in DEEDS if any(word in deed for word in options.only)]:
            quiet = asyncio.run(_measure(programs, calm, QUIET))
            answers: multiprocessing.SimpleQueue[dict[str, int]] = multiprocessing.SimpleQueue()
            attacker = multiprocessing.Process(
                target=_attack, args=(deed, programs.connection("bob"), options.seconds, answers)
            )
            attacker.start()
            time.sleep(3.0)  # it prepares
            found = asyncio.run(_measure(programs, calm, options.seconds))
            attacker.join()
            said = ", ".join(f"{number} × {code}" for code, number in sorted(answers.get().items()))
            rows.append(found.row(deed, quiet, said))
    _figures.table(f"One user's deeds, {options.seconds:g} s each", rows)


class _Felt:
    """What others felt of it."""

    def __init__(self) -> None:
        self.gets: list[float] = []
        self.calm: list[float] = []  # of the server beside it
        self.renewals: list[float] = []
        self.memory = 0.0

    def row(self, deed: str, quiet: "_Felt", said: str) -> tuple[str, ...]:
        shown = []
        for gets in (quiet.gets, self.gets, self.calm):
            figures = [_figures.percentile(gets, share) * 1000 for share in (0.5, 0.99)]
            shown.append(", ".join(f"{figure:.0f} ms" for figure in figures))
        times = f"{_figures.percentile(self.gets, 0.99) / _figures.percentile(self.calm, 0.99):.1f} ×"
        worst = f"{max(self.renewals) * 1000:.0f} ms"
        return (deed, *shown, times, worst, f"{self.memory:.0f} MB", said)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def session_of(connection: config.Connection) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, ssl=connection.tls() or True)
    headers = {"Authorization": f"Bearer {connection.token}"}
    timeout = aiohttp.ClientTimeout(total=60)
    return aiohttp.ClientSession(connection.server, connector=connector, headers=headers, timeout=timeout)


async def set_up(programs: _programs.Programs, vpses: int) -> None:
    async with session_of(programs.connection("admin")) as admin:
        for name in ("team-a", "team-b"):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            await sent(admin, "POST", kinds.NAMESPACE.path(), body)
    async with session_of(programs.connection("alice")) as alice:
        await sent(alice, "POST", MINE, _vps("mine"))
    async with session_of(programs.connection("bob")) as bob:
        for number in range(vpses):
            await sent(bob, "POST", HIS, _vps(f"v{number}"))
    async with session_of(programs.connection("n1")) as node:
        await sent(node, "POST", LEASE, _lease())


async def _measure(programs: _programs.Programs, beside: _programs.Programs, seconds: float) -> _Felt:
    felt, ends = _Felt(), time.monotonic() + seconds
    status = Path(f"/proc/{programs.processes['apiserver'].pid}/status")

    async def gets() -> None:
        async with (
            session_of(programs.connection("alice")) as alice,
            session_of(beside.connection("alice")) as there,
        ):
            while time.monotonic() < ends:
                for session, took in ((alice, felt.gets), (there, felt.calm)):
                    began = time.perf_counter()
                    async with session.get(f"{MINE}/mine") as reply:
                        assert reply.status == 200, await reply.text()
                        await reply.read()
                    took.append(time.perf_counter() - began)
                    await asyncio.sleep(0.01)

    async def renewals() -> None:
        async with session_of(programs.connection("n1")) as node:
            while time.monotonic() < ends:
                began = time.perf_counter()
                body = {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}
                code = await sent(node, "PATCH", f"{LEASE}/n1", body, MERGE)
                assert code == 200, code
                felt.renewals.append(time.perf_counter() - began)
                await asyncio.sleep(0.5)

    async def memory() -> None:
        while time.monotonic() < ends:
            felt.memory = max(felt.memory, _resident(status))
            await asyncio.sleep(0.1)

    await asyncio.gather(gets(), renewals(), memory())
    return felt


def _resident(status: Path) -> float:
    """In MB, of a process."""
    [held] = [line for line in status.read_text().splitlines() if line.startswith("VmRSS")]
    return int(held.split()[1]) / 1024


def _vps(name: str, size: int = 0) -> dict[str, object]:
    metadata = {"name": name, "labels": {"a": "b"}, "annotations": {"note": "x" * size}}
    head = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": metadata}
    return {**head, "spec": {"ssh": {"disabled": True}, "runState": "Stopped"}}


def _lease() -> dict[str, object]:
    spec = {"holderIdentity": "n1", "leaseDurationSeconds": 10}
    return {"apiVersion": kinds.LEASE.api_version, "kind": "Lease", "metadata": {"name": "n1"}, "spec": spec}


async def sent(
    session: aiohttp.ClientSession,
    method: str,
    path: str,
    body: object,
    headers: dict[str, str] | None = None,
) -> int:
    content = orjson.dumps(body)
    headers = {"Content-Type": "application/json"} | (headers or {})
    async with session.request(method, path, data=io.BytesIO(content), headers=headers) as reply:
        await reply.read()
        return reply.status


# The deeds. Each is what one program with one credential can do.


class Bob:
    """His session, and what he was answered."""

    def __init__(self, connection: config.Connection, session: aiohttp.ClientSession, ends: float) -> None:
        self.connection, self.session, self.ends = connection, session, ends
        self.answers: dict[str, int] = {}

    def got(self, code: object) -> None:
        self.answers[str(code)] = self.answers.get(str(code), 0) + 1

    async def over_and_over(self, job: Callable[[], Awaitable[object]], *, at_once: int) -> None:
        async def one() -> None:
            while time.monotonic() < self.ends:
                try:
                    self.got(await job())
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.got(type(error).__name__)

        await asyncio.gather(*(one() for _ in range(at_once)))

    async def list_(self, selector: str) -> int:
        async with self.session.get(HIS, params={"labelSelector": selector}) as reply:
            await reply.read()
            return reply.status

    async def patch(self, name: str, size: int) -> int:
        """Variables of about so many bytes in place of those there are."""
        env = {f"V{at}": "x" * min(100_000, size - at) for at in range(0, size, 100_000)}
        body = [{"op": "add", "path": "/spec/env", "value": env | {"N": str(next(_NUMBER))}}]
        return await sent(self.session, "PATCH", f"{HIS}/{name}", body, JSON_PATCH)

    async def open_unread(self, query: str, number: int) -> None:
        """So many, or as many as there may be."""
        for _ in range(number):
            code = await self.ask_and_read_nothing(query)
            self.got(code)
            if code != "200":
                return

    async def ask_and_read_nothing(self, query: str) -> object:
        """A connection that sends its request, reads the head's first bytes, and nothing more."""
        host, _, port = self.connection.server.rpartition("://")[2].partition(":")
        tls = self.connection.tls()
        assert isinstance(tls, ssl.SSLContext)
        reader, writer = await asyncio.open_connection(host, int(port), ssl=tls, limit=1024)
        request = (
            f"GET {HIS}?{query} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {self.connection.token}"
        )
        writer.write(f"{request}\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readexactly(12), 60)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        _OPEN.append(writer)
        return head.decode().split()[1]


_NUMBER = itertools.count(1)
_OPEN: list[asyncio.StreamWriter] = []


async def _size_taken(bob: Bob) -> int:
    for size in BYTES:
        if await bob.patch("v0", size) == 200:
            return size
    return 1000


async def _long_selectors(bob: Bob) -> None:
    for number in REQUIREMENTS:
        selector = ",".join(f"!k{index}" if index >= 1000 else f"!k{index:03}" for index in range(number))
        if await bob.list_(selector) == 200:
            break
    await bob.over_and_over(lambda: bob.list_(selector), at_once=16)


async def _unread_watches(bob: Bob) -> None:
    async with bob.session.get(HIS, params={"limit": "1"}) as reply:
        revision = (await reply.json())["metadata"]["resourceVersion"]
    size = await _size_taken(bob)
    for _ in range(40):
        await bob.patch("v0", size)
    query = f"watch=1&resourceVersion={revision}"
    await bob.open_unread(query, 120)
    await bob.over_and_over(lambda: _slowly(bob.patch("v0", size)), at_once=1)


async def _unread_lists(bob: Bob) -> None:
    size = await _size_taken(bob)
    for number in range(30):
        await bob.patch(f"v{number}", size)
    await bob.open_unread("limit=500", 30)
    await bob.over_and_over(lambda: _slowly(bob.patch("v0", size)), at_once=1)


async def _slowly(job: Awaitable[object]) -> object:
    await asyncio.sleep(0.2)
    return await job


async def _watches_with_long_selectors(bob: Bob) -> None:
    for number in REQUIREMENTS:
        selector = ",".join(f"!k{index:03}" for index in range(number))
        if await bob.list_(selector) == 200:
            break
    await bob.open_unread(f"watch=1&labelSelector={selector.replace('!', '%21')}", 300)
    await bob.over_and_over(lambda: bob.patch("v0", 10), at_once=4)


async def _large_writes(bob: Bob) -> None:
    size = await _size_taken(bob)
    await bob.over_and_over(lambda: bob.patch("v0", size), at_once=8)


async def _long_nonsense(bob: Bob) -> None:
    body = {"spec": {"runState": "A" * 2_900_000}}
    await bob.over_and_over(lambda: sent(bob.session, "PATCH", f"{HIS}/v1", body, MERGE), at_once=8)


async def _applies_of_many(bob: Bob) -> None:
    """Seven managers, or one where so many fields are too many."""
    managers = 7
    for variables in (9_500, 2_000, 300):
        if await _apply(bob, variables, 0) == 200 and await _apply(bob, variables, 1) == 200:
            break
    await bob.over_and_over(lambda: _apply(bob, variables, next(_NUMBER) % managers), at_once=4)


async def _apply(bob: Bob, variables: int, manager: int) -> int:
    env = {f"V{number}": "x" for number in range(variables)} | {"N": str(next(_NUMBER))}
    head = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": "v2"}}
    query = f"fieldManager=m{manager}&force=true"
    return await sent(bob.session, "PATCH", f"{HIS}/v2?{query}", {**head, "spec": {"env": env}}, APPLY)


DEEDS: dict[str, Callable[[Bob], Awaitable[None]]] = {
    "LISTs with a long selector, 16 at once": _long_selectors,
    "watches with a long selector, and writes": _watches_with_long_selectors,
    "writes as large as may be, 8 at once": _large_writes,
    "a word of 2.9 MB where another is due": _long_nonsense,
    "applies of many variables by 7 managers": _applies_of_many,
    "120 watches of the past, unread": _unread_watches,
    "30 LISTs of 30 large objects, unread": _unread_lists,
}


def _attack(
    deed: str,
    connection: config.Connection,
    seconds: float,
    answers: "multiprocessing.SimpleQueue[dict[str, int]]",
) -> None:
    async def do() -> None:
        async with session_of(connection) as session:
            bob = Bob(connection, session, time.monotonic() + seconds + 3.0)
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(seconds + 6.0):
                    await DEEDS[deed](bob)
            answers.put(bob.answers)

    asyncio.run(do())


if __name__ == "__main__":
    main()
