"""Our nodes as Kubernetes' Nodes over HTTP: what is shown, and that a patch cordons and nothing more."""

from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from kohakuriver import errors
from kohakuriver.apiserver.views import nodes
from kohakuriver.resources import core_node, kinds
from tests.apiserver.api import Api, running_api
from tests.apiserver.views.kit import a_node, names, put, watching
from tests.apiserver.writing import JSON_PATCH, MERGE, STRATEGIC

pytestmark = pytest.mark.looptime

NODES = "/api/v1/nodes"
OURS = kinds.NODE.path(name="n1")
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


def test_a_node_has_what_clients_look_for() -> None:
    shown = nodes.form(a_node())
    assert shown["metadata"]["uid"] == "uid-n1"
    assert shown["status"]["capacity"] == {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}
    assert shown["status"]["allocatable"] == {"cpu": "3500m", "memory": "7Gi", "nvidia.com/gpu": "1"}
    assert shown["status"]["conditions"][0]["type"] == "Ready"
    assert shown["status"]["nodeInfo"]["kubeletVersion"] == "0.9"
    assert shown["spec"] == {}


def test_what_a_node_tells_of_everybodys_vpses_is_not_shown() -> None:
    shown = str(nodes.form(a_node()))
    assert "secret-project" not in shown and "team-b" not in shown


@pytest.mark.parametrize("spec", [{"unschedulable": True}, {"drain": True}])
def test_a_node_that_takes_no_new_vpses_is_unschedulable(spec: dict[str, bool]) -> None:
    assert nodes.form(a_node(**spec))["spec"]["unschedulable"] is True


@pytest.mark.parametrize(
    "node", [a_node(), {**a_node(), "status": {}}, a_node(taints=[{"key": "a", "effect": "x"}])]
)
def test_what_is_shown_is_what_the_schema_says(node: dict[str, Any]) -> None:
    core_node.Node.model_validate({**nodes.form(node), "metadata": {"name": "n1"}})


NONSENSE = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=2)
)
PLACES = ("spec", "status", "conditions", "gpus", "capacity", "nodeInfo", "quarantine", "labels", "taints")


@hypothesis.given(place=st.sampled_from(PLACES), value=NONSENSE)
def test_a_node_with_nonsense_in_it_is_shown_nevertheless(place: str, value: Any) -> None:
    node = a_node()
    inner = {"labels": node["metadata"], "taints": node["spec"], "spec": node, "status": node}
    inner.get(place, node["status"])[place] = value
    assert nodes.form(node)["metadata"]["name"] == "n1"


async def test_nodes_are_listed_got_watched_and_printed_as_ours() -> None:
    async with running_api() as api:
        await put(api, kinds.NODE, a_node())
        await put(api, kinds.NODE, a_node("n2", drain=True, unschedulable=True))
        listed = (await api.get(NODES)).body
        assert (listed["kind"], listed["apiVersion"]) == ("NodeList", "v1")
        assert names(listed) == ["n1", "n2"]
        cordoned = {"fieldSelector": "spec.unschedulable=true"}
        assert names((await api.get(NODES, params=cordoned)).body) == ["n2"]
        theirs, ours = [
            [row["cells"][:5] for row in (await api.get(path, headers=TABLE)).body["rows"]]
            for path in (NODES, kinds.NODE.path())
        ]
        assert theirs == ours
        assert theirs[1][1] == "Ready,Draining"
        start = listed["metadata"]["resourceVersion"]
        async with watching(api, NODES, resourceVersion=start) as following:
            await put(api, kinds.NODE, a_node(unschedulable=True))
            type_, shown = await following()
            assert (type_, shown["apiVersion"], shown["spec"]) == ("MODIFIED", "v1", {"unschedulable": True})


async def patched(api: Api, content: Any, media: str, *, user: str = "admin") -> Any:
    headers = {"Content-Type": media}
    return await api.call("PATCH", f"{NODES}/n1", content, user=user, headers=headers)


