"""The local copy stays true to the API, whatever happens to the watch. Real server, simulated time."""

import asyncio
import contextlib

import orjson
import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.client import watch, wire
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.resources.kinds import VPS
from tests import cost
from tests.apiserver.api import Api, running_api
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime


def a_vps(name: str) -> dict:
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {}}


def key(name: str) -> ObjectKey:
    return ObjectKey("default", name)


@contextlib.asynccontextmanager
async def following(api: Api, **options):
    """An informer on `api`, and the list of keys it tells."""
    told: list[ObjectKey] = []
    connection = Connection(server=api.url, token=api.token("admin"))
    async with Client(connection, program="test") as client:
        informer = Informer(client, VPS, clock=LoopClock(), listener=told.append, **options)
        task = asyncio.create_task(informer.run())
        await informer.wait_synced()
        try:
            yield informer, told
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class Heard:
    """A witness that takes down the histories of the lists."""

    def __init__(self) -> None:
        self.histories: list[str] = []

    def mark(self) -> int:
        return 0

    def listed(self, history: str, revision: int, *, mark: int) -> None:
        self.histories.append(history)

    def reached(self, revision: int) -> None:
        pass


async def settle() -> None:
    await asyncio.sleep(1)


async def test_what_is_there_and_what_comes_later_are_both_told_by_key():
    async with running_api() as api:
        await api.create(VPS, a_vps("early"))
        async with following(api) as (informer, told):
            await api.create(VPS, a_vps("late"))
            await settle()
            assert {k.name for k in told} == {"early", "late"}
            assert informer.get(key("late"))["spec"]["runState"] == "Running"
            await api.call("DELETE", VPS.path(namespace="default", name="early"))
            await settle()
            assert informer.get(key("early")) is None
            assert told[-1] == key("early")


@pytest.mark.fault(33)
async def test_a_delete_past_the_kept_history_is_found_by_the_next_list():
    async with running_api() as api:
        await api.create(VPS, a_vps("gone"))
        await api.create(VPS, a_vps("kept"))
        async with following(api) as (informer, _):
            pass  # the informer stops following here, and misses what comes now
        await api.call("DELETE", VPS.path(namespace="default", name="gone"))
        informer._resume = "1"
        await api.store.compact(await api.store.revision())
        async with Client(Connection(server=api.url, token=api.token("admin")), program="test") as client:
            informer._client = client
            task = asyncio.create_task(informer.run())
            await settle()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert informer.get(key("gone")) is None
        assert informer.get(key("kept")) is not None


@pytest.mark.fault(36)
async def test_a_server_that_went_away_and_came_back_is_followed_again():
    store = MemoryStore()
    async with contextlib.AsyncExitStack() as stack:
        async with running_api(store) as first:
            port = int(first.url.rsplit(":", 1)[1])
            informer, _ = await stack.enter_async_context(following(first))
        await asyncio.sleep(20)
        async with running_api(store, port=port) as second:
            await second.create(VPS, a_vps("after"))
            await asyncio.sleep(20)
            assert informer.get(key("after")) is not None


async def test_an_older_object_never_replaces_a_newer_one():
    async with running_api() as api:
        old = await api.create(VPS, a_vps("dev"))
        async with following(api) as (informer, told):
            newer = {**old, "metadata": {**old["metadata"], "resourceVersion": "999999"}}
            informer.overlay(newer)
            heard = len(told)
            informer.overlay(old)
            assert informer.get(key("dev")) is newer
            assert len(told) == heard


async def test_a_periodic_list_counts_what_the_watch_missed():
    async with running_api() as api:
        await api.create(VPS, a_vps("dev"))
        async with following(api) as (informer, _):
            del informer._objects[key("dev")]  # as if its event had been lost
            await asyncio.sleep(watch.RELIST_EVERY * 1.5)
            assert informer.get(key("dev")) is not None
            assert informer.missed == 1


async def test_a_late_listener_hears_of_every_object_at_once():
    async with running_api() as api:
        await api.create(VPS, a_vps("dev"))
        async with following(api) as (informer, _):
            late: list[ObjectKey] = []
            informer.listen(late.append)
            assert late == [key("dev")]


