"""Who rehearses the creation of a VPS hears whether it would wait for a node, and why."""

from typing import Any

import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.writing import a_node

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
PATH = kinds.VPS.path(namespace="default")


async def rehearsed(api: Api, *, real: bool = False, **spec: Any) -> str:
    """The warnings beside the answer to a create of such a VPS."""
    body = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": "dev"}, "spec": spec}
    params = {} if real else {"dryRun": "All"}
    answer = await api.call("POST", PATH, body, user="alice", params=params)
    assert answer.code == 201, answer.body
    return str(answer.headers.get("Warning") or "")


async def put(api: Api, *nodes: Json) -> None:
    for node in nodes:
        await put_raw(api, kinds.NODE, node)


async def put_raw(api: Api, resource: kinds.ResourceType, obj: Json) -> None:
    key = codec.key(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])
    revision = await api.store.commit(expect={}, writes=[Put(key, codec.encode(obj))])
    await api.server.cache.wait_for(revision)


def labelled(name: str, **labels: str) -> Json:
    node = a_node(name)
    node["metadata"]["labels"] = labels
    return node


async def test_what_no_node_has_room_for_is_told_with_numbers() -> None:
    async with running_api() as api:
        await put(api, a_node("n1"), a_node("n2", memory="2Gi"))
        assert await rehearsed(api, resources={"memory": "4Gi"}) == "", "n1 has it"
        said = await rehearsed(api, resources={"memory": "16Gi"})
        assert "it would wait: n1 is short of memory: need 16Gi, 8Gi free; n2 is short of memory" in said
        assert await rehearsed(api, resources={"memory": "16Gi"}, runState="Stopped") == ""
        assert await rehearsed(api, real=True, resources={"memory": "16Gi"}) == "", (
            "a real one says so itself"
        )


async def test_what_others_have_booked_is_counted() -> None:
    async with running_api() as api:
        await put(api, a_node("n1"))
        entry = {"namespace": "default", "name": "big", "epoch": 1, "id": "i", "cores": "1", "memory": "7Gi"}
        record = {
            "apiVersion": kinds.API_VERSION,
            "kind": "NodeAllocation",
            "metadata": {"name": "n1", "uid": "a"},
            "bookings": {"uid-big": entry},
        }
        await put_raw(api, kinds.NODE_ALLOCATION, record)
        assert "need 2Gi, 1Gi free" in await rehearsed(api, resources={"memory": "2Gi"})


async def test_only_nodes_that_it_may_go_to_count() -> None:
    async with running_api() as api:
        assert await rehearsed(api) == "", "a cluster that has no node yet has only begun"
        await put(
            api, labelled("n1", disk="ssd"), a_node("n2", ready="False"), a_node("n3", unschedulable=True)
        )
        assert await rehearsed(api, placement={"nodeSelector": {"disk": "ssd"}}) == ""
        for placement, why in (
            ({"node": "n2"}, "n2 is not ready"),
            ({"node": "n3"}, "n3 is cordoned"),
            ({"node": "n9"}, "there is no node n9"),
            ({"nodeSelector": {"disk": "hdd"}}, "there is no node with the label disk=hdd"),
        ):
            assert why in await rehearsed(api, placement=placement)


async def test_a_node_that_cannot_be_read_keeps_nobody_from_an_answer() -> None:
    async with running_api() as api:
        broken = a_node("n1")
        broken["status"] = {"allocatable": {"cores": [], "memory": {}}, "conditions": "none"}
        await put(api, broken)
        await rehearsed(api, resources={"memory": "16Gi"})


async def test_many_full_nodes_are_counted_and_not_all_named() -> None:
    async with running_api() as api:
        await put(api, *(a_node(f"n{number}") for number in range(1, 6)))
        said = await rehearsed(api, resources={"memory": "16Gi"})
        assert "n3 is short" in said and "n4" not in said and "and 2 more nodes have no room" in said


def a_snapshot(name: str, phase: str = "", node: str = "n1") -> Json:
    spec = {"vps": {"name": "dev", "uid": "u", "node": node}}
    body = {"metadata": {"name": name, "namespace": "default", "uid": name}, "spec": spec}
    return {**body, "status": {"phase": phase}} if phase else body


async def test_a_snapshot_that_has_no_files_is_told() -> None:
    async with running_api() as api:
        await put(api, a_node("n1"), a_node("n2"))
        for one in (a_snapshot("s", "Ready"), a_snapshot("new"), a_snapshot("taking", "Taking")):
            await put_raw(api, kinds.SNAPSHOT, one)
        for one in (
            a_snapshot("failed", "Failed"),
            a_snapshot("lost", "Lost"),
            a_snapshot("far", "Ready", "n9"),
        ):
            await put_raw(api, kinds.SNAPSHOT, one)
        for name, said in (
            ("none", 'there is no Snapshot \\"none\\" in namespace default'),
            ("new", "it would wait: Snapshot new is still being taken on n1"),
            ("taking", "it would wait: Snapshot taking is still being taken on n1"),
            ("failed", "it would wait: Snapshot failed failed"),
            ("lost", "it would wait: the files of Snapshot lost are lost"),
            ("far", "it would wait: Snapshot far is on n9, and there is no node n9"),
        ):
            assert said in await rehearsed(api, filesFrom={"snapshot": name}), name
        assert await rehearsed(api, filesFrom={"snapshot": "s"}) == ""
        assert await rehearsed(api, filesFrom={"snapshot": "none"}, runState="Stopped") == ""


async def test_it_goes_to_the_node_that_has_the_snapshot_and_to_no_other() -> None:
    async with running_api() as api:
        await put(api, a_node("n1", memory="2Gi"), a_node("n2"))
        await put_raw(api, kinds.SNAPSHOT, a_snapshot("s", "Ready"))
        files = {"filesFrom": {"snapshot": "s"}}
        said = await rehearsed(api, **files, resources={"memory": "4Gi"})
        assert "n1 is short of memory: need 4Gi, 2Gi free" in said and "n2" not in said
        said = await rehearsed(api, **files, placement={"node": "n2"})
        assert "Snapshot s is on node n1, and placement.node asks for n2" in said
