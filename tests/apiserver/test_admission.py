import asyncio
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.admission.admission import EVENT_LIFETIME
from kohakuriver.resources import kinds
from tests.apiserver.writing import JSON_PATCH, MERGE, N1, N2, World, a_node, a_vps, a_world, an_event

pytestmark = pytest.mark.looptime

Json = dict[str, Any]


@pytest.fixture
async def world() -> World:
    return await a_world(a_node("n1"))


def a_new_node(name: str = "n1", **metadata: Any) -> Json:
    return {"apiVersion": kinds.API_VERSION, "kind": "Node", "metadata": {"name": name, **metadata}}


def a_lease(name: str, namespace: str = kinds.NODE_LEASE_NAMESPACE) -> Json:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}}


@pytest.mark.fault(44)
async def test_the_placement_of_a_bound_vps_is_fixed_and_the_refusal_says_how_to_move_it(
    world: World,
) -> None:
    await world.bound()
    with pytest.raises(errors.Invalid) as caught:
        await world.patch({"spec": {"placement": {"node": "n2"}}})
    [cause] = caught.value.causes
    assert cause.field == "spec.placement.node"
    assert "while the VPS is on n1" in cause.message and "delete the VPS, and create it" in cause.message
    await world.patch({"spec": {"placement": {}}})  # the same as none
    await world.patch({"spec": {"placement": {"node": "n1"}}})  # where it is already
    with pytest.raises(errors.Invalid, match=r"spec\.placement\.nodeSelector"):
        await world.patch({"spec": {"placement": {"nodeSelector": {"disk": "ssd"}}}})


async def test_the_placement_of_an_unbound_vps_may_change(world: World) -> None:
    await world.create(a_vps(placement={"node": "n1"}))
    made = await world.patch({"spec": {"placement": {"node": "n2"}}})
    assert made.object["spec"]["placement"] == {"node": "n2"}


async def test_our_finalizer_stands_while_bound_whatever_a_manifest_says(world: World) -> None:
    bound = await world.bound()
    assert bound["metadata"]["finalizers"] == ["kohakuriver.io/container"]
    without = {**bound, "metadata": {**bound["metadata"], "finalizers": ["a.b/c"]}}
    made = (await world.update(without)).object
    assert made["metadata"]["finalizers"] == ["a.b/c", "kohakuriver.io/container"]


async def test_our_finalizer_never_stands_on_an_unbound_vps(world: World) -> None:
    body = a_vps()
    body["metadata"]["finalizers"] = ["kohakuriver.io/container", "a.b/c"]
    assert (await world.create(body)).object["metadata"]["finalizers"] == ["a.b/c"]


async def test_clearing_our_finalizer_by_hand_is_refused_in_words(world: World) -> None:
    await world.bound()
    await world.delete()
    with pytest.raises(errors.Invalid) as caught:
        await world.patch({"metadata": {"finalizers": None}})
    assert "goes by itself once node n1 has removed the container" in caught.value.message


async def test_no_finalizer_is_added_to_what_is_being_deleted(world: World) -> None:
    await world.bound()
    await world.delete()
    with pytest.raises(errors.Invalid, match="no new finalizers can be added"):
        await world.patch({"metadata": {"finalizers": ["kohakuriver.io/container", "a.b/c"]}})


async def test_a_node_creates_itself_and_declares_nothing(world: World) -> None:
    node = a_new_node("n2", labels={"node.kohakuriver.io/zone": "a"})
    made = (await world.create(node, user=N2, resource=kinds.NODE)).object
    assert made["spec"] == {}


@pytest.mark.fault(47)
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (a_new_node("n3"), "the credential is node n2's"),
        (a_new_node("n2", labels={"gpu": "yes"}), "metadata.labels[gpu]"),
        (a_new_node("n2", finalizers=["a.b/c"]), "metadata.finalizers"),
        ({**a_new_node("n2"), "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}, "spec"),
    ],
    ids=["another name", "a label", "a finalizer", "a taint"],
)
async def test_a_node_creates_nothing_else(world: World, body: Json, says: str) -> None:
    with pytest.raises(errors.Forbidden) as caught:
        await world.create(body, user=N2, resource=kinds.NODE)
    assert says in caught.value.message


async def test_a_node_may_not_uncordon_itself(world: World) -> None:
    await world.patch({"spec": {"unschedulable": True}}, "n1", resource=kinds.NODE)
    with pytest.raises(errors.Forbidden, match="a node may not write spec"):
        await world.patch({"spec": {"unschedulable": None}}, "n1", user=N1, resource=kinds.NODE)
    body = {"metadata": {"labels": {"node.kohakuriver.io/x": "y"}}}
    made = await world.patch(body, "n1", user=N1, resource=kinds.NODE)
    assert made.object["spec"] == {"unschedulable": True}


