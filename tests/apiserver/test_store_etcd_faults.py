"""What the store says while its etcd is killed, frozen or out of reach."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import pytest

from kohakuriver.apiserver.store.base import Batch, StoreError, StoreTimeout, StoreUnavailable
from kohakuriver.apiserver.store.channel import CHANNEL_OPTIONS, Wire, link_to
from kohakuriver.apiserver.store.etcd import EtcdStore
from kohakuriver.apiserver.store.keyspace import Keyspace
from kohakuriver.apiserver.store.watch import follow
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


async def fails(call: Awaitable[object]) -> None:
    """It is answered, and with a StoreError. How soon is a matter of test_channel.py."""
    async with asyncio.timeout(60):
        with pytest.raises(StoreError):
            await call


def a_watch_of_grpcs_own_ping_timeout(etcd: EtcdProcess, *, start: int) -> AsyncIterator[Batch]:
    """On a channel like the product's, but for that one setting."""
    options = [option for option in CHANNEL_OPTIONS if option[0] != "grpc.http2.ping_timeout_ms"]
    assert len(options) == len(CHANNEL_OPTIONS) - 1
    wire = Wire([link_to(etcd.endpoint, None, options)], login=None, timeout=5.0)
    return follow(wire, Keyspace.below("/kohakuriver/"), "p/", start=start)


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
    for kills in range(20):
        wanted = len(acknowledged) + 50
        async with asyncio.timeout(60):
            while len(acknowledged) < wanted:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.01)
        if kills >= 2 and unknown:  # on a busy machine a kill may fall between two writes
            break
        await asyncio.to_thread(etcd.restart)
    for writer in writers:
        writer.cancel()
    await asyncio.gather(*writers, return_exceptions=True)

    stored = {record.key for record in (await store.list("")).records}
    assert unknown, "writes were under way when it was killed"
    assert acknowledged <= stored, "an acknowledged write was lost"
    assert not refused & stored, "a write said not to be done was done"


@pytest.mark.fault(37)
async def test_while_etcd_is_dead_calls_fail_and_then_go_on(etcd: EtcdProcess, store: EtcdStore) -> None:
    at = await put(store, "a")
    etcd.kill()
    await fails(store.get("a"))
    with pytest.raises(StoreUnavailable) as failure:
        await put(store, "b")
    assert etcd.endpoint in str(failure.value)
    assert "check that etcd runs" in failure.value.hint
    await asyncio.to_thread(etcd.start)
    async with asyncio.timeout(60):
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
    await fails(waiting)
    await fails(anext(store.watch("p/", start=at + 1)))
    await asyncio.to_thread(etcd.start)
    await put(store, "p/b")
    resumed = store.watch("p/", start=at + 1)
    assert [change.key for change in changes(await until(resumed, at + 1))] == ["p/b"]
    await resumed.aclose()  # type: ignore[attr-defined]


@pytest.mark.fault(38)
async def test_a_frozen_etcd_is_an_error_and_a_watch_on_it_breaks_by_its_keepalive(
    etcd: EtcdProcess,
) -> None:
    store = await EtcdStore.connect([etcd.endpoint], timeout=1.5)
    at = await put(store, "p/a")
    stream = store.watch("p/", start=at)
    await until(stream, at)
    ordinary = a_watch_of_grpcs_own_ping_timeout(etcd, start=at)
    await anext(ordinary)
    broken, unbroken = (asyncio.create_task(fails(anext(each))) for each in (stream, ordinary))
    etcd.freeze()
    for call in (store.get("p/a"), put(store, "p/b"), store.revision(), store.list("p/")):
        await fails(call)
    await fails(anext(store.watch("p/", start=at)))
    await broken
    assert not unbroken.done(), "gRPC waits a minute, held up by the ping that measures bandwidth"
    unbroken.cancel()
    await asyncio.gather(unbroken, return_exceptions=True)
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
    at = await put(store, "p/a")
    assert (await anext(store.watch("p/", start=at))).revision == at
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
