"""What is told of a quota, what one may say, and what one with nonsense in it does."""

from typing import Any

import hypothesis
import orjson
import pytest
from hypothesis import strategies as st

from kohakuriver.apiserver.quota import hard, usage
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.resources import kinds, quota
from tests.apiserver.api import running_api
from tests.apiserver.quota_kit import (
    BOB,
    LONG,
    MERGE,
    TABLE,
    VPSES,
    a_team,
    a_vps,
    change,
    create,
    read_quota,
)
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"hard": {"pods": 1}}, '"pods" cannot be limited: use requests.cpu, requests.memory'),
        ({"hard": {"cpu": "4X"}}, "cpu: "),
        ({"hard": {"cpu": -1}}, "use 0 or more"),
        ({"hard": {VPSES: "1500m"}}, "use a whole number"),
        ({"hard": {}, "scopes": ["BestEffort"]}, "leave scopes and scopeSelector out"),
        ({"hard": {}, "scopeSelector": {"matchExpressions": []}}, "leave scopes and scopeSelector out"),
    ],
)
async def test_a_quota_that_could_not_be_kept_is_refused_with_what_could(spec: Json, told: str):
    async with a_team() as api:
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": spec}
        refused = await api.call("POST", kinds.RESOURCE_QUOTA.path(namespace="default"), quota)
        assert refused.code == 422
        assert told in refused.body["message"]


async def test_what_is_taken_is_told_wherever_a_quota_is_read_and_stored_nowhere():
    async with a_team(vpses=5, cpu="4", short_cpu="4", memory="8Gi", gpus=4, disk="1Ti") as api:
        booking = {
            "namespace": "default",
            "cores": "1500m",
            "memory": "4Gi",
            "gpus": ["GPU-1"],
            "disk": "10Gi",
        }
        record = {
            "apiVersion": kinds.API_VERSION,
            "kind": "NodeAllocation",
            "metadata": {"name": "n1", "uid": "u"},
            "bookings": {
                "u1": booking,
                "u2": booking | {"tombstone": {}},
                "u3": booking | {"namespace": "x"},
            },
        }
        key = codec.key(kinds.NODE_ALLOCATION, None, "n1")
        await api.store.commit(expect={}, writes=[Put(key, orjson.dumps(record))])
        assert (await create(api, a_vps("dev", resources={"disk": "1Gi"}))).code == 201
        shown = await read_quota(api)
        assert shown["status"]["used"] == {
            "cpu": "3", "requests.cpu": "3", "requests.memory": "8Gi", "requests.nvidia.com/gpu": "2",
            "requests.storage": "20Gi", VPSES: "1",
        }  # fmt: skip
        assert shown["status"]["hard"] == shown["spec"]["hard"] | {VPSES: "5", "requests.nvidia.com/gpu": "4"}
        listed = await api.get(kinds.RESOURCE_QUOTA.path(namespace="default"), user="alice")
        assert [one["status"] for one in listed.body["items"]] == [shown["status"]]
        path = kinds.RESOURCE_QUOTA.path(namespace="default", name="team")
        patched = await api.call("PATCH", path, {"status": {"used": {VPSES: "9"}}}, headers=MERGE)
        assert patched.body["status"] == shown["status"], "nobody writes it"
        assert patched.body["metadata"]["resourceVersion"] == shown["metadata"]["resourceVersion"]
        stored = await api.store.get(codec.key(kinds.RESOURCE_QUOTA, "default", "team"))
        assert stored is not None
        assert "status" not in orjson.loads(stored.value)
        table = (await api.get(path, headers=TABLE)).body
        assert [column["name"] for column in table["columnDefinitions"]] == [
            "Name",
            "Request",
            "Limit",
            "Age",
        ]
        assert table["rows"][0]["cells"][1].startswith(f"{VPSES}: 1/5, cpu: 3/4, requests.cpu: 3/4")
        events = await api.get(
            kinds.RESOURCE_QUOTA.path(namespace="default"),
            params={"watch": "1", "timeoutSeconds": "1", "resourceVersion": "0"},
        )
        assert events.body["type"] == "ADDED"
        assert events.body["object"]["status"] == shown["status"]


