"""The door of …/status: who may write which field of a VPS and of a Node."""

from typing import Any

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.binding.outcome import WriteOptions
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.objects import objects
from kohakuriver.resources import kinds
from tests.apiserver.writing import (
    ADMIN,
    CONTROLLER,
    JSON_PATCH,
    MERGE,
    N1,
    N2,
    World,
    a_node,
    a_vps,
    a_world,
)

pytestmark = pytest.mark.looptime

Json = dict[str, Any]

SINCE = "2026-11-23T17:00:00Z"
SILENT = {"type": "NodeReachable", "status": "False", "reason": "Silent", "message": "no renewal for 10 s"}
SSH_READY = {"type": "SSHReady", "status": "True", "reason": "", "message": ""}


@pytest.fixture
async def world() -> World:
    world = await a_world(a_node("n1"), a_node("n2"))
    await world.bound()
    return world


async def mark_silent(world: World) -> Json:
    body = {"status": {"unreachableSince": SINCE, "conditions": [SILENT]}}
    return (await world.patch(body, user=CONTROLLER, subresource="status")).object


async def test_the_agents_report_makes_the_phase(world: World) -> None:
    made = (await world.report(state="running", observed={"ssh": {"state": "ready"}})).object
    assert made["status"]["phase"] == "running"
    assert made["status"]["observed"]["state"] == "running"
    assert made["metadata"]["generation"] == 1, "generation counts spec alone"


async def test_a_report_said_twice_makes_one_revision(world: World) -> None:
    await world.report(state="running", conditions=[SSH_READY], observedGeneration=1)
    before = await world.store.revision()
    await world.report(state="running", conditions=[SSH_READY], observedGeneration=1)
    assert await world.store.revision() == before


async def test_a_report_writes_status_alone(world: World) -> None:
    vps = await world.vps()
    body = {
        "metadata": {"uid": vps["metadata"]["uid"], "labels": {"a": "b"}},
        "spec": {"priority": 9},
        "status": {"observed": {"epoch": 1, "state": "running"}},
    }
    made = (await world.patch(body, user=N1, subresource="status")).object
    assert made["spec"] == vps["spec"] and "labels" not in made["metadata"]
    assert made["status"]["phase"] == "running"


@pytest.mark.fault(47)
async def test_a_node_reports_only_vpses_bound_to_it(world: World) -> None:
    with pytest.raises(errors.NotFound):
        await world.report(user=N2)
    await world.create(a_vps("free"))
    body = {"metadata": {"uid": "x"}, "status": {"observed": {"epoch": 1, "state": "running"}}}
    with pytest.raises(errors.NotFound):
        await world.patch(body, "free", user=N1, subresource="status")


SECRET = "hunter2-secret"
ASKED = [
    (JSON_PATCH, [{"op": "test", "path": "/spec/env", "value": 0}]),
    (JSON_PATCH, [{"op": "remove", "path": "/spec/env/DB_PASSWORD/x"}]),
    (MERGE, {"metadata": {"uid": "x"}, "spec": {"env": {"DB_PASSWORD": 0}}}),
    (MERGE, {"metadata": {"resourceVersion": "1"}}),
    (MERGE, {"metadata": None}),
    ("application/apply-patch+yaml", {**a_vps(env={"DB_PASSWORD": "x"}), "status": {"observed": {}}}),
]


@pytest.mark.fault(47)
@pytest.mark.parametrize("subresource", [None, "status"])
@pytest.mark.parametrize("name", ["free", "theirs"])
async def test_a_vps_that_a_node_does_not_see_is_not_there_for_its_patches_either(
    world: World, name: str, subresource: str | None
) -> None:
    await world.create(a_vps("free", env={"DB_PASSWORD": SECRET}))
    await world.bound("theirs", env={"DB_PASSWORD": SECRET})
    asking = WriteOptions(field_manager="agent", names_manager=True)
    words = set()
    for content_type, body in ASKED:
        if isinstance(body, dict) and "kind" in body:
            body = {**body, "metadata": {"name": name, "namespace": "default", "uid": "x"}}
        with pytest.raises(errors.NotFound) as caught:
            await world.patch(
                body, name, user=N2, subresource=subresource, content_type=content_type, options=asking
            )
        words.add(str(caught.value.to_status()))
    body = {**a_vps(name), "metadata": {"name": name, "namespace": "default", "resourceVersion": "1"}}
    with pytest.raises(errors.NotFound) as caught:
        await world.update(body, user=N2, subresource=subresource)
    words.add(str(caught.value.to_status()))
    assert words == {str(objects.not_found(kinds.VPS, name).to_status())}, "one answer, and that of a GET"


