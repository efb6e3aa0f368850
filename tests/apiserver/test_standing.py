"""Who is a node is decided by each server's own ears: no two clocks are compared."""

import asyncio
import datetime
from typing import Any

import pytest

from kohakuriver.apiserver.cache.standing import GAP
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

pytestmark = [pytest.mark.looptime, pytest.mark.fault(65)]
PATH = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE, name="n1")
LASTS = 10


class TurnedClock(LoopClock):
    """Stands beside the true time, and may be turned."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.beside = seconds

    def now(self) -> datetime.datetime:
        return super().now() + datetime.timedelta(seconds=self.beside)


async def renew(api: Api, holder: str) -> int:
    """What a machine is told that wants to be n1."""
    spec = {"holderIdentity": holder, "leaseDurationSeconds": LASTS, "leaseTransitions": 1}
    body: dict[str, Any] = {"apiVersion": kinds.LEASE.api_version, "kind": kinds.LEASE.kind, "spec": spec}
    body["metadata"] = {"name": "n1", "namespace": kinds.NODE_LEASE_NAMESPACE}
    headers = {"Content-Type": "application/merge-patch+json"}
    reply = await api.call("PATCH", PATH, body, user="n1", headers=headers)
    if reply.code != 404:
        return reply.code
    return (
        await api.call("POST", kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE), body, user="n1")
    ).code


@pytest.mark.parametrize("skew", [30.0, -30.0])
async def test_a_server_whose_clock_stands_beside_takes_no_second_machine_for_a_node(skew: float) -> None:
    store = MemoryStore()
    async with running_api(store) as here, running_api(store, clock=TurnedClock(skew)) as there:
        for _ in range(5):
            assert await renew(here, "first") in (200, 201)
            assert await renew(there, "second") == 409
            await asyncio.sleep(3)
        assert await renew(here, "first") == 200, "the first is the node yet"


async def test_any_server_gives_the_name_away_once_its_holder_is_silent_for_what_the_lease_says() -> None:
    store = MemoryStore()
    async with running_api(store) as here, running_api(store, clock=TurnedClock(30)) as there:
        await renew(here, "first")
        await asyncio.sleep(LASTS - 1)
        assert await renew(there, "second") == 409
        await asyncio.sleep(2)
        assert await renew(there, "second") == 200


async def test_a_clock_that_is_turned_changes_no_holder() -> None:
    clock = TurnedClock()
    async with running_api(clock=clock) as api:
        await renew(api, "first")
        for turned in (3600.0, -3600.0):
            clock.beside = turned
            assert await renew(api, "second") == 409


async def test_a_server_that_has_just_started_has_heard_nobody_be_silent() -> None:
    store = MemoryStore()
    async with running_api(store) as before:
        await renew(before, "first")
    await asyncio.sleep(3600)
    async with running_api(store) as after:
        assert await renew(after, "second") == 409
        await asyncio.sleep(LASTS + 1)
        assert await renew(after, "second") == 200


async def test_the_silence_of_the_store_is_no_silence_of_a_holder() -> None:
    store = MemoryStore()
    async with running_api(store) as api:
        await renew(api, "first")
        store.freeze()
        await asyncio.sleep(60)
        store.thaw()
        answers = set()
        for _ in range(int(GAP)):
            answers.add(await renew(api, "second"))
            await asyncio.sleep(1)
        assert 409 in answers and answers <= {409, 503}
        assert await renew(api, "first") == 200
