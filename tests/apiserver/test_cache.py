"""The one store watch behind all caches: order, freshness, breaks, silence, forgotten and restored stores."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from kohakuriver.apiserver.cache.cache import Cache
from kohakuriver.apiserver.cache.watchers import Watcher
from kohakuriver.apiserver.objects.selectors import Selection, select
from kohakuriver.apiserver.printers.forms import EventType, Plain
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, StoreUnavailable
from kohakuriver.apiserver.store.lineage import Lineage
from kohakuriver.errors import Expired, Unavailable
from kohakuriver.resources import kinds
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

EVERYTHING = Selection()


def a_vps(
    name: str, *, uid: str = "", labels: dict[str, str] | None = None, node: str = ""
) -> dict[str, Any]:
    status = {"assignment": {"node": node}} if node else {}
    metadata = {"name": name, "namespace": "default", "uid": uid or name, "labels": labels or {}}
    return {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": metadata, "status": status}


async def put(store: MemoryStore, obj: dict[str, Any]) -> int:
    key = codec.key(kinds.VPS, "default", obj["metadata"]["name"])
    return await store.commit(expect={}, writes=[Put(key, codec.encode(obj))])


async def remove(store: MemoryStore, name: str) -> int:
    return await store.commit(expect={}, writes=[Delete(codec.key(kinds.VPS, "default", name))])


@contextlib.asynccontextmanager
async def a_cache(store: MemoryStore) -> AsyncIterator[Cache]:
    cache = Cache(Lineage(store, LoopClock()), clock=LoopClock())
    task = asyncio.create_task(cache.run())
    try:
        await cache.loaded.wait()
        yield cache
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def follow(cache: Cache, selection: Selection = EVERYTHING, *, since: int | None = None) -> Watcher:
    return cache.kinds[kinds.VPS].follow(selection, since=cache.revision if since is None else since)


async def seen(watcher: Watcher, *, wait: float = 0.05) -> list[tuple[str, str, int]]:
    """Type, name and revision of what has come, as its lines have them."""
    await asyncio.sleep(wait)
    found = []
    for type_, event in await watcher.next(0):
        metadata = orjson.loads(event.line(type_, Plain(kinds.VPS)))["object"]["metadata"]
        found.append((type_.value, metadata["name"], int(metadata["resourceVersion"])))
    return found


def names(cache: Cache, selection: Selection = EVERYTHING) -> list[str]:
    return [entry.decoded()["metadata"]["name"] for entry in cache.kinds[kinds.VPS].select(selection)]


async def test_a_watcher_sees_every_change_once_and_in_order():
    store = MemoryStore()
    async with a_cache(store) as cache:
        watcher = follow(cache)
        first = await put(store, a_vps("a"))
        second = await put(store, a_vps("a", labels={"x": "y"}))
        third = await put(store, a_vps("b"))
        gone = await remove(store, "a")
        assert await seen(watcher) == [
            ("ADDED", "a", first),
            ("MODIFIED", "a", second),
            ("ADDED", "b", third),
            ("DELETED", "a", gone),
        ]
        assert names(cache) == ["b"]
        assert cache.revision == gone


async def test_a_deleted_object_is_sent_with_the_revision_that_deleted_it():
    store = MemoryStore()
    async with a_cache(store) as cache:
        await put(store, a_vps("a", labels={"keep": "me"}))
        await cache.fresh()
        watcher = follow(cache)
        gone = await remove(store, "a")
        await asyncio.sleep(0.01)
        [(type_, event)] = await watcher.next(0)
        sent = orjson.loads(event.line(type_, Plain(kinds.VPS)))
        assert type_ is EventType.DELETED
        assert sent["object"]["metadata"]["resourceVersion"] == str(gone)
        assert sent["object"]["metadata"]["labels"] == {"keep": "me"}


async def test_an_object_that_moves_in_and_out_of_a_selection_is_added_and_deleted():
    store = MemoryStore()
    async with a_cache(store) as cache:
        blue = follow(cache, select(kinds.VPS, labels="colour=blue"))
        on_n1 = follow(cache, select(kinds.VPS, fields=("status.assignment.node=n1",)))
        await put(store, a_vps("a", labels={"colour": "red"}))
        await put(store, a_vps("a", labels={"colour": "blue"}, node="n1"))
        await put(store, a_vps("a", labels={"colour": "blue"}, node="n2"))
        await put(store, a_vps("a", labels={"colour": "green"}, node="n2"))
        assert [type_ for type_, *_ in await seen(blue)] == ["ADDED", "MODIFIED", "DELETED"]
        assert [type_ for type_, *_ in await seen(on_n1)] == ["ADDED", "DELETED"]


async def test_a_watch_resumes_where_it_ended_and_misses_nothing():
    store = MemoryStore()
    async with a_cache(store) as cache:
        first = await put(store, a_vps("a"))
        second = await put(store, a_vps("b"))
        third = await put(store, a_vps("c"))
        await cache.fresh()
        assert await seen(follow(cache, since=first)) == [("ADDED", "b", second), ("ADDED", "c", third)]


async def test_a_resume_from_before_the_cache_was_filled_is_expired():
    store = MemoryStore()
    first = await put(store, a_vps("a"))
    await put(store, a_vps("b"))
    async with a_cache(store) as cache:
        with pytest.raises(Expired):
            follow(cache, since=first)


async def test_history_is_kept_for_five_minutes_and_not_for_ever():
    store = MemoryStore()
    async with a_cache(store) as cache:
        first = await put(store, a_vps("a"))
        await put(store, a_vps("a", labels={"n": "2"}))
        await asyncio.sleep(301)
        await put(store, a_vps("b"))
        await cache.fresh()
        assert len(await seen(follow(cache, since=first))) == 2
        await asyncio.sleep(301)
        await put(store, a_vps("c"))
        await cache.fresh()
        with pytest.raises(Expired):
            follow(cache, since=first)


@pytest.mark.fault(35)
async def test_a_watcher_that_does_not_read_is_cut_and_the_others_go_on():
    store = MemoryStore()
    async with a_cache(store) as cache:
        slow, quick = Watcher(EVERYTHING, limit=5), follow(cache)
        cache.kinds[kinds.VPS].watchers.add(slow)
        for number in range(8):
            await put(store, a_vps(f"v{number}"))
        assert len(await seen(quick)) == 8
        assert await slow.next(0) == []
        assert slow.ended
        assert isinstance(slow.end, Expired)


@pytest.mark.fault(37)
async def test_a_broken_store_watch_is_opened_again_without_loss_or_repetition():
    store = MemoryStore()
    async with a_cache(store) as cache:
        watcher = follow(cache)
        first = await put(store, a_vps("a"))
        await asyncio.sleep(0.01)
        store.drop_watches()
        second = await put(store, a_vps("b"))
        store.fail_next(StoreUnavailable("etcd restarts"), times=3)
        await asyncio.sleep(5)
        third = await put(store, a_vps("c"))
        assert await seen(watcher) == [("ADDED", "a", first), ("ADDED", "b", second), ("ADDED", "c", third)]
        assert not watcher.ended


async def test_a_watch_that_is_cut_within_an_adoption_resumes_with_what_was_adopted():
    store = MemoryStore()
    async with a_cache(store) as cache:
        await put(store, a_vps("v0", uid="old"))
        await asyncio.sleep(0.01)
        watcher = follow(cache)
        adopted = await put(store, a_vps("v0", uid="new"))
        await asyncio.sleep(0.01)
        (gone, *_) = await seen(watcher)
        assert gone[:2] == ("DELETED", "v0")
        assert ("ADDED", "v0", adopted) in await seen(follow(cache, since=gone[2]))


@pytest.mark.fault(33)
async def test_after_a_compaction_behind_its_back_the_cache_tells_the_differences():
    store = MemoryStore()
    await put(store, a_vps("stays"))
    await put(store, a_vps("goes"))
    await put(store, a_vps("again", uid="old"))
    async with a_cache(store) as cache:
        watcher, resumable = follow(cache), cache.revision
        await asyncio.sleep(0.01)
        store.drop_watches()
        await asyncio.sleep(0.01)  # it is opened again only after a moment
        changed = await put(store, a_vps("stays", labels={"x": "y"}))
        await remove(store, "goes")
        await remove(store, "again")
        again = await put(store, a_vps("again", uid="new"))
        await store.compact(again)
        await asyncio.sleep(10)
        assert sorted(await seen(watcher)) == sorted(
            [
                ("MODIFIED", "stays", changed),
                ("DELETED", "goes", cache.kinds[kinds.VPS].history.floor - 1),
                ("DELETED", "again", again - 1),
                ("ADDED", "again", again),
            ]
        )
        with pytest.raises(Expired):
            follow(cache, since=resumable)
        assert names(cache) == ["again", "stays"]


@pytest.mark.fault(39)
@pytest.mark.parametrize("keeps_log", [False, True])
async def test_a_store_that_went_back_in_time_expires_every_watch(keeps_log):
    store = MemoryStore()
    await put(store, a_vps("v0"))
    backup = store.backup()
    for number in range(1, 5):
        await put(store, a_vps(f"v{number}"))
    async with a_cache(store) as cache:
        watcher = follow(cache)
        await asyncio.sleep(0.01)
        store.restore(backup, keeps_log=keeps_log)
        await asyncio.sleep(5)
        assert isinstance(watcher.end, Expired)
        assert names(cache) == ["v0"]


async def test_a_fresh_read_waits_for_everything_written_before_it():
    store = MemoryStore()
    async with a_cache(store) as cache:
        revision = await put(store, a_vps("a"))
        assert cache.revision < revision
        assert await cache.fresh() >= revision
        assert names(cache) == ["a"]


async def test_a_fresh_read_does_not_hang_on_what_is_written_elsewhere_in_the_store():
    store = MemoryStore()
    async with a_cache(store) as cache:
        elsewhere = await store.commit(expect={}, writes=[Put("meta/something", b"1")])
        async with asyncio.timeout(1):
            assert await cache.fresh() > elsewhere


async def test_concurrent_fresh_reads_share_one_look_at_the_store():
    class Counting(MemoryStore):
        looks = 0

        async def revision(self) -> int:
            self.looks += 1
            await asyncio.sleep(0.01)
            return await super().revision()

    store = Counting()
    async with a_cache(store) as cache:
        await asyncio.gather(*(cache.fresh() for _ in range(50)))
        assert store.looks <= 2


@pytest.mark.fault(38)
async def test_a_frozen_store_ends_watches_and_is_not_ready_until_it_answers():
    store = MemoryStore()
    async with a_cache(store) as cache:
        watcher = follow(cache)
        store.freeze()
        await asyncio.sleep(4)
        assert cache.ready
        await asyncio.sleep(8)
        assert not cache.ready
        assert watcher.ended
        assert watcher.end is None
        with pytest.raises(Unavailable):
            await cache.fresh()
        store.thaw()
        await asyncio.sleep(15)
        assert cache.ready
        await put(store, a_vps("after"))
        await cache.fresh()
        assert names(cache) == ["after"]


async def test_a_quiet_store_stays_ready_by_ticks_that_leave_nothing_behind():
    store = MemoryStore()
    async with a_cache(store) as cache:
        before = cache.revision
        await asyncio.sleep(60)
        assert cache.ready
        assert cache.revision > before
    await asyncio.sleep(200)
    assert (await store.list(codec.TICKS)).records == ()


async def test_a_key_that_holds_no_object_stops_nothing():
    store = MemoryStore()
    async with a_cache(store) as cache:
        await store.commit(expect={}, writes=[Put("registry/vpses/default/bad", b"{")])
        await put(store, a_vps("good"))
        await cache.fresh()
        assert names(cache) == ["good"]
