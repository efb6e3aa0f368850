"""A VPS whose node is silent, and somebody who does not want to wait: forced delete, forget, confirm."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.resources import kinds
from tests.apiserver.writing import ADMIN, ALICE, CONTROLLER, N1, N2, World, a_node, a_vps, a_world

pytestmark = pytest.mark.looptime

Json = dict[str, Any]


@pytest.fixture
async def world() -> World:
    return await a_world(a_node("n1"), a_node("n2"))


async def lost(world: World, name: str = "dev", **spec: Any) -> Json:
    """A VPS that ran on n1, which is silent now."""
    await world.bound(name, **spec)
    await world.report(name)
    return await world.silence(name)


@pytest.mark.fault(7)
async def test_a_vps_deleted_while_its_node_is_away_waits_and_says_what_for(world: World) -> None:
    await lost(world)
    assert not (await world.delete()).removed
    vps = await world.vps()
    assert vps["status"]["message"] == (
        "node n1 unreachable since 2026-01-01 00:00:00 UTC; it goes when the node is back; --force to forget"
    )
    assert await world.bookings(), "booked until confirmed gone"


@pytest.mark.fault(8)
async def test_a_forced_delete_removes_the_object_and_leaves_a_tombstone_in_one_revision(
    world: World,
) -> None:
    vps = await lost(world)
    uid = vps["metadata"]["uid"]
    before = (await world.bookings())[uid]
    written = await world.delete(user=ALICE, gracePeriodSeconds=0)
    assert written.removed and await world.get(kinds.VPS, "dev", "default") is None
    entry = (await world.bookings())[uid]
    assert entry.pop("tombstone")["why"] == "deleted by force by alice"
    assert entry == before, "it takes over the whole booking"
    record = await world.get(kinds.NODE_ALLOCATION, "n1")
    assert record is not None
    assert record["metadata"]["resourceVersion"] == written.object["metadata"]["resourceVersion"]
    assert ("NodeForgotten", "deleted by alice without word from node n1") in await world.events()


@pytest.mark.fault(8)
async def test_a_namesake_created_after_a_forced_delete_never_meets_the_old_booking(world: World) -> None:
    old = (await lost(world))["metadata"]["uid"]
    await world.delete(gracePeriodSeconds=0)
    new = await world.bound("dev", node="n1")
    assert new["metadata"]["uid"] != old
    assert new["status"]["assignment"]["grant"]["sshPort"] == 30001, "the old one's port is still held"
    assert (await world.bookings())[old]["tombstone"]
    await world.confirm(old, 1)
    assert set(await world.bookings()) == {new["metadata"]["uid"]}
    assert (await world.vps())["status"]["assignment"] == new["status"]["assignment"]
    with pytest.raises(errors.NotFound, match="another has its name"):
        await world.act("finish", user=N1, uid=old, epoch=1)


async def test_with_other_finalizers_a_forced_delete_unbinds_and_the_object_stays(world: World) -> None:
    await lost(world)
    await world.patch({"metadata": {"finalizers": ["kohakuriver.io/container", "a.b/c"]}})
    assert not (await world.delete(gracePeriodSeconds=0)).removed
    vps = await world.vps()
    assert vps["metadata"]["finalizers"] == ["a.b/c"] and "assignment" not in vps["status"]
    assert vps["status"]["reason"] == "Terminating"
    [entry] = (await world.bookings()).values()
    assert entry["tombstone"]
    assert (await world.patch({"metadata": {"finalizers": []}})).removed
    assert await world.bookings(), "the tombstone outlives the object"


async def test_force_on_a_reachable_node_means_kill_and_wait(world: World) -> None:
    await world.bound()
    assert not (await world.delete(gracePeriodSeconds=0)).removed
    vps = await world.vps()
    assert vps["metadata"]["deletionGracePeriodSeconds"] == 0 and vps["status"]["assignment"]
    [entry] = (await world.bookings()).values()
    assert "tombstone" not in entry
    assert (await world.act("finish", user=N1)).removed
    assert await world.bookings() == {}


async def test_a_dry_run_of_a_forced_delete_changes_nothing(world: World) -> None:
    before = await lost(world)
    revision = await world.store.revision()
    assert (await world.delete(gracePeriodSeconds=0, dryRun=["All"])).removed
    assert await world.store.revision() == revision
    assert await world.vps() == before


async def test_our_finalizer_taken_by_hand_from_a_lost_vps_leaves_the_tombstone(world: World) -> None:
    await lost(world)
    await world.delete()
    assert (await world.patch({"metadata": {"finalizers": []}})).removed
    [entry] = (await world.bookings()).values()
    assert entry["tombstone"]["why"] == "its finalizer was taken away by hand"


async def test_a_tombstone_ends_by_the_word_of_its_own_node_alone(world: World) -> None:
    uid = (await lost(world))["metadata"]["uid"]
    await world.delete(gracePeriodSeconds=0)
    for user in (N2, ADMIN):
        with pytest.raises(errors.Forbidden, match="only the agent of n1"):
            await world.confirm(uid, 1, user=user)
    with pytest.raises(errors.Conflict, match="the tombstone is of placement 1, not of 2"):
        await world.confirm(uid, 2)
    assert (await world.confirm(uid, 1)).object["bookings"] == {}
    before = await world.store.revision()
    await world.confirm(uid, 1)
    assert await world.store.revision() == before, "said again it is no mistake and no revision"


async def test_what_is_bound_is_not_confirmed_gone(world: World) -> None:
    made = await world.bound()
    with pytest.raises(errors.Conflict, match="is not a tombstone"):
        await world.confirm(made["metadata"]["uid"], 1)
    assert await world.bookings()


@pytest.mark.fault(9)
async def test_a_forgotten_vps_is_pending_again_and_told_where_its_files_were(world: World) -> None:
    await lost(world)
    made = (await world.act("forget", user=ADMIN)).object
    status = made["status"]
    assert status["phase"] == "pending" and "assignment" not in status and "observed" not in status
    assert status["message"].startswith("node n1 was given up; its files were on n1, which was given up at")
    assert "finalizers" not in made["metadata"]
    again = (await world.act("bind", node="n2")).object["status"]
    assert again["assignment"]["epoch"] == 2
    assert again["phase"] == "assigning" and "its files were on n1" in again["message"]
    lost_files = next(one for one in again["conditions"] if one["type"] == "FilesLost")
    assert lost_files["status"] == "True" and lost_files["reason"] == "NodeForgotten"


async def test_a_forgotten_vps_goes_back_to_its_node_only_after_its_tombstone(world: World) -> None:
    uid = (await lost(world))["metadata"]["uid"]
    await world.act("forget", user=ADMIN)
    with pytest.raises(errors.Invalid, match="n1 still has the former container of this VPS"):
        await world.act("bind", node="n1")
    await world.confirm(uid, 1)
    assert (await world.act("bind", node="n1")).object["status"]["epoch"] == 2


async def test_a_vps_whose_node_is_not_silent_is_not_forgotten(world: World) -> None:
    await world.bound()
    with pytest.raises(errors.Conflict, match="not known to be silent"):
        await world.act("forget", user=ADMIN)
    await world.delete("n1", resource=kinds.NODE)
    assert (await world.act("forget", user=ADMIN)).object["status"]["phase"] == "pending"


async def test_nobody_else_writes_that_files_are_lost(world: World) -> None:
    await world.bound()
    condition = {"type": "FilesLost", "status": "True"}
    for user in (ADMIN, CONTROLLER):
        with pytest.raises(errors.Forbidden, match="FilesLost"):
            await world.patch({"status": {"conditions": [condition]}}, user=user, subresource="status")
    with pytest.raises(errors.Forbidden, match="FilesLost"):
        await world.report(conditions=[condition])


async def test_a_rejected_vps_is_pending_elsewhere_and_the_node_is_noted(world: World) -> None:
    await world.bound()
    made = (await world.act("reject", user=N1, reason="MountRefused", message="/data is not allowed")).object
    assert made["status"]["phase"] == "pending" and made["status"]["reason"] == "MountRefused"
    assert made["status"]["message"] == "n1 will not take it: /data is not allowed"
    assert made["status"]["rejectedBy"] == {"n1": "/data is not allowed"}
    assert await world.bookings() == {}, "no container was ever made"
    with pytest.raises(errors.Invalid, match="node n1 will not take it: /data is not allowed"):
        await world.act("bind", node="n1")
    assert (await world.act("bind", node="n2")).object["status"]["epoch"] == 2


async def test_a_changed_spec_is_offered_to_every_node_again(world: World) -> None:
    await world.bound()
    await world.act("reject", user=N1, reason="MountRefused", message="/data is not allowed")
    made = await world.patch({"metadata": {"labels": {"a": "b"}}})
    assert "rejectedBy" in made.object["status"]
    made = await world.patch({"spec": {"restartRequest": "once more"}})
    assert not {"rejectedBy", "rejectedUnder"} & made.object["status"].keys()
    assert (await world.act("bind", node="n1")).object["status"]["epoch"] == 2


async def test_a_node_that_offers_something_else_since_is_asked_again(world: World) -> None:
    await world.bound()
    await world.act("reject", user=N1, reason="MountRefused", message="/data is not allowed")
    allowed = {"status": {"allowMounts": [{"prefix": "/data", "readOnly": False}]}}
    await world.patch(allowed, "n1", user=N1, resource=kinds.NODE, subresource="status")
    made = (await world.act("bind", node="n1")).object
    assert made["status"]["epoch"] == 2
    assert not {"rejectedBy", "rejectedUnder"} & made["status"].keys()


async def test_a_tombstone_names_the_volumes_that_go_with_a_deleted_vps(world: World) -> None:
    volumes = [
        {"name": "kept", "target": "/kept"},
        {"name": "cache", "target": "/cache", "reclaimPolicy": "Delete"},
    ]
    deleted = await world.bound("deleted", volumes=volumes)
    given_up = await world.bound("given-up", volumes=volumes)
    for name in ("deleted", "given-up"):
        await world.silence(name)
    await world.delete("deleted", gracePeriodSeconds=0)
    await world.act("forget", "given-up", user=ADMIN)
    bookings = await world.bookings()
    assert bookings[deleted["metadata"]["uid"]]["tombstone"]["volumes"] == ["cache"]
    assert "volumes" not in bookings[given_up["metadata"]["uid"]]["tombstone"]


async def test_what_has_a_container_or_is_being_deleted_is_not_rejected(world: World) -> None:
    reason = {"reason": "MountRefused", "message": "no"}
    await world.bound()
    await world.report(observed={"container": {"id": "c1"}})
    with pytest.raises(errors.Conflict, match="a container was reported"):
        await world.act("reject", user=N1, **reason)
    await world.bound("other")
    await world.delete("other")
    with pytest.raises(errors.Conflict, match="being deleted: finish it"):
        await world.act("reject", "other", user=N1, **reason)
    with pytest.raises(errors.NotFound):
        await world.act("reject", user=N2, **reason)


@pytest.mark.fault(28)
async def test_a_port_that_a_stranger_holds_is_changed_with_an_event(world: World) -> None:
    await world.bound()
    await world.bound("other")
    made = (await world.act("newport", user=N1, taken=[30000, 30002])).object
    assert made["status"]["assignment"]["grant"]["sshPort"] == 30003
    assert made["status"]["epoch"] == 1
    assert await world.events() == [
        (
            "SSHPortChanged",
            "another program on n1 holds SSH port 30000; the VPS has port 30003 now",
        )
    ]
    before = await world.store.revision()
    await world.act("newport", user=N1, taken=[30000, 30002])
    assert await world.store.revision() == before, "the answer was lost, and the port is changed already"
    with pytest.raises(errors.Invalid, match="10 held by other programs"):
        await world.act("newport", user=N1, taken=list(range(30000, 30010)))


@pytest.mark.parametrize("taken", [[], "30000", ["30000"], [True]], ids=str)
async def test_taken_ports_are_numbers(world: World, taken: Any) -> None:
    await world.bound()
    with pytest.raises(errors.BadRequest, match="taken"):
        await world.act("newport", user=N1, taken=taken)


@pytest.mark.fault(28)
async def test_the_port_of_a_stopped_vps_is_nobody_elses(world: World) -> None:
    await world.bound()
    await world.patch({"spec": {"runState": "Stopped"}})
    await world.report(state="stopped")
    await world.act("release")
    for number in range(9):
        made = await world.bound(f"other-{number}", resources={"cores": 0.1, "memory": "64Mi"})
        assert made["status"]["assignment"]["grant"]["sshPort"] != 30000
    await world.create(a_vps("last"))
    with pytest.raises(errors.Invalid, match="short of SSH ports"):
        await world.act("bind", "last", node="n1")
