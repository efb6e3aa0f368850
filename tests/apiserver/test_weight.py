"""How large one object may be that a user writes."""

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding.outcome import WriteOptions
from kohakuriver.apiserver.quota import weight
from kohakuriver.apiserver.write import patch
from tests.apiserver.writing import ADMIN, ALICE, JSON_PATCH, World, a_node, a_vps, a_world


@pytest.fixture
async def world() -> World:
    return await a_world(a_node())


def env(size: int) -> dict[str, object]:
    """Variables of about so many bytes, each as long as it may be."""
    return {f"V{at}": "x" * min(100_000, size - at) for at in range(0, size, 100_000)}


def sized(size: int, name: str = "dev") -> dict[str, object]:
    return a_vps(name, env=env(size))


def resized(size: int) -> list[dict[str, object]]:
    """A JSON patch."""
    return [{"op": "add", "path": "/spec/env", "value": env(size)}]


async def test_a_users_object_has_at_most_256_kibibytes(world: World) -> None:
    with pytest.raises(errors.TooLarge, match=r"at most 262144 are stored") as refusal:
        await world.create(sized(weight.LARGEST), user=ALICE)
    assert "volume" in refusal.value.hint and refusal.value.code == 413
    await world.create(sized(weight.LARGEST - 2_000), user=ALICE)
    with pytest.raises(errors.TooLarge):
        await world.patch(resized(weight.LARGEST), user=ALICE, content_type=JSON_PATCH)
    with pytest.raises(errors.TooLarge):
        options = WriteOptions(field_manager="me", names_manager=True)
        await world.patch(
            sized(weight.LARGEST, "other"), "other", user=ALICE, content_type=patch.APPLY, options=options
        )


async def test_an_admins_may_be_as_large_as_etcd_takes(world: World) -> None:
    await world.create(sized(1_400_000), user=ADMIN)


async def test_what_is_too_large_already_is_stopped_made_smaller_and_deleted(world: World) -> None:
    await world.create(sized(1_400_000), user=ADMIN)
    await world.act("bind", node="n1")
    await world.report(state="running")
    await world.patch({"spec": {"runState": "Stopped"}}, user=ALICE)
    with pytest.raises(errors.TooLarge):
        await world.patch(resized(1_410_000), user=ALICE, content_type=JSON_PATCH)
    await world.patch(resized(900_000), user=ALICE, content_type=JSON_PATCH)
    with pytest.raises(errors.TooLarge):
        await world.patch(resized(1_000_000), user=ALICE, content_type=JSON_PATCH)
    await world.report(state="stopped")
    await world.delete(user=ALICE)
    assert (await world.vps())["metadata"]["deletionTimestamp"]


async def test_a_node_reports_on_an_object_of_any_size(world: World) -> None:
    await world.create(sized(weight.LARGEST - 2_000), user=ALICE)
    await world.act("bind", node="n1")
    await world.report(state="running", observed={"message": "x" * 5_000})
    with pytest.raises(errors.TooLarge):
        await world.patch(resized(weight.LARGEST + 20_000), user=ALICE, content_type=JSON_PATCH)
    await world.patch(resized(10), user=ALICE, content_type=JSON_PATCH)
