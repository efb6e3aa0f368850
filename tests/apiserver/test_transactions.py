"""bind, finish, release, regrant: what they do, what they refuse, and that nothing is ever given twice."""

import asyncio
import dataclasses
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver import backing
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import StoreTimeout
from kohakuriver.apiserver.write import actions
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.apiserver.writing import ADMIN, CONTROLLER, N1, N2, World, a_node, a_vps, a_world
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

Json = dict[str, Any]


class SharedStore(MemoryStore):
    """What another API server has: the same keys by another object, so that it takes no turns with ours."""

    def __init__(self, store: MemoryStore) -> None:
        vars(self).update(vars(store))
        self.get_many = store.get_many  # type: ignore[method-assign]
        self.commit = store.commit  # type: ignore[method-assign]
        self.get = store.get  # type: ignore[method-assign]


@pytest.fixture
async def world() -> World:
    return await a_world(a_node("n1"), a_node("n2"))


async def stopped(world: World, name: str = "dev", **spec: Any) -> None:
    """A VPS that ran, was stopped, and was released."""
    await world.bound(name, **spec)
    await world.report(name)
    await world.patch({"spec": {"runState": "Stopped"}}, name)
    await world.report(name, state="stopped")
    await world.act("release", name)


async def test_bind_gives_a_vps_a_node_and_books_what_it_needs(world: World) -> None:
    made = await world.bound(resources={"cores": "1500m", "memory": "2Gi"})
    status = made["status"]
    grant = {"cores": "1500m", "memory": "2Gi", "sshPort": 30000}
    assert status["assignment"]["grant"] == grant
    assert (status["assignment"]["node"], status["assignment"]["epoch"], status["epoch"]) == ("n1", 1, 1)
    assert status["phase"] == "assigning"
    assert status["conditions"][0]["type"] == "Scheduled" and status["conditions"][0]["status"] == "True"
    assert made["metadata"]["finalizers"] == ["kohakuriver.io/container"]
    assert made["metadata"]["generation"] == 1
    assert await world.vps() == made, "what is answered is what is stored"
    entry = {"namespace": "default", "name": "dev", "epoch": 1, "id": status["assignment"]["id"], **grant}
    assert await world.bookings() == {made["metadata"]["uid"]: entry}


