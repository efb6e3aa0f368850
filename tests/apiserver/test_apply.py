"""Server-side apply and managed fields, as stock clients rely on them."""

import json
from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.outcome import WriteOptions, Written
from kohakuriver.apiserver.fields import paths
from kohakuriver.apiserver.fields.layout import layout_of
from kohakuriver.apiserver.fields.managers import MOST_UPDATERS
from kohakuriver.apiserver.write import patch, tracking
from kohakuriver.resources import kinds
from tests.apiserver.writing import (
    ADMIN,
    ALICE,
    JSON_PATCH,
    N1,
    World,
    a_node,
    a_vps,
    a_world,
)

Json = dict[str, Any]

KEYS = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDmGv1RrVYaFWBVCLpgSWCiGgEpcuzJIsXrl9NR1oE0k one",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFtzvmh+T8b/VrN5lJgMqJdjjrEINQtOJ8yhjVJxJ0vT two",
)


def as_manager(name: str, *, force: bool | None = None, dry_run: bool = False) -> WriteOptions:
    return WriteOptions(field_manager=name, names_manager=True, force=force, dry_run=dry_run)


async def applied(
    world: World,
    by: str,
    *,
    force: bool | None = None,
    dry_run: bool = False,
    meta: Json | None = None,
    **spec: Any,
) -> Written:
    body = a_vps(**spec)
    body["metadata"] |= meta or {}
    options = as_manager(by, force=force, dry_run=dry_run)
    return await world.patch(body, content_type=patch.APPLY, options=options)


def managers(obj: Json) -> dict[tuple[str, str], set[str]]:
    """Who manages which paths, in words."""
    return {
        (entry["manager"], entry["operation"]): {
            paths.shown(path) for path in paths.from_fields(entry["fieldsV1"])
        }
        for entry in obj["metadata"].get("managedFields", ())
    }


@pytest.fixture
async def world() -> World:
    return await a_world(a_node())


async def test_an_apply_creates_what_is_not_there_and_manages_what_it_says(world: World) -> None:
    written = await applied(
        world, "alice", image="debian", resources={"cores": 2}, meta={"labels": {"a": "b"}}
    )
    assert written.created
    assert written.object["spec"]["resources"] == {"cores": 2, "memory": "1Gi"}, "defaults are written out"
    assert managers(written.object) == {
        ("alice", "Apply"): {".metadata.labels.a", ".spec.image", ".spec.resources.cores"}
    }


async def test_applying_the_same_again_writes_nothing(world: World) -> None:
    first = await applied(world, "alice", image="debian")
    again = await applied(world, "alice", image="debian")
    assert again.object == first.object and not again.created


async def test_what_is_not_applied_any_more_goes_and_its_default_comes_back(world: World) -> None:
    await applied(world, "alice", priority=5, env={"A": "1", "B": "2"}, command=["sh"])
    spec = (await applied(world, "alice", env={"A": "1"})).object["spec"]
    assert spec["env"] == {"A": "1"} and spec["priority"] == 0 and "command" not in spec


async def test_an_applier_may_drop_the_only_thing_it_said_of_metadata(world: World) -> None:
    await applied(world, "me", meta={"labels": {"a": "b"}})
    written = await applied(world, "me")
    assert "labels" not in written.object["metadata"]


async def test_what_others_set_stays_when_an_applier_speaks_of_other_fields(world: World) -> None:
    await applied(world, "alice", env={"A": "1"})
    await world.patch({"spec": {"env": {"B": "2"}}}, options=as_manager("bob"))
    written = await applied(world, "alice", env={"A": "3"})
    assert written.object["spec"]["env"] == {"A": "3", "B": "2"}
    assert managers(written.object)["bob", "Update"] == {".spec.env.B"}


async def test_a_field_of_another_is_a_conflict_that_names_both(world: World) -> None:
    await applied(world, "alice", image="debian", priority=1)
    before = await world.vps()
    with pytest.raises(errors.Conflict) as caught:
        await applied(world, "bob", image="busybox", priority=2)
    status = caught.value.to_status()
    assert (status["code"], status["reason"]) == (409, "Conflict")
    assert status["details"]["causes"] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "alice" using kohakuriver.io/v1alpha1',
            "field": field,
        }
        for field in (".spec.image", ".spec.priority")
    ]
    assert "Apply failed with 2 conflicts" in caught.value.message
    assert await world.vps() == before


