import asyncio

import pytest

from kohakuriver.apiserver.store.base import (
    Delete,
    Put,
    StoreFull,
    StoreTimeout,
    StoreUnavailable,
)
from tests.apiserver.store_contract import CopiedContract, StoreContract, changes, put, until, watching
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


class TestMemoryStore(StoreContract, CopiedContract):
    """The contract, in memory and simulated time."""


async def test_a_frozen_store_times_out_and_goes_on_when_thawed(store: MemoryStore) -> None:
    await put(store, "a", b"1")
    store.freeze()
    with pytest.raises(StoreTimeout):
        await store.get("a")
    with pytest.raises(StoreTimeout):
        await put(store, "a", b"2")
    reading = asyncio.create_task(store.get("a"))
    await asyncio.sleep(1)
    store.thaw()
    record = await reading
    assert record is not None and record.value == b"1"


async def test_lifetimes_stand_still_while_the_store_is_frozen(store: MemoryStore) -> None:
    at = await store.commit(expect={}, writes=[Put("p/a", b"", ttl=1)])
    store.freeze()
    await asyncio.sleep(10)
    async with watching(store, "p/", start=at) as stream:
        waiting = asyncio.create_task(until(stream, at + 1))
        await asyncio.sleep(1)
        assert not waiting.done()
        store.thaw()
        assert changes(await waiting)[-1].record is None


async def test_a_failure_ordered_comes_once_and_nothing_is_done(store: MemoryStore) -> None:
    store.fail_next(StoreUnavailable("no leader"))
    with pytest.raises(StoreUnavailable, match="no leader"):
        await put(store, "a")
    assert await store.get("a") is None


async def test_a_lost_reply_leaves_the_write_done(store: MemoryStore) -> None:
    store.fail_next(StoreTimeout("lost"), done=True)
    with pytest.raises(StoreTimeout):
        await put(store, "a")
    assert await store.get("a") is not None


async def test_dropped_watches_break_and_can_be_resumed(store: MemoryStore) -> None:
    at = await put(store, "p/a", b"1")
    async with watching(store, "p/", start=at) as stream:
        await until(stream, at)
        waiting = asyncio.create_task(until(stream, at + 1))
        await asyncio.sleep(0)
        store.drop_watches()
        with pytest.raises(StoreUnavailable):
            await waiting
    await put(store, "p/a", b"2")
    async with watching(store, "p/", start=at + 1) as stream:
        assert len(changes(await until(stream, at + 1))) == 1


async def test_a_full_store_refuses_puts_and_takes_deletes(store: MemoryStore) -> None:
    await put(store, "a")
    store.raise_alarm("NOSPACE")
    with pytest.raises(StoreFull):
        await put(store, "b")
    await store.commit(expect={}, writes=[Delete("a")])
    assert await store.alarms() == ("NOSPACE",)
    store.clear_alarm("NOSPACE")
    await put(store, "b")