async def test_the_vps_and_the_record_are_written_in_one_revision(world: World) -> None:
    made = await world.bound()
    record = await world.get(kinds.NODE_ALLOCATION, "n1")
    assert record is not None
    assert record["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert record["metadata"]["uid"] and record["kind"] == "NodeAllocation"


@pytest.mark.parametrize(
    ("spec", "says"),
    [({"runState": "Stopped"}, "declared Stopped"), ({"placement": {"node": "n2"}}, "placement.node is n2")],
)
async def test_what_is_not_to_be_placed_there_is_not_bound(world: World, spec: Json, says: str) -> None:
    await world.create(a_vps(**spec))
    with pytest.raises(errors.Conflict, match=says):
        await world.act("bind", node="n1")


async def test_a_bound_vps_is_not_bound_again(world: World) -> None:
    await world.bound()
    for node in ("n1", "n2"):
        with pytest.raises(errors.Conflict, match="placed on n1 already"):
            await world.act("bind", node=node)


async def test_what_is_being_deleted_is_not_bound(world: World) -> None:
    body = a_vps()
    body["metadata"]["finalizers"] = ["a.b/c"]
    await world.create(body)
    await world.delete()
    with pytest.raises(errors.Conflict, match="being deleted"):
        await world.act("bind", node="n1")


async def test_another_uid_under_the_same_name_is_not_bound(world: World) -> None:
    await world.create(a_vps())
    with pytest.raises(errors.Conflict, match="another has its name"):
        await world.act("bind", uid="old", node="n1")


async def test_a_vps_that_moved_since_the_controller_looked_is_not_bound(world: World) -> None:
    made = (await world.create(a_vps())).object
    version = made["metadata"]["resourceVersion"]
    await world.patch({"spec": {"resources": {"cores": 4}}})
    with pytest.raises(errors.Conflict, match="has been modified"):
        await world.act("bind", node="n1", resourceVersion=version)


@pytest.mark.fault(29)
@pytest.mark.parametrize(
    ("node", "says"),
    [
        (a_node("n3", unschedulable=True), "node n3 is cordoned"),
        (a_node("n3", ready="Unknown"), "node n3 is not ready: its lease is 30 s old"),
        (a_node("n4"), "node n3 is not registered"),
    ],
    ids=["cordoned", "not ready", "absent"],
)
async def test_a_node_that_takes_nothing_is_refused_in_words(world: World, node: Json, says: str) -> None:
    await world.put(kinds.NODE, node)
    await world.create(a_vps())
    with pytest.raises(errors.Invalid, match=says):
        await world.act("bind", node="n3")


@pytest.mark.fault(12)
async def test_a_node_whose_engine_hangs_takes_nothing_new(world: World) -> None:
    node = a_node("n3")
    hung = {"type": "RuntimeReady", "status": "False", "message": "no answer for 10 s"}
    node["status"]["conditions"].append(hung)
    await world.put(kinds.NODE, node)
    await world.create(a_vps())
    with pytest.raises(errors.Invalid, match="engine of node n3 is not ready: no answer for 10 s"):
        await world.act("bind", node="n3")


async def test_a_vps_that_does_not_fit_is_refused_with_numbers(world: World) -> None:
    await world.bound("one", resources={"memory": "6656Mi"})
    await world.create(a_vps("two", resources={"memory": "4Gi"}))
    with pytest.raises(errors.Invalid) as caught:
        await world.act("bind", "two", node="n1")
    [cause] = caught.value.causes
    assert cause.reason == "NoRoom"
    assert cause.message == "n1 is short of memory: need 4Gi, 1.5Gi free"


@pytest.mark.fault(23)
async def test_of_two_vpses_that_race_for_the_last_core_one_is_bound(world: World) -> None:
    await world.create(a_vps("one", resources={"cores": 3}))
    await world.create(a_vps("two", resources={"cores": 3}))
    results = await asyncio.gather(
        world.act("bind", "one", node="n1"), world.act("bind", "two", node="n1"), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Invalid", "Written"]
    assert len(await world.bookings()) == 1


@pytest.mark.fault(40)
async def test_of_two_controllers_that_bind_one_vps_to_two_nodes_one_wins(world: World) -> None:
    await world.create(a_vps())
    results = await asyncio.gather(
        world.act("bind", node="n1"), world.act("bind", node="n2"), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Written"]
    assert len(await world.bookings("n1")) + len(await world.bookings("n2")) == 1


async def test_bindings_to_one_node_at_the_same_moment_all_arrive(world: World) -> None:
    names = [f"v{n}" for n in range(10)]
    for name in names:
        await world.create(a_vps(name, resources={"cores": "100m", "memory": "64Mi"}))
    await asyncio.gather(*(world.act("bind", name, node="n1") for name in names))
    ports = {entry["sshPort"] for entry in (await world.bookings()).values()}
    assert ports == set(range(30000, 30010)), "every port once"


async def test_servers_beside_each_other_bind_to_one_node_and_nothing_is_booked_twice(world: World) -> None:
    names = [f"v{n}" for n in range(10)]
    for name in names:
        await world.create(a_vps(name, resources={"cores": "1", "memory": "64Mi"}))
    servers = [World(SharedStore(world.store), world.clock) for _ in range(3)]
    results = await asyncio.gather(
        *(servers[n % 3].act("bind", name, node="n1") for n, name in enumerate(names)), return_exceptions=True
    )
    assert sum(isinstance(result, Written) for result in results) == 4, "as many as there are cores"
    entries = (await world.bookings()).values()
    assert len({entry["sshPort"] for entry in entries}) == len(entries) == 4


@pytest.mark.fault(38)
async def test_a_frozen_store_is_said_in_time_to_everybody_in_the_queue(world: World) -> None:
    names = [f"v{n}" for n in range(6)]
    vpses = [(await world.create(a_vps(name))).object for name in names]
    world.store.freeze()
    started = asyncio.get_running_loop().time()
    results = await asyncio.gather(
        *(world.act("bind", vps["metadata"]["name"], node="n1", uid=vps["metadata"]["uid"]) for vps in vpses),
        return_exceptions=True,
    )
    assert all(isinstance(result, StoreTimeout) for result in results)
    assert asyncio.get_running_loop().time() - started < 6


async def test_a_cordon_does_not_slip_in_behind_a_bind(world: World) -> None:
    await world.create(a_vps())
    results = await asyncio.gather(
        world.act("bind", node="n1"),
        world.patch({"spec": {"unschedulable": True}}, "n1", resource=kinds.NODE),
        return_exceptions=True,
    )
    if not isinstance(results[0], BaseException):
        node = await world.get(kinds.NODE, "n1")
        assert node is not None
        bound_at = int(results[0].object["metadata"]["resourceVersion"])
        assert bound_at < int(node["metadata"]["resourceVersion"]), "bound before the cordon"


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("bind", 5),
        ("bind", {"uid": "u"}),
        ("bind", {"uid": "u", "node": ""}),
        ("bind", {"uid": "u", "node": "n1", "cores": 2}),
        ("release", {"uid": "u", "epoch": "1"}),
        ("release", {"uid": "u", "epoch": True}),
        ("finish", {"epoch": 1}),
    ],
    ids=str,
)
async def test_a_body_with_other_fields_is_a_bad_request(world: World, action: str, body: Any) -> None:
    await world.bound()
    with pytest.raises(errors.BadRequest):
        await actions.act(world, Call(N1, kinds.VPS, "default", "dev", action), body)


async def test_what_is_no_transaction_is_not_found(world: World) -> None:
    with pytest.raises(errors.NotFound):
        await world.act("explode", uid="u", epoch=1)


async def test_finish_removes_the_object_and_frees_the_booking(world: World) -> None:
    made = await world.bound()
    await world.delete()
    written = await world.act("finish", user=N1)
    assert written.removed
    assert await world.get(kinds.VPS, "dev", "default") is None
    assert await world.bookings() == {}
    with pytest.raises(errors.NotFound):
        await world.act("finish", user=N1, uid=made["metadata"]["uid"], epoch=1)


async def test_finish_unbinds_what_other_finalizers_keep(world: World) -> None:
    made = await world.bound()
    await world.patch({"metadata": {"finalizers": ["kohakuriver.io/container", "a.b/c"]}})
    await world.delete()
    written = await world.act("finish", user=N1)
    assert not written.removed
    vps = await world.vps()
    assert vps["metadata"]["finalizers"] == ["a.b/c"]
    assert "assignment" not in vps["status"] and vps["status"]["epoch"] == 1
    assert await world.bookings() == {}
    with pytest.raises(errors.NotFound):
        await world.act("finish", user=N1, uid=made["metadata"]["uid"], epoch=1)
    assert (await world.patch({"metadata": {"finalizers": []}})).removed


async def test_finish_of_what_is_not_being_deleted_is_refused(world: World) -> None:
    await world.bound()
    with pytest.raises(errors.Conflict, match="not being deleted"):
        await world.act("finish", user=N1)


@pytest.mark.fault(47)
async def test_only_the_agent_of_the_bound_node_finishes(world: World) -> None:
    await world.bound()
    await world.delete()
    for user in (CONTROLLER, ADMIN):
        with pytest.raises(errors.Forbidden, match="only the agent of its node"):
            await world.act("finish", user=user)
    with pytest.raises(errors.NotFound):
        await world.act("finish", user=N2)
    assert await world.bookings()


@pytest.mark.fault(8)
async def test_finish_of_an_earlier_vps_or_placement_is_refused(world: World) -> None:
    await world.bound()
    await world.delete()
    with pytest.raises(errors.NotFound, match="another has its name"):
        await world.act("finish", user=N1, uid="old", epoch=1)
    with pytest.raises(errors.Conflict, match="stale epoch"):
        await world.act("finish", user=N1, epoch=2)


async def test_release_frees_cores_and_memory_and_keeps_the_port_and_the_node(world: World) -> None:
    await stopped(world)
    vps = await world.vps()
    assert vps["status"]["assignment"]["grant"] == {"sshPort": 30000}
    assert vps["status"]["phase"] == "stopped"
    assert vps["status"]["epoch"] == 1, "the epoch names a placement, and that is the same"
    [entry] = (await world.bookings()).values()
    assert "cores" not in entry and entry["sshPort"] == 30000


async def test_release_of_what_still_runs_is_refused(world: World) -> None:
    await world.bound()
    with pytest.raises(errors.Conflict, match="only what is declared stopped or drained, and seen stopped"):
        await world.act("release")
    await world.report(state="running")
    await world.patch({"spec": {"runState": "Stopped"}})
    with pytest.raises(errors.Conflict, match="last seen running"):
        await world.act("release")


async def test_a_transaction_repeated_makes_no_revision(world: World) -> None:
    await stopped(world)
    before = await world.store.revision()
    await world.act("release")
    assert await world.store.revision() == before
    await world.patch({"spec": {"runState": "Running"}})
    await world.act("regrant")
    before = await world.store.revision()
    await world.act("regrant")
    assert await world.store.revision() == before


@pytest.mark.fault(22)
async def test_regrant_books_again_on_the_same_node_with_the_same_port(world: World) -> None:
    await stopped(world)
    await world.patch({"spec": {"runState": "Running"}})
    assert (await world.vps())["status"]["phase"] == "pending"
    await world.bound("other")
    made = (await world.act("regrant")).object
    assert made["status"]["assignment"]["grant"] == {"cores": "1", "memory": "1Gi", "sshPort": 30000}
    assert made["status"]["assignment"]["epoch"] == 1
    assert made["status"]["phase"] == "assigning"


async def test_regrant_on_a_full_node_is_refused_with_numbers(world: World) -> None:
    await stopped(world)
    await world.bound("other", resources={"cores": 4})
    await world.patch({"spec": {"runState": "Running"}})
    with pytest.raises(errors.Invalid, match="n1 is short of cores: need 1, 0 free"):
        await world.act("regrant")


async def test_regrant_goes_on_a_cordoned_node_because_its_files_are_there(world: World) -> None:
    await stopped(world)
    await world.patch({"spec": {"unschedulable": True}}, "n1", resource=kinds.NODE)
    await world.patch({"spec": {"runState": "Running"}})
    assert (await world.act("regrant")).object["status"]["assignment"]["grant"]["cores"] == "1"


async def test_regrant_of_what_is_declared_stopped_is_refused(world: World) -> None:
    await stopped(world)
    with pytest.raises(errors.Conflict, match="declared Stopped"):
        await world.act("regrant")


async def test_transactions_on_what_is_bound_to_no_node_are_refused(world: World) -> None:
    await world.create(a_vps())
    for action in ("release", "regrant"):
        with pytest.raises(errors.Conflict, match="placed on no node"):
            await world.act(action, epoch=1)


async def test_a_second_placement_has_the_next_epoch_and_nothing_of_the_first(world: World) -> None:
    vps = await world.bound()
    await world.report(observedGeneration=1)
    unbound = {**vps, "status": {**(await world.vps())["status"]}}
    del unbound["status"]["assignment"]
    await world.put(kinds.VPS, unbound)
    made = (await world.act("bind", node="n2")).object
    assert made["status"]["assignment"]["epoch"] == made["status"]["epoch"] == 2
    assert "observed" not in made["status"] and "observedGeneration" not in made["status"]


async def test_a_refusal_comes_from_the_store_and_never_from_memory(world: World) -> None:
    world = dataclasses.replace(
        world, recalled={}
    )  # a cache that has seen nothing yet, where the store has everything
    await world.bound()
    assert await world.bookings()
    await world.patch({"spec": {"priority": 5}})
    assert (await world.vps())["spec"]["priority"] == 5
    with pytest.raises(errors.AlreadyExists):
        await world.create(a_vps())


async def test_what_memory_has_wrong_is_never_committed(world: World) -> None:
    await world.create(a_vps())
    key = codec.key(kinds.VPS, "default", "dev")
    keys = (key, codec.key(kinds.NODE, None, "n2"), codec.key(kinds.NODE_ALLOCATION, None, "n2"))
    before = await backing.read(world, keys)
    first = await world.act("bind", node="n1", uid=(await world.vps())["metadata"]["uid"])
    world = dataclasses.replace(world, recalled=before)  # it still remembers the VPS without a node
    with pytest.raises(errors.Conflict, match="n1"):
        await world.act("bind", node="n2", uid=first.object["metadata"]["uid"])
    assert await world.bookings("n2") == {}


async def test_a_transaction_that_shall_only_be_tried_is_refused_and_not_carried_out() -> None:
    async with running_api() as api:
        vps = await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
        place = kinds.VPS.path(namespace="default", name="dev")
        body = {"uid": vps["metadata"]["uid"], "node": "n1"}
        reply = await api.call("POST", f"{place}/bind?dryRun=All", body, user="controller")
        assert reply.code == 400 and "bind cannot be tried" in reply.body["message"]
        assert (await api.get(place)).body == vps
