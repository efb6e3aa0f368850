"""API servers find each other: a Lease while one serves, none soon after."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from kohakuriver.apiserver import app
from kohakuriver.apiserver.context import SERVER, Server
from kohakuriver.apiserver.registration import EVERY, Registration, registered_servers
from kohakuriver.apiserver.store.base import StoreUnavailable
from kohakuriver.client import servers
from kohakuriver.client.servers import RegisteredServer
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, tokens
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime
LEASES = kinds.LEASE.path(namespace=servers.NAMESPACE)
URL = "https://10.0.0.1:6443"


@contextlib.asynccontextmanager
async def a_server(store: MemoryStore, url: str = URL) -> AsyncIterator[Server]:
    async with app.running(store, clock=LoopClock(), tokens=tokens(), advertise=url) as application:
        await asyncio.sleep(0.1)
        yield application[SERVER]


async def leases(api: Api) -> list[dict[str, object]]:
    reply = await api.get(LEASES, params={"labelSelector": servers.SELECTOR}, user="n1")
    assert reply.code == 200, reply.body
    return list(reply.body["items"])


async def test_servers_see_each_other_and_so_does_an_agent() -> None:
    store = MemoryStore()
    async with (
        a_server(store) as one,
        a_server(store, "https://10.0.0.2:6443") as two,
        running_api(store) as api,
    ):
        there = (RegisteredServer(one.id, URL), RegisteredServer(two.id, "https://10.0.0.2:6443"))
        for server in (one, two):
            assert registered_servers(server.cache) == tuple(sorted(there))
        assert servers.registered(await leases(api)) == tuple(sorted(there))


async def test_a_server_that_ends_is_gone_at_once() -> None:
    store = MemoryStore()
    async with running_api(store) as api:
        async with a_server(store):
            assert len(await leases(api)) == 1
        assert await leases(api) == []


@pytest.mark.fault(36)
async def test_a_server_that_was_killed_is_forgotten_when_its_lease_is_over() -> None:
    store = MemoryStore()
    async with running_api(store) as api:
        registration = Registration(store, LoopClock(), id_="n1-1", url=URL)
        for _ in range(5):
            await registration.step()
            await asyncio.sleep(EVERY)
            assert len(await leases(api)) == 1, "it goes on as long as it is renewed"
        await asyncio.sleep(servers.LIFETIME)
        assert await leases(api) == []
        assert registered_servers(api.server.cache) == ()


async def test_a_server_that_cannot_serve_does_not_offer_itself() -> None:
    store = MemoryStore()
    serves = False
    registration = Registration(store, LoopClock(), id_="a", url=URL, serves=lambda: serves)
    await registration.step()
    assert (await store.list("")).records == ()
    serves = True
    store.fail_next(StoreUnavailable("no leader"))
    await registration.step()
    assert (await store.list("")).records == ()
    await registration.step()
    assert len((await store.list("")).records) == 1


async def test_nobody_but_an_admin_passes_itself_off_as_a_server() -> None:
    store = MemoryStore()
    async with a_server(store) as server, running_api(store) as api:
        name = servers.lease_name(server.id)
        fake = {
            "apiVersion": kinds.LEASE.api_version,
            "kind": "Lease",
            "metadata": {"name": "apiserver-fake", "labels": {servers.COMPONENT: servers.APISERVER}},
            "spec": {"holderIdentity": "fake"},
        }
        change = {"metadata": {"annotations": {servers.ADVERTISED: "https://evil:6443"}}}
        for user in ("controller", "n1", "alice", "viewer"):
            created = await api.call("POST", LEASES, fake, user=user)
            headers = {"Content-Type": "application/merge-patch+json"}
            changed = await api.call("PATCH", f"{LEASES}/{name}", change, user=user, headers=headers)
            removed = await api.call("DELETE", f"{LEASES}/{name}", user=user)
            assert (created.code, changed.code, removed.code) == (403, 403, 403), user
        assert servers.registered(await leases(api)) == (RegisteredServer(server.id, URL),)


def test_leases_that_are_no_servers_are_passed_over() -> None:
    good = {
        "metadata": {
            "name": "apiserver-a",
            "labels": {servers.COMPONENT: "apiserver"},
            "annotations": {servers.ADVERTISED: URL + "/"},
        },
        "spec": {"holderIdentity": "a"},
    }
    metadata = good["metadata"]
    assert servers.registered([good]) == (RegisteredServer("a", URL),)
    for lease in (
        {**good, "metadata": {**metadata, "labels": {servers.COMPONENT: "controller"}}},
        {**good, "metadata": {**metadata, "annotations": {}}},
        {**good, "metadata": {**metadata, "name": "apiserver-b"}},
        {**good, "metadata": {**metadata, "deletionTimestamp": "2026-01-01T00:00:00Z"}},
        {**good, "spec": {}},
        {},
    ):
        assert servers.registered([lease]) == ()
