"""A ResourceQuota is compared in the transactions that give: on no server is more booked than it allows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from apiserver import codec
from apiserver.binding import grants
from apiserver.caching.quotas import Quotas
from apiserver.store.base import Batch, Delete, Put, Record
from apiserver.store.memory import MemoryStore
from kohakuriver import errors
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api
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
        "namespace default uses 0 of 500m requests.cpu, and this VPS needs 1 more (ResourceQuota less)"
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
    assert [limit.unreadable != "" for limit in found.limits("team-b")] == [True]
    assert found.limits("default") == ()


async def test_a_closed_namespace_says_which_quota_cannot_be_read_and_lets_go() -> None:
    world = await a_world(a_node("n1", cores="8"))
    await stopped(world, "before")
    await world.bound("one")
    await world.put(kinds.RESOURCE_QUOTA, a_quota("broken", cpu="lots"))
    await world.create(a_vps("two"))
    assert await refused(world, "two") == (
        'ResourceQuota broken of namespace default cannot be read ("lots" is not a quantity: write a number '
        "such as 2, 0.5, 500m or 4Gi): nothing is given there until it is corrected or deleted"
    )
    await world.delete("one")
    await world.act("finish", "one", user=N1)


async def test_the_turn_of_a_namespace_goes_with_it() -> None:
    async with running_api() as api:
        await api.create(kinds.NAMESPACE, {"metadata": {"name": "team-a"}})
        await api.create(kinds.RESOURCE_QUOTA, a_quota(namespace="team-a", cpu="1"))
        assert await api.store.get(grants.quota_key("team-a")) is not None
        await api.call("DELETE", f"{kinds.RESOURCE_QUOTA.path(namespace='team-a')}/all")
        assert (await api.call("DELETE", kinds.NAMESPACE.path(name="team-a"))).code == 200
        assert await api.store.get(grants.quota_key("team-a")) is None


class Counting(MemoryStore):
    """Remembers what each commit compared and wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[tuple[set[str], set[str]]] = []
        self.reads = 0

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        self.commits.append((set(expect), {write.key for write in writes}))
        return await super().commit(expect=expect, writes=writes)

    async def get_many(self, keys: Sequence[str]) -> tuple[tuple[Record | None, ...], int]:
        self.reads += 1
        return await super().get_many(keys)

    async def revision(self) -> int:
        self.reads += 1
        return await super().revision()


async def a_cluster(api: Api, *, nodes: int = 1) -> None:
    for number in range(1, nodes + 1):
        await api.store.commit(
            expect={},
            writes=[
                Put(codec.key(kinds.NODE, None, f"n{number}"), codec.encode(a_node(f"n{number}", cores="64")))
            ],
        )


async def bind(api: Api, name: str, node: str = "n1") -> tuple[int, str]:
    path = f"{kinds.VPS.path(namespace='default')}/{name}"
    uid = (await api.get(path)).body["metadata"]["uid"]
    reply = await api.call("POST", f"{path}/bind", {"uid": uid, "node": node}, user="controller")
    return reply.code, reply.body.get("message", "")


async def test_without_a_quota_a_bind_is_one_commit_that_writes_what_it_wrote_before() -> None:
    store = Counting()
    async with running_api(store) as api:
        await a_cluster(api)
        await api.create(kinds.VPS, {"metadata": {"name": "dev"}, "spec": {}})
        await asyncio.sleep(0.1)
        store.commits.clear()
        store.reads = 0
        assert (await bind(api, "dev"))[0] == 200
    assert store.reads == 0
    written = {"registry/vpses/default/dev", "registry/nodeallocations/n1"}
    assert store.commits == [({*written, "registry/nodes/n1", TURN}, written)]


async def test_with_a_quota_a_bind_is_one_commit_too_and_writes_the_turn() -> None:
    store = Counting()
    async with running_api(store) as api:
        await a_cluster(api)
        await api.create(kinds.RESOURCE_QUOTA, a_quota(cpu="4"))
        for name in ("one", "two"):
            await api.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
        await asyncio.sleep(0.1)
        store.commits.clear()
        for name in ("one", "two"):
            assert (await bind(api, name))[0] == 200
    assert [TURN in written for _, written in store.commits] == [True, True]


