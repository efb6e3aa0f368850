"""Snapshots as the API server keeps them: who makes one of what, who speaks of it, and when it goes."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.outcome import WriteOptions, Written
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.quota.stored import files_of
from kohakuriver.apiserver.write import actions
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.writing import (
    ADMIN,
    ALICE,
    CONTROLLER,
    JSON_PATCH,
    MERGE,
    N1,
    N2,
    Json,
    World,
    a_node,
    a_vps,
    a_world,
    an_event,
)

pytestmark = pytest.mark.looptime

FILES = "kohakuriver.io/files"
OTHER = "example.com/backup"
APPLY = "application/apply-patch+yaml"


def a_snapshot(name: str = "s", vps: str = "dev", **spec: object) -> Json:
    return {
        "apiVersion": kinds.API_VERSION,
        "kind": "Snapshot",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"vps": {"name": vps}, **spec},
    }


async def made(world: World, name: str = "s", *, user: User = ALICE, **spec: object) -> Json:
    return (await world.create(a_snapshot(name, **spec), user=user, resource=kinds.SNAPSHOT)).object


async def stored(world: World, name: str = "s") -> Json:
    found = await world.get(kinds.SNAPSHOT, name, "default")
    assert found is not None, f"Snapshot {name} is gone"
    return found


async def refused(world: World, body: Json, *, user: User = ALICE) -> errors.ApiError:
    with pytest.raises(errors.ApiError) as caught:
        await world.create(body, user=user, resource=kinds.SNAPSHOT)
    return caught.value


async def change(world: World, body: object, *, user: User = ALICE, **more: str) -> Written:
    return await world.patch(body, "s", user=user, resource=kinds.SNAPSHOT, **more)


async def say(world: World, *, user: User = N1, **status: object) -> Written:
    body = {"metadata": {"uid": (await stored(world))["metadata"]["uid"]}, "status": status}
    return await change(world, body, user=user, subresource="status")


async def delete(world: World, *, user: User = ALICE, **options: object) -> Written:
    return await world.delete("s", user=user, resource=kinds.SNAPSHOT, **options)


async def finish(world: World, uid: str, *, user: User = N1) -> Written:
    return await actions.act(world, Call(user, kinds.SNAPSHOT, "default", "s", "finish"), {"uid": uid})


@pytest.fixture
async def world() -> World:
    """A VPS on n1, and nodes n1 and n2 that are ready."""
    world = await a_world(a_node("n1"), a_node("n2"))
    await world.bound()
    return world


async def test_the_server_says_which_vps_and_which_node_that_is(world: World) -> None:
    snapshot = await made(world)
    vps = await world.vps()
    assert snapshot["spec"]["vps"] == {"name": "dev", "uid": vps["metadata"]["uid"], "node": "n1"}
    assert snapshot["metadata"]["finalizers"] == [FILES]
    assert "status" not in snapshot


async def test_what_is_said_rightly_of_the_vps_is_taken(world: World) -> None:
    vps = {"name": "dev", "uid": (await world.vps())["metadata"]["uid"], "node": "n1"}
    body = {**a_snapshot(), "spec": {"vps": vps}}
    assert (await world.create(body, user=ALICE, resource=kinds.SNAPSHOT)).object["spec"]["vps"] == vps


async def test_no_snapshot_is_made_of_what_has_no_files(world: World) -> None:
    await world.create(a_vps("new"))
    for body, field, words in (
        (
            a_snapshot(vps="none"),
            "spec.vps.name",
            'Not found: "none": there is no such VPS in this namespace',
        ),
        (
            a_snapshot(vps="new"),
            "spec.vps.name",
            "it has no files yet: the VPS has not been placed on a node",
        ),
        (a_snapshot() | {"spec": {"vps": {"name": "dev", "uid": "u"}}}, "spec.vps.uid", "it is another VPS"),
        (
            a_snapshot() | {"spec": {"vps": {"name": "dev", "node": "n2"}}},
            "spec.vps.node",
            'Invalid value: "n2": VPS dev is on node n1',
        ),
    ):
        error = await refused(world, body)
        assert error.code == 422
        assert error.causes[0].field == field
        assert words in error.causes[0].message
    await world.delete()
    assert "the VPS is being deleted" in (await refused(world, a_snapshot())).message


async def test_a_node_makes_one_of_its_own_vps_alone_before_files_are_replaced(world: World) -> None:
    error = await refused(world, a_snapshot(cause="Replaced"), user=N2)
    assert (error.code, error.causes[0].field) == (422, "spec.vps.name")
    assert error.message == (await refused(world, a_snapshot(vps="none"), user=N2)).message.replace(
        '"none"', '"dev"'
    ), "what is not assigned to it, it cannot tell from what is not there"
    assert (await refused(world, a_snapshot(cause="Manual"), user=N1)).causes[0].field == "spec.cause"
    assert (await made(world, user=N1, cause="Replaced"))["spec"]["vps"]["node"] == "n1"
    assert (await refused(world, a_snapshot(cause="Replaced"), user=N1)).code == 409, "it has made it already"
    assert (await refused(world, a_snapshot(cause="Replaced"), user=N2)).code == 422, (
        "nor which names there are"
    )


async def test_a_vps_that_leaves_its_node_meanwhile_gets_no_snapshot_there(world: World) -> None:
    """So whoever reads the node's Snapshots after the VPS has left sees all there will be."""
    before = world.store.commit

    async def overtaken(**write: object) -> int:
        world.store.commit = before
        vps = await world.vps()
        await world.put(kinds.VPS, {**vps, "status": {"phase": "pending"}})
        return await before(**write)

    world.store.commit = overtaken
    assert "it has no files yet" in (await refused(world, a_snapshot())).message
    assert await world.get(kinds.SNAPSHOT, "s", "default") is None