async def test_the_metrics_have_what_is_limited_and_what_is_taken():
    async with a_team(vpses=5, short_cpu="500m") as api:
        assert (await create(api, a_vps("dev"), user="admin")).code == 403
        assert (await create(api, a_vps("dev", resources={"cores": "0.5"}))).code == 201
        await api.server.cache.fresh()
        text = (await api.get("/metrics")).body
        named = (
            'kohakuriver_resourcequota{namespace="default",resource="%s",resourcequota="team",type="%s"} %s'
        )
        assert named % (VPSES, "hard", "5.0") in text
        assert named % (VPSES, "used", "1.0") in text
        assert named % ("requests.cpu", "hard", "0.5") in text


@pytest.mark.parametrize("bad", ["x", [], {"hard": []}, {"hard": {VPSES: []}}, {"hard": {"cpu": "4X"}}, None])
async def test_a_stored_quota_with_nonsense_in_it_closes_its_own_namespace_to_what_is_new_alone(bad: Any):
    store = MemoryStore()
    async with running_api(store, users=(BOB,)) as api:
        await api.create(kinds.NAMESPACE, {"metadata": {"name": "team-b"}})
        assert (await create(api, a_vps("dev"))).code == 201
        quota = {
            "apiVersion": "v1", "kind": "ResourceQuota", "spec": bad,
            "metadata": {"name": "bad", "namespace": "default", "uid": "u"},
        }  # fmt: skip
        key = codec.key(kinds.RESOURCE_QUOTA, "default", "bad")
        await store.commit(expect={}, writes=[Put(key, orjson.dumps(quota))])
        await api.server.cache.fresh()
        refused = await create(api, a_vps("new"))
        assert refused.code == 403
        assert "quota bad cannot be read, so nothing is added to its namespace" in refused.body["message"]
        assert (await create(api, a_vps("new", "team-b"), user="bob")).code == 201
        assert (await change(api, "dev", {"spec": {"runState": "Stopped"}})).code == 200
        path = kinds.RESOURCE_QUOTA.path(namespace="default", name="bad")
        assert (await api.get(path, headers=TABLE)).code == 200
        assert (await api.get(path)).code == 200
        assert (await api.call("DELETE", path)).code == 200
        assert (await create(api, a_vps("new"))).code == 201


async def test_a_quota_that_limits_nothing_is_shown_so():
    async with a_team() as api:
        for name, spec in (("without", {}), ("null", {"hard": None}), ("empty", {"hard": {}})):
            await api.create(kinds.RESOURCE_QUOTA, {"metadata": {"name": name}, "spec": spec})
        table = (await api.get(kinds.RESOURCE_QUOTA.path(namespace="default"), headers=TABLE)).body
        assert {row["cells"][1] for row in table["rows"]} == {""}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 2**60) | st.sampled_from(["", "4X", "9e99", "4Gi", "-1"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["spec", "hard", "scopes", *LONG.values()]), inner, max_size=3)
    ),
    max_leaves=8,
)


@hypothesis.given(JSON, JSON)
def test_any_stored_quota_is_read_or_said_to_be_unreadable(spec: Any, named: Any):
    key = codec.key(kinds.RESOURCE_QUOTA, "default", "bad")
    for whole in ({"spec": spec}, {"spec": {"hard": named}}):
        found = hard.of(Record(key, orjson.dumps({"metadata": {}, **whole}), 1, 1))
        assert found.name == "bad"
        assert not (found.limits and found.unreadable)
        assert set(found.limits) <= set(quota.NAMES)
        told = usage.status(whole, dict.fromkeys(quota.NAMES, 1))
        assert set(told["hard"]) <= set(told["used"])


def test_the_status_of_any_stored_quota_can_be_worked_out():
    amounts = dict.fromkeys(LONG.values(), 1000)
    for spec in (None, "x", {"hard": 3}, {"hard": {"pods": 1, "cpu": "x"}}):
        found = usage.status({"spec": spec}, amounts)
        assert found["hard"] == {}
        assert set(found["used"]) <= {"cpu"}
