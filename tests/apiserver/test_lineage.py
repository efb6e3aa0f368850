"""A restored store begins a new history, by itself where it shows, else because a person says so."""

import asyncio
import datetime
import sys
from pathlib import Path

import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.apiserver.store.etcd import EtcdStore
from kohakuriver.apiserver.store.lineage import STEP, Lineage, next_offset
from kohakuriver.clock import SystemClock
from kohakuriver.resources.kinds import HISTORY_HEADER, NODE, VPS
from tests.apiserver.api import running_api
from tests.etcd import EtcdProcess
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

NOON = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
VPSES = VPS.path(namespace="default")


def test_a_later_restore_of_an_older_backup_is_above_everything_shown_before():
    first = next_offset(0, NOON)
    day_later = next_offset(0, NOON + datetime.timedelta(days=1))
    assert day_later > first + 10**9
    assert next_offset(first, NOON - datetime.timedelta(days=365)) == first + STEP
    assert day_later < 2**53  # what JavaScript counts to


def a_lineage(store: MemoryStore) -> Lineage:
    return Lineage(store, LoopClock())


@pytest.mark.looptime
async def test_a_store_that_was_not_restored_stays_in_its_history():
    store = MemoryStore()
    first = await a_lineage(store).look()
    for _ in range(5):
        await store.commit(expect={}, writes=[Put("registry/x", b"1")])
    assert await a_lineage(store).look() == first
    assert not first.is_restored


@pytest.mark.fault(39)
@pytest.mark.looptime
async def test_a_server_that_starts_on_a_restored_store_begins_a_history_and_its_neighbours_take_it_over():
    store = MemoryStore()
    first = await a_lineage(store).look()
    for _ in range(5):
        await store.commit(expect={}, writes=[Put("registry/x", b"1")])
    store.restore(store.backup())
    found = await asyncio.gather(*(a_lineage(store).look() for _ in range(3)))
    assert len({one.id for one in found}) == 1
    assert found[0].id != first.id
    assert found[0].cluster_id == first.cluster_id
    lineage = a_lineage(store)
    assert await lineage.look() == found[0]
    assert await lineage.store.revision() > await store.revision() + STEP


@pytest.mark.fault(39)
@pytest.mark.looptime
async def test_resource_versions_rise_over_a_restore_and_what_was_watched_is_listed_again():
    store = MemoryStore()
    async with running_api(store) as api:
        await api.create(VPS, {"metadata": {"name": "before"}})
        backup = store.backup()
        await api.create(VPS, {"metadata": {"name": "after"}})
        old = await api.get(VPSES)
        store.restore(backup)
        await asyncio.sleep(5)
        new = await api.get(VPSES)
        assert int(new.body["metadata"]["resourceVersion"]) > int(old.body["metadata"]["resourceVersion"])
        assert [one["metadata"]["name"] for one in new.body["items"]] == ["before"]
        assert new.headers[HISTORY_HEADER] != old.headers[HISTORY_HEADER]
        version = old.body["metadata"]["resourceVersion"]
        told = await api.get(VPSES, params={"watch": "1", "resourceVersion": version})
        assert '"code":410' in told.body if isinstance(told.body, str) else told.body["object"]["code"] == 410
        exact = {"resourceVersion": version, "resourceVersionMatch": "Exact"}
        assert (await api.get(VPSES, params=exact)).code == 410


@pytest.mark.fault(39)
@pytest.mark.looptime
async def test_a_person_s_word_reaches_a_server_that_runs():
    store = MemoryStore()
    async with running_api(store) as api:
        await api.create(NODE, {"metadata": {"name": "n1"}})
        before = await api.get(VPSES)
        begun = await a_lineage(store).begin()
        await asyncio.sleep(5)
        after = await api.get(VPSES)
    assert after.headers[HISTORY_HEADER] == begun.id != before.headers[HISTORY_HEADER]


@pytest.mark.looptime
async def test_a_store_from_before_histories_were_counted_goes_on_as_it_was():
    store = MemoryStore()
    old = b'{"id": "cluster", "historyId": "first"}'
    await store.commit(expect={}, writes=[Put(codec.CLUSTER, old)])
    history = await a_lineage(store).look()
    assert (history.cluster_id, history.id, history.offset) == ("cluster", "first", 0)
    assert history.surplus is not None


@pytest.mark.etcd
@pytest.mark.fault(39)
async def test_etcd_killed_restarted_and_elected_anew_is_not_taken_for_restored(tmp_path: Path):
    with EtcdProcess(tmp_path) as etcd:
        store = await EtcdStore.connect([etcd.endpoint])
        first = await Lineage(store, SystemClock()).look()
        for round_ in range(3):
            for number in range(50):
                await store.commit(expect={}, writes=[Put("registry/x", f"{round_}/{number}".encode())])
            await asyncio.to_thread(etcd.restart)
            assert await Lineage(store, SystemClock()).look() == first
        await store.aclose()


@pytest.mark.etcd
@pytest.mark.fault(39)
async def test_an_etcd_that_etcdctl_restored_is_told_from_any_other_however_much_was_written_since(
    tmp_path: Path,
):
    with EtcdProcess(tmp_path) as etcd:
        store = await EtcdStore.connect([etcd.endpoint])
        first = await Lineage(store, SystemClock()).look()
        for _ in range(50):
            await store.commit(expect={}, writes=[Put("registry/x", b"1")])
        await asyncio.to_thread(etcd.save, tmp_path / "backup")
        shown = await store.revision()
        await asyncio.to_thread(etcd.restore, tmp_path / "backup")
        for _ in range(100):
            await store.commit(expect={}, writes=[Put("registry/x", b"2")])
        lineage = Lineage(store, SystemClock())
        second = await lineage.look()
        assert second.id != first.id
        assert await lineage.store.revision() > shown + STEP
        assert await Lineage(store, SystemClock()).look() == second
        await store.aclose()


@pytest.mark.etcd
@pytest.mark.fault(39)
async def test_the_step_after_a_restore_is_one_command_that_says_what_follows(tmp_path: Path):
    with EtcdProcess(tmp_path) as etcd:
        command = [sys.executable, "-m", "kohakuriver.apiserver", "--etcd", etcd.url, "--after-restore"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        store = await EtcdStore.connect([etcd.endpoint])
        history = await Lineage(store, SystemClock()).look()
        await store.aclose()
    assert process.returncode == 0
    assert history.is_restored
    assert f"history {history.id}" in out.decode()
    assert "kohakuriver node accept NODE" in out.decode()