async def test_only_how_long_it_is_kept_can_change(world: World) -> None:
    snapshot = await made(world)
    for spec in (
        {"pause": False},
        {"volumes": "Skip"},
        {"cause": "Fork"},
        {"vps": {"name": "other"}},
        {"vps": {"node": "n2"}},
        {"vps": {"uid": "u"}},
    ):
        with pytest.raises(errors.Invalid) as caught:
            await change(world, {"spec": spec})
        assert caught.value.causes[0].field == f"spec.{next(iter(spec))}"
        assert "cannot change" in caught.value.message
    body = {"metadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": {"keepFor": "168h"}}
    new = (await change(world, body)).object
    assert (new["spec"]["keepFor"], new["metadata"]["labels"]) == ("168h", {"a": "b"})
    assert new["spec"]["vps"] == snapshot["spec"]["vps"]


async def test_the_manifest_it_was_made_from_can_be_sent_again(world: World) -> None:
    snapshot = await made(world)
    body = a_snapshot(keepFor="1h")
    body["metadata"]["resourceVersion"] = snapshot["metadata"]["resourceVersion"]
    new = await world.update(body, user=ALICE, resource=kinds.SNAPSHOT)
    assert new.object["spec"]["vps"] == snapshot["spec"]["vps"]
    assert new.object["metadata"]["finalizers"] == [FILES]


async def test_an_apply_on_the_servers_side_may_be_repeated_and_changes_what_may_change(world: World) -> None:
    options = WriteOptions(field_manager="me", names_manager=True)
    manifest = a_snapshot(keepFor="1h")
    for said in (manifest, manifest, a_snapshot(keepFor="2h"), a_snapshot()):
        applied = await world.patch(
            said, "s", user=ALICE, resource=kinds.SNAPSHOT, content_type=APPLY, options=options
        )
        spec = applied.object["spec"]
        assert (spec["vps"]["node"], spec.get("keepFor")) == ("n1", said["spec"].get("keepFor"))
        assert applied.object["metadata"]["finalizers"] == [FILES]
    with pytest.raises(errors.Invalid, match="cannot change"):
        said = a_snapshot(pause=False)
        await world.patch(said, "s", user=ALICE, resource=kinds.SNAPSHOT, content_type=APPLY, options=options)


