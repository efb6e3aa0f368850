"""A store is copied as of one revision, and brought into an empty one: all of it, or it does not count."""

import asyncio
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohakuriver.apiserver.store import codec, copying
from kohakuriver.apiserver.store.base import Put, StoreError, StoreFull, StoreRefused, StoreUnavailable
from kohakuriver.apiserver.store.copying import CopyDamaged, Kept
from kohakuriver.apiserver.store.lineage import STEP, Lineage
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

CLOCK = LoopClock()
NOON = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
VALUES = {
    "registry/vpses/default/b": b'{"name": "b"}',
    "registry/vpses/default/a": b'{"name": "a"}',
    "registry/vpses/default/sealed": b"\0kr1\xff\xfe",
    "registry/.revoked/n1": b"7",
    codec.PROOF: b"secret",
}


async def a_store(values: dict[str, bytes] | None = None) -> MemoryStore:
    store = MemoryStore()
    await Lineage(store, CLOCK).look()
    for key, value in (VALUES if values is None else values).items():
        await store.commit(expect={}, writes=[Put(key, value)])
    return store


async def copied(store: MemoryStore) -> list[bytes]:
    lines: list[bytes] = []
    await copying.save(store, lines.append, clock=CLOCK)
    return lines


async def values(store: MemoryStore) -> dict[str, bytes]:
    records = (await store.list("")).records
    return {one.key: one.value for one in records if not one.key.startswith(copying.LEFT_OUT)}


@pytest.mark.looptime
async def test_what_is_copied_comes_back_byte_for_byte_in_a_history_that_follows():
    store, empty = await a_store(), MemoryStore()
    first = await Lineage(store, CLOCK).look()
    assert await copying.load(empty, copying.read(await copied(store)), clock=CLOCK) == len(VALUES)
    assert await values(empty) == VALUES
    assert await empty.get(codec.LOADING) is None
    lineage = Lineage(empty, CLOCK)
    found = await lineage.look()
    assert (found.cluster_id, found.is_restored) == (first.cluster_id, True)
    assert found.id != first.id
    assert await lineage.store.revision() > await store.revision() + STEP - 1
    assert await lineage.look() == found


@pytest.mark.looptime
async def test_vpses_that_wait_keep_their_order():
    store, empty = await a_store(), MemoryStore()
    await copying.load(empty, copying.read(await copied(store)), clock=CLOCK)
    records = (await empty.list("registry/vpses/")).records
    in_turn = sorted(records, key=lambda one: (one.created, one.key))  # as apiserver/cache/turns.py has it
    assert [one.key.rpartition("/")[2] for one in in_turn] == ["b", "a", "sealed"]


@pytest.mark.looptime
async def test_a_copy_is_of_one_revision_while_others_write():
    store = await a_store({f"registry/events/{n:04}": b"1" for n in range(1100)})
    lines: list[bytes] = []

    def write(line: bytes) -> None:
        lines.append(line)
        if len(lines) == 3:
            writing.append(asyncio.ensure_future(store.commit(expect={}, writes=[Put("registry/z", b"2")])))

    writing: list[asyncio.Future[int]] = []
    await copying.save(store, write, clock=CLOCK)
    await writing[0]
    kept = {one.key for one in copying.read(lines).kept}
    assert await store.get("registry/z") is not None
    assert len(kept) == 1100 and "registry/z" not in kept


@pytest.mark.looptime
async def test_what_goes_away_by_itself_goes_at_the_same_time_or_is_not_brought_back():
    store, empty = await a_store({}), MemoryStore()
    writes = [Put("registry/events/short", b"1", ttl=30), Put("registry/events/long", b"1", ttl=3600)]
    await store.commit(expect={}, writes=writes)
    lines = await copied(store)
    await asyncio.sleep(600)
    assert await copying.load(empty, copying.read(lines), clock=CLOCK) == 1
    assert list(await values(empty)) == ["registry/events/long"]
    await asyncio.sleep(3061)
    assert await values(empty) == {}


@pytest.mark.looptime
async def test_codes_and_ticks_are_not_in_a_copy():
    momentary = {codec.TICKS + "a": b"1", codec.CODES + "a": b"1", codec.COMPACTION: b"{}"}
    assert copying.read(await copied(await a_store(momentary))).kept == ()


