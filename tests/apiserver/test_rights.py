"""`privileged`, `mounts` and added capabilities need a right that role `user` lacks, at create and update
(CORRECTNESS 22); the front of the queue is for admins to give."""

import dataclasses
from typing import Any

import pytest

from kohakuriver import errors
from tests.apiserver.writing import ADMIN, ALICE, World, a_node, a_vps, a_world

pytestmark = [pytest.mark.looptime, pytest.mark.fault(47)]

MOUNTS = [{"source": "/data", "target": "/data"}]
ADDED = {"capabilities": {"add": ["CHOWN", "SYS_PTRACE"], "drop": ["KILL"]}}
GIFTS = pytest.mark.parametrize(
    "gift", [{"privileged": True}, {"mounts": MOUNTS}, {"security": ADDED}], ids=str
)
# The right that a field needs, and where exactly it is needed.
RIGHT = {"privileged": "privileged", "mounts": "mounts", "security": "capabilities"}
PATH = {"privileged": "privileged", "mounts": "mounts", "security": "security.capabilities.add"}


@pytest.fixture
async def world() -> World:
    return await a_world(a_node("n1"))


@GIFTS
async def test_a_user_sets_neither_at_create_nor_later(world: World, gift: dict[str, Any]) -> None:
    [field] = gift
    with pytest.raises(errors.Forbidden) as caught:
        await world.create(a_vps(**gift), user=ALICE)
    assert f'user "alice" of role user has no right to set spec.{PATH[field]}' in caught.value.message
    assert f"the right {RIGHT[field]}" in caught.value.hint
    assert caught.value.causes[0].field == f"spec.{PATH[field]}"
    await world.create(a_vps(), user=ALICE)
    with pytest.raises(errors.Forbidden, match=f"no right to set spec.{PATH[field]}"):
        await world.patch({"spec": gift}, user=ALICE)


@GIFTS
async def test_what_an_admin_gave_a_user_may_stop_and_start_but_not_put_another_program_into(
    world: World, gift: dict[str, Any]
) -> None:
    await world.create(a_vps(**gift))
    await world.patch({"spec": {"runState": "Stopped"}}, user=ALICE)
    await world.patch({"spec": {"runState": "Running", "restartRequest": "1"}}, user=ALICE)
    await world.patch({"spec": {"replaceFiles": 1}}, user=ALICE)
    await world.patch({"metadata": {"labels": {"a": "b"}}}, user=ALICE)
    for change in ({"image": "evil"}, {"command": ["sh"]}, {"resources": {"cores": 2}}):
        with pytest.raises(errors.Forbidden, match="may only stop, start, pause and restart it"):
            await world.patch({"spec": change}, user=ALICE)
    [field] = gift
    made = await world.patch({"spec": {field: None, "image": "mine"}}, user=ALICE)
    assert made.object["spec"]["image"] == "mine", "without it the VPS is like any other"


@GIFTS
async def test_no_files_of_a_snapshot_and_no_hook_come_into_it_without_the_right(
    world: World, gift: dict[str, Any]
) -> None:
    """Who makes another Snapshot of that name would else have its files run with what an admin gave."""
    await world.create(a_vps(**gift))
    await world.patch({"spec": {"replaceFiles": 1, "keepReplacedFiles": "168h"}}, user=ALICE)
    for change in (
        {"filesFrom": {"snapshot": "s"}, "replaceFiles": 2},
        {"snapshots": {"hooks": {"before": ["sh"]}}},
    ):
        with pytest.raises(errors.Forbidden, match="may only stop, start, pause and restart it"):
            await world.patch({"spec": change}, user=ALICE)
    await world.patch({"spec": {"filesFrom": {"snapshot": "s"}}})
    with pytest.raises(errors.Forbidden):
        await world.patch({"spec": {"replaceFiles": 2}}, user=ALICE)
    await world.patch({"spec": {"runState": "Stopped"}}, user=ALICE)


@GIFTS
async def test_whoever_has_the_right_uses_it(world: World, gift: dict[str, Any]) -> None:
    [field] = gift
    trusted = dataclasses.replace(ALICE, rights=(RIGHT[field],))
    await world.create(a_vps(**gift), user=trusted)
    await world.patch({"spec": {"image": "mine"}}, user=trusted)
    await world.create(a_vps("other", privileged=True, mounts=MOUNTS), user=ADMIN)
    with pytest.raises(errors.Forbidden):
        await world.patch({"spec": {"image": "mine"}}, "other", user=trusted)


async def test_fewer_capabilities_and_what_the_default_has_need_no_right(world: World) -> None:
    less = {"capabilities": {"add": ["CHOWN", "KILL"], "drop": ["ALL"]}, "noNewPrivileges": True}
    await world.create(a_vps(security=less), user=ALICE)
    await world.patch({"spec": {"image": "mine"}}, user=ALICE)
    with pytest.raises(errors.Forbidden, match=r"spec\.security\.capabilities\.add"):
        await world.patch({"spec": {"security": {"capabilities": {"add": ["MKNOD"]}}}}, user=ALICE)


async def test_an_empty_list_of_mounts_gives_nothing(world: World) -> None:
    await world.create(a_vps(mounts=[], privileged=False), user=ALICE)


async def test_a_user_sets_a_priority_of_1000_at_most(world: World) -> None:
    with pytest.raises(
        errors.Forbidden, match=r"may set spec\.priority to 1000 at most, not to 1001"
    ) as caught:
        await world.create(a_vps(priority=1001), user=ALICE)
    assert caught.value.causes[0].field == "spec.priority"
    await world.create(a_vps(priority=1000), user=ALICE)
    await world.patch({"spec": {"priority": -1_000_000}}, user=ALICE)
    with pytest.raises(errors.Forbidden, match="1000 at most"):
        await world.patch({"spec": {"priority": 1_000_000}}, user=ALICE)


async def test_a_priority_that_an_admin_gave_stays_through_a_users_changes_and_may_be_lowered(
    world: World,
) -> None:
    await world.create(a_vps(priority=5000))
    made = await world.patch({"spec": {"image": "mine"}}, user=ALICE)
    assert made.object["spec"]["priority"] == 5000
    with pytest.raises(errors.Forbidden, match="1000 at most, not to 5001"):
        await world.patch({"spec": {"priority": 5001}}, user=ALICE)
    await world.patch({"spec": {"priority": 4000}}, user=ALICE)
    await world.patch({"spec": {"priority": 10}}, user=ALICE)
    with pytest.raises(errors.Forbidden, match="1000 at most"):
        await world.patch({"spec": {"priority": 4000}}, user=ALICE)
