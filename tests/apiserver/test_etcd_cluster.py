"""The API on three members of etcd: one of them dies, freezes or leads no more, and then too many do."""

import asyncio
import contextlib
import itertools
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aetcd import rpc

from kohakuriver.apiserver.store.base import Put, StoreError, StoreTimeout
from kohakuriver.apiserver.store.etcd import EtcdStore
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api
from tests.etcd import Certificates, EtcdCluster, EtcdProcess

pytestmark = pytest.mark.etcd
VPSES = kinds.VPS.path(namespace="default")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path) as three:
        yield three


@contextlib.asynccontextmanager
async def an_api(urls: list[str], **options: Path) -> AsyncIterator[Api]:
    store = await EtcdStore.connect(urls, **options)  # type: ignore[arg-type]
    try:
        async with running_api(store, clock=SystemClock()) as api:
            yield api
    finally:
        await store.aclose()


async def leader_first(cluster: EtcdCluster) -> list[str]:
    """The members' URLs, that of the leader in front."""
    statuses = {}
    for member in cluster.members:
        store = await EtcdStore.connect([member.url])
        statuses[member.url] = await store._wire.call(
            lambda link: link.maintenance.Status, rpc.StatusRequest()
        )
        await store.aclose()
    return sorted(cluster.urls, key=lambda url: statuses[url].header.member_id != statuses[url].leader)


async def create(api: Api, name: str) -> Reply:
    body = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": name}}
    return await api.call("POST", VPSES, body)


async def until(answer: Callable[[], Awaitable[bool]], *, within: float = 120.0) -> None:
    async with asyncio.timeout(within):
        while not await answer():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


