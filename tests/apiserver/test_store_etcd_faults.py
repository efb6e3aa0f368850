"""What the store says while its etcd is killed, frozen or out of reach."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from apiserver.store.base import StoreError, StoreTimeout, StoreUnavailable
from apiserver.store.etcd import EtcdStore
from tests.apiserver.store_contract import changes, put, until
from tests.etcd import EtcdProcess, free_port

pytestmark = pytest.mark.etcd


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdProcess]:
    with EtcdProcess(tmp_path / "etcd") as process:
        yield process


@pytest.fixture
async def store(etcd: EtcdProcess) -> AsyncIterator[EtcdStore]:
    connected = await EtcdStore.connect([etcd.endpoint])
    yield connected
    await connected.aclose()


async def timed(call: AsyncIterator[object] | object) -> float:
    """How long the awaitable took to raise a StoreError."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with pytest.raises(StoreError):
        await call  # type: ignore[misc]
    return loop.time() - begun


@pytest.mark.fault(37)
async def test_every_acknowledged_write_is_there_after_etcd_was_killed(
    etcd: EtcdProcess, store: EtcdStore
) -> None:
    acknowledged: set[str] = set()
    refused: set[str] = set()
    unknown: set[str] = set()

    async def write_forever(writer: int) -> None:
        for n in range(100_000):
            key = f"{writer}/{n}"
            try:
                await put(store, key)
                acknowledged.add(key)
            except StoreTimeout:
                unknown.add(key)
            except StoreUnavailable:
                refused.add(key)

    writers = [asyncio.create_task(write_forever(n)) for n in range(8)]
    for _ in range(2):
        await asyncio.sleep(0.5)
        await asyncio.to_thread(etcd.restart)
    await asyncio.sleep(1.5)
    for writer in writers:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)

    stored = {record.key for record in (await store.list("")).records}
    assert len(acknowledged) > 100
    assert unknown, "writes were under way when it was killed"
    assert acknowledged <= stored, "an acknowledged write was lost"
    assert not refused & stored, "a write said not to be done was done"


@pytest.mark.fault(37)
async def test_while_etcd_is_dead_calls_fail_within_five_seconds_and_then_go_on(
    etcd: EtcdProcess, store: EtcdStore
) -> None:
    at = await put(store, "a")
    etcd.kill()
    assert await timed(store.get("a")) < 5
    with pytest.raises(StoreUnavailable) as failure:
        await put(store, "b")
    assert etcd.endpoint in str(failure.value)
    assert "check that etcd runs" in failure.value.hint
    await asyncio.to_thread(etcd.start)
    async with asyncio.timeout(5):
        while True:
            try:
                assert await store.revision() == at
                break
            except StoreUnavailable:
                continue
    await put(store, "b")


@pytest.mark.fault(37)
async def test_a_watch_on_an_etcd_that_is_killed_breaks_and_can_be_resumed(
    etcd: EtcdProcess, store: EtcdStore
) -> None:
    at = await put(store, "p/a")
    stream = store.watch("p/", start=at)
    await until(stream, at)
    waiting = asyncio.create_task(until(stream, at + 1))
    await asyncio.sleep(0.1)
    etcd.kill()
    assert await timed(waiting) < 2
    assert await timed(anext(store.watch("p/", start=at + 1))) < 5
    await asyncio.to_thread(etcd.start)
    await put(store, "p/b")
    resumed = store.watch("p/", start=at + 1)
    assert [change.key for change in changes(await until(resumed, at + 1))] == ["p/b"]
    await resumed.aclose()  # type: ignore[attr-defined]


@pytest.mark.fault(38)
async def test_a_frozen_etcd_is_an_error_within_the_timeout_and_a_watch_breaks_soon_after(
    etcd: EtcdProcess,
) -> None:
    store = await EtcdStore.connect([etcd.endpoint], timeout=1.5)
    at = await put(store, "p/a")
    stream = store.watch("p/", start=at)
    await until(stream, at)
    broken = asyncio.create_task(timed(until(stream, at + 1)))
    etcd.freeze()
    for call in (store.get("p/a"), put(store, "p/b"), store.revision(), store.list("p/")):
        assert 0.1 < await timed(call) < 2
    assert await timed(anext(store.watch("p/", start=at))) < 2
    assert await broken < 12  # keepalive: 7 s and 4 s
    etcd.thaw()
    assert await store.get("p/a") is not None
    await store.aclose()


@pytest.mark.fault(38)
async def test_a_write_sent_to_a_frozen_etcd_is_unknown(etcd: EtcdProcess) -> None:
    store = await EtcdStore.connect([etcd.endpoint], timeout=1.0)
    await put(store, "a", b"1")
    etcd.freeze()
    with pytest.raises(StoreTimeout):
        await put(store, "a", b"2")
    etcd.thaw()
    await store.aclose()


@pytest.mark.fault(38)
async def test_a_store_first_used_while_etcd_is_frozen_says_so(etcd: EtcdProcess) -> None:
    store = await EtcdStore.connect([etcd.endpoint], timeout=2.0)
    etcd.freeze()
    with pytest.raises(StoreUnavailable):
        await put(store, "a")
    etcd.thaw()
    await put(store, "a")
    await store.aclose()


async def test_of_several_endpoints_the_one_that_answers_is_used(etcd: EtcdProcess) -> None:
    dead = f"127.0.0.1:{free_port()}"
    store = await EtcdStore.connect([dead, etcd.endpoint])
    loop = asyncio.get_running_loop()
    begun = loop.time()
    at = await put(store, "p/a")
    assert (await anext(store.watch("p/", start=at))).revision == at
    assert loop.time() - begun < 1
    await store.aclose()


async def test_a_store_goes_on_at_the_next_endpoint_when_its_own_freezes(
    etcd: EtcdProcess, tmp_path: Path
) -> None:
    with EtcdProcess(tmp_path / "second") as second:
        store = await EtcdStore.connect([second.endpoint, etcd.endpoint], timeout=1.0)
        await put(store, "a")
        second.freeze()
        assert await store.get("a") is None  # the other one, which never had it, within the same call
        await store.aclose()


async def test_a_write_is_not_sent_to_a_second_endpoint_but_unknown(
    etcd: EtcdProcess, tmp_path: Path
) -> None:
    with EtcdProcess(tmp_path / "second") as second:
        store = await EtcdStore.connect([second.endpoint, etcd.endpoint], timeout=1.0)
        await put(store, "a")
        second.freeze()
        with pytest.raises(StoreTimeout):
            await put(store, "b")
        assert await store.get("b") is None
        await put(store, "c")  # the next one goes where somebody answers
        await store.aclose()