async def test_a_node_holds_the_lease_of_its_own_name(world: World) -> None:
    await world.create(a_lease("n1"), user=N1, resource=kinds.LEASE)
    with pytest.raises(errors.Forbidden):
        await world.create(a_lease("n2"), user=N1, resource=kinds.LEASE)


async def test_an_event_is_completed_and_kept_for_an_hour(world: World) -> None:
    vps = (await world.create(a_vps())).object
    made = (await world.create(an_event(vps), resource=kinds.EVENT)).object
    assert (made["type"], made["count"]) == ("Normal", 1)
    assert made["firstTimestamp"] == made["lastTimestamp"]
    await asyncio.sleep(EVENT_LIFETIME - 1)
    assert await world.get(kinds.EVENT, "dev.1", "default")
    await asyncio.sleep(120)
    assert await world.get(kinds.EVENT, "dev.1", "default") is None


async def test_an_event_lies_where_the_object_does(world: World) -> None:
    vps = (await world.create(a_vps())).object
    event = an_event(vps)
    event["involvedObject"]["namespace"] = "other"
    with pytest.raises(errors.Invalid, match=r"involvedObject\.namespace"):
        await world.create(event, resource=kinds.EVENT)


@pytest.mark.fault(47)
async def test_a_node_reports_events_of_itself_and_of_what_is_bound_to_it(world: World) -> None:
    bound, free = await world.bound(), (await world.create(a_vps("free"))).object
    await world.create(an_event(bound), user=N1, resource=kinds.EVENT)
    await world.create(an_event(a_node("n1"), "n1.1"), user=N1, resource=kinds.EVENT)
    await world.patch({"count": 2}, "dev.1", user=N1, resource=kinds.EVENT)
    gone = {"kind": "VPS", "metadata": {"name": "gone", "uid": "u"}}
    namesake = {"kind": "VPS", "metadata": {"name": "dev", "uid": "of-the-one-before"}}
    unnamed = {"kind": "VPS", "metadata": {"name": "dev"}}
    namespace = {"kind": "Namespace", "metadata": {"name": "default"}}
    for about in (free, gone, namesake, unnamed, a_node("n2"), namespace):
        with pytest.raises(errors.Forbidden, match="node n1 may report on itself"):
            await world.create(an_event(about, "x.1"), user=N1, resource=kinds.EVENT)


@pytest.mark.fault(47)
async def test_a_node_speaks_of_itself_in_no_namespace_of_others(world: World) -> None:
    event = an_event(a_node("n1"), "n1.1")
    event["metadata"]["namespace"] = kinds.SYSTEM_NAMESPACE
    del event["involvedObject"]["namespace"]
    with pytest.raises(errors.Forbidden, match="node n1 may report on itself"):
        await world.create(event, user=N1, resource=kinds.EVENT)


@pytest.mark.fault(47)
async def test_what_a_node_says_is_signed_with_its_name(world: World) -> None:
    forged = {"source": {"component": "apiserver"}, "reportingComponent": "apiserver"}
    made = await world.create(an_event(await world.bound(), **forged), user=N1, resource=kinds.EVENT)
    again = await world.patch({**forged, "reportingInstance": "n2"}, "dev.1", user=N1, resource=kinds.EVENT)
    for event in (made.object, again.object):
        assert event["source"] == {"component": "agent", "host": "n1"}
        assert (event["reportingComponent"], event["reportingInstance"]) == ("agent", "n1")


@pytest.mark.fault(47)
async def test_a_node_changes_only_the_events_that_it_made(world: World) -> None:
    bound = await world.bound()
    await world.create(an_event(bound, "by-n1"), user=N1, resource=kinds.EVENT)
    await world.create(an_event(bound, "by-root", message="hunter2"), resource=kinds.EVENT)
    for name, user in (("by-root", N1), ("by-root", N2), ("by-n1", N2)):
        for content_type, body in (
            (MERGE, {"count": 9}),
            (JSON_PATCH, [{"op": "test", "path": "/message", "value": ""}]),
        ):
            with pytest.raises(errors.NotFound) as caught:
                await world.patch(body, name, user=user, resource=kinds.EVENT, content_type=content_type)
            assert "hunter2" not in str(caught.value.to_status())
    await world.delete()
    await world.act("finish", user=N1)
    with pytest.raises(errors.Forbidden, match="node n1 may report on itself"):
        await world.patch({"count": 2}, "by-n1", user=N1, resource=kinds.EVENT)


@pytest.mark.fault(47)
async def test_a_node_cannot_speak_of_anothers_vps_by_leaving_its_namespace_out(world: World) -> None:
    free = (await world.create(a_vps("free"))).object
    event = an_event(free, "x.1")
    del event["involvedObject"]["namespace"]
    with pytest.raises(errors.Forbidden, match="node n1 may report on itself"):
        await world.create(event, user=N1, resource=kinds.EVENT)
