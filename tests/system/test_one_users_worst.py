"""One user does its worst in every way in turn, at a real server with its shipped limits on a real etcd.

The test compares who is served, not how fast, which a busy machine would decide: all clients here share one
event loop, and each asks again as soon as it was answered. However slow all of it is, another user's one
connection is served several times as often as each of those of the one who does his worst, no renewal of a
node is refused, and the server keeps within its memory. How long a GET takes meanwhile, the benchmark of
`benchmarks/neighbours.py` says.
"""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from benchmarks import _programs
from benchmarks._deeds import DEEDS, MERGE, Bob, sent, session_of
from benchmarks.neighbours import LEASE, MINE, USERS, set_up

pytestmark = [pytest.mark.etcd, pytest.mark.fault(68)]

SECONDS = 3.0  # of each deed
VPSES = 100
MOST_MEMORY = 600.0  # MB
# His connections, and how many times as often as each of them the other user's one is served.
SERVED = {
    "LISTs with a long selector, 16 at once": (16, 2),
    "watches with a long selector, and writes": (4, 2),
    "writes as large as may be, 8 at once": (8, 20),
    "a word of 2.9 MB where another is due": (8, 12),
    "applies of many variables by 7 managers": (4, 16),
    "120 watches of the past, unread": (1, 4),
    "30 LISTs of 30 large objects, unread": (1, 4),
}
EVERY = 0.2  # seconds between two renewals


class Others:
    """What others are answered meanwhile."""

    def __init__(self) -> None:
        self.gets = 0
        self.renewals: list[int] = []

    async def read(self, programs: _programs.Programs) -> None:
        async with session_of(programs.connection("alice")) as alice:
            while True:
                async with alice.get(f"{MINE}/mine") as reply:
                    assert reply.status == 200, await reply.text()
                    await reply.read()
                self.gets += 1

    async def renew(self, programs: _programs.Programs) -> None:
        body = {"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}}
        async with session_of(programs.connection("n1")) as node:
            while True:
                self.renewals.append(await sent(node, "PATCH", f"{LEASE}/n1", body, MERGE))
                await asyncio.sleep(EVERY)


async def do(deed: str, programs: _programs.Programs) -> tuple[Others, dict[str, int]]:
    """What the others, and what bob is answered while he does it."""
    others = Others()
    async with session_of(programs.connection("bob")) as session, asyncio.TaskGroup() as group:
        meanwhile = [group.create_task(others.read(programs)), group.create_task(others.renew(programs))]
        bob = Bob(programs.connection("bob"), session, time.monotonic() + SECONDS)
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(10 * SECONDS):
                await DEEDS[deed](bob)
        for task in meanwhile:
            task.cancel()
    return others, bob.answers


async def test_whatever_one_user_does_others_are_served_and_nodes_live(tmp_path: Path) -> None:
    with _programs.running(tmp_path, limits=(), more=USERS) as programs:
        await set_up(programs, VPSES)
        for deed in DEEDS:
            others, bob = await do(deed, programs)
            _, memory = programs.used("apiserver")
            told = f"{deed}: bob {bob}, alice {others.gets}, renewals {len(others.renewals)}, {memory:.0f} MB"
            connections, times = SERVED[deed]
            assert bob, f"he did nothing: {told}"
            assert others.gets * connections >= times * sum(bob.values()), told
            assert "8 at once" not in deed or "409" not in bob, f"he stood in his own way: {told}"
            assert set(others.renewals) == {200}, told
            assert memory < MOST_MEMORY, told
