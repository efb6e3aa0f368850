"""A ResourceQuota is compared in the transactions that give: on no server is more booked than it allows."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding import grants
from kohakuriver.apiserver.quota.quotas import Quotas
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.resources import kinds
from tests.apiserver.test_adopting import a_node_with, an_unknown
from tests.apiserver.writing import N1, World, a_gpu, a_node, a_vps, a_world

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
TURN = grants.quota_key("default")


def a_quota(name: str = "all", namespace: str = "default", **hard: Any) -> Json:
    """`requests.cpu` and so on by their last word: cpu, memory, gpu, storage."""
    full = {"gpu": "requests.nvidia.com/gpu"}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hard": {full.get(word, f"requests.{word}"): most for word, most in hard.items()}},
    }


async def limited(world: World, **hard: Any) -> None:
    await world.create(a_quota(**hard), resource=kinds.RESOURCE_QUOTA)


async def refused(world: World, name: str = "dev", action: str = "bind", **body: Any) -> str:
    """The sentence of the refusal; nothing is changed by it."""
    vps, held = await world.vps(name), await world.bookings()
    with pytest.raises(errors.Invalid) as caught:
        await world.act(action, name, **({"node": "n1"} if action == "bind" else {}), **body)
    assert [cause.reason for cause in caught.value.causes] == ["QuotaExceeded"]
    assert (await world.vps(name), await world.bookings()) == (vps, held)
    return caught.value.causes[0].message


async def turn(world: World) -> int:
    record = await world.store.get(TURN)
    return record.revision if record else 0


async def stopped(world: World, name: str = "dev", **spec: Any) -> None:
    """A VPS that ran, was stopped, and was released."""
    await world.bound(name, **spec)
    await world.report(name)
    await world.patch({"spec": {"runState": "Stopped"}}, name)
    await world.report(name, state="stopped")
    await world.act("release", name)


async def test_what_fits_into_the_quota_is_bound_and_what_does_not_is_refused_in_words() -> None:
    world = await a_world(a_node("n1", cores="8"))
    await limited(world, cpu="3")
    await world.bound("one", resources={"cores": 2})
    await world.create(a_vps("two", resources={"cores": 2}))
    assert await refused(world, "two") == (
        "namespace default uses 2 of 3 requests.cpu, and this VPS needs 2 more (ResourceQuota all)"
    )
    await world.bound("three", resources={"cores": 1})
    assert await refused(world, "two") == "namespace default uses 3 of 3 requests.cpu (ResourceQuota all)"


@pytest.mark.parametrize(
    ("hard", "spec", "words"),
    [
        ({"gpu": 1}, {"placement": {"gpus": {"count": 1}}}, "1 of 1 requests.nvidia.com/gpu"),
        ({"memory": "1Gi"}, {"resources": {"memory": "1Gi"}}, "1Gi of 1Gi requests.memory"),
        ({"storage": "9Gi"}, {"resources": {"disk": "9Gi"}}, "9Gi of 9Gi requests.storage"),
    ],
)
async def test_everything_that_is_booked_is_compared(hard: Json, spec: Json, words: str) -> None:
    world = await a_world(a_node("n1", cores="8", gpus=(a_gpu(0), a_gpu(1))))
    await limited(world, **hard)
    await world.bound("one", **spec)
    await world.create(a_vps("two", **spec))
    assert await refused(world, "two") == f"namespace default uses {words} (ResourceQuota all)"


async def test_the_smallest_of_several_quotas_holds() -> None:
    world = await a_world(a_node("n1", cores="8"))
    await limited(world, cpu="4")
    await world.create(a_quota("less", cpu="500m"), resource=kinds.RESOURCE_QUOTA)
    await world.create(a_vps(resources={"cores": 1}))
    assert await refused(world) == (
        "namespace default uses 0 of 0.5 requests.cpu, and this VPS needs 1 more (ResourceQuota less)"
    )


async def test_a_stopped_vps_gives_its_cores_back_and_gets_them_again_only_within_the_quota() -> None:
    world = await a_world(a_node("n1", cores="8"))
    await limited(world, cpu="2")
    await stopped(world, resources={"cores": 2})
    await world.bound("other", resources={"cores": 1})
    await world.patch({"spec": {"runState": "Running"}})
    assert await refused(world, action="regrant") == (
        "namespace default uses 1 of 2 requests.cpu, and this VPS needs 2 more (ResourceQuota all)"
    )
    await world.delete("other")
    await world.act("finish", "other", user=N1)
    granted = await world.act("regrant")
    assert granted.object["status"]["assignment"]["grant"]["cores"] == "2"


async def test_a_stopped_vps_keeps_its_disk() -> None:
    world = await a_world(a_node("n1", cores="8"))
    await limited(world, storage="10Gi")
    await stopped(world, resources={"disk": "10Gi"})
    [entry] = (await world.bookings()).values()
    assert (entry["disk"], entry.get("cores")) == ("10Gi", None)
    await world.create(a_vps("other", resources={"disk": "1Gi"}))
    assert "uses 10Gi of 10Gi requests.storage" in await refused(world, "other")


async def test_a_stopped_vps_may_take_more_disk_only_within_the_quota() -> None:
    world = await a_world(a_node("n1", cores="8"))
    await limited(world, storage="10Gi")
    await stopped(world, resources={"disk": "8Gi"})
    with pytest.raises(
        errors.Invalid, match=r"uses 8Gi of 10Gi requests\.storage, and this VPS needs 4Gi more"
    ):
        await world.patch({"spec": {"resources": {"disk": "12Gi"}}})
    before = await turn(world)
    await world.patch({"spec": {"resources": {"disk": "9Gi"}}})
    [entry] = (await world.bookings()).values()
    assert (entry["disk"], entry.get("cores")) == ("9Gi", None)
    assert await turn(world) > before
    await world.patch({"spec": {"resources": {"disk": "1Gi"}}})
    [entry] = (await world.bookings()).values()
    assert entry["disk"] == "1Gi"


async def test_disk_is_booked_with_other_changes_of_a_running_vps() -> None:
    world = await a_world(a_node("n1", cores="8"))
    await world.bound(resources={"cores": 1, "disk": "8Gi"})
    await world.patch({"spec": {"resources": {"cores": 2, "disk": "9Gi"}}})
    [entry] = (await world.bookings()).values()
    assert (entry["cores"], entry["disk"]) == ("2", "9Gi")
    await world.patch({"spec": {"resources": {"disk": None}}})
    [entry] = (await world.bookings()).values()
    assert "disk" not in entry and entry["cores"] == "2"


async def test_where_disk_is_limited_each_vps_has_to_say_how_much() -> None:
    world = await a_world(a_node("n1"))
    await limited(world, storage="10Gi")
    await world.create(a_vps())
    assert await refused(world) == (
        "ResourceQuota all of namespace default limits requests.storage: "
        "say in spec.resources.disk how much this VPS may take"
    )


async def test_a_resize_grows_only_within_the_quota_and_may_always_shrink() -> None:
    world = await a_world(a_node("n1", cores="8", memory="16Gi"))
    await world.bound(resources={"cores": 4, "memory": "4Gi"})
    await limited(world, cpu="3", memory="8Gi")
    with pytest.raises(errors.Invalid, match=r"uses 4 of 3 requests\.cpu \(ResourceQuota all\)"):
        await world.patch({"spec": {"resources": {"cores": 5}}})
    before = await turn(world)
    await world.patch({"spec": {"resources": {"cores": 2}}})
    assert await turn(world) == before, "who gives back compares what he was told and writes no turn"
    await world.patch({"spec": {"resources": {"memory": "8Gi"}}})
    assert await turn(world) > before


async def test_a_container_is_adopted_only_within_the_quota() -> None:
    world = await a_world(a_node_with(an_unknown()))
    await limited(world, cpu="1")
    await world.create(a_vps(resources={"cores": 1}))
    sentence = await refused(world, action="adopt", node="n1", container="kohakuriver-default-dev-01234567")
    assert "uses 0 of 1 requests.cpu, and this VPS needs 2 more" in sentence


async def test_a_tombstone_counts_until_its_container_is_gone() -> None:
    world = await a_world(a_node("n1", cores="8"), a_node("n2"))
    await limited(world, cpu="2")
    made = await world.bound("one", resources={"cores": 2})
    await world.silence("one")
    await world.delete("one", gracePeriodSeconds=0)
    await world.create(a_vps("two", resources={"cores": 1}))
    assert "uses 2 of 2" in await refused(world, "two")
    await world.confirm(made["metadata"]["uid"], 1)
    await world.act("bind", "two", node="n1")


async def test_a_quota_that_makes_no_sense_closes_its_own_namespace_alone() -> None:
    world = await a_world(a_node("n1", cores="8"))
    for name in ("team-a", "team-b"):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await world.create(body, resource=kinds.NAMESPACE)
    broken = a_quota("broken", "team-a", cpu="lots")
    await world.put(kinds.RESOURCE_QUOTA, broken)
    await world.store.commit(
        expect={}, writes=[Put(codec.key(kinds.RESOURCE_QUOTA, "team-b", "nothing"), b"no JSON")]
    )
    await world.bound("here")
    found = world.quotas
    assert [limit.unreadable != "" for limit in found.limits("team-a")] == [True]
    assert found.limits("team-b") == (), "over the API nobody could correct or delete it"
    assert found.limits("default") == ()


async def test_a_closed_namespace_says_which_quota_cannot_be_read_and_lets_go() -> None:
    world = await a_world(a_node("n1", cores="8"))
    await stopped(world, "before")
    await world.bound("one")
    await world.put(kinds.RESOURCE_QUOTA, a_quota("broken", cpu="lots"))
    await world.create(a_vps("two"))
    assert await refused(world, "two") == (
        'ResourceQuota broken of namespace default cannot be read (invalid quantity "lots": write a number '
        "such as 2, 0.5, 500m or 4Gi): nothing is given there until it is corrected or deleted"
    )
    await world.delete("one")
    await world.act("finish", "one", user=N1)


def test_quotas_forget_what_is_gone() -> None:
    found, key = Quotas(), codec.key(kinds.RESOURCE_QUOTA, "default", "all")
    found.apply(key, Record(key, codec.encode(a_quota(cpu="2")), 7, 7))
    assert [limit.most for limit in found.limits("default")] == [2000]
    found.apply(key, None)
    assert found.limits("default") == ()
