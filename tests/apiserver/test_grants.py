"""A bound VPS whose cores or memory change: growing books first, shrinking is freed last (CORRECTNESS 8)."""

import asyncio
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.resources import kinds
from tests.apiserver.writing import World, a_node, a_vps, a_world

pytestmark = pytest.mark.looptime

Json = dict[str, Any]


@pytest.fixture
async def world() -> World:
    world = await a_world(a_node("n1"))
    await world.bound(resources={"cores": 2, "memory": "4Gi"})
    await world.report(observed={"grant": {"cores": "2", "memory": "4Gi"}}, observedGeneration=1)
    return world


async def resize(world: World, **resources: Any) -> Json:
    return (await world.patch({"spec": {"resources": resources}})).object


async def held(world: World) -> tuple[str, str]:
    """What is booked for the one VPS there is."""
    [entry] = (await world.bookings()).values()
    return entry["cores"], entry["memory"]


def granted(vps: Json) -> tuple[str, str]:
    grant = vps["status"]["assignment"]["grant"]
    return grant["cores"], grant["memory"]


async def test_growing_is_granted_and_booked_in_the_same_revision(world: World) -> None:
    made = await resize(world, memory="6Gi")
    assert granted(made) == await held(world) == ("2", "6Gi")
    assert made["status"]["assignment"]["grant"]["sshPort"] == 30000
    assert made["status"]["assignment"]["epoch"] == 1, "the epoch names a placement"
    record = await world.get(kinds.NODE_ALLOCATION, "n1")
    assert record is not None
    assert record["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_growing_beyond_the_node_is_refused_with_numbers_and_changes_nothing(world: World) -> None:
    before = await world.vps()
    with pytest.raises(errors.Invalid) as caught:
        await resize(world, memory="9Gi")
    assert caught.value.causes[0].message == "n1 is short of memory: need 9Gi, 8Gi free"
    assert await world.vps() == before
    assert await held(world) == ("2", "4Gi")


async def test_shrinking_is_granted_at_once_and_booked_until_applied(world: World) -> None:
    made = await resize(world, memory="1Gi")
    assert granted(made) == ("2", "1Gi")
    assert await held(world) == ("2", "4Gi")
    await world.report(observed={"grant": {"cores": "2", "memory": "4Gi"}}, observedGeneration=2)
    assert await held(world) == ("2", "4Gi"), "not applied yet"
    await world.report(observed={"grant": {"cores": "2", "memory": "1Gi"}}, observedGeneration=2)
    assert await held(world) == ("2", "1Gi")


async def test_one_may_grow_while_the_other_shrinks(world: World) -> None:
    made = await resize(world, cores=4, memory="1Gi")
    assert granted(made) == ("4", "1Gi")
    assert await held(world) == ("4", "4Gi")


async def test_growing_and_shrinking_back_before_the_agent_acted_is_settled_too(world: World) -> None:
    await resize(world, memory="6Gi")
    await resize(world, memory="4Gi")
    assert await held(world) == ("2", "6Gi"), "the agent may be applying the larger"
    same = {"grant": {"cores": "2", "memory": "4Gi"}}
    await world.report(observed=same, observedGeneration=1)
    assert await held(world) == ("2", "6Gi"), "a report on an earlier spec proves nothing"
    await world.report(observed=same, observedGeneration=3)
    assert await held(world) == ("2", "4Gi")


async def test_an_amount_written_in_another_way_books_nothing(world: World) -> None:
    before = await world.get(kinds.NODE_ALLOCATION, "n1")
    made = await resize(world, cores="2000m", memory="4096Mi")
    assert made["spec"]["resources"] == {"cores": "2000m", "memory": "4096Mi"}
    assert granted(made) == ("2", "4Gi")
    assert await world.get(kinds.NODE_ALLOCATION, "n1") == before


async def test_a_stopped_vps_may_change_freely_and_is_granted_the_new_size_at_its_start(world: World) -> None:
    await world.patch({"spec": {"runState": "Stopped"}})
    await world.report(state="stopped")
    await world.act("release")
    made = await resize(world, memory="7Gi")
    assert made["status"]["assignment"]["grant"] == {"sshPort": 30000}
    await world.patch({"spec": {"runState": "Running"}})
    assert granted((await world.act("regrant")).object) == ("2", "7Gi")


async def test_growing_and_another_binding_never_book_the_same_memory(world: World) -> None:
    await world.create(a_vps("other", resources={"memory": "4Gi"}))
    results = await asyncio.gather(
        resize(world, memory="6Gi"), world.act("bind", "other", node="n1"), return_exceptions=True
    )
    assert sum(isinstance(result, errors.Invalid) for result in results) == 1


async def test_a_node_that_is_gone_takes_nothing_more_but_gives_back(world: World) -> None:
    await world.delete("n1", resource=kinds.NODE)
    assert granted(await resize(world, memory="1Gi")) == ("2", "1Gi")
    with pytest.raises(errors.Invalid, match="node n1 has not reported what it has"):
        await resize(world, memory="6Gi")