@pytest.mark.looptime
async def test_a_store_without_a_cluster_is_not_copied():
    with pytest.raises(StoreRefused, match="no cluster yet"):
        await copied(MemoryStore())


@pytest.mark.looptime
async def test_a_store_that_holds_something_is_left_as_it_is():
    copy, other = copying.read(await copied(await a_store())), await a_store({"registry/mine": b"1"})
    before = await other.list("")
    with pytest.raises(StoreRefused, match="holds meta/cluster and more already"):
        await copying.load(other, copy, clock=CLOCK)
    assert await other.list("") == before


@pytest.mark.looptime
async def test_a_load_that_was_interrupted_anywhere_is_begun_again_and_no_server_serves_it_before():
    copy = copying.read(await copied(await a_store({f"registry/vpses/d/{n}": b"1" for n in range(6)})))
    whole = 0
    for calls in range(40):
        store = MemoryStore()
        failing = _Failing(store, after=calls)
        try:
            await copying.load(failing, copy, clock=CLOCK)
            whole += 1
        except StoreUnavailable:
            if await store.get(codec.LOADING) is not None:
                with pytest.raises(StoreUnavailable, match="a backup is being loaded"):
                    await Lineage(store, CLOCK).look()
                with pytest.raises(StoreRefused, match="a backup is being loaded"):
                    await copied(store)
            await copying.load(store, copy, clock=CLOCK)
        assert len(await values(store)) == 6
        assert (await Lineage(store, CLOCK).look()).is_restored
    assert 0 < whole < 40


class _Failing:
    """A store whose connection breaks for good after so many calls."""

    def __init__(self, store: MemoryStore, *, after: int) -> None:
        self._store = store
        self._left = after

    def __getattr__(self, name: str):
        if not self._left:
            raise StoreUnavailable("the connection broke")
        self._left -= 1
        return getattr(self._store, name)


@pytest.mark.looptime
async def test_a_full_store_is_told_and_does_not_count():
    copy, store = copying.read(await copied(await a_store())), MemoryStore()
    store.raise_alarm("NOSPACE")
    with pytest.raises(StoreFull):
        await copying.load(store, copy, clock=CLOCK)


@pytest.mark.looptime
async def test_somebody_who_writes_meanwhile_is_noticed():
    copy, store = copying.read(await copied(await a_store())), MemoryStore()
    commit = store.commit

    async def and_another(*, expect, writes):
        if any(isinstance(one, Put) and one.key == codec.PROOF for one in writes):
            await commit(expect={}, writes=[Put("registry/theirs", b"1")])
        return await commit(expect=expect, writes=writes)

    store.commit = and_another  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="registry/theirs is not as the backup has it"):
        await copying.load(store, copy, clock=CLOCK)


@pytest.mark.looptime
async def test_a_copy_that_is_cut_damaged_or_of_a_later_form_is_refused():
    lines = await copied(await a_store())
    cases = {
        "cut short: 5 records": lines[:-1],
        "cut short: 4 records": [*lines[:2], *lines[3:]],
        "something follows": [*lines, lines[1]],
        "not a copy of a KohakuRiver store": [b'{"kind": "List"}\n'],
        "a later version": [lines[0].replace(b'"format":1', b'"format":2'), *lines[1:]],
        "damaged": [lines[0], b"\0\0\0\n", *lines[2:]],
        "not a copy of": [],
    }
    for said, cut in cases.items():
        with pytest.raises(CopyDamaged, match=said):
            copying.read(cut)


@given(st.permutations(range(8)))
def test_vpses_are_in_the_same_order_however_they_are_called(places):
    kept = [Kept(f"registry/vpses/d/{place}", b"1", created) for created, place in enumerate(places, 1)]
    written = [(n, put.key) for n, puts in enumerate(copying.transactions(kept, NOON)) for put in puts]
    assert [key for _, key in sorted(written)] == [one.key for one in kept]


def test_one_transaction_holds_no_more_than_etcd_takes():
    kept = [Kept(f"registry/events/{n}", b"x" * 20_000, n) for n in range(300)]
    kept += [Kept("registry/environments/large", b"x" * 1_400_000, 400)]
    found = list(copying.transactions(kept, NOON))
    assert sum(map(len, found)) == 301
    assert max(len(one) for one in found) <= 100
    assert max(sum(len(put.value) for put in one) for one in found if len(one) > 1) <= 512 * 1024
