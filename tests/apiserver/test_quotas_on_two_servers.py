"""Quotas on servers with a cache: what they cost the store, and that two servers never both pass."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from kohakuriver.apiserver.binding import grants, quotas
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Batch, Delete, Put, Record
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.test_quotas_in_transactions import a_quota
from tests.apiserver.writing import a_node
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

TURN = grants.quota_key("default")


async def test_the_turn_of_a_namespace_goes_with_it() -> None:
    async with running_api() as api:
        await api.create(kinds.NAMESPACE, {"metadata": {"name": "team-a"}})
        await api.create(kinds.RESOURCE_QUOTA, a_quota(namespace="team-a", cpu="1"))
        assert await api.store.get(grants.quota_key("team-a")) is not None
        await api.call("DELETE", f"{kinds.RESOURCE_QUOTA.path(namespace='team-a')}/all")
        assert (await api.call("DELETE", kinds.NAMESPACE.path(name="team-a"))).code == 200
        assert await api.store.get(grants.quota_key("team-a")) is None


class Counting(MemoryStore):
    """Remembers what each commit compared and wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[tuple[set[str], set[str]]] = []
        self.reads = 0

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        self.commits.append((set(expect), {write.key for write in writes}))
        return await super().commit(expect=expect, writes=writes)

    async def get_many(self, keys: Sequence[str]) -> tuple[tuple[Record | None, ...], int]:
        self.reads += 1
        return await super().get_many(keys)

    async def revision(self) -> int:
        self.reads += 1
        return await super().revision()


async def a_cluster(api: Api, *, nodes: int = 1) -> None:
    for number in range(1, nodes + 1):
        await api.store.commit(
            expect={},
            writes=[
                Put(codec.key(kinds.NODE, None, f"n{number}"), codec.encode(a_node(f"n{number}", cores="64")))
            ],
        )


async def bind(api: Api, name: str, node: str = "n1") -> tuple[int, str]:
    path = f"{kinds.VPS.path(namespace='default')}/{name}"
    uid = (await api.get(path)).body["metadata"]["uid"]
    reply = await api.call("POST", f"{path}/bind", {"uid": uid, "node": node}, user="controller")
    return reply.code, reply.body.get("message", "")


async def test_without_a_quota_a_bind_is_one_commit_that_writes_what_it_wrote_before() -> None:
    store = Counting()
    async with running_api(store) as api:
        await a_cluster(api)
        await api.create(kinds.VPS, {"metadata": {"name": "dev"}, "spec": {}})
        await asyncio.sleep(0.1)
        store.commits.clear()
        store.reads = 0
        assert (await bind(api, "dev"))[0] == 200
    assert store.reads == 0
    written = {"registry/vpses/default/dev", "registry/nodeallocations/n1"}
    assert store.commits == [({*written, "registry/nodes/n1", "registry/namespaces/default", TURN}, written)]


async def test_with_a_quota_a_bind_is_one_commit_too_and_writes_the_turn() -> None:
    store = Counting()
    async with running_api(store) as api:
        await a_cluster(api)
        await api.create(kinds.RESOURCE_QUOTA, a_quota(cpu="4"))
        for name in ("one", "two"):
            await api.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
        await asyncio.sleep(0.1)
        store.commits.clear()
        for name in ("one", "two"):
            assert (await bind(api, name))[0] == 200
    assert [TURN in written for _, written in store.commits] == [True, True]


