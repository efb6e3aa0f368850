"""Creates, updates and patches on the memory store, for kinds with and without rules of their own."""

import asyncio
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.outcome import WriteOptions
from kohakuriver.apiserver.objects.validation import FieldValidation
from kohakuriver.apiserver.write import creation, write
from kohakuriver.resources import kinds
from tests.apiserver.writing import ADMIN, JSON_PATCH, STRATEGIC, World, a_node, a_vps, a_world

pytestmark = pytest.mark.looptime

Json = dict[str, Any]


@pytest.fixture
async def world() -> World:
    return await a_world(a_node())


async def test_a_created_vps_has_what_the_server_adds(world: World) -> None:
    written = await world.create(a_vps(priority=5))
    made = written.object
    assert written.created and written.warnings == ()
    metadata = made["metadata"]
    assert (metadata["name"], metadata["namespace"], metadata["generation"]) == ("dev", "default", 1)
    assert metadata["uid"] and metadata["creationTimestamp"].endswith("Z")
    assert made["spec"]["priority"] == 5 and made["spec"]["image"] == "kohakuriver/debian-ssh"
    assert made["status"]["phase"] == "pending"
    assert await world.vps() == made, "what is answered is what is stored"


async def test_a_status_sent_with_a_create_is_dropped(world: World) -> None:
    body = {**a_vps(), "status": {"phase": "running", "nonsense": 1}}
    assert (await world.create(body)).object["status"]["phase"] == "pending"


async def test_metadata_that_is_the_servers_is_not_the_clients(world: World) -> None:
    body = a_vps()
    body["metadata"] |= {
        "uid": "mine",
        "generation": 7,
        "resourceVersion": "9",
        "selfLink": "/x",
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{}],
        "creationTimestamp": None,
        "labels": {"a": "b"},
    }
    metadata = (await world.create(body)).object["metadata"]
    assert metadata["uid"] != "mine" and metadata["generation"] == 1
    assert metadata["labels"] == {"a": "b"}
    assert not {"deletionTimestamp", "selfLink"} & metadata.keys()
    assert metadata["managedFields"] != [{}]