async def test_force_takes_the_fields_over(world: World) -> None:
    await applied(world, "alice", image="debian", priority=1)
    written = await applied(world, "bob", force=True, image="busybox")
    assert managers(written.object) == {
        ("alice", "Apply"): {".spec.priority"},
        ("bob", "Apply"): {".spec.image"},
    }


async def test_two_who_apply_the_same_value_share_the_field_until_both_drop_it(world: World) -> None:
    await applied(world, "alice", env={"A": "1"})
    await applied(world, "bob", env={"A": "1"})
    assert (await applied(world, "alice")).object["spec"]["env"] == {"A": "1"}
    assert "env" not in (await applied(world, "bob")).object["spec"]


async def test_lists_merge_by_the_keys_of_the_schema(world: World) -> None:
    await applied(world, "alice", volumes=[{"name": "home", "target": "/root"}])
    written = await applied(world, "bob", volumes=[{"name": "data", "target": "/data"}])
    assert [volume["name"] for volume in written.object["spec"]["volumes"]] == ["home", "data"]
    fields = managers(written.object)["bob", "Apply"]
    assert fields == {
        '.spec.volumes[name="data"]',
        '.spec.volumes[name="data"].name',
        '.spec.volumes[name="data"].target',
    }
    left = await applied(world, "bob")
    assert [volume["name"] for volume in left.object["spec"]["volumes"]] == ["home"]


async def test_sets_take_items_of_several_appliers(world: World) -> None:
    await applied(world, "alice", ssh={"authorizedKeys": [KEYS[0]]})
    await applied(world, "bob", ssh={"authorizedKeys": [KEYS[1]]})
    assert (await world.vps())["spec"]["ssh"]["authorizedKeys"] == list(KEYS)
    left = await applied(world, "alice")
    assert left.object["spec"]["ssh"]["authorizedKeys"] == [KEYS[1]]


async def test_items_that_cannot_be_told_apart_are_refused_with_their_path(world: World) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await applied(world, "alice", volumes=[{"target": "/root"}])
    assert caught.value.causes[0].field == "spec.volumes"
    twice = {"name": "home", "target": "/root"}
    with pytest.raises(errors.Invalid) as caught:
        await applied(world, "alice", volumes=[twice, twice])
    assert caught.value.causes[0].field == 'spec.volumes[name="home"]'


async def test_an_update_takes_over_what_it_changes(world: World) -> None:
    await applied(world, "alice", image="debian", priority=1)
    changed = await world.patch({"spec": {"image": "busybox"}}, options=as_manager("kubectl-edit"))
    assert managers(changed.object) == {
        ("alice", "Apply"): {".spec.priority"},
        ("kubectl-edit", "Update"): {".spec.image"},
    }


async def test_whoever_creates_manages_everything_and_defaults_too(world: World) -> None:
    created = await world.create(a_vps(image="debian"), options=as_manager("kubectl-create"))
    fields = managers(created.object)["kubectl-create", "Update"]
    assert {".spec", ".spec.image", ".spec.runState", ".spec.resources.cores"} <= fields
    assert not any(field.startswith((".metadata.uid", ".status", ".kind")) for field in fields)


async def test_an_unchanged_update_writes_nothing(world: World) -> None:
    first = await world.create(a_vps(image="debian"), options=as_manager("one"))
    again = await world.patch({"spec": {"image": "debian"}}, options=as_manager("other"))
    assert again.object == first.object


async def test_status_has_managers_of_its_own(world: World) -> None:
    await world.bound()
    reported = await world.report()
    entries = [e for e in reported.object["metadata"]["managedFields"] if e.get("subresource") == "status"]
    assert len(entries) == 1 and "f:status" in entries[0]["fieldsV1"]
    assert "f:phase" not in entries[0]["fieldsV1"]["f:status"], "nobody manages what the server derives"


