"""Before etcd is out of space for everybody, users may delete and not write."""

import asyncio
import dataclasses
import logging
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding.outcome import WriteOptions
from kohakuriver.apiserver.store.base import Space, StoreUnavailable
from kohakuriver.apiserver.store.fullness import EVERY, Fullness, judged
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.writing import ADMIN, ALICE, N1, a_node, a_vps, a_world
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

pytestmark = [pytest.mark.looptime, pytest.mark.fault(68)]
VPSES = kinds.VPS.path(namespace="default")
FULL = "what is stored takes 81% of etcd's quota"


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (Space(used=79, file=94, quota=100), ""),
        (Space(used=80, file=81, quota=100), "what is stored takes 80%"),
        (Space(used=10, file=95, quota=100), "has to be defragmented"),
    ],
)
def test_users_stop_at_what_is_stored_or_at_what_etcd_counts(space: Space, words: str) -> None:
    assert words in judged(space) and bool(words) == bool(judged(space))


async def test_it_is_asked_again_and_a_store_that_does_not_answer_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    store = MemoryStore()
    store.quota, store.file = 100, 99
    fullness = Fullness(store)
    task = asyncio.create_task(fullness.run())
    await asyncio.sleep(1)
    assert "defragmented" in fullness.why
    store.file = 0
    store.fail_next(StoreUnavailable("etcd restarts"))
    await asyncio.sleep(EVERY)
    assert "defragmented" in fullness.why
    await asyncio.sleep(EVERY)
    assert fullness.why == ""
    task.cancel()
    told = [record.message for record in caplog.records if "write" in record.message]
    assert told == ["users may not write", "users may write again"]


async def test_a_user_may_delete_and_everybody_else_may_write() -> None:
    store = MemoryStore()
    async with running_api(store, clock=LoopClock()) as api:
        for name in ("one", "two"):
            assert (await created(api, name)).code == 201
        store.quota, store.file = 1_000_000, 960_000
        await asyncio.sleep(EVERY + 1)
        refused = await created(api, "three")
        assert (refused.code, refused.body["reason"]) == (507, "InsufficientStorage")
        assert "kept for nodes" in refused.body["message"] and "delete" in refused.body["details"]["hint"]
        headers = {"Content-Type": "application/merge-patch+json"}
        change = {"spec": {"priority": 7}}
        patched = await api.call("PATCH", f"{VPSES}/one", change, user="alice", headers=headers)
        assert patched.code == 507
        assert (await api.call("DELETE", f"{VPSES}/one", user="alice")).code == 200
        assert (await api.call("PATCH", f"{VPSES}/two", change, headers=headers)).code == 200
        assert (await api.get(VPSES, user="alice")).code == 200
        node = {"apiVersion": kinds.NODE.api_version, "kind": "Node", "metadata": {"name": "n1"}, "spec": {}}
        assert (await api.call("POST", kinds.NODE.path(), node, user="n1")).code == 201
        lease = {"apiVersion": kinds.LEASE.api_version, "kind": "Lease", "metadata": {"name": "n1"}}
        lease["spec"] = {"holderIdentity": "n1", "leaseDurationSeconds": 10}
        leases = kinds.LEASE.path(namespace=kinds.NODE_LEASE_NAMESPACE)
        assert (await api.call("POST", leases, lease, user="n1")).code == 201
        store.file = 0
        await asyncio.sleep(EVERY + 1)
        assert (await created(api, "three")).code == 201


async def created(api: Api, name: str) -> Any:
    body = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": name}}
    return await api.call("POST", VPSES, body, user="alice")


async def test_reports_and_what_is_on_its_way_out_go_on() -> None:
    world = await a_world(a_node())
    vps = a_vps("leaving")
    vps["metadata"]["finalizers"] = ["example.com/one", "example.com/two"]
    await world.create(vps, user=ALICE)
    await world.delete("leaving", user=ALICE)
    await world.bound()
    full = dataclasses.replace(world, crowded=FULL)
    await full.report(state="running", user=N1)
    await full.patch({"metadata": {"finalizers": ["example.com/one"]}}, "leaving", user=ALICE)
    with pytest.raises(errors.InsufficientStorage, match="81%"):
        await full.create(a_vps("other"), user=ALICE)
    with pytest.raises(errors.InsufficientStorage):
        await full.patch({"spec": {"runState": "Stopped"}}, user=ALICE)
    await full.patch({"spec": {"runState": "Stopped"}}, user=ADMIN)
    await full.create(a_vps("other"), user=ADMIN)


async def test_a_dry_run_tells_what_would_be_written() -> None:
    world = dataclasses.replace(await a_world(), crowded=FULL)
    await world.create(a_vps(), user=ALICE, options=WriteOptions(dry_run=True))
