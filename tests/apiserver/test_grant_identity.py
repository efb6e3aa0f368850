"""A grant has an identity: what was said before it, or was held up on its way, proves nothing of it."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.resources import kinds
from tests.apiserver.writing import N1, World, a_node, a_world

pytestmark = [pytest.mark.looptime, pytest.mark.fault(58)]

Json = dict[str, Any]


@pytest.fixture
async def world() -> World:
    """A VPS that was stopped, released, started and stopped again before its agent has said anything."""
    world = await a_world(a_node("n1"))
    await world.bound()
    await world.report(observed={"container": {"id": "c1"}, "sequence": 7, "session": "s1"})
    await declare(world, "Stopped")
    await world.report(state="stopped", observed={"sequence": 8})
    await world.act("release")
    await declare(world, "Running")
    await world.act("regrant")
    return world


async def declare(world: World, run_state: str) -> None:
    await world.patch({"spec": {"runState": run_state}})


async def grant_of(world: World) -> str:
    return str((await world.vps())["status"]["assignment"]["grantId"])


async def test_each_grant_has_an_id_of_its_own(world: World) -> None:
    first = await grant_of(world)
    await declare(world, "Stopped")
    await world.report(state="stopped", observed={"sequence": 9})
    await world.act("release")
    assert await grant_of(world) == first
    await declare(world, "Running")
    await world.act("regrant")
    assert await grant_of(world) != first


async def test_a_new_grant_forgets_the_state_and_keeps_what_is_known_of_the_container(world: World) -> None:
    observed = (await world.vps())["status"]["observed"]
    assert "state" not in observed and "grantId" not in observed and "reason" not in observed
    assert (observed["container"], observed["sequence"]) == ({"id": "c1"}, 8)


async def test_stopped_as_said_before_the_grant_releases_nothing(world: World) -> None:
    await declare(world, "Stopped")
    with pytest.raises(errors.Conflict, match="last seen nowhere"):
        await world.act("release")
    await world.report(state="stopped", observed={"sequence": 9})
    assert (await world.act("release")).object["status"]["assignment"]["grant"].get("cores") is None


async def test_stopped_without_a_grant_named_releases_nothing(world: World) -> None:
    await declare(world, "Stopped")
    await world.report(state="stopped", observed={"grantId": None, "sequence": 9})
    with pytest.raises(errors.Conflict, match="last seen nowhere"):
        await world.act("release")


async def test_a_report_on_an_earlier_grant_is_refused(world: World) -> None:
    with pytest.raises(errors.Conflict, match="stale grant"):
        await world.report(state="stopped", observed={"grantId": "of-before", "sequence": 9})


@pytest.mark.parametrize("late", [{"sequence": 8}, {"sequence": 9, "session": "another"}])
async def test_a_report_that_was_overtaken_is_refused(world: World, late: Json) -> None:
    await world.report(observed={"sequence": 9, "session": "s1"})
    with pytest.raises(errors.Conflict, match="stale report: number"):
        await world.report(state="stopped", observed=late)
    assert (await world.vps())["status"]["observed"]["state"] == "running"


async def test_the_same_report_sent_twice_is_taken_once(world: World) -> None:
    said = await world.report(observed={"sequence": 9, "session": "s1"})
    again = await world.report(observed={"sequence": 9, "session": "s1"})
    assert again.object["metadata"]["resourceVersion"] == said.object["metadata"]["resourceVersion"]


async def test_a_size_that_changes_is_the_same_grant(world: World) -> None:
    before = await grant_of(world)
    await world.patch({"spec": {"resources": {"cores": 2}}})
    assert await grant_of(world) == before


async def test_objects_and_agents_of_before_know_no_grants(world: World) -> None:
    """Bound before an upgrade, and reported by an agent of before: released as ever."""
    vps = await world.vps()
    del vps["status"]["assignment"]["grantId"]
    vps["status"]["observed"].pop("sequence")
    vps["spec"]["runState"] = "Stopped"
    await world.put(kinds.VPS, vps)
    body = {
        "metadata": {"uid": vps["metadata"]["uid"]},
        "status": {"observed": {"epoch": 1, "state": "stopped"}},
    }
    await world.patch(body, user=N1, subresource="status")
    assert (await world.act("release")).object["status"]["assignment"]["grant"].get("cores") is None