@pytest.mark.fault(47)
@pytest.mark.parametrize("name", ["free", "theirs"])
@pytest.mark.parametrize("uid", ["x", ""])
async def test_a_vps_that_a_node_does_not_see_is_not_there_for_its_transactions_either(
    world: World, name: str, uid: str
) -> None:
    await world.create(a_vps("free"))
    await world.bound("theirs")
    told = str(objects.not_found(kinds.VPS, name).to_status())
    body = {"uid": uid or (await world.vps(name))["metadata"]["uid"], "epoch": 1}
    for action, more in (
        ("finish", {}),
        ("reject", {"reason": "No", "message": "no"}),
        ("newport", {"taken": [30000]}),
    ):
        with pytest.raises(errors.NotFound) as caught:
            await world.act(action, name, user=N2, **body, **more)
        assert str(caught.value.to_status()) == told, action


async def test_a_report_names_the_uid_it_is_about(world: World) -> None:
    status = {"observed": {"epoch": 1, "state": "running"}}
    with pytest.raises(errors.BadRequest, match=r"must name its metadata\.uid"):
        await world.patch({"status": status}, user=N1, subresource="status")
    with pytest.raises(errors.Conflict, match="UID in the request"):
        await world.patch({"metadata": {"uid": "old"}, "status": status}, user=N1, subresource="status")


async def test_a_json_patch_names_the_uid_by_a_test(world: World) -> None:
    vps = await world.vps()
    steps = [
        {"op": "test", "path": "/metadata/uid", "value": vps["metadata"]["uid"]},
        {"op": "add", "path": "/status/observed", "value": {"epoch": 1, "state": "running"}},
    ]
    made = await world.patch(steps, user=N1, subresource="status", content_type=JSON_PATCH)
    assert made.object["status"]["phase"] == "running"
    with pytest.raises(errors.BadRequest, match="must name"):
        await world.patch(steps[1:], user=N1, subresource="status", content_type=JSON_PATCH)


@pytest.mark.parametrize("epoch", [0, 2])
async def test_a_report_on_another_placement_is_refused(world: World, epoch: int) -> None:
    with pytest.raises(errors.Conflict, match="stale epoch"):
        await world.report(observed={"epoch": epoch})


async def test_a_report_that_names_no_placement_is_refused(world: World) -> None:
    vps = await world.vps()
    body = {"metadata": {"uid": vps["metadata"]["uid"]}, "status": {"conditions": [SSH_READY]}}
    with pytest.raises(errors.Conflict, match="stale epoch"):
        await world.patch(body, user=N1, subresource="status")


@pytest.mark.parametrize(
    ("user", "status", "path"),
    [
        (N1, {"phase": "stopped"}, "status.phase"),
        (N1, {"message": None}, "status.message"),
        (N1, {"assignment": {"node": "n2"}}, "status.assignment"),
        (N1, {"epoch": 2}, "status.epoch"),
        (N1, {"unreachableSince": SINCE}, "status.unreachableSince"),
        (N1, {"conditions": [{"type": "Scheduled", "status": "False"}]}, "status.conditions[Scheduled]"),
        (N1, {"conditions": [SILENT]}, "status.conditions[NodeReachable]"),
        (CONTROLLER, {"phase": "lost"}, "status.phase"),
        (CONTROLLER, {"reason": "x"}, "status.reason"),
        (CONTROLLER, {"assignment": None}, "status.assignment"),
        (CONTROLLER, {"observed": {"epoch": 1, "state": "stopped"}}, "status.observed"),
        (CONTROLLER, {"observedGeneration": 4}, "status.observedGeneration"),
        (CONTROLLER, {"conditions": [SSH_READY]}, "status.conditions[SSHReady]"),
        (ADMIN, {"phase": "running"}, "status.phase"),
        (ADMIN, {"assignment": {"node": "n2"}}, "status.assignment"),
    ],
    ids=lambda value: value.role.value if isinstance(value, User) else str(value)[:40],
)
async def test_another_owners_field_is_refused_with_its_path(
    world: World, user: User, status: Json, path: str
) -> None:
    vps = await world.vps()
    if user is N1:
        status = {"observed": {"epoch": 1, "state": "running"}, **status}
    with pytest.raises(errors.Forbidden) as caught:
        body = {"metadata": {"uid": vps["metadata"]["uid"]}, "status": status}
        await world.patch(body, user=user, subresource="status")
    assert path in caught.value.message
    assert [cause.field for cause in caught.value.causes] == [path]
    assert await world.vps() == vps


async def test_a_whole_status_may_hold_other_owners_fields_as_they_are(world: World) -> None:
    vps = await world.vps()
    whole = {**vps, "status": {**vps["status"], "observed": {"epoch": 1, "state": "running"}}}
    made = (await world.update(whole, user=N1, subresource="status")).object
    assert made["status"]["phase"] == "running"