async def test_its_status_is_its_nodes_alone(world: World) -> None:
    await made(world)
    await say(world, phase="Taking")
    assert (await stored(world))["status"] == {"phase": "Taking"}
    with pytest.raises(errors.NotFound):
        await say(world, user=N2, phase="Ready")
    with pytest.raises(errors.BadRequest, match=r"must name its metadata\.uid"):
        await change(world, {"status": {"phase": "Ready"}}, user=N1, subresource="status")
    with pytest.raises(errors.Conflict, match="UID"):
        body = {"metadata": {"uid": "of-another"}, "status": {"phase": "Ready"}}
        await change(world, body, user=N1, subresource="status")
    assert (await stored(world))["status"] == {"phase": "Taking"}


async def test_its_node_writes_events_about_it_and_no_other_node_does(world: World) -> None:
    snapshot = await made(world)
    await world.create(an_event(snapshot, "s.1"), user=N1, resource=kinds.EVENT)
    namesake = {**snapshot, "metadata": {**snapshot["metadata"], "uid": "of-the-one-before"}}
    for user, about in ((N2, snapshot), (N1, namesake)):
        with pytest.raises(errors.Forbidden, match="may report on itself, and on VPSes and Snapshots"):
            await world.create(an_event(about, "s.2"), user=user, resource=kinds.EVENT)


async def test_one_that_is_deleted_waits_for_its_node_and_goes_when_that_has_finished(world: World) -> None:
    uid = (await made(world))["metadata"]["uid"]
    with pytest.raises(errors.Conflict, match="it is not being deleted"):
        await finish(world, uid)
    written = await delete(world)
    assert not written.removed and written.object["metadata"]["deletionTimestamp"]
    with pytest.raises(errors.NotFound):
        await finish(world, uid, user=N2)
    with pytest.raises(errors.NotFound):
        await finish(world, "of-another")
    assert (await finish(world, uid)).removed
    assert await world.get(kinds.SNAPSHOT, "s", "default") is None
    with pytest.raises(errors.NotFound):
        await finish(world, uid)  # the answer was lost


async def test_somebody_elses_finalizer_keeps_it_after_its_node_has_finished(world: World) -> None:
    uid = (await made(world))["metadata"]["uid"]
    await change(world, {"metadata": {"finalizers": [FILES, OTHER]}})
    await delete(world)
    for _ in range(2):  # the second is a repeat
        assert not (await finish(world, uid)).removed
        assert (await stored(world))["metadata"]["finalizers"] == [OTHER]
    assert (await change(world, {"metadata": {"finalizers": None}})).removed


async def test_nobody_takes_our_finalizer_away(world: World) -> None:
    await made(world)
    taken = [{"op": "remove", "path": "/metadata/finalizers"}]
    await change(world, taken, content_type=JSON_PATCH)
    assert (await stored(world))["metadata"]["finalizers"] == [FILES]
    await delete(world)
    for user in (ALICE, ADMIN):
        with pytest.raises(errors.Invalid, match="once node n1 has removed the files"):
            await change(world, taken, user=user, content_type=JSON_PATCH)


async def test_where_its_node_is_not_registered_a_deletion_needs_nobody(world: World) -> None:
    await made(world)
    await delete(world)
    await world.delete("n1", resource=kinds.NODE)
    assert (await delete(world)).removed


@pytest.mark.parametrize(("ready", "goes"), [("True", False), ("False", False), ("Unknown", True)])
async def test_a_forced_deletion_waits_for_no_silent_node_and_says_what_stays(
    world: World, ready: str, *, goes: bool
) -> None:
    await made(world)
    await world.put(kinds.NODE, a_node("n1", ready=ready))
    assert not (await delete(world)).removed
    written = await delete(world, gracePeriodSeconds=0)
    assert written.removed == goes
    assert any("stay on its disk" in words for words in written.warnings) == goes