async def test_a_status_is_applied_through_its_own_door_alone(world: World) -> None:
    vps = await world.bound()
    body = a_vps()
    body["metadata"]["uid"] = vps["metadata"]["uid"]
    body["status"] = {"observed": {"epoch": 1, "state": "running"}}
    by = as_manager("agent")
    await world.patch(body, content_type=patch.APPLY, options=by)
    assert "observed" not in (await world.vps())["status"]
    await world.patch(body, user=N1, subresource="status", content_type=patch.APPLY, options=by)
    status = (await world.vps())["status"]
    assert status["observed"]["state"] == "running" and status["assignment"]["node"] == "n1"


async def test_an_apply_needs_a_manager_and_takes_no_managed_fields(world: World) -> None:
    with pytest.raises(errors.Invalid, match="fieldManager: Required value"):
        await world.patch(a_vps(), content_type=patch.APPLY, options=WriteOptions(field_manager="curl"))
    with pytest.raises(errors.BadRequest, match="managedFields must be nil"):
        await applied(world, "alice", meta={"managedFields": []})
    with pytest.raises(errors.Invalid, match="force"):
        await world.patch({"spec": {}}, options=as_manager("alice", force=True))


async def test_an_apply_that_names_a_version_creates_nothing_and_holds_to_it(world: World) -> None:
    with pytest.raises(errors.NotFound):
        await applied(world, "alice", meta={"resourceVersion": "777"})
    await applied(world, "alice", image="debian")
    with pytest.raises(errors.Conflict, match="has been modified"):
        await applied(world, "alice", image="busybox", meta={"resourceVersion": "777"})


async def test_only_who_may_create_creates_by_applying(world: World) -> None:
    body = a_vps(namespace="kohakuriver-system")
    with pytest.raises(errors.Forbidden):
        from kohakuriver.apiserver.write import write

        call = Call(ALICE, kinds.VPS, "kohakuriver-system", "dev", options=as_manager("alice"))
        await write.patch(world, call, patch.APPLY, body)


async def test_a_dry_run_of_an_apply_shows_and_stores_nothing(world: World) -> None:
    shown = await applied(world, "alice", dry_run=True, image="debian")
    assert shown.object["spec"]["image"] == "debian"
    assert await world.get(kinds.VPS, "dev", "default") is None
    await applied(world, "alice", image="debian")
    assert (await applied(world, "alice", dry_run=True, image="busybox")).object["spec"]["image"] == "busybox"
    assert (await world.vps())["spec"]["image"] == "debian"


async def test_kubectl_takes_over_what_it_applied_before_the_server_did(world: World) -> None:
    last = a_vps(image="debian", priority=1)
    body = a_vps(image="debian", priority=1)
    body["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(last)}
    await world.create(body, options=as_manager("kubectl-client-side-apply"))
    written = await applied(world, "kubectl", image="busybox", priority=1)
    assert written.object["spec"]["image"] == "busybox"
    kept = json.loads(
        written.object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]
    )
    assert kept["spec"]["image"] == "busybox", "so that the client's side can go on from here"


