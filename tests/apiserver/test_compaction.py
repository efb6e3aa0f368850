"""Old revisions are forgotten by one server at a time, five minutes late."""

import asyncio

import pytest

from kohakuriver.apiserver.cluster import open_cluster
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, StoreCompacted, StoreUnavailable
from kohakuriver.apiserver.store.compaction import EVERY, Compaction
from kohakuriver.apiserver.store.lineage import Lineage
from kohakuriver.resources import kinds
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime


async def write(store: MemoryStore) -> int:
    return await store.commit(expect={}, writes=[Put("registry/x", str(await store.revision()).encode())])


async def is_kept(store: MemoryStore, revision: int) -> bool:
    try:
        await store.list("registry/", revision=revision)
    except StoreCompacted:
        return False
    return True


async def test_what_is_younger_than_five_minutes_is_never_forgotten():
    store = MemoryStore()
    task = asyncio.create_task(Compaction(store, LoopClock()).run())
    old = await write(store)
    await write(store)
    await asyncio.sleep(EVERY + 1)
    young = await write(store)
    assert await is_kept(store, old)
    await asyncio.sleep(EVERY)
    assert not await is_kept(store, old)
    assert await is_kept(store, young)
    task.cancel()


async def test_of_many_servers_one_compacts():
    class Counting(MemoryStore):
        compactions = 0

        async def compact(self, revision: int) -> None:
            self.compactions += 1
            await super().compact(revision)

    store = Counting()
    tasks = [asyncio.create_task(Compaction(store, LoopClock()).run()) for _ in range(4)]
    await write(store)
    await asyncio.sleep(EVERY * 3 + 1)
    assert store.compactions == 2
    for task in tasks:
        task.cancel()


async def test_a_store_that_is_away_puts_it_off():
    store = MemoryStore()
    compaction = Compaction(store, LoopClock())
    store.fail_next(StoreUnavailable("away"), times=2)
    await compaction.step()
    await compaction.step()
    await compaction.step()
    assert (await store.get(codec.COMPACTION)) is not None


async def test_servers_that_start_together_agree_on_one_cluster_and_its_namespaces():
    store = MemoryStore()
    clock = LoopClock()
    opened = await asyncio.gather(*(open_cluster(Lineage(store, clock), clock) for _ in range(5)))
    assert len(set(opened)) == 1
    assert await open_cluster(Lineage(store, clock), clock) == opened[0]
    page = await store.list(codec.prefix(kinds.NAMESPACE))
    assert [record.key.rpartition("/")[2] for record in page.records] == sorted(kinds.BUILT_IN_NAMESPACES)
