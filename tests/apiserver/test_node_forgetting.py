"""`nodes/NAME/forget`: a machine is destroyed, somebody says so, and it comes back after all (FAULTS 9)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import pytest

from kohakuriver import errors
from kohakuriver.apiserver.identity import revocation
from kohakuriver.apiserver.identity.identity import Role, User, fingerprint
from kohakuriver.apiserver.store.base import Delete, Put, StoreTimeout
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api, token_of
from tests.apiserver.test_tokens import a_token, ends
from tests.apiserver.writing import N1, World, a_node, a_vps, a_world
from tests.fakes.store import MemoryStore

pytestmark = [pytest.mark.looptime, pytest.mark.fault(9)]

Json = dict[str, Any]
NAMES = ("one", "two", "three")


@pytest.fixture
async def world() -> World:
    """Three VPSes and a tombstone on n1, which is silent."""
    world = await a_world(a_node("n1"), a_node("n2"))
    for name in (*NAMES, "ghost"):
        await world.bound(name)
        await world.silence(name)
    await world.delete("ghost", gracePeriodSeconds=0)
    await world.bound("elsewhere", node="n2")
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "n1", "namespace": kinds.NODE_LEASE_NAMESPACE},
    }
    await world.create(lease, user=N1, resource=kinds.LEASE)
    node = a_node("n1", ready="Unknown")
    await world.put(kinds.NODE, node)
    return world


async def check_forgotten(world: World) -> None:
    for name in NAMES:
        status = (await world.vps(name))["status"]
        assert status["phase"] == "pending" and "assignment" not in status
        assert "its files were on n1, which was given up" in status["message"]
    assert await world.get(kinds.NODE, "n1") is None
    assert await world.get(kinds.NODE_ALLOCATION, "n1") is None
    assert await world.get(kinds.LEASE, "n1", kinds.NODE_LEASE_NAMESPACE) is None
    record = await world.store.get(revocation.key("n1"))
    assert record is not None and b"hash-of-n1" in record.value
    assert (await world.vps("elsewhere"))["status"]["assignment"]["node"] == "n2"


async def test_its_vpses_are_pending_again_and_nothing_of_it_is_left(world: World) -> None:
    written = await world.forget_node()
    assert written.removed and written.object["metadata"]["name"] == "n1"
    await check_forgotten(world)
    assert len([reason for reason, _ in await world.events() if reason == "NodeForgotten"]) == 4


async def test_what_was_being_deleted_there_is_gone(world: World) -> None:
    await world.delete("one")
    await world.forget_node()
    assert await world.get(kinds.VPS, "one", "default") is None


async def test_a_vps_that_must_run_there_waits_for_it_and_says_that_its_files_are_gone(world: World) -> None:
    await world.create(a_vps("pinned", placement={"node": "n2"}))
    await world.act("bind", "pinned", node="n2")
    await world.silence("pinned")
    await world.put(kinds.NODE, a_node("n2", ready="Unknown"))
    await world.forget_node("n2")
    status = (await world.vps("pinned"))["status"]
    assert status["phase"] == "pending" and "its files were on n2" in status["message"]


async def test_it_is_said_in_so_many_words_or_not_done(world: World) -> None:
    for body in ({"destroyed": False}, {"destroyed": "true"}, {"destroyed": True, "force": True}):
        with pytest.raises(errors.BadRequest):
            await world.forget_node(**body)
    assert await world.get(kinds.NODE, "n1") is not None


async def test_a_node_that_is_ready_is_not_destroyed(world: World) -> None:
    with pytest.raises(errors.Conflict, match="it is Ready") as caught:
        await world.forget_node("n2")
    assert "node drain n2" in caught.value.hint
    assert await world.store.get(revocation.key("n2")) is None


async def test_a_node_that_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(errors.NotFound):
        await world.forget_node("n9")
    await world.forget_node("n1")
    with pytest.raises(errors.NotFound):
        await world.forget_node("n1")


async def test_a_node_whose_object_was_deleted_before_is_forgotten_too(world: World) -> None:
    await world.delete("n1", resource=kinds.NODE)
    await world.forget_node()
    await check_forgotten(world)


@pytest.mark.parametrize("crash", range(6))
async def test_a_crash_at_any_step_is_made_good_by_saying_it_again(world: World, crash: int) -> None:
    commit, count = world.store.commit, 0

    async def dying(*, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        nonlocal count
        count += 1
        if count > crash:
            raise StoreTimeout("killed")
        return await commit(expect=expect, writes=writes)

    world.store.commit = dying  # type: ignore[method-assign]
    with pytest.raises(StoreTimeout):
        await world.forget_node()
    world.store.commit = commit  # type: ignore[method-assign]
    if await world.get(kinds.NODE, "n1") is not None:
        await world.forget_node()
    await check_forgotten(world)


async def test_what_is_bound_in_the_middle_of_it_is_given_up_too(world: World) -> None:
    """Somebody uncordons the node, and a controller of old binds to it, between two of the steps."""
    commit, count = world.store.commit, 0

    async def interrupted(*, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        nonlocal count
        count += 1
        if count == 6:  # after all three, and the second look
            world.store.commit = commit  # type: ignore[method-assign]
            await world.put(kinds.NODE, a_node("n1"))
            await world.bound("late")
        return await commit(expect=expect, writes=writes)

    world.store.commit = interrupted  # type: ignore[method-assign]
    await world.forget_node()
    await check_forgotten(world)
    assert (await world.vps("late"))["status"]["phase"] == "pending"


async def node_and_vps(api: Api) -> str:
    """n1, registered by its agent, with a VPS bound to it and silent since; the VPS's path."""
    await api.create(kinds.NODE, {"metadata": {"name": "n1"}}, user="n1")
    status = {
        "allocatable": {"cores": "4", "memory": "8Gi"},
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    merge = {"Content-Type": "application/merge-patch+json"}
    path = kinds.NODE.path(name="n1", subresource="status")
    assert (await api.call("PATCH", path, {"status": status}, user="n1", headers=merge)).code == 200
    vps = await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
    place = kinds.VPS.path(namespace="default", name="dev")
    body = {"uid": vps["metadata"]["uid"], "node": "n1"}
    assert (await api.call("POST", f"{place}/bind", body, user="controller")).code == 200
    unknown = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
    assert (await api.call("PATCH", path, unknown, user="admin", headers=merge)).code == 200
    return place


@pytest.mark.fault(9, 47)
async def test_the_agent_of_a_forgotten_node_is_refused_in_a_sentence_and_a_new_one_is_not() -> None:
    anew = User("n1-anew", Role.NODE, node="n1")
    async with running_api(users=(anew,)) as api:
        place = await node_and_vps(api)
        listing = kinds.VPS.path()
        assert (await api.get(listing, user="n1")).code == 200
        forgotten = kinds.NODE.path(name="n1", subresource="forget")
        assert (await api.call("POST", forgotten, {"destroyed": True}, user="n1")).code == 403
        assert (await api.call("POST", forgotten, {"destroyed": True}, user="alice")).code == 403
        # The second credential of the node comes later, so this server does not know it yet.
        api.server.tokens.users.pop(digest := fingerprint(token_of("n1-anew")))  # type: ignore[attr-defined]
        reply = await api.call("POST", forgotten, {"destroyed": True})
        assert reply.code == 200 and reply.body["metadata"]["name"] == "n1"
        api.server.tokens.users[digest] = anew  # type: ignore[index]
        assert (await api.get(place)).body["status"]["phase"] == "pending"
        await api.get(listing)  # until the server's cache has come so far
        refused = await api.get(listing, user="n1")
        assert refused.code == 403
        assert "node n1 was given up by admin" in refused.body["message"]
        assert "node forget n1 --destroyed" in refused.body["message"]
        assert refused.body["details"]["causes"][0]["reason"] == "NodeForgotten"
        assert (await api.get(listing, user="n1-anew")).code == 200
        assert (await api.get(listing, user="n2")).code == 200


@pytest.mark.fault(9, 47)
@pytest.mark.parametrize("is_object", [False, True])
async def test_what_a_forgotten_node_watches_ends_on_every_api_server(is_object: bool) -> None:
    store = MemoryStore()
    async with running_api(store) as one, running_api(store) as other:
        await node_and_vps(one)
        secret = token_of("n1")
        if is_object:
            secret = "object"
            await one.create(
                kinds.TOKEN, a_token("node-n1", secret=secret, role="node", node="n1", user="n1")
            )
            await other.server.cache.fresh()
        headers = {"Authorization": f"Bearer {secret}"}
        async with other.session.get(f"{other.url}{kinds.VPS.path()}?watch=1", headers=headers) as watch:
            assert watch.status == 200
            forgotten = kinds.NODE.path(name="n1", subresource="forget")
            assert (await one.call("POST", forgotten, {"destroyed": True})).code == 200
            await ends(watch, within=5)


@pytest.mark.fault(9, 47)
async def test_the_control_connection_of_a_forgotten_node_ends() -> None:
    async with running_api() as api:
        await node_and_vps(api)
        headers = {"Authorization": f"Bearer {token_of('n1')}"}
        path = kinds.NODE.path(name="n1", subresource="streams")
        async with api.session.ws_connect(f"{api.url}{path}", headers=headers) as control:
            forgotten = kinds.NODE.path(name="n1", subresource="forget")
            assert (await api.call("POST", forgotten, {"destroyed": True})).code == 200
            async with asyncio.timeout(5):
                assert (await control.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE)
        assert not api.server.streams.is_connected("n1")


async def test_a_server_that_starts_later_refuses_it_too() -> None:
    async with running_api() as api:
        await node_and_vps(api)
        await api.call("POST", kinds.NODE.path(name="n1", subresource="forget"), {"destroyed": True})
    async with running_api(api.store) as later:
        assert (await later.get(kinds.VPS.path(), user="n1")).code == 403


async def test_the_actions_are_routes_of_cluster_scoped_and_read_only_kinds() -> None:
    async with running_api() as api:
        await node_and_vps(api)
        path = kinds.NODE_ALLOCATION.path(name="n1", subresource="confirm")
        reply = await api.call("POST", path, {"uid": "none", "epoch": 1}, user="n1")
        assert reply.code == 200 and reply.body["kind"] == "NodeAllocation"
        assert (await api.call("POST", path, {"uid": "none", "epoch": 1}, user="n2")).code == 403
        assert (await api.call("POST", path, {"uid": "none", "epoch": 1}, user="admin")).code == 403
        assert (await api.call("DELETE", kinds.NODE_ALLOCATION.path(name="n1"))).code == 405