async def test_kubectl_does_not_take_over_what_somebody_changed_since(world: World) -> None:
    last = a_vps(image="debian")
    body = a_vps(image="debian")
    body["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(last)}
    await world.create(body, options=as_manager("kubectl-client-side-apply"))
    await world.patch({"spec": {"image": "alpine"}}, options=as_manager("bob"))
    with pytest.raises(errors.Conflict, match='"bob"'):
        await applied(world, "kubectl", image="busybox")


async def test_managed_fields_are_edited_by_a_patch_as_kubectls_migration_does(world: World) -> None:
    await world.create(a_vps(image="debian"), options=as_manager("kubectl-client-side-apply"))
    entries = (await world.vps())["metadata"]["managedFields"]
    migrated = [{**entries[0], "manager": "kubectl", "operation": "Apply"}]
    step = {"op": "replace", "path": "/metadata/managedFields", "value": migrated}
    written = await world.patch([step], content_type=JSON_PATCH, options=as_manager("kubectl"))
    assert [*managers(written.object)] == [("kubectl", "Apply")]
    spec = (await applied(world, "kubectl", priority=3)).object["spec"]
    assert (spec["image"], spec["priority"]) == ("kohakuriver/debian-ssh", 3)


async def test_managed_fields_that_are_none_are_refused_and_an_empty_entry_clears_them(world: World) -> None:
    await world.create(a_vps(image="debian"))
    with pytest.raises(errors.Invalid, match=r"metadata\.managedFields"):
        await world.patch({"metadata": {"managedFields": [{"manager": "x"}]}})
    cleared = await world.patch({"metadata": {"managedFields": [{}]}})
    assert "managedFields" not in cleared.object["metadata"]


async def test_what_had_no_managers_belongs_to_whoever_came_before_the_first_apply(world: World) -> None:
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}}
    lease["metadata"] |= {"namespace": "default"}
    created = await world.create({**lease, "spec": {"holderIdentity": "a"}}, resource=kinds.LEASE)
    assert "managedFields" not in created.object["metadata"]
    body = {**lease, "spec": {"holderIdentity": "b"}}
    with pytest.raises(errors.Conflict, match='"before-first-apply"'):
        await world.patch(body, "l", resource=kinds.LEASE, content_type=patch.APPLY, options=as_manager("x"))


async def test_unknown_fields_of_a_configuration_are_told_and_not_managed(world: World) -> None:
    written = await applied(world, "alice", image="debian", imagine="x")
    assert any("spec.imagine" in warning for warning in written.warnings)
    assert managers(written.object) == {("alice", "Apply"): {".spec.image"}}


async def test_many_updaters_become_one_that_is_ancient(world: World) -> None:
    await world.create(a_vps(), options=as_manager("first"))
    for number in range(MOST_UPDATERS + 3):
        change = {"spec": {"env": {f"V{number}": "x"}}}
        await world.patch(change, options=as_manager(f"m{number:02}"))
    found = managers(await world.vps())
    assert len(found) == MOST_UPDATERS and ("ancient-changes", "Update") in found
    assert sum(len(fields) for fields in found.values()) > MOST_UPDATERS + 3, "no field is lost"


def test_fields_come_back_from_their_written_form_as_they_went() -> None:
    obj = a_vps(
        volumes=[{"name": "home", "target": "/x"}], ssh={"authorizedKeys": list(KEYS)}, env={"A.b": ""}
    )
    fields = paths.of(layout_of(kinds.VPS), obj)
    assert paths.from_fields(paths.to_fields(fields)) == fields
    closed = paths.closed(fields)
    assert paths.from_fields(paths.to_fields(closed)) == closed


async def test_an_applied_owner_or_finalizer_goes_with_its_applier(world: World) -> None:
    await world.create(a_vps(), user=ADMIN)
    await applied(world, "alice", meta={"finalizers": ["example.com/a"]})
    await applied(world, "bob", meta={"finalizers": ["example.com/b"]})
    left = await applied(world, "alice")
    assert left.object["metadata"]["finalizers"] == ["example.com/b"]


async def test_many_managers_of_many_fields_are_too_many(world: World) -> None:
    """Each write reads and makes the sets of all of them, so what an apply costs is bounded by their sum."""
    env = {f"V{number}": "x" for number in range(900)}
    await applied(world, "first", env=env)
    await applied(world, "second", env=env)
    with pytest.raises(errors.TooLarge, match=r"fields set by 3 managers.*at most 2500") as refusal:
        await applied(world, "third", env=env)
    assert "fewer field managers" in refusal.value.hint
    await applied(world, "second", env={"V1": "x"})
    await applied(world, "third", env=env)


async def test_an_object_that_has_too_many_fields_can_be_made_smaller_and_reported_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "MOST_FIELDS", 10**6)
    await world.create(a_vps(env={f"V{number}": "x" for number in range(3000)}))
    monkeypatch.undo()
    await world.act("bind", node="n1")
    await world.report(state="running")
    with pytest.raises(errors.TooLarge):
        await world.patch({"spec": {"env": {"ONE_MORE": "x"}}})
    await world.patch({"spec": {"env": {"V1": None}}})
