"""The store under an offset: the contract holds, numbers never fall, earlier histories are forgotten."""

import pytest

from kohakuriver.apiserver.store.base import Put, StoreCompacted, StoreConflict
from kohakuriver.apiserver.store.shifted import ShiftedStore
from tests.apiserver.store_contract import StoreContract, put
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

OFFSET = 10**12


@pytest.fixture
def store() -> ShiftedStore:
    shifted = ShiftedStore(MemoryStore())
    shifted.offset = OFFSET
    return shifted


class TestShiftedStore(StoreContract):
    """The contract, under an offset."""


async def test_what_is_asked_for_at_a_revision_of_an_earlier_history_is_forgotten(
    store: ShiftedStore,
) -> None:
    old = await store.inner.commit(expect={}, writes=[Put("p/a", b"1")])
    store.floor = await put(store, "p/b")
    with pytest.raises(StoreCompacted):
        await store.list("p/", revision=old)
    with pytest.raises(StoreCompacted):
        await anext(aiter(store.watch("p/", start=old)))
    await store.compact(old)
    assert len((await store.list("p/", revision=store.floor)).records) == 2


async def test_a_write_that_expects_a_revision_of_an_earlier_history_is_a_conflict(
    store: ShiftedStore,
) -> None:
    old = await store.inner.commit(expect={}, writes=[Put("a", b"1")])
    with pytest.raises(StoreConflict) as refused:
        await store.commit(expect={"a": old}, writes=[Put("a", b"2")])
    actual = refused.value.actual["a"]
    assert actual is not None and actual.revision == old + OFFSET
