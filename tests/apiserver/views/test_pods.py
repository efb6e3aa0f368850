"""VPSes as Pods over HTTP: what is shown, what is absent, what is refused, and that watches tell of it."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from kohakuriver.apiserver.objects import selectors
from kohakuriver.apiserver.views import pods
from kohakuriver.resources import kinds, pod
from tests.apiserver.api import running_api
from tests.apiserver.views.kit import PODS, UID, a_vps, names, put, remove, watching

pytestmark = pytest.mark.looptime

PHASES = ("pending", "assigning", "running", "paused", "stopped", "lost")
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


@pytest.mark.parametrize(
    ("phase", "shown", "ready"),
    [
        ("assigning", "Pending", "False"),
        ("running", "Running", "True"),
        ("paused", "Running", "False"),
        ("lost", "Unknown", "Unknown"),
    ],
)
def test_each_phase_is_a_phase_of_pods(phase: str, shown: str, ready: str) -> None:
    found = pods.form(a_vps(phase=phase))
    assert found["status"]["phase"] == shown
    condition = next(one for one in found["status"]["conditions"] if one["type"] == "Ready")
    assert condition["status"] == ready
    assert condition.get("reason") == ("Paused" if phase == "paused" else None)


def test_what_runs_has_one_container_that_clients_find() -> None:
    found = pods.form(a_vps(env={"SECRET": "hunter2"}, labels={"team": "a"}))
    assert found["metadata"]["annotations"] == {"kubectl.kubernetes.io/default-container": "vps"}
    assert found["metadata"]["labels"] == {"team": "a"}
    assert found["metadata"]["ownerReferences"][0]["uid"] == UID
    (container,) = found["spec"]["containers"]
    assert container["name"] == "vps" and container["tty"] and container["stdin"]
    assert container["env"] == [{"name": "SECRET"}]
    assert found["spec"]["securityContext"] == {}, "kubectl debug looks into it, and crashes without one"
    assert container["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi"}
    (status,) = found["status"]["containerStatuses"]
    assert status["ready"] and status["restartCount"] == 2
    assert status["containerID"] == f"docker://{'c' * 64}"
    assert status["state"] == {"running": {"startedAt": "2026-01-01T00:00:05Z"}}


def test_a_pod_has_the_address_that_its_agent_has_told_while_it_runs() -> None:
    vps = a_vps()
    vps["status"]["observed"]["container"]["ip"] = "172.18.0.2"
    told = pods.form(vps)["status"]
    assert (told["podIP"], told["podIPs"]) == ("172.18.0.2", [{"ip": "172.18.0.2"}])
    assert "hostIP" not in told
    pod.Pod.model_validate(pods.form(vps))
    assert "podIP" not in pods.form(a_vps())["status"], "an agent of before tells none"
    vps["status"]["phase"] = "lost"
    assert not {"podIP", "podIPs"} & pods.form(vps)["status"].keys()
    vps["status"] |= {"phase": "running", "assignment": {**vps["status"]["assignment"], "epoch": 99}}
    assert "podIP" not in pods.form(vps)["status"], "it was of an earlier placement"


async def test_the_table_of_pods_shows_the_address() -> None:
    async with running_api() as api:
        vps = a_vps()
        vps["status"]["observed"]["container"]["ip"] = "172.18.0.2"
        await put(api, kinds.VPS, vps)
        table = (await api.get(PODS, headers=TABLE)).body
        at = [column["name"] for column in table["columnDefinitions"]].index("IP")
        assert table["rows"][0]["cells"][at] == "172.18.0.2"


def test_the_values_of_the_environment_are_nowhere_in_a_pod() -> None:
    vps = a_vps(env={"SECRET": "hunter2"})
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"env": {"SECRET": "hunter2"}}', "a": "b"}
    vps["metadata"]["annotations"] = applied
    shown = pods.form(vps)
    assert "hunter2" not in str(shown)
    assert shown["metadata"]["annotations"]["a"] == "b"


def test_another_placement_is_another_pod_and_being_placed_is_not() -> None:
    waiting = pods.form(a_vps(phase="pending", node="", epoch=1))["metadata"]["uid"]
    first, second = (pods.form(a_vps(epoch=epoch))["metadata"]["uid"] for epoch in (1, 2))
    assert waiting == first != second
    assert UID not in (first, second)


def test_what_was_seen_of_an_earlier_placement_is_not_shown() -> None:
    vps = a_vps(phase="assigning", epoch=2)
    vps["status"]["observed"]["epoch"] = 1
    (status,) = pods.form(vps)["status"]["containerStatuses"]
    assert "containerID" not in status and status["restartCount"] == 0


@pytest.mark.parametrize("phase", PHASES[:4] + PHASES[5:])
@pytest.mark.parametrize("node", ["n1", ""])
def test_what_is_shown_is_what_the_schema_says(phase: str, node: str) -> None:
    vps = a_vps(phase=phase, node=node, command=["sleep", "1"], placement={"nodeSelector": {"a": "b"}})
    vps["status"] |= {"reason": "Because", "message": "of this"}
    if node:
        vps["status"]["observed"]["container"] |= {"finishedAt": "2026-01-01T00:00:03Z", "exitCode": 7}
    pod.Pod.model_validate({**pods.form(vps), "metadata": {"name": "dev"}})


NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
PLACES = (
    ("spec",),
    ("spec", "env"),
    ("spec", "resources"),
    ("spec", "resources", "cores"),
    ("spec", "resources", "memory"),
    ("spec", "command"),
    ("spec", "placement"),
    ("spec", "priority"),
    ("status",),
    ("status", "phase"),
    ("status", "epoch"),
    ("status", "assignment"),
    ("status", "assignment", "epoch"),
    ("status", "assignment", "grant"),
    ("status", "observed"),
    ("status", "observed", "container"),
    ("status", "observed", "container", "exitCode"),
    ("status", "observed", "container", "finishedAt"),
    ("metadata", "annotations"),
)


@hypothesis.given(place=st.sampled_from(PLACES), value=NONSENSE)
def test_a_vps_with_nonsense_in_it_is_a_pod_nevertheless(place: tuple[str, ...], value: Any) -> None:
    vps = a_vps(env={"A": "b"})
    inner: Any = vps
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    assert pods.form(vps)["metadata"]["name"] == "dev"


async def test_pods_are_listed_got_and_printed_without_those_that_are_stopped() -> None:
    async with running_api() as api:
        for phase in PHASES:
            revision = await put(api, kinds.VPS, a_vps(phase, phase, node="" if phase == "pending" else "n1"))
        listed = (await api.get(PODS)).body
        assert (listed["kind"], listed["apiVersion"]) == ("PodList", "v1")
        assert listed["metadata"]["resourceVersion"] == revision
        assert names(listed) == ["assigning", "lost", "paused", "pending", "running"]
        assert names((await api.get("/api/v1/pods")).body) == names(listed)
        one = (await api.get(f"{PODS}/running")).body
        vps = (await api.get(kinds.VPS.path(namespace="default", name="running"))).body
        assert one["kind"] == "Pod"
        assert one["metadata"]["resourceVersion"] == vps["metadata"]["resourceVersion"]
        table = (await api.get(PODS, headers=TABLE)).body
        cells = {row["cells"][0]: row["cells"][1:4] for row in table["rows"]}
        assert cells["running"] == ["1/1", "Running", 2]
        assert cells["paused"] == ["0/1", "Paused", 2]
        assert cells["pending"] == ["0/1", "Pending", 0]


async def test_a_stopped_vps_is_not_found_and_one_is_told_how_to_start_it() -> None:
    async with running_api() as api:
        await put(api, kinds.VPS, a_vps(phase="stopped", runState="Stopped"))
        reply = await api.get(f"{PODS}/dev")
        assert (reply.code, reply.body["reason"]) == (404, "NotFound")
        assert reply.body["message"] == (
            'pods "dev" not found: dev is stopped; start it: kohakuriver vps start dev'
        )
        assert (await api.get(f"{PODS}/nobody")).body["message"] == 'pods "nobody" not found'


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("DELETE", ""), ("PUT", "/dev"), ("PATCH", "/dev"), ("DELETE", "/dev")],
)
async def test_a_pod_cannot_be_written_and_one_is_told_what_to_do(method: str, path: str) -> None:
    async with running_api() as api:
        for user in ("admin", "alice"):
            reply = await api.call(method, PODS + path, {}, user=user)
            assert (reply.code, reply.body["reason"]) == (405, "MethodNotAllowed")
            assert "they show vpses.kohakuriver.io: apply a VPS" in reply.body["message"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"fieldSelector": "spec.nodeName=n2"}, ["lost"]),
        ({"fieldSelector": "spec.nodeName="}, ["pending"]),
        ({"fieldSelector": "status.phase=Running"}, ["paused", "running"]),
        ({"fieldSelector": "status.phase!=Running"}, ["assigning", "lost", "pending"]),
        ({"fieldSelector": "status.phase=Succeeded"}, []),
        (
            {"fieldSelector": "spec.nodeName=n1,status.phase!=Succeeded,status.phase!=Failed"},
            ["assigning", "paused", "running"],
        ),
        ({"fieldSelector": "metadata.name=running"}, ["running"]),
        ({"fieldSelector": "metadata.name=stopped"}, []),
        ({"fieldSelector": "metadata.namespace=default", "labelSelector": "phase in (lost)"}, ["lost"]),
    ],
)
async def test_selectors_are_those_of_pods(query: dict[str, str], found: list[str]) -> None:
    async with running_api() as api:
        for phase in PHASES:
            node = {"pending": "", "lost": "n2"}.get(phase, "n1")
            await put(api, kinds.VPS, a_vps(phase, phase, node=node, labels={"phase": phase}))
        assert names((await api.get(PODS, params=query)).body) == found
        revision = (await api.get(PODS)).body["metadata"]["resourceVersion"]
        exact = query | {"resourceVersion": revision, "resourceVersionMatch": "Exact"}
        assert names((await api.get(PODS, params=exact)).body) == found


async def test_a_field_of_a_vps_is_no_field_of_a_pod() -> None:
    async with running_api() as api:
        reply = await api.get(PODS, params={"fieldSelector": "status.assignment.node=n1"})
        assert reply.code == 400
        assert reply.body["message"] == 'field label not supported for Pod: "status.assignment.node"'


async def test_a_list_comes_in_pages_of_one_revision() -> None:
    async with running_api() as api:
        for number in range(5):
            await put(api, kinds.VPS, a_vps(f"v{number}", "stopped" if number == 1 else "running"))
        first = (await api.get(PODS, params={"limit": "2"})).body
        assert names(first) == ["v0", "v2"]
        await put(api, kinds.VPS, a_vps("v3", "stopped"))
        token = first["metadata"]["continue"]
        second = (await api.get(PODS, params={"limit": "2", "continue": token})).body
        assert names(second) == ["v3", "v4"], "as it was at the first page"
        assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_watch_tells_of_a_stop_as_a_pod_that_has_gone() -> None:
    async with running_api() as api:
        await put(api, kinds.VPS, a_vps())
        start = (await api.get(PODS)).body["metadata"]["resourceVersion"]
        async with watching(api, PODS, resourceVersion=start) as following:
            paused = await put(api, kinds.VPS, a_vps(phase="paused"))
            type_, shown = await following()
            assert (type_, shown["kind"]) == ("MODIFIED", "Pod")
            assert shown["metadata"]["resourceVersion"] == paused
            stopped = await put(api, kinds.VPS, a_vps(phase="stopped"))
            type_, shown = await following()
            assert (type_, shown["kind"], shown["status"]["phase"]) == ("DELETED", "Pod", "Running")
            assert shown["metadata"]["resourceVersion"] == stopped
            await put(api, kinds.VPS, a_vps())
            assert (await following())[0] == "ADDED"
            await remove(api, kinds.VPS, a_vps())
            assert (await following())[0] == "DELETED"
        async with watching(api, PODS, resourceVersion=start) as following:
            told = [(await following())[0] for _ in range(4)]
        assert told == ["MODIFIED", "DELETED", "ADDED", "DELETED"], "who resumes is told the same"


async def test_a_watch_begins_with_what_is_there_and_says_where_that_ends() -> None:
    async with running_api() as api:
        await put(api, kinds.VPS, a_vps("a", "stopped"))
        await put(api, kinds.VPS, a_vps("b"))
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        async with watching(api, PODS, **query, allowWatchBookmarks="true") as following:
            type_, shown = await following()
            assert (type_, shown["metadata"]["name"]) == ("ADDED", "b")
            type_, mark = await following()
            assert (type_, mark["kind"], mark["apiVersion"]) == ("BOOKMARK", "Pod", "v1")
            assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            assert (await following())[0] == "BOOKMARK", "and one whenever it was quiet for a while"


async def test_a_watch_from_long_ago_is_told_to_list_again() -> None:
    async with running_api() as api:
        await put(api, kinds.VPS, a_vps())
        api.server.cache.kinds[kinds.VPS].history.restart(api.server.cache.revision)
        async with watching(api, PODS, resourceVersion="1") as following:
            type_, status = await following()
        assert (type_, status["code"]) == ("ERROR", 410)


async def test_a_node_sees_the_pods_that_are_its_own() -> None:
    async with running_api() as api:
        await put(api, kinds.VPS, a_vps("a", node="n1"))
        await put(api, kinds.VPS, a_vps("b", node="n2"))
        assert names((await api.get("/api/v1/pods", user="n1")).body) == ["a"]
        assert (await api.get(f"{PODS}/b", user="n1")).code == 404


async def test_pods_are_discovered_and_not_among_all() -> None:
    async with running_api() as api:
        listed = (await api.get("/api/v1")).body["resources"]
        (entry,) = [one for one in listed if one["name"] == "pods"]
        assert entry["verbs"] == ["get", "list", "watch"] and entry["shortNames"] == ["po"]
        assert "categories" not in entry
        reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        for verb, user, allowed in (("list", "alice", True), ("create", "admin", False)):
            asked = {"verb": verb, "resource": "pods", "namespace": "default"}
            reply = await api.call("POST", reviews, {"spec": {"resourceAttributes": asked}}, user=user)
            assert reply.body["status"]["allowed"] is allowed


def test_a_selection_of_pods_holds_for_no_stopped_vps() -> None:
    asked = selectors.select(kinds.POD, fields=("status.phase!=Running",))
    meant = pods.selection(asked)
    assert [phase for phase in PHASES if meant.matches({}, {"status.phase": phase})] == [
        "pending",
        "assigning",
        "lost",
    ]