async def test_what_was_on_a_node_that_is_given_up_is_lost(world: World) -> None:
    for name, phase in (("s", "Ready"), ("taking", "Taking"), ("failed", "Failed"), ("new", "")):
        snapshot = await made(world, name)
        if phase:
            await world.put(kinds.SNAPSHOT, {**snapshot, "status": {"phase": phase, "message": "as it was"}})
    await made(world, "going")
    await world.delete("going", resource=kinds.SNAPSHOT)
    await world.bound("far", "n2")
    await made(world, "far", vps="far")
    await world.put(kinds.NODE, a_node("n1", ready="Unknown"))
    await world.forget_node()
    phases = {}
    for name in ("s", "taking", "failed", "new", "far"):
        status = (await stored(world, name)).get("status") or {}
        phases[name] = status.get("phase"), status.get("message")
    assert phases == {
        "s": ("Lost", "node n1 was given up by root: the files of the Snapshot there are gone"),
        "taking": ("Failed", "node n1 was given up by root: the files were not taken"),
        "failed": ("Failed", "as it was"),
        "new": ("Failed", "node n1 was given up by root: the files were not taken"),
        "far": (None, None),
    }
    assert await world.get(kinds.SNAPSHOT, "going", "default") is None
    assert (await delete(world)).removed
    told = [message for reason, message in await world.events() if reason == "NodeForgotten"]
    assert "node n1 was given up by root: the files of the Snapshot there are gone" in told


async def test_it_outlives_its_vps_and_keeps_its_namespace(world: World) -> None:
    await made(world)
    await world.delete()
    await world.act("finish", user=N1)
    assert (await stored(world))["spec"]["vps"]["name"] == "dev"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-b"}}
    await world.create(body, resource=kinds.NAMESPACE)
    there = {**a_snapshot(), "metadata": {"name": "s", "namespace": "team-b", "uid": "u"}}
    await world.put(kinds.SNAPSHOT, there)
    with pytest.raises(errors.Conflict, match="it still holds snapshots: s"):
        await world.delete("team-b", resource=kinds.NAMESPACE)


async def test_the_controller_makes_and_deletes_them(world: World) -> None:
    assert (await made(world, user=CONTROLLER, cause="Schedule"))["spec"]["cause"] == "Schedule"
    assert not (await delete(world, user=CONTROLLER)).removed


async def test_a_node_lists_its_own_and_a_table_shows_what_they_are() -> None:
    async with running_api(users=(N1, N2)) as api:
        for name, node in (("s", "n1"), ("t", "n2")):
            snapshot = a_snapshot(name) | {
                "spec": {
                    "vps": {"name": "dev", "uid": "u", "node": node},
                    "keepFor": "1h",
                    "cause": "Manual",
                },
                "status": {"phase": "Ready", "size": 240 * 2**20, "pausedMilliseconds": 812, "message": "m"},
            }
            await World(api.store, api.server.clock).put(kinds.SNAPSHOT, snapshot)
        for user, names in ((N1.name, ["s"]), (N2.name, ["t"]), ("admin", ["s", "t"])):
            found = await api.get(kinds.SNAPSHOT.path(), user=user)
            assert [one["metadata"]["name"] for one in found.body["items"]] == names
        for selector, names in (
            ("spec.vps.node=n1", ["s"]),
            ("spec.vps.name=dev,status.phase=Ready", ["s", "t"]),
            ("status.phase!=Ready", []),
        ):
            found = await api.get(kinds.SNAPSHOT.path(), params={"fieldSelector": selector})
            assert [one["metadata"]["name"] for one in found.body["items"]] == names
        table = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        shown = await api.get(kinds.SNAPSHOT.path(namespace="default"), headers=table)
        names = [column["name"] for column in shown.body["columnDefinitions"]]
        cells = dict(zip(names, shown.body["rows"][0]["cells"], strict=True))
        del cells["Age"]
        assert cells == {
            "Name": "s",
            "VPS": "dev",
            "Phase": "Ready",
            "Size": "240Mi",
            "Paused": "812ms",
            "Node": "n1",
            "Cause": "Manual",
            "Expires": "60m after it is taken",
            "Message": "m",
        }


SNAPSHOTS, DISK = "count/snapshots.kohakuriver.io", "requests.storage"
MI = 2**20


async def posted(api: Api, name: str, *, user: str = "alice", code: int = 201) -> Json:
    body = a_snapshot(name, cause="Replaced" if user == N1.name else "Manual")
    reply = await api.call("POST", kinds.SNAPSHOT.path(namespace="default"), body, user=user)
    assert reply.code == code, reply.body
    return dict(reply.body)