async def test_a_whole_status_may_leave_other_owners_fields_out(world: World) -> None:
    vps = await world.vps()
    whole = {**vps, "status": {"observed": {"epoch": 1, "state": "running"}}}
    made = (await world.update(whole, user=N1, subresource="status")).object
    assert made["status"]["assignment"] == vps["status"]["assignment"]
    assert made["status"]["conditions"] == vps["status"]["conditions"]


async def test_conditions_merge_by_type(world: World) -> None:
    made = (await world.report(conditions=[SSH_READY])).object
    assert [one["type"] for one in made["status"]["conditions"]] == ["Scheduled", "SSHReady"]
    made = await mark_silent(world)
    types = [one["type"] for one in made["status"]["conditions"]]
    assert types == ["Scheduled", "SSHReady", "NodeReachable"]


async def test_a_condition_twice_is_invalid(world: World) -> None:
    with pytest.raises(errors.Invalid, match="Duplicate value"):
        await world.report(conditions=[SSH_READY, SSH_READY])


async def test_the_server_says_when_a_condition_last_changed(world: World) -> None:
    await world.report(conditions=[{**SSH_READY, "lastTransitionTime": "1999-01-01T00:00:00Z"}])
    first = (await world.vps())["status"]["conditions"][1]["lastTransitionTime"]
    assert first.startswith("2026-01-01")
    await world.report(conditions=[{**SSH_READY, "message": "again"}])
    second = (await world.vps())["status"]["conditions"][1]
    assert (second["message"], second["lastTransitionTime"]) == ("again", first)


@pytest.mark.fault(2, 6)
async def test_a_silent_node_makes_it_lost_and_its_next_report_brings_it_back(world: World) -> None:
    await world.report(state="running")
    lost = await mark_silent(world)
    assert lost["status"]["phase"] == "lost"
    back = (await world.report(state="running")).object
    assert back["status"]["phase"] == "running"
    assert "unreachableSince" not in back["status"]


async def test_a_stale_report_does_not_bring_a_lost_vps_back(world: World) -> None:
    await mark_silent(world)
    with pytest.raises(errors.Conflict):
        await world.report(observed={"epoch": 0})
    assert (await world.vps())["status"]["phase"] == "lost"


async def test_the_controller_may_take_its_mark_back(world: World) -> None:
    await mark_silent(world)
    made = await world.patch({"status": {"unreachableSince": None}}, user=CONTROLLER, subresource="status")
    assert made.object["status"]["phase"] == "assigning"


async def test_what_is_bound_to_no_node_cannot_be_lost(world: World) -> None:
    await world.create(a_vps("free"))
    with pytest.raises(errors.Conflict, match="placed on no node"):
        await world.patch(
            {"status": {"unreachableSince": SINCE}}, "free", user=CONTROLLER, subresource="status"
        )


async def test_the_controller_says_why_nothing_fits(world: World) -> None:
    await world.create(a_vps("big"))
    why = {"type": "Scheduled", "status": "False", "reason": "NoRoom", "message": "0 of 2 nodes fit"}
    made = await world.patch({"status": {"conditions": [why]}}, "big", user=CONTROLLER, subresource="status")
    status = made.object["status"]
    assert (status["phase"], status["reason"], status["message"]) == ("pending", "NoRoom", "0 of 2 nodes fit")


@pytest.mark.fault(46)
async def test_fields_of_a_newer_agent_are_kept_with_a_warning_by_every_later_write(world: World) -> None:
    written = await world.report(observed={"temperature": 40}, gpuHealth="fine")
    assert set(written.warnings) == {
        'unknown field "status.observed.temperature"',
        'unknown field "status.gpuHealth"',
    }
    await mark_silent(world)
    await world.patch({"spec": {"priority": 2}})
    status = (await world.vps())["status"]
    assert status["gpuHealth"] == "fine" and status["observed"]["temperature"] == 40


async def test_a_node_writes_the_whole_status_of_its_own_node(world: World) -> None:
    body = {"status": {"allocatable": {"cores": "2", "memory": "4Gi"}, "images": ["a"]}}
    made = (await world.patch(body, "n1", user=N1, resource=kinds.NODE, subresource="status")).object
    assert made["status"]["allocatable"]["cores"] == "2"


async def test_the_controller_writes_nothing_of_a_node_but_ready(world: World) -> None:
    silent = {"type": "Ready", "status": "Unknown", "reason": "Silent", "message": "no renewal for 10 s"}
    body: Json = {"status": {"conditions": [silent]}}
    made = (await world.patch(body, "n1", user=CONTROLLER, resource=kinds.NODE, subresource="status")).object
    assert made["status"]["conditions"][0]["status"] == "Unknown"
    for status in ({"allocatable": None}, {"conditions": [{**silent, "type": "DiskPressure"}]}):
        with pytest.raises(errors.Forbidden):
            await world.patch(
                {"status": status}, "n1", user=CONTROLLER, resource=kinds.NODE, subresource="status"
            )