@pytest.mark.parametrize("media", [MERGE, STRATEGIC])
async def test_kubectls_cordon_is_ours_and_its_uncordon_ends_a_drain_too(media: str) -> None:
    async with running_api() as api:
        await put(api, kinds.NODE, a_node())
        reply = await patched(api, {"spec": {"unschedulable": True}}, media)
        assert (reply.code, reply.body["apiVersion"]) == (200, "v1")
        assert (await api.get(OURS)).body["spec"]["unschedulable"] is True
        await put(api, kinds.NODE, a_node(unschedulable=True, drain=True))
        await patched(api, {"spec": {"unschedulable": None}}, media)
        left = (await api.get(OURS)).body["spec"]
        assert not left.get("unschedulable") and not left.get("drain")


async def test_a_json_patch_cordons_and_uncordons_too() -> None:
    async with running_api() as api:
        await put(api, kinds.NODE, a_node(drain=True))
        cordon = {"op": "add", "path": "/spec/unschedulable", "value": True}
        await patched(api, [cordon], JSON_PATCH)
        assert (await api.get(OURS)).body["spec"] == {"drain": True, "unschedulable": True}
        await patched(api, [{"op": "remove", "path": "/spec/unschedulable"}], JSON_PATCH)
        assert not (await api.get(OURS)).body["spec"].get("drain")


async def test_labels_and_annotations_are_those_of_our_node() -> None:
    async with running_api() as api:
        await put(api, kinds.NODE, a_node(drain=True))
        reply = await patched(
            api, {"metadata": {"labels": {"disk": "ssd"}, "annotations": {"a": "b"}}}, MERGE
        )
        assert reply.code == 200, reply.body
        ours = (await api.get(OURS)).body
        assert ours["metadata"]["labels"] == {"disk": "ssd"}
        assert ours["spec"]["drain"] is True


@pytest.mark.parametrize(
    ("content", "media", "field"),
    [
        ({"spec": {"unschedulable": True, "taints": []}}, MERGE, "/spec/taints"),
        ({"spec": {"drain": True}}, MERGE, "/spec/drain"),
        ({"spec": None}, MERGE, "/spec"),
        ({"metadata": {"finalizers": ["a/b"]}}, MERGE, "/metadata/finalizers"),
        ({"status": {"conditions": []}}, STRATEGIC, "/status/conditions"),
        ([{"op": "add", "path": "/spec/accepts", "value": "x"}], JSON_PATCH, "/spec/accepts"),
        ([{"op": "copy", "from": "/status", "path": "/metadata/labels/a"}], JSON_PATCH, "/status"),
    ],
)
async def test_nothing_else_of_a_node_can_be_written_there(content: Any, media: str, field: str) -> None:
    async with running_api() as api:
        before = await put(api, kinds.NODE, a_node())
        reply = await patched(api, content, media)
        assert reply.code == 403
        assert reply.body["message"].startswith(f"{field} of a core Node cannot be written")
        assert (await api.get(OURS)).body["metadata"]["resourceVersion"] == before


@pytest.mark.parametrize(
    ("content", "media"), [("x", MERGE), ({}, JSON_PATCH), ([1], JSON_PATCH), ([{}], JSON_PATCH)]
)
async def test_what_is_no_patch_is_refused_in_words(content: Any, media: str) -> None:
    async with running_api() as api:
        await put(api, kinds.NODE, a_node())
        reply = await patched(api, content, media)
        assert reply.code in (400, 422), reply.body


async def test_who_may_not_cordon_our_node_may_not_cordon_it_there() -> None:
    async with running_api() as api:
        await put(api, kinds.NODE, a_node())
        for user in ("alice", "viewer", "controller", "n2"):
            assert (await patched(api, {"spec": {"unschedulable": True}}, MERGE, user=user)).code == 403
        apply = await patched(api, {"spec": {}}, "application/apply-patch+yaml")
        assert apply.code == 415


@hypothesis.given(
    patch=st.recursive(NONSENSE, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_a_patch_of_anything_is_refused_or_means_only_what_may_be_written(patch: Any) -> None:
    try:
        meant = nodes.meant(patch)
    except errors.ApiError:
        return
    if isinstance(meant, dict):
        assert set(meant) <= {"metadata", "spec"}
        assert set(meant.get("spec", {})) <= {"unschedulable", "drain"}
    else:
        assert all(
            step["path"].startswith(("/metadata/", "/spec/unschedulable", "/spec/drain")) for step in meant
        )
