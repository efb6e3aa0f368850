"""Objects that have lost their owners go; those whose owner is, or cannot be known, stay."""

import asyncio
from typing import Any

import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.apiserver.write.collection import EVERY
from kohakuriver.apiserver.write.patch import MERGE
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime
Json = dict[str, Any]


def reference(owner: Json, **changed: Any) -> Json:
    fields = owner["metadata"]
    named = {"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": fields["name"]}
    return {**named, "uid": fields["uid"], **changed}


async def a_vps(api: Api, name: str, *owners: Json) -> Json:
    return await api.create(kinds.VPS, {"metadata": {"name": name, "ownerReferences": list(owners)}})


class CountingStore(MemoryStore):
    """Remembers which keys were read one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    async def get(self, key: str) -> Record | None:
        self.read.append(key)
        return await super().get(key)


def path(name: str) -> str:
    return kinds.VPS.path(namespace="default", name=name)


async def is_there(api: Api, name: str) -> bool:
    return (await api.get(path(name))).code == 200


async def settled(api: Api) -> None:
    await asyncio.sleep(EVERY + 1)


async def test_what_had_one_owner_goes_soon_after_it() -> None:
    async with running_api() as api:
        owner = await a_vps(api, "owner")
        await a_vps(api, "child", reference(owner))
        await a_vps(api, "grandchild", reference((await api.get(path("child"))).body))
        assert (await api.call("DELETE", path("owner"))).code == 200
        await asyncio.sleep(1)
        assert not await is_there(api, "child")
        await asyncio.sleep(1)
        assert not await is_there(api, "grandchild")


async def test_one_of_two_owners_is_forgotten_and_the_object_stays() -> None:
    async with running_api() as api:
        first, second = await a_vps(api, "first"), await a_vps(api, "second")
        await a_vps(api, "child", reference(first), reference(second))
        await api.call("DELETE", path("first"))
        await settled(api)
        assert (await api.get(path("child"))).body["metadata"]["ownerReferences"] == [reference(second)]


async def test_an_owner_of_another_uid_is_not_the_owner() -> None:
    async with running_api() as api:
        owner = await a_vps(api, "owner")
        await a_vps(api, "child", reference(owner, uid="another"))
        await settled(api)
        assert not await is_there(api, "child") and await is_there(api, "owner")


async def test_an_owner_of_a_kind_that_is_not_served_here_is_taken_to_be_there() -> None:
    async with running_api() as api:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "uid": "u"}}
        await a_vps(api, "child", reference(pod))
        await settled(api)
        assert await is_there(api, "child")


async def test_an_owner_beyond_the_namespaces_may_be_owned_by() -> None:
    async with running_api() as api:
        namespace = (await api.get("/api/v1/namespaces/default")).body
        await a_vps(api, "child", reference(namespace))
        await settled(api)
        assert await is_there(api, "child")


async def test_what_has_been_judged_is_not_read_again_until_something_changed() -> None:
    store = CountingStore()
    async with running_api(store) as api:
        namespace = (await api.get("/api/v1/namespaces/default")).body
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "uid": "u"}}
        for number in range(5):
            await a_vps(api, f"child{number}", reference(namespace), reference(pod))
        await settled(api)
        store.read.clear()
        await settled(api)
        await settled(api)
        assert not [key for key in store.read if "/vpses/" in key]
        reply = await api.call(
            "PATCH", path("child1"), {"spec": {"runState": "Stopped"}}, headers={"Content-Type": MERGE}
        )
        assert reply.code == 200
        await settled(api)
        assert {key for key in store.read if "/vpses/" in key} == {"registry/vpses/default/child1"}


async def test_orphaned_dependents_forget_their_owner_and_stay() -> None:
    async with running_api() as api:
        owner = await a_vps(api, "owner")
        await a_vps(api, "child", reference(owner))
        reply = await api.call("DELETE", path("owner"), {"propagationPolicy": "Orphan"})
        assert reply.code == 200
        await settled(api)
        assert "ownerReferences" not in (await api.get(path("child"))).body["metadata"]


async def test_a_dry_run_of_orphaning_releases_nobody() -> None:
    async with running_api() as api:
        owner = await a_vps(api, "owner")
        await a_vps(api, "child", reference(owner))
        options = {"propagationPolicy": "Orphan", "dryRun": ["All"]}
        await api.call("DELETE", path("owner"), options)
        assert "ownerReferences" in (await api.get(path("child"))).body["metadata"]


async def test_two_servers_collect_the_same_things_without_a_quarrel() -> None:
    store = MemoryStore()
    async with running_api(store) as one, running_api(store):
        owner = await a_vps(one, "owner")
        for number in range(5):
            await a_vps(one, f"child{number}", reference(owner))
        await one.call("DELETE", path("owner"))
        await settled(one)
        assert not (await one.get(kinds.VPS.path(namespace="default"))).body["items"]


async def test_a_snapshot_whose_deletion_waits_for_a_node_that_is_deleted_goes_too() -> None:
    store = CountingStore()
    async with running_api(store) as api:
        for name, node in (("going", "n1"), ("kept", "n1"), ("far", "n2"), ("held", "n1")):
            if node == "n2":
                await api.create(kinds.NODE, {"metadata": {"name": node}})
            metadata: Json = {"name": name, "namespace": "default", "uid": name}
            metadata["finalizers"] = ["kohakuriver.io/files", *(["example.com/x"] if name == "held" else [])]
            if name != "kept":
                metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            body = {
                "apiVersion": kinds.API_VERSION,
                "kind": "Snapshot",
                "metadata": metadata,
                "spec": {"vps": {"name": "dev", "uid": "u", "node": node}},
            }
            key = codec.key(kinds.SNAPSHOT, "default", name)
            await store.commit(expect={}, writes=[Put(key, codec.encode(body))])
        await settled(api)
        found = (await api.get(kinds.SNAPSHOT.path())).body["items"]
        assert {one["metadata"]["name"]: one["metadata"]["finalizers"] for one in found} == {
            "far": ["kohakuriver.io/files"],
            "held": ["example.com/x"],
            "kept": ["kohakuriver.io/files"],
        }
        revision = await store.revision()
        await settled(api)
        assert api.server.cache.revision >= revision
        again = (await api.get(kinds.SNAPSHOT.path())).body["items"]
        assert again == found, "an unchanged world is left as it is"
