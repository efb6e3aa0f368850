"""A drained node: its VPSes stop and keep spec, port and files; uncordon starts them again."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.resources import kinds
from tests.apiserver.writing import World, a_node, a_vps, a_world

pytestmark = [pytest.mark.looptime, pytest.mark.fault(29)]

Json = dict[str, Any]


@pytest.fixture
async def world() -> World:
    world = await a_world(a_node("n1"))
    await world.bound()
    await world.report()
    await drain(world, True)
    return world


async def drain(world: World, on: bool) -> None:
    await world.patch({"spec": {"drain": on or None}}, "n1", resource=kinds.NODE)


async def stopped(world: World) -> Json:
    return (await world.report(state="stopped", observed={"reason": "NodeDrained"})).object


async def test_a_drained_vps_is_stopped_and_says_why_and_its_spec_stays(world: World) -> None:
    made = await stopped(world)
    assert made["spec"]["runState"] == "Running"
    assert (made["status"]["phase"], made["status"]["reason"]) == ("stopped", "NodeDrained")
    assert made["status"]["message"] == (
        "node n1 is being drained; it starts again when the node is uncordoned"
    )


async def test_drained_it_keeps_only_its_port(world: World) -> None:
    await stopped(world)
    made = (await world.act("release")).object
    assert made["status"]["assignment"]["grant"] == {"sshPort": 30000}
    assert (made["status"]["phase"], made["status"]["reason"]) == ("stopped", "NodeDrained")


async def test_what_still_runs_on_a_drained_node_is_not_released(world: World) -> None:
    with pytest.raises(errors.Conflict, match="last seen running"):
        await world.act("release")


async def test_an_agents_word_alone_releases_nothing(world: World) -> None:
    await stopped(world)
    await drain(world, False)
    with pytest.raises(errors.Conflict, match="only what is declared stopped or drained"):
        await world.act("release")


async def test_it_is_given_its_place_again_only_when_the_drain_is_over(world: World) -> None:
    await stopped(world)
    await world.act("release")
    with pytest.raises(errors.Invalid, match="its files are on n1, which is being drained"):
        await world.act("regrant")
    await drain(world, False)
    made = (await world.act("regrant")).object
    assert made["status"]["assignment"]["grant"] == {"cores": "1", "memory": "1Gi", "sshPort": 30000}


async def test_a_full_node_after_a_drain_is_a_reason_to_wait(world: World) -> None:
    await stopped(world)
    await world.act("release")
    condition = {
        "type": "Scheduled",
        "status": "False",
        "reason": "NoRoom",
        "message": "n1 is short of cores",
    }
    made = await world.patch({"status": {"conditions": [condition]}}, subresource="status")
    assert (made.object["status"]["phase"], made.object["status"]["reason"]) == ("pending", "NoRoom")


async def test_nothing_new_is_bound_to_a_node_that_is_being_drained(world: World) -> None:
    await world.create(a_vps("other"))
    with pytest.raises(errors.Invalid, match="node n1 is being drained"):
        await world.act("bind", "other", node="n1")