async def test_a_name_is_generated_from_its_prefix(world: World) -> None:
    body = a_vps()
    body["metadata"] = {"generateName": "w" * 60}
    name = (await world.create(body)).object["metadata"]["name"]
    assert name.startswith("w" * 45) and len(name) == 50


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": None}, "Object 'Kind' is missing"),
        ({"kind": "Pod"}, "does not match the expected kind"),
        ({"apiVersion": "v1"}, "does not match the expected apiVersion"),
        ({"metadata": {"name": "dev", "namespace": "other"}}, "namespace of the provided object does not"),
        ({"metadata": 5}, "not an object with metadata"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_body_that_is_not_what_the_url_says_is_a_bad_request(
    world: World, change: Json, says: str
) -> None:
    body = {**a_vps(), **change}
    with pytest.raises(errors.BadRequest, match=says):
        await creation.create(world, Call(ADMIN, kinds.VPS, "default"), body)


@pytest.mark.parametrize("name", ["Dev", "-dev", "a.b", "x" * 51, "dev/x", "ü"])
async def test_a_name_that_is_no_dns_label_is_invalid(world: World, name: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await world.create(a_vps(name))
    assert [cause.field for cause in caught.value.causes] == ["metadata.name"]


@pytest.mark.parametrize("unnamed", [{}, {"name": None}, {"name": ""}], ids=str)
async def test_a_name_is_required(world: World, unnamed: Json) -> None:
    body = {**a_vps(), "metadata": unnamed}
    with pytest.raises(errors.Invalid, match="name or generateName is required"):
        await world.create(body)


@pytest.mark.parametrize(
    "labels", [{"a b": "c"}, {"a": "c d"}, {"a": "x" * 64}, {"/": "x"}, {"x" * 64: ""}], ids=str
)
async def test_labels_are_held_to_kubernetes_rules(world: World, labels: Json) -> None:
    body = a_vps()
    body["metadata"]["labels"] = labels
    with pytest.raises(errors.Invalid, match=r"metadata\.labels"):
        await world.create(body)


async def test_the_namespace_must_be_there(world: World) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await world.create(a_vps(namespace="team-b"))
    assert caught.value.message == 'namespaces "team-b" not found'
    assert "kubectl create namespace team-b" in caught.value.hint


async def test_a_second_create_of_a_name_is_refused(world: World) -> None:
    await world.create(a_vps())
    with pytest.raises(errors.AlreadyExists) as caught:
        await world.create(a_vps())
    assert caught.value.message == 'vpses.kohakuriver.io "dev" already exists'


@pytest.mark.fault(31)
async def test_a_create_whose_answer_was_lost_finds_its_own_object(world: World) -> None:
    body = a_vps()
    body["metadata"]["annotations"] = {"kohakuriver.io/create-id": "once"}
    first = await world.create(body)
    again = await world.create(body)
    assert again.created and again.object == first.object
    body["metadata"]["annotations"] = {"kohakuriver.io/create-id": "another"}
    with pytest.raises(errors.AlreadyExists):
        await world.create(body)


async def test_of_creates_at_the_same_moment_one_wins(world: World) -> None:
    results = await asyncio.gather(*(world.create(a_vps()) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, errors.AlreadyExists) for result in results) == 4


async def test_a_dry_run_answers_and_stores_nothing(world: World) -> None:
    dry = WriteOptions(dry_run=True)
    before = await world.store.revision()
    assert (await world.create(a_vps(), options=dry)).object["spec"]["priority"] == 0
    assert await world.store.revision() == before
    await world.create(a_vps())
    before = await world.store.revision()
    patched = await world.patch({"spec": {"priority": 3}}, options=dry)
    assert patched.object["spec"]["priority"] == 3
    deleted = await world.delete(dryRun=["All"])
    assert deleted.removed
    assert await world.store.revision() == before


async def test_unknown_fields_follow_field_validation_and_warn_where_nothing_is_said(world: World) -> None:
    written = await world.create(a_vps(imag="x"))
    assert written.warnings == ('unknown field "spec.imag" (did you mean "image"?)',)
    strict = WriteOptions(validation=FieldValidation.STRICT)
    with pytest.raises(errors.BadRequest, match="strict decoding error"):
        await world.patch({"spec": {"imag": "x"}}, options=strict)


async def test_generation_counts_changes_of_spec_alone(world: World) -> None:
    await world.create(a_vps())
    labelled = await world.patch({"metadata": {"labels": {"a": "b"}}})
    assert labelled.object["metadata"]["generation"] == 1
    changed = await world.patch({"spec": {"priority": 1}})
    assert changed.object["metadata"]["generation"] == 2


async def test_a_write_that_changes_nothing_makes_no_revision(world: World) -> None:
    made = (await world.create(a_vps(resources={"cores": 2}))).object
    before = await world.store.revision()
    for written in (
        await world.patch({}),
        await world.patch({"spec": {"resources": {"cores": 2}}}),
        await world.patch({"metadata": {"labels": {}}}),
        await world.update(made),
    ):
        assert written.object == made
    assert await world.store.revision() == before


@pytest.mark.fault(32)
async def test_an_update_of_an_older_version_is_refused_and_says_what_to_do(world: World) -> None:
    made = (await world.create(a_vps())).object
    await world.patch({"spec": {"priority": 1}})
    made["spec"]["priority"] = 2
    with pytest.raises(errors.Conflict) as caught:
        await world.update(made)
    assert "please apply your changes to the latest version and try again" in caught.value.message
    assert "read it again" in caught.value.hint
    assert (await world.vps())["spec"]["priority"] == 1


async def test_an_update_says_which_version_it_is_of(world: World) -> None:
    await world.create(a_vps())
    with pytest.raises(errors.Invalid, match="must be specified for an update"):
        await world.update(a_vps(priority=2))


async def test_an_update_keeps_what_cannot_change(world: World) -> None:
    made = (await world.create(a_vps())).object
    changed = {**made, "metadata": {**made["metadata"], "creationTimestamp": "2020-01-01T00:00:00Z"}}
    changed["metadata"]["generation"] = 99
    changed["status"] = {"phase": "running"}
    changed["spec"] = {**made["spec"], "priority": 1}
    written = (await world.update(changed)).object
    assert written["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]
    assert written["metadata"]["generation"] == 2
    assert written["status"] == made["status"]


async def test_an_update_of_another_uid_is_refused(world: World) -> None:
    made = (await world.create(a_vps())).object
    made["metadata"]["uid"] = "another"
    with pytest.raises(errors.Conflict, match="UID in the request"):
        await world.update(made)


async def test_an_update_under_another_name_is_refused(world: World) -> None:
    made = (await world.create(a_vps())).object
    await world.create(a_vps("x"))
    with pytest.raises(errors.BadRequest, match="does not match the name on the URL"):
        await write.update(world, Call(ADMIN, kinds.VPS, "default", "x"), made)


async def test_replacing_a_manifest_without_run_state_does_not_start_a_stopped_vps(world: World) -> None:
    made = (await world.create(a_vps(runState="Stopped"))).object
    del made["spec"]["runState"]
    assert (await world.update(made)).object["spec"]["runState"] == "Stopped"


async def test_patches_at_the_same_moment_all_arrive(world: World) -> None:
    await world.create(a_vps())
    await asyncio.gather(*(world.patch({"metadata": {"labels": {f"l{n}": ""}}}) for n in range(5)))
    assert (await world.vps())["metadata"]["labels"].keys() == {f"l{n}" for n in range(5)}


async def test_a_patch_of_a_named_version_is_not_tried_again(world: World) -> None:
    made = (await world.create(a_vps())).object
    version = made["metadata"]["resourceVersion"]
    await world.patch({"metadata": {"resourceVersion": version}, "spec": {"priority": 1}})
    with pytest.raises(errors.Conflict):
        await world.patch({"metadata": {"resourceVersion": version}, "spec": {"priority": 2}})


async def test_a_failed_test_of_a_json_patch_is_invalid(world: World) -> None:
    await world.create(a_vps())
    steps = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": "1"},
        {"op": "replace", "path": "/spec/priority", "value": 1},
    ]
    with pytest.raises(errors.Invalid, match="a test failed"):
        await world.patch(steps, content_type=JSON_PATCH)
    assert (await world.patch(steps[1:], content_type=JSON_PATCH)).object["spec"]["priority"] == 1


async def test_a_patch_may_not_make_another_kind_of_an_object(world: World) -> None:
    await world.create(a_vps())
    with pytest.raises(errors.BadRequest):
        await world.patch({"kind": "Pod"})
    with pytest.raises(errors.BadRequest):
        await world.patch({"metadata": {"name": "other"}})


async def test_a_patch_of_what_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await world.patch({"spec": {}}, "nope")
    assert caught.value.message == 'vpses.kohakuriver.io "nope" not found'
    assert caught.value.details == {"name": "nope", "group": "kohakuriver.io", "kind": "vpses"}


async def test_nothing_but_the_server_writes_a_node_allocation(world: World) -> None:
    body = {"apiVersion": kinds.API_VERSION, "kind": "NodeAllocation", "metadata": {"name": "n1"}}
    for call in (
        world.create(body, resource=kinds.NODE_ALLOCATION),
        world.update(body, resource=kinds.NODE_ALLOCATION),
        world.patch({}, "n1", resource=kinds.NODE_ALLOCATION),
        world.delete("n1", resource=kinds.NODE_ALLOCATION),
    ):
        with pytest.raises(errors.MethodNotAllowed):
            await call


async def test_a_namespace_takes_a_strategic_patch(world: World) -> None:
    patched = await world.patch(
        {"metadata": {"labels": {"team": "a"}}}, "default", resource=kinds.NAMESPACE, content_type=STRATEGIC
    )
    assert patched.object["metadata"]["labels"] == {"team": "a", "kubernetes.io/metadata.name": "default"}
    assert patched.object["status"] == {"phase": "Active"}
    assert "generation" not in patched.object["metadata"]


async def test_a_lease_is_a_plain_object(world: World) -> None:
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "leader", "namespace": "default"},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 0},
    }
    made = (await world.create(lease, resource=kinds.LEASE)).object
    made["spec"]["holderIdentity"] = "b"
    renewed = (await world.update(made, resource=kinds.LEASE)).object
    assert renewed["spec"]["holderIdentity"] == "b"
    assert renewed["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
