"""DELETE, finalizers and preconditions."""

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
    return await a_world(a_node("n1"))


def a_namespace(name: str, **metadata: Any) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, **metadata}}


async def test_an_unbound_vps_goes_at_once(world: World) -> None:
    await world.create(a_vps())
    written = await world.delete()
    assert written.removed and written.object["metadata"]["name"] == "dev"
    assert await world.get(kinds.VPS, "dev", "default") is None
    with pytest.raises(errors.NotFound):
        await world.delete()


async def test_a_bound_vps_stays_until_its_node_has_finished(world: World) -> None:
    await world.bound(stopGracePeriod="2500ms")
    written = await world.delete()
    assert not written.removed
    vps = await world.vps()
    assert vps["metadata"]["deletionTimestamp"] and vps["metadata"]["deletionGracePeriodSeconds"] == 3
    assert vps["status"]["reason"] == "Terminating"
    assert await world.bookings(), "booked until confirmed gone"


async def test_a_second_delete_may_only_shorten_the_grace(world: World) -> None:
    await world.bound()
    await world.delete(gracePeriodSeconds=30)
    for asked, then in ((60, 30), (None, 30), (0, 0)):
        await world.delete(gracePeriodSeconds=asked)
        assert (await world.vps())["metadata"]["deletionGracePeriodSeconds"] == then


async def test_a_delete_repeated_makes_no_revision(world: World) -> None:
    await world.bound()
    await world.delete()
    before = await world.store.revision()
    await world.delete()
    assert await world.store.revision() == before


async def test_preconditions_are_honoured(world: World) -> None:
    made = (await world.create(a_vps())).object
    with pytest.raises(errors.Conflict, match="UID"):
        await world.delete(preconditions={"uid": "another"})
    with pytest.raises(errors.Conflict):
        await world.delete(preconditions={"resourceVersion": "1"})
    fields = made["metadata"]
    await world.delete(preconditions={"uid": fields["uid"], "resourceVersion": fields["resourceVersion"]})


@pytest.mark.parametrize(
    "options",
    [
        {"gracePeriodSeconds": -1},
        {"gracePeriodSeconds": "1"},
        {"propagationPolicy": "Sideways"},
        {"dryRun": ["Some"]},
        {"preconditions": 5},
        {"preconditions": {"uid": 5}},
    ],
    ids=str,
)
async def test_options_that_mean_nothing_are_a_bad_request(world: World, options: Json) -> None:
    await world.create(a_vps())
    with pytest.raises(errors.BadRequest):
        await world.delete(**options)


@pytest.mark.parametrize("policy", ["Orphan", "Background", "Foreground"])
async def test_every_propagation_policy_is_accepted(world: World, policy: str) -> None:
    await world.create(a_vps())
    assert (await world.delete(propagationPolicy=policy)).removed


async def test_an_object_goes_when_its_last_finalizer_does(world: World) -> None:
    body = a_vps()
    body["metadata"]["finalizers"] = ["a.b/c"]
    await world.create(body)
    assert not (await world.delete()).removed
    assert (await world.vps())["status"]["message"] == "waiting for its finalizers: a.b/c"
    assert (await world.patch({"metadata": {"finalizers": []}})).removed
    assert await world.get(kinds.VPS, "dev", "default") is None


async def test_built_in_namespaces_stay(world: World) -> None:
    for name in kinds.BUILT_IN_NAMESPACES:
        with pytest.raises(errors.Forbidden, match="may not be deleted"):
            await world.delete(name, resource=kinds.NAMESPACE)


async def test_a_namespace_that_holds_something_stays_and_says_what(world: World) -> None:
    await world.create(a_namespace("team-a"), resource=kinds.NAMESPACE)
    for name in ("one", "two", "three", "four"):
        await world.create(a_vps(name, namespace="team-a"))
    with pytest.raises(errors.Conflict) as caught:
        await world.delete("team-a", resource=kinds.NAMESPACE)
    assert "it still holds vpses: four, one, three and more" in caught.value.message
    found = await world.get(kinds.NAMESPACE, "team-a")
    assert found is not None and found["status"] == {"phase": "Active"}


async def test_an_empty_namespace_goes(world: World) -> None:
    await world.create(a_namespace("team-a"), resource=kinds.NAMESPACE)
    assert (await world.delete("team-a", resource=kinds.NAMESPACE)).removed
    assert await world.get(kinds.NAMESPACE, "team-a") is None


async def test_a_namespace_that_waits_for_a_finalizer_takes_nothing_new(world: World) -> None:
    await world.create(a_namespace("team-a", finalizers=["a.b/c"]), resource=kinds.NAMESPACE)
    await world.delete("team-a", resource=kinds.NAMESPACE)
    with pytest.raises(errors.Forbidden, match="because it is being terminated"):
        await world.create(a_vps(namespace="team-a"))
    patched = await world.patch({"metadata": {"finalizers": []}}, "team-a", resource=kinds.NAMESPACE)
    assert patched.removed and await world.get(kinds.NAMESPACE, "team-a") is None


@pytest.mark.parametrize("head_start", range(6))
async def test_no_vps_is_left_without_its_namespace(world: World, head_start: int) -> None:
    await world.create(a_namespace("team-a"), resource=kinds.NAMESPACE)

    async def late() -> None:
        for _ in range(head_start):
            await asyncio.sleep(0)
        await world.create(a_vps(namespace="team-a"))

    await asyncio.gather(world.delete("team-a", resource=kinds.NAMESPACE), late(), return_exceptions=True)
    namespace = await world.get(kinds.NAMESPACE, "team-a")
    vps = await world.get(kinds.VPS, "dev", "team-a")
    assert (namespace is None) != (vps is not None), "either both, or neither"