class Elsewhere:
    """What another API server has: the same store by another object, whose watch may be held up."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.shows = asyncio.Event()
        self.shows.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def watch(self, prefix: str, *, start: int) -> AsyncIterator[Batch]:
        async with contextlib.aclosing(self._store.watch(prefix, start=start)) as batches:
            async for batch in batches:
                await self.shows.wait()
                yield batch


@contextlib.asynccontextmanager
async def two_servers() -> AsyncIterator[tuple[Api, Api, Elsewhere]]:
    store = MemoryStore()
    elsewhere = Elsewhere(store)
    async with running_api(store) as one, running_api(elsewhere) as two:  # type: ignore[arg-type]
        yield one, two, elsewhere


async def test_a_server_that_does_not_know_the_quota_yet_cannot_pass_by_it() -> None:
    async with two_servers() as (one, two, elsewhere):
        await a_cluster(one)
        await one.create(kinds.VPS, {"metadata": {"name": "dev"}, "spec": {}})
        await asyncio.sleep(1)
        elsewhere.shows.clear()
        await one.create(kinds.RESOURCE_QUOTA, a_quota(cpu="0"))
        code, words = await bind(two, "dev")
        assert (code, "does not know yet what its namespace has booked" in words) == (503, True), words
        elsewhere.shows.set()
        code, words = await bind(two, "dev")
        assert (code, "uses 0 of 0 requests.cpu" in words) == (422, True), words


async def test_a_server_that_lags_does_not_give_what_another_has_given() -> None:
    async with two_servers() as (one, two, elsewhere):
        await a_cluster(one, nodes=2)
        await one.create(kinds.RESOURCE_QUOTA, a_quota(cpu="1"))
        for name in ("dev", "other"):
            await one.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
        await asyncio.sleep(1)
        elsewhere.shows.clear()
        assert (await bind(one, "dev", "n1"))[0] == 200
        assert (await bind(two, "other", "n2"))[0] == 503
        elsewhere.shows.set()
        assert (await bind(two, "other", "n2"))[0] == 422


async def test_nobody_is_refused_over_what_has_been_given_back() -> None:
    async with two_servers() as (one, two, elsewhere):
        await a_cluster(one)
        await one.create(kinds.RESOURCE_QUOTA, a_quota(cpu="1"))
        for name in ("dev", "other"):
            await one.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
        await bind(one, "dev")
        await asyncio.sleep(1)
        elsewhere.shows.clear()
        path = f"{kinds.VPS.path(namespace='default')}/dev"
        await one.call("DELETE", path)
        vps = (await one.get(path)).body
        body = {"uid": vps["metadata"]["uid"], "epoch": 1}
        assert (await one.call("POST", f"{path}/finish", body, user="n1")).code == 200
        asyncio.get_running_loop().call_later(0.5, elsewhere.shows.set)
        assert await bind(two, "other") == (200, "")


async def test_a_quota_that_is_deleted_or_raised_lets_through_at_once() -> None:
    async with running_api() as api:
        await a_cluster(api)
        for name in ("one", "two"):
            await api.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
        await api.create(kinds.RESOURCE_QUOTA, a_quota(cpu="0"))
        assert (await bind(api, "one"))[0] == 422
        path = f"{kinds.RESOURCE_QUOTA.path(namespace='default')}/all"
        merge = {"Content-Type": "application/merge-patch+json"}
        raised = {"spec": {"hard": {"requests.cpu": "1"}}}
        assert (await api.call("PATCH", path, raised, headers=merge)).code == 200
        assert (await bind(api, "one"))[0] == 200
        assert (await bind(api, "two"))[0] == 422
        assert (await api.call("DELETE", path)).code == 200
        assert (await bind(api, "two"))[0] == 200


async def test_fifty_at_once_on_two_servers_give_exactly_as_many_as_the_quota_has_room_for() -> None:
    async with two_servers() as (one, two, _):
        await a_cluster(one, nodes=5)
        await one.create(kinds.RESOURCE_QUOTA, a_quota(cpu="17"))
        names = [f"v{number}" for number in range(50)]
        await asyncio.gather(
            *(one.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}}) for name in names)
        )
        replies = await asyncio.gather(
            *(bind((one, two)[number % 2], name, f"n{1 + number % 5}") for number, name in enumerate(names))
        )
        codes = [code for code, _ in replies]
        left = [name for name, code in zip(names, codes, strict=True) if code == 409]
        for name in left:  # one conflict too many: its controller would try again
            codes.append((await bind(one, name))[0])
        records = (await one.get(kinds.NODE_ALLOCATION.path())).body["items"]
    assert codes.count(200) == 17 and codes.count(422) == 33, codes
    assert sum(len(record["bookings"]) for record in records) == 17


class Slow(MemoryStore):
    """Takes a while to compare and write."""

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        await asyncio.sleep(0.1)
        return await super().commit(expect=expect, writes=writes)


async def test_a_resize_gets_its_turn_while_a_queue_of_binds_is_worked_off() -> None:
    store = Slow()
    async with running_api(store) as api:
        await a_cluster(api)
        await api.create(kinds.RESOURCE_QUOTA, a_quota(cpu="8"))
        await api.create(kinds.VPS, {"metadata": {"name": "dev"}, "spec": {"resources": {"cores": 1}}})
        assert await bind(api, "dev") == (200, "")

        async def give() -> None:
            while True:
                async with quotas.turn(api.server, "default"):
                    await store.commit(expect={}, writes=[Put(TURN, b"{}")])

        giving = asyncio.create_task(give())
        reply = await api.call(
            "PATCH",
            kinds.VPS.path(namespace="default", name="dev"),
            {"spec": {"resources": {"cores": 2}}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        giving.cancel()
        await asyncio.gather(giving, return_exceptions=True)
        assert reply.code == 200, reply.body