@pytest.mark.fault(39)
@pytest.mark.parametrize("keeps_log", [False, True])
async def test_of_a_restored_store_nothing_is_kept_that_it_does_not_have(keeps_log):
    store = MemoryStore()
    heard = Heard()
    async with running_api(store) as api:
        await api.create(VPS, a_vps("before"))
        backup = store.backup()
        for _ in range(3):
            await api.create(VPS, a_vps("after"))
            await api.call("DELETE", VPS.path(namespace="default", name="after"))
        await api.create(VPS, a_vps("after"))
        async with following(api, witness=heard) as (informer, told):
            store.restore(backup, keeps_log=keeps_log)
            await asyncio.sleep(30)
            assert informer.get(key("after")) is None
            assert informer.get(key("before")) is not None
            assert told[-1] in (key("after"), key("before"))
            assert len(set(heard.histories)) == 2
            assert informer.missed == 0


@pytest.mark.fault(39)
async def test_a_list_below_the_resume_point_replaces_what_is_held():
    store = MemoryStore()
    async with running_api(store) as api:
        await api.create(VPS, a_vps("there"))
        async with following(api) as (informer, told):
            meta = {"name": "gone", "namespace": "default", "resourceVersion": "999999"}
            informer.overlay({"metadata": meta})
            informer._revision = 999999  # as before the store was restored
            await informer._list()
            assert informer.get(key("gone")) is None
            assert informer.get(key("there")) is not None
            assert key("gone") in told


async def a_full_store(count: int) -> MemoryStore:
    store = MemoryStore()
    for number in range(count):
        meta = {"name": f"v{number:05}", "namespace": "default", "uid": f"u{number}"}
        body = {"apiVersion": VPS.api_version, "kind": "VPS", "metadata": meta, "spec": {}, "status": {}}
        put = Put(codec.key(VPS, "default", str(meta["name"])), orjson.dumps(body))
        await store.commit(expect={}, writes=[put])
    return store


@pytest.mark.fault(66)
async def test_a_long_list_is_decoded_and_taken_in_by_pieces():
    async with running_api(await a_full_store(1_250)) as api:
        with cost.turns(wire.answered) as parsed:
            async with following(api) as (informer, _):
                assert len(informer) == 1_250
        assert parsed.total == 3, "pages, each of them decoded by itself"
        with cost.turns(Informer._put) as put:
            async with following(api):
                await settle()
        assert (put.total, put.most) == (1_250, watch.AT_ONCE)


class Interrupted(Client):
    """Somebody does something between the first page of a list and the second."""

    interrupt = None

    async def _ask(self, *args, **options):
        answer = await super()._ask(*args, **options)
        if self.interrupt is not None and answer[0].get("metadata", {}).get("continue"):
            interrupt, self.interrupt = self.interrupt, None
            await interrupt()
        return answer


async def test_what_changes_between_two_pages_is_seen_too():
    async with running_api(await a_full_store(700)) as api:

        async def interrupt() -> None:
            await api.call("DELETE", VPS.path(namespace="default", name="v00650"))
            await api.call("DELETE", VPS.path(namespace="default", name="v00050"))
            await api.create(VPS, a_vps("a-new-one"))

        connection = Connection(server=api.url, token=api.token("admin"))
        async with Interrupted(connection, program="test") as client:
            client.interrupt = interrupt
            informer = Informer(client, VPS, clock=LoopClock())
            task = asyncio.create_task(informer.run())
            await settle()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert client.interrupt is None
        assert (informer.get(key("v00650")), informer.get(key("v00050"))) == (None, None)
        assert informer.get(key("a-new-one")) is not None
        assert len(informer) == 699


async def test_a_list_whose_revision_is_forgotten_before_its_end_is_begun_anew():
    async with running_api(await a_full_store(700)) as api:

        async def interrupt() -> None:
            await api.create(VPS, a_vps("a-new-one"))
            await api.store.compact(await api.store.revision())

        connection = Connection(server=api.url, token=api.token("admin"))
        async with Interrupted(connection, program="test") as client:
            client.interrupt = interrupt
            informer = Informer(client, VPS, clock=LoopClock())
            task = asyncio.create_task(informer.run())
            await settle()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert client.interrupt is None
        assert len(informer) == 701


async def test_a_kind_that_an_older_server_does_not_know_is_empty_where_that_is_allowed():
    unknown = VPS._replace(plural="vpses-of-tomorrow")
    async with running_api() as api, following(api) as (informer, _):
        client = informer._client
        allowed, other = (
            Informer(client, unknown, clock=LoopClock(), may_be_unknown=may_be) for may_be in (True, False)
        )
        tasks = [asyncio.create_task(one.run()) for one in (allowed, other)]
        await settle()
        assert (allowed.synced, other.synced) == (True, False)
        assert len(allowed) == 0
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