@contextlib.asynccontextmanager
async def a_placed_vps(**options: Any) -> AsyncIterator[Api]:
    """An API server with VPS dev on n1, of which 1Gi of disk is booked."""
    async with running_api(users=(N1,), **options) as api:
        await api.create(kinds.NODE, a_node())
        node = {
            "status": a_node()["status"] | {"allocatable": {"cores": "4", "memory": "8Gi", "disk": "90Gi"}}
        }
        path = kinds.NODE.path(name="n1", subresource="status")
        assert (
            await api.call("PATCH", path, node, user=N1.name, headers={"Content-Type": MERGE})
        ).code == 200
        vps = await api.create(kinds.VPS, a_vps(resources={"disk": "1Gi"}))
        order = {"uid": vps["metadata"]["uid"], "node": "n1"}
        path = kinds.VPS.path(namespace="default", name="dev", subresource="bind")
        reply = await api.call("POST", path, order)
        assert reply.code == 200, reply.body
        yield api


async def a_quota(api: Api, **hard: str) -> None:
    await api.create(kinds.RESOURCE_QUOTA, {"metadata": {"name": "team"}, "spec": {"hard": hard}})


async def taken(api: Api, name: str, *, phase: str = "Ready", size: int = 0) -> None:
    """What its node says of a Snapshot."""
    path = kinds.SNAPSHOT.path(namespace="default", name=name)
    uid = (await api.get(path)).body["metadata"]["uid"]
    body = {"metadata": {"uid": uid}, "status": {"phase": phase, "size": size}}
    reply = await api.call("PATCH", f"{path}/status", body, user=N1.name, headers={"Content-Type": MERGE})
    assert reply.code == 200, reply.body


async def used(api: Api) -> Json:
    await api.server.cache.fresh()
    reply = await api.get(kinds.RESOURCE_QUOTA.path(namespace="default", name="team"), user="alice")
    return dict(reply.body["status"]["used"])


@pytest.mark.parametrize("user", ["alice", "admin", "controller", N1.name])
async def test_a_namespace_has_so_many_and_no_more_whoever_makes_them(user: str) -> None:
    async with a_placed_vps() as api:
        await a_quota(api, **{SNAPSHOTS: "2"})
        await posted(api, "s")
        await posted(api, "t", user=user)
        assert (await used(api))[SNAPSHOTS] == "2"
        refusal = await posted(api, "u", user=user, code=403)
        assert f"exceeded quota: team, requested: {SNAPSHOTS}=1, used: {SNAPSHOTS}=2" in refusal["message"]
        path = kinds.SNAPSHOT.path(namespace="default", name="s")
        assert (await api.call("DELETE", path, user="alice")).code == 200
        await taken(api, "t", size=240 * MI)  # to speak of one that is there is no matter of a quota


async def test_the_servers_own_default_bounds_them_too() -> None:
    async with a_placed_vps(default_quota={SNAPSHOTS: 1}) as api:
        await posted(api, "s")
        assert "exceeded quota: the API server's default" in (await posted(api, "t", code=403))["message"]


async def test_what_they_take_on_disk_counts_and_where_nothing_is_left_none_is_made() -> None:
    async with a_placed_vps() as api:
        await a_quota(api, **{DISK: "1500Mi"})
        await posted(api, "s")
        assert (await used(api))[DISK] == "1Gi", "nobody knows yet how large it will be"
        await taken(api, "s", phase="Taking", size=476 * MI)
        assert (await used(api))[DISK] == "1Gi"
        await taken(api, "s", size=475 * MI)
        assert (await used(api))[DISK] == "1499Mi"
        await posted(api, "t")
        await taken(api, "t", size=MI)
        assert (await used(api))[DISK] == "1500Mi"
        refusal = await posted(api, "u", code=403)
        assert (
            f"used: {DISK}=1500Mi, limited: {DISK}=1500Mi: no disk is left for another" in refusal["message"]
        )
        await taken(api, "t", phase="Lost", size=MI)
        await api.server.cache.fresh()
        await posted(api, "u")


async def test_a_size_that_is_none_takes_nothing() -> None:
    for status in (
        None,
        [],
        {"phase": "Ready"},
        *({"phase": "Ready", "size": it} for it in (-1, "1", True, [])),
    ):
        assert files_of({"status": status}) == 0