class Elsewhere:
    """What another API server has: the same store by another object, whose watch may be held up."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.shows = asyncio.Event()
        self.shows.set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def watch(self, prefix: str, *, start: int) -> AsyncIterator[Batch]:
        async with contextlib.aclosing(self._store.watch(prefix, start=start)) as batches:
            async for batch in batches:
                await self.shows.wait()
                yield batch


@contextlib.asynccontextmanager
async def two_servers() -> AsyncIterator[tuple[Api, Api, Elsewhere]]:
    store = MemoryStore()
    elsewhere = Elsewhere(store)
    async with running_api(store) as one, running_api(elsewhere) as two:  # type: ignore[arg-type]
        yield one, two, elsewhere


async def test_a_server_that_does_not_know_the_quota_yet_cannot_pass_by_it() -> None:
    async with two_servers() as (one, two, elsewhere):
        await a_cluster(one)
        await one.create(kinds.VPS, {"metadata": {"name": "dev"}, "spec": {}})
        await asyncio.sleep(1)
        elsewhere.shows.clear()
        await one.create(kinds.RESOURCE_QUOTA, a_quota(cpu="0"))
        code, words = await bind(two, "dev")
        assert (code, "does not know yet what its namespace has booked" in words) == (503, True), words
        elsewhere.shows.set()
        code, words = await bind(two, "dev")
        assert (code, "uses 0 of 0 requests.cpu" in words) == (422, True), words


async def test_a_server_that_lags_does_not_give_what_another_has_given() -> None:
    async with two_servers() as (one, two, elsewhere):
        await a_cluster(one, nodes=2)
        await one.create(kinds.RESOURCE_QUOTA, a_quota(cpu="1"))
        for name in ("dev", "other"):
            await one.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
        await asyncio.sleep(1)
        elsewhere.shows.clear()
        assert (await bind(one, "dev", "n1"))[0] == 200
        assert (await bind(two, "other", "n2"))[0] == 503
        elsewhere.shows.set()
        assert (await bind(two, "other", "n2"))[0] == 422


async def test_nobody_is_refused_over_what_has_been_given_back() -> None:
    async with two_servers() as (one, two, elsewhere):
        await a_cluster(one)
        await one.create(kinds.RESOURCE_QUOTA, a_quota(cpu="1"))
        for name in ("dev", "other"):
            await one.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
        await bind(one, "dev")
        await asyncio.sleep(1)
        elsewhere.shows.clear()
        path = f"{kinds.VPS.path(namespace='default')}/dev"
        await one.call("DELETE", path)
        vps = (await one.get(path)).body
        body = {"uid": vps["metadata"]["uid"], "epoch": 1}
        assert (await one.call("POST", f"{path}/finish", body, user="n1")).code == 200
        asyncio.get_running_loop().call_later(0.5, elsewhere.shows.set)
        assert await bind(two, "other") == (200, "")


async def test_a_quota_that_is_deleted_or_raised_lets_through_at_once() -> None:
    async with running_api() as api:
        await a_cluster(api)
        for name in ("one", "two"):
            await api.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
        await api.create(kinds.RESOURCE_QUOTA, a_quota(cpu="0"))
        assert (await bind(api, "one"))[0] == 422
        path = f"{kinds.RESOURCE_QUOTA.path(namespace='default')}/all"
        merge = {"Content-Type": "application/merge-patch+json"}
        raised = {"spec": {"hard": {"requests.cpu": "1"}}}
        assert (await api.call("PATCH", path, raised, headers=merge)).code == 200
        assert (await bind(api, "one"))[0] == 200
        assert (await bind(api, "two"))[0] == 422
        assert (await api.call("DELETE", path)).code == 200
        assert (await bind(api, "two"))[0] == 200


async def test_fifty_at_once_on_two_servers_give_exactly_as_many_as_the_quota_has_room_for() -> None:
    async with two_servers() as (one, two, _):
        await a_cluster(one, nodes=5)
        await one.create(kinds.RESOURCE_QUOTA, a_quota(cpu="17"))
        names = [f"v{number}" for number in range(50)]
        await asyncio.gather(
            *(one.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}}) for name in names)
        )
        replies = await asyncio.gather(
            *(bind((one, two)[number % 2], name, f"n{1 + number % 5}") for number, name in enumerate(names))
        )
        codes = [code for code, _ in replies]
        left = [name for name, code in zip(names, codes, strict=True) if code == 409]
        for name in left:  # one conflict too many: its controller would try again
            codes.append((await bind(one, name))[0])
        records = (await one.get(kinds.NODE_ALLOCATION.path())).body["items"]
    assert codes.count(200) == 17 and codes.count(422) == 33, codes
    assert sum(len(record["bookings"]) for record in records) == 17


def test_quotas_forget_what_is_gone() -> None:
    found, key = Quotas(), codec.key(kinds.RESOURCE_QUOTA, "default", "all")
    found.apply(key, Record(key, codec.encode(a_quota(cpu="2")), 7, 7))
    assert [limit.most for limit in found.limits("default")] == [2000]
    found.apply(key, None)
    assert found.limits("default") == ()
