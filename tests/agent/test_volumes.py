"""A volume that was kept is given to the namespace whose files it holds, and to no namesake of it."""

import asyncio
from pathlib import Path

import pytest

from kohakuriver.agent.volumes import is_anothers, owner
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, StoreConflict
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Json, Node, a_manifest, a_node
from tests.agent.placement_kit import bookings, lose, status_of_node

pytestmark = pytest.mark.looptime

HOME = [{"name": "home", "target": "/root"}]
CACHE = [{"name": "home", "target": "/root", "reclaimPolicy": "Delete"}]
UID, CLUSTER = "kohakuriver.io/namespace-uid", "kohakuriver.io/cluster"


async def namespace(node: Node, name: str = "team") -> str:
    """A new Namespace; its uid."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    made = await node.api.create(kinds.NAMESPACE, body)
    node.paths = kinds.VPS.path(namespace=name)
    return str(made["metadata"]["uid"])


async def placed(node: Node, **spec: object) -> Json:
    manifest = a_manifest(**spec)
    manifest["metadata"]["namespace"] = "team"
    return await node.place(manifest)


def volume(node: Node) -> str:
    (name,) = (name for name in node.engine.volumes if name.endswith("_team_dev_home"))
    return name


async def of_a_former_tenant(node: Node) -> str:
    """A volume that was kept for a namespace which is gone, and another namespace of its name."""
    former = await namespace(node)
    await placed(node, volumes=HOME)
    await node.until(phase="running")
    await gone(node)
    await remove_namespace(node)
    assert await namespace(node) != former
    return former


async def gone(node: Node) -> None:
    await node.delete()
    await node.until_gone()


async def remove_namespace(node: Node) -> None:
    reply = await node.api.call("DELETE", kinds.NAMESPACE.path(name="team"))
    assert reply.code == 200, reply.body


async def forget_the_namespace(node: Node) -> None:
    """As a server of before has bound it."""
    key = codec.key(kinds.VPS, "team", "dev")
    for _ in range(20):  # the agent writes too
        record = await node.api.store.get(key)
        assert record is not None
        vps = codec.decode(record)
        del vps["status"]["assignment"]["namespaceUid"]
        try:
            await node.api.store.commit(expect={key: record.revision}, writes=[Put(key, codec.encode(vps))])
        except StoreConflict:
            continue
        break
    assert "namespaceUid" not in (await node.get())["status"]["assignment"]


async def test_the_next_tenant_of_a_name_does_not_get_the_files_of_the_former(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        former = await of_a_former_tenant(node)
        name = volume(node)
        assert node.engine.volumes[name][UID] == former
        await placed(node, volumes=HOME)
        vps = await node.until(reason="VolumeOfAnother")
        assert node.containers() == []
        said = vps["status"]["message"]
        assert "give the volume another name in spec.volumes" in said and f"docker volume rm {name}" in said
        await gone(node)
        assert node.engine.volumes[name][UID] == former, "it is kept as it was"
        await placed(node, volumes=[{"name": "mine", "target": "/root"}])
        await node.until(phase="running")


async def test_a_volume_that_was_not_given_is_not_removed_either(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        former = await of_a_former_tenant(node)
        await placed(node, volumes=CACHE)
        await node.until(reason="VolumeOfAnother")
        await gone(node)
        assert node.engine.volumes[volume(node)][UID] == former


async def test_nor_by_a_forced_delete(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        former = await of_a_former_tenant(node)
        await placed(node, volumes=CACHE)
        await node.until(reason="VolumeOfAnother")
        await node.kill_agent()
        await lose(node)
        await node.delete(gracePeriodSeconds=0)
        await node.start_agent()
        await asyncio.sleep(30)
        assert await bookings(node) == {}
        assert node.engine.volumes[volume(node)][UID] == former


async def test_an_administrator_hands_a_volume_over_with_the_command_in_the_message(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await of_a_former_tenant(node)
        await placed(node, volumes=HOME)
        said = (await node.until(reason="VolumeOfAnother"))["status"]["message"]
        words = said.partition("docker volume create ")[2].partition(";")[0].split()
        cluster, uid = (word.partition("=")[2] for word in words if "=" in word)
        node.engine.volumes[words[-1]] = {CLUSTER: cluster, UID: uid}
        await node.until(phase="running")


async def test_the_same_namespace_has_its_volume_again(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await namespace(node)
        for _ in range(2):
            await placed(node, volumes=HOME)
            await node.until(phase="running")
            await gone(node)
        assert len([name for name in node.engine.volumes if "_team_" in name]) == 1


@pytest.mark.parametrize("bound_by_a_server_of_before", [False, True])
async def test_a_volume_of_an_earlier_version_is_its_namespaces_from_when_it_is_kept(
    tmp_path: Path, bound_by_a_server_of_before: bool
) -> None:
    async with a_node(tmp_path) as node:
        first = await namespace(node)
        await placed(node, volumes=HOME)
        await node.until(phase="running")
        name = volume(node)
        del node.engine.volumes[name][UID]
        if bound_by_a_server_of_before:
            await forget_the_namespace(node)
        await gone(node)
        assert node.engine.volumes[name + "_owner"][UID] == first
        await asyncio.sleep(30)
        assert {one["name"] for one in (await status_of_node(node))["volumes"]} == {"home"}
        await remove_namespace(node)
        await namespace(node)
        await placed(node, volumes=HOME)
        await node.until(reason="VolumeOfAnother")


async def test_a_volume_that_nobody_has_written_down_is_whose_the_name_is(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await of_a_former_tenant(node)
        name = volume(node)
        node.engine.volumes = {
            name: {key: value for key, value in node.engine.volumes[name].items() if key != UID}
        }
        made = await placed(node, volumes=HOME)
        vps = await node.until(phase="running")
        assert made["metadata"]["uid"] == vps["metadata"]["uid"]
        mark = node.engine.volumes[name + "_owner"]
        assert mark == {CLUSTER: mark[CLUSTER], UID: vps["status"]["assignment"]["namespaceUid"]}


def test_a_mark_comes_before_the_label() -> None:
    found = {"v": {UID: "a"}, "w": {}, "w_owner": {UID: "b"}, "x": {UID: "a"}, "x_owner": {UID: "b"}}
    assert [owner(found, name) for name in ("v", "w", "x", "y")] == ["a", "b", "b", ""]
    assert is_anothers(found, "x", "a") and not is_anothers(found, "x", "b")
    assert not is_anothers({"z": {}}, "z", "a") and not is_anothers(found, "y", "a")
