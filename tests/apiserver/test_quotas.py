"""What a namespace may store, and what of its quotas is told: judged when an object is written."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import hypothesis
import orjson
import pytest
from hypothesis import strategies as st

from apiserver import codec
from apiserver.admitting.identity import Role, User
from apiserver.quota import hard, usage
from apiserver.store.base import Put, Record
from apiserver.store.memory import MemoryStore
from kohakuriver.resources import kinds, quota
from tests.apiserver.api import Api, Reply, running_api

pytestmark = pytest.mark.looptime

Json = dict[str, Any]

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
MERGE = {"Content-Type": "application/merge-patch+json"}
VPSES, BYTES = "count/vpses.kohakuriver.io", "kohakuriver.io/object-bytes"
BOB = User("bob", Role.USER, namespaces=("team-b",))


def a_vps(name: str, namespace: str = "default", **spec: Any) -> Json:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": metadata, "spec": spec}


async def create(api: Api, vps: Json, *, user: str = "alice", **options: Any) -> Reply:
    path = kinds.VPS.path(namespace=vps["metadata"]["namespace"])
    return await api.call("POST", path, vps, user=user, **options)


async def change(api: Api, name: str, body: Json, *, user: str = "alice") -> Reply:
    path = kinds.VPS.path(namespace="default", name=name)
    return await api.call("PATCH", path, body, user=user, headers=MERGE)


async def limit(api: Api, namespace: str = "default", name: str = "team", **hard: Any) -> Json:
    """Make a quota; `cpu` stands for `requests.cpu`, and so on."""
    return await api.create(
        kinds.RESOURCE_QUOTA,
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"hard": {LONG[key]: most for key, most in hard.items()}},
        },
    )


LONG = {
    "vpses": VPSES,
    "bytes": BYTES,
    "cpu": "requests.cpu",
    "short_cpu": "cpu",
    "memory": "requests.memory",
    "gpus": "requests.nvidia.com/gpu",
    "disk": "requests.storage",
}


async def read_quota(api: Api, name: str = "team", namespace: str = "default", user: str = "alice") -> Json:
    await api.server.cache.fresh()
    reply = await api.get(kinds.RESOURCE_QUOTA.path(namespace=namespace, name=name), user=user)
    assert reply.code == 200, reply.body
    return dict(reply.body)


async def names(api: Api, namespace: str = "default") -> list[str]:
    reply = await api.get(kinds.VPS.path(namespace=namespace))
    return [one["metadata"]["name"] for one in reply.body["items"]]


@contextlib.asynccontextmanager
async def a_team(**hard: Any) -> AsyncIterator[Api]:
    async with running_api(users=(BOB,)) as api:
        await api.create(kinds.NAMESPACE, {"metadata": {"name": "team-b"}})
        if hard:
            await limit(api, **hard)
        yield api


async def test_the_vps_beyond_the_quota_is_refused_in_kubernetes_words_and_others_are_not():
    async with a_team(vpses=1) as api:
        assert (await create(api, a_vps("one"))).code == 201
        refused = await create(api, a_vps("web"))
        assert refused.code == 403
        assert refused.body["reason"] == "Forbidden"
        assert refused.body["message"].startswith(
            'vpses.kohakuriver.io "web" is forbidden: exceeded quota: team, '
            f"requested: {VPSES}=1, used: {VPSES}=1, limited: {VPSES}=1"
        )
        assert "raise quota team" in str(refused.body)
        assert (await create(api, a_vps("web"), user="admin")).code == 403, "it binds everybody"
        assert (await create(api, a_vps("web"), params={"dryRun": "All"})).code == 403
        assert (await create(api, a_vps("web", "team-b"), user="bob")).code == 201, "another namespace"
        assert await names(api) == ["one"]


async def test_fifty_creates_at_once_make_exactly_as_many_as_the_quota_allows():
    async with a_team(vpses=7) as api:
        replies = await asyncio.gather(*(create(api, a_vps(f"v{number}")) for number in range(50)))
        assert sorted(reply.code for reply in replies) == [201] * 7 + [403] * 43
        assert len(await names(api)) == 7
        assert (await read_quota(api))["status"] == {"hard": {VPSES: "7"}, "used": {VPSES: "7"}}


async def test_two_servers_let_in_no_more_than_each_by_itself_and_agree_then():
    store = MemoryStore()
    async with running_api(store) as here, running_api(store) as there:
        await limit(here, vpses=7)
        await there.server.cache.fresh()
        both = [(api, f"v{number}") for number in range(25) for api in (here, there)]
        replies = await asyncio.gather(*(create(api, a_vps(f"{name}-{id(api)}")) for api, name in both))
        made = [reply.code for reply in replies].count(201)
        assert 7 <= made <= 14
        assert len(await names(there)) == made
        assert [(await create(api, a_vps("more"))).code for api in (here, there)] == [403, 403]


async def test_many_changes_at_once_do_not_take_more_bytes_than_the_quota_allows():
    async with a_team() as api:
        for number in range(20):
            assert (await create(api, a_vps(f"v{number}"))).code == 201
        await api.server.cache.fresh()
        there = api.server.cache.stored.used("default").object_bytes
        await limit(api, bytes=there + 25_000)
        growth = {"spec": {"env": {"A": "x" * 4000}}}
        replies = await asyncio.gather(*(change(api, f"v{number}", growth) for number in range(20)))
        assert {reply.code for reply in replies} == {200, 403}
        assert [reply.code for reply in replies].count(200) in (5, 6)
        await api.server.cache.fresh()
        assert api.server.cache.stored.used("default").object_bytes <= there + 25_000


async def test_a_full_namespace_takes_deletes_stops_and_what_makes_smaller_and_reports_of_nodes():
    async with a_team() as api:
        assert (await create(api, a_vps("dev", env={"A": "x" * 5000}))).code == 201
        await api.server.cache.fresh()
        await limit(api, bytes=api.server.cache.stored.used("default").object_bytes)
        refused = await change(api, "dev", {"spec": {"env": {"B": "x"}}})
        assert refused.code == 403
        assert f"requested: {BYTES}=" in refused.body["message"]
        assert (await create(api, a_vps("more"))).code == 403
        assert (await change(api, "dev", {"metadata": {"labels": {"a": "b"}}}, user="admin")).code == 403
        event = {
            "metadata": {"name": "e"},
            "involvedObject": {"kind": "VPS", "name": "dev", "namespace": "default"},
        }
        await api.create(kinds.EVENT, {**event, "reason": "Started"}, user="controller")
        status = kinds.VPS.path(namespace="default", name="dev", subresource="status")
        waits = {
            "conditions": [{"type": "Scheduled", "status": "False", "reason": "R", "message": "x" * 500}]
        }
        reported = await api.call("PATCH", status, {"status": waits}, user="controller", headers=MERGE)
        assert reported.code == 200, reported.body
        assert (await change(api, "dev", {"spec": {"runState": "Stopped"}})).code == 200
        assert (await change(api, "dev", {"spec": {"env": {"A": "x"}}})).code == 200
        path = kinds.VPS.path(namespace="default", name="dev")
        assert (await api.call("DELETE", path, user="alice")).code == 200


NEVER = {
    "cores": ({"cpu": "4"}, {"resources": {"cores": 5}}, "requests.cpu=5, limited: requests.cpu=4"),
    "short": ({"short_cpu": "500m"}, {"resources": {"cores": 1}},
              "requests.cpu=1, limited: requests.cpu=500m"),
    "memory": ({"memory": "2Gi"}, {"resources": {"memory": "3Gi"}},
               "requests.memory=3Gi, limited: requests.memory=2Gi"),
    "gpus": ({"gpus": 1}, {"placement": {"gpus": {"count": 2}}},
             "requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=1"),
    "disk": ({"disk": "1Gi"}, {"resources": {"disk": "2Gi"}},
             "requests.storage=2Gi, limited: requests.storage=1Gi"),
}  # fmt: skip
LARGER = {"resources": {"cores": 9, "memory": "9Gi", "disk": "9Gi"}, "placement": {"gpus": {"count": 9}}}


@pytest.mark.parametrize(("hard", "spec", "told"), NEVER.values(), ids=NEVER)
async def test_what_could_never_start_is_refused_when_it_is_written(hard: Json, spec: Json, told: str):
    async with a_team() as api:
        assert (await create(api, a_vps("before", **spec))).code == 201
        await limit(api, **hard)
        refused = await create(api, a_vps("dev", **spec))
        assert refused.code == 403
        assert f"exceeded quota: team, requested: {told}: it could never start" in refused.body["message"]
        assert (await change(api, "before", {"metadata": {"labels": {"a": "b"}}})).code == 200, (
            "not judged again"
        )
        refused = await change(api, "before", {"spec": LARGER})
        assert refused.code == 403, refused.body
        assert "it could never start" in refused.body["message"]


async def test_where_disk_is_limited_each_vps_has_to_say_its_own():
    async with a_team() as api:
        assert (await create(api, a_vps("before"))).code == 201
        await limit(api, disk="100Gi")
        refused = await create(api, a_vps("dev"))
        assert refused.code == 403
        assert (
            'vpses.kohakuriver.io "dev" is forbidden: failed quota: team: must specify requests.storage'
            in str(refused.body)
        )
        assert "set spec.resources.disk" in str(refused.body)
        assert (await create(api, a_vps("dev", resources={"disk": "20Gi"}))).code == 201
        assert (await change(api, "before", {"spec": {"env": {"A": "b"}}})).code == 200
        refused = await change(api, "dev", {"spec": {"resources": {"disk": None}}})
        assert refused.code == 403


async def test_every_namespace_has_a_default_and_a_quota_of_its_own_takes_its_place():
    async with running_api(default_quota={VPSES: 1, BYTES: 64 << 20}) as api:
        assert (await create(api, a_vps("one"))).code == 201
        refused = await create(api, a_vps("two"))
        assert refused.code == 403
        assert "exceeded quota: the API server's default" in refused.body["message"]
        assert "a ResourceQuota there that allows more" in str(refused.body)
        await limit(api, bytes="1Gi")
        assert (await create(api, a_vps("two"))).code == 403, "it names another resource"
        await limit(api, name="more", vpses=2)
        assert (await create(api, a_vps("two"))).code == 201
        assert (await create(api, a_vps("three"))).code == 403
        own = {"metadata": {"namespace": kinds.SYSTEM_NAMESPACE}}
        for name in ("a", "b"):
            await api.create(kinds.VPS, {"metadata": {**own["metadata"], "name": name}, "spec": {}})


async def test_of_several_quotas_and_of_two_spellings_the_smallest_holds():
    async with a_team(cpu=4, short_cpu=2) as api:
        assert (await create(api, a_vps("dev", resources={"cores": 3}))).code == 403
        await limit(api, name="second", cpu=1)
        refused = await create(api, a_vps("dev", resources={"cores": 2}))
        assert "exceeded quota: second" in refused.body["message"]
        assert (await create(api, a_vps("dev", resources={"cores": 1}))).code == 201


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


async def test_the_collector_is_not_kept_from_its_work_by_a_full_namespace():
    async with a_team() as api:
        owners = [await api.create(kinds.VPS, a_vps(name)) for name in ("one", "two")]
        references = [
            {
                "apiVersion": kinds.API_VERSION,
                "kind": "VPS",
                **{field: one["metadata"][field] for field in ("name", "uid")},
            }
            for one in owners
        ]
        owned = a_vps("owned")
        owned["metadata"]["ownerReferences"] = references
        await api.create(kinds.VPS, owned)
        await limit(api, bytes=1)
        path = kinds.VPS.path(namespace="default", name="one")
        assert (await api.call("DELETE", path, user="alice")).code == 200
        await asyncio.sleep(1)
        left = (await api.get(kinds.VPS.path(namespace="default", name="owned"))).body
        assert [one["name"] for one in left["metadata"]["ownerReferences"]] == ["two"]


def test_the_status_of_any_stored_quota_can_be_worked_out():
    amounts = dict.fromkeys(LONG.values(), 1000)
    for spec in (None, "x", {"hard": 3}, {"hard": {"pods": 1, "cpu": "x"}}):
        found = usage.status({"spec": spec}, amounts)
        assert found["hard"] == {}
        assert set(found["used"]) <= {"cpu"}