class Life:
    """What goes on while a member is hurt: creates, one after the other."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.created: list[str] = []
        self.codes: set[int] = set()
        self._names = (f"v{secrets.token_hex(3)}-{number}" for number in itertools.count())

    async def step(self) -> None:
        name = next(self._names)
        reply = await create(self.api, name)
        self.codes.add(reply.code)
        if reply.code == 201:
            self.created.append(name)

    async def run(self) -> None:
        while True:
            await self.step()

    async def more(self, number: int) -> None:
        """Until so many more have been created."""
        wanted = len(self.created) + number

        async def enough() -> bool:
            return len(self.created) >= wanted

        await until(enough)


@contextlib.asynccontextmanager
async def living(api: Api) -> AsyncIterator[Life]:
    """Creates all the while; afterwards every one that was acknowledged must be there."""
    life = Life(api)
    task = asyncio.create_task(life.run())
    try:
        await life.more(10)
        yield life
        await life.more(10)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    there = {item["metadata"]["name"] for item in (await api.get(VPSES)).body["items"]}
    assert set(life.created) <= there, "an acknowledged write was lost"
    assert life.codes <= {201, 503, 504}


@pytest.mark.fault(37)
@pytest.mark.parametrize("hurt", ["the leader", "the one in use"])
async def test_a_member_that_is_killed_is_hardly_noticed(cluster: EtcdCluster, hurt: str) -> None:
    urls = await leader_first(cluster)
    order = urls if hurt == "the leader" else [urls[1], urls[0], urls[2]]
    async with an_api(order) as api:
        history = api.server.history
        async with living(api):
            await asyncio.to_thread(cluster.at(order[0]).kill)
        await asyncio.to_thread(cluster.at(order[0]).start)
        async with living(api):
            pass
        assert api.server.history == history, "no member's log was taken for a restored one"


@pytest.mark.fault(38)
@pytest.mark.parametrize("hurt", ["the leader", "another, in use", "another, not in use"])
async def test_a_member_that_freezes_costs_no_acknowledged_write(cluster: EtcdCluster, hurt: str) -> None:
    urls = await leader_first(cluster)
    order = [urls[1], urls[0], urls[2]] if hurt == "another, in use" else urls
    victim = cluster.at(urls[2] if hurt == "another, not in use" else order[0])
    async with an_api(order) as api:
        history = api.server.history
        async with living(api) as life:
            victim.freeze()
            await life.more(20)
            victim.thaw()
        assert api.server.history == history
        if hurt == "another, not in use":
            assert life.codes == {201}


@pytest.mark.fault(38)
async def test_without_a_majority_it_is_503_for_want_of_a_leader_until_there_is_one(
    cluster: EtcdCluster,
) -> None:
    async with an_api(cluster.urls) as api:
        assert (await create(api, "before")).code == 201
        for member in cluster.members[1:]:
            await asyncio.to_thread(member.kill)

        async def refused() -> bool:
            reply = await create(api, "meanwhile")
            assert reply.code in (503, 504)
            assert reply.headers["Retry-After"]
            return "no leader" in str(reply.body["message"])

        await until(refused)
        assert (await api.get(f"{VPSES}/before")).code == 503
        await asyncio.to_thread(cluster.members[1].start)

        async def serves() -> bool:
            return (await api.get(VPSES)).code == 200

        await until(serves)
        assert (await create(api, "after")).code == 201


@pytest.mark.fault(37)
async def test_a_watch_through_the_death_of_its_member_misses_and_repeats_nothing(
    cluster: EtcdCluster,
) -> None:
    urls = await leader_first(cluster)
    async with an_api([urls[1], urls[0], urls[2]]) as api:
        told: list[str] = []
        revision = (await api.get(VPSES)).body["metadata"]["resourceVersion"]
        params = {"watch": "1", "resourceVersion": revision}
        async with api.session.get(api.url + VPSES, params=params, headers=api.headers("admin")) as watch:

            async def follow() -> None:
                async for line in watch.content:
                    event = json.loads(line)
                    told.append(event["object"]["metadata"]["name"])

            following = asyncio.create_task(follow())
            async with living(api) as life:
                await asyncio.to_thread(cluster.at(urls[1]).kill)

            async def caught_up() -> bool:
                return set(life.created) <= set(told)

            await until(caught_up)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        assert len(told) == len(set(told)), "one was told twice"


async def test_several_members_over_tls(tmp_path: Path) -> None:
    files = Certificates.make(tmp_path)
    with EtcdCluster(tmp_path, tls=files) as cluster:
        async with an_api(cluster.urls, ca=files.ca, cert=files.cert, key=files.key) as api, living(api):
            await asyncio.to_thread(cluster.members[0].kill)


@pytest.mark.fault(38)
async def test_an_etcd_out_of_space_is_503_by_the_alarms_name_and_reads_go_on(tmp_path: Path) -> None:
    with EtcdProcess(tmp_path, extra=("--quota-backend-bytes=4000000",)) as etcd:
        async with an_api([etcd.url]) as api:
            assert (await create(api, "dev")).code == 201
            with contextlib.suppress(StoreError):
                for number in range(100):
                    await api.store.commit(expect={}, writes=[Put(f"fill/{number}", b"x" * 500_000)])
            refused = await create(api, "more")
            assert (refused.code, refused.headers["Retry-After"]) == (503, "10")
            assert "NOSPACE" in refused.body["message"]
            assert "defragment" in refused.body["details"]["hint"]
            assert (await api.get(f"{VPSES}/dev")).code == 200

            async def lists_say_why() -> bool:
                reply = await api.get(VPSES)
                return reply.code == 503 and "NOSPACE" in reply.body["message"]

            await until(lists_say_why)


@pytest.mark.fault(38)
async def test_a_write_that_etcd_does_not_answer_is_unknown_and_never_failed(tmp_path: Path) -> None:
    with EtcdProcess(tmp_path) as etcd:
        store = await EtcdStore.connect([etcd.url])
        async with running_api(store, clock=SystemClock()) as api:
            assert (await create(api, "dev")).code == 201
            etcd.freeze()
            async with asyncio.timeout(60):
                reply = await create(api, "later")
            etcd.thaw()
            assert (reply.code, reply.body["reason"]) == (504, "Timeout")
            assert "may have been carried out" in reply.body["details"]["hint"]
        await store.aclose()


async def test_a_read_is_tried_at_another_member_before_its_time_is_over(cluster: EtcdCluster) -> None:
    urls = await leader_first(cluster)
    store = await EtcdStore.connect([urls[1], urls[0], urls[2]])
    await store.commit(expect={}, writes=[Put("a", b"1")])
    cluster.at(urls[1]).freeze()
    record = await store.get("a")
    assert record is not None and record.value == b"1"
    cluster.at(urls[1]).thaw()
    await store.aclose()


async def test_a_write_is_not_tried_again_where_it_may_have_been_done(cluster: EtcdCluster) -> None:
    urls = await leader_first(cluster)
    store = await EtcdStore.connect([urls[1], urls[0], urls[2]], timeout=2.0)
    await store.commit(expect={}, writes=[Put("a", b"1")])
    cluster.at(urls[1]).freeze()
    with pytest.raises(StoreTimeout):
        await store.commit(expect={}, writes=[Put("a", b"2")])
    await store.commit(expect={}, writes=[Put("a", b"3")])
    cluster.at(urls[1]).thaw()
    await store.aclose()
