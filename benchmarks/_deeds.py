"""What one program with one credential of role user can do, each thing as hard as the server lets it.

`neighbours.py` measures what others feel of it, `tests/system/test_one_users_worst.py` who is served then.
"""

import asyncio
import io
import itertools
import ssl
import time
from collections.abc import Awaitable, Callable

import aiohttp
import orjson

from kohakuriver.client import config
from kohakuriver.resources import kinds

REQUIREMENTS = (1590, 50)  # in one selector: what fits into a line, else what is taken
BYTES = (1_300_000, 200_000)  # in one object: what etcd takes, else what is taken
HIS = kinds.VPS.path(namespace="team-b")
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def session_of(connection: config.Connection) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, ssl=connection.tls() or True)
    headers = {"Authorization": f"Bearer {connection.token}"}
    timeout = aiohttp.ClientTimeout(total=60)
    return aiohttp.ClientSession(connection.server, connector=connector, headers=headers, timeout=timeout)


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
