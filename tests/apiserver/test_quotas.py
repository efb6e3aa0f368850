"""What a namespace may store is judged when an object is written."""

import asyncio
from typing import Any

import pytest

from kohakuriver.apiserver.quota.judging import SMALL
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.apiserver.quota_kit import (
    BYTES,
    MERGE,
    VPSES,
    a_team,
    a_vps,
    change,
    create,
    limit,
    names,
    read_quota,
)
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

Json = dict[str, Any]


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


async def test_a_server_that_has_just_started_knows_what_is_stored_and_limited():
    store = MemoryStore()
    async with running_api(store) as api:
        await limit(api, vpses=1)
        assert (await create(api, a_vps("one"))).code == 201
    async with running_api(store) as api:
        assert (await create(api, a_vps("two"))).code == 403
        assert (await read_quota(api))["status"]["used"] == {VPSES: "1"}


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


async def test_a_full_namespace_takes_deletes_stops_starts_and_what_makes_smaller_and_reports_of_nodes():
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
        begun = {"spec": {"runState": "Running", "env": {"B": "x"}}}
        assert (await change(api, "dev", begun)).code == 403, "a start that adds something is judged"
        assert (await change(api, "dev", {"spec": {"runState": "Running"}})).code == 200
        assert (await change(api, "dev", {"spec": {"runState": "Paused"}})).code == 200
        assert (await change(api, "dev", {"spec": {"env": {"A": "x"}}})).code == 200
        path = kinds.VPS.path(namespace="default", name="dev")
        assert (await api.call("DELETE", path, user="alice")).code == 200


async def test_who_stops_again_and_again_or_never_lets_go_does_not_grow_beyond_the_quota():
    path = kinds.VPS.path(namespace="default", name="kept")
    kept = a_vps("kept")
    kept["metadata"]["finalizers"] = ["example.com/mine"]
    async with a_team() as api:
        for one in (kept, a_vps("dev"), a_vps("large", env={"A": "x" * 20_000})):
            assert (await create(api, one)).code == 201
        await limit(api, bytes="30Ki")
        assert (await api.call("DELETE", path, user="alice")).code == 200
        for number in range(10):
            more = {"metadata": {"annotations": {f"n{number}": "y" * 3900}}}
            less = {"metadata": {"annotations": {f"n{number}": "y" * 3700}}}
            await change(api, "kept", more)
            await change(api, "dev", more | {"spec": {"runState": "Stopped"}})
            await change(api, "dev", less | {"spec": {"runState": "Running"}})
        await api.server.cache.fresh()
        assert api.server.cache.stored.used("default").object_bytes <= 30 * 1024 + 2 * SMALL
        for name in ("large", "dev"):
            assert (await change(api, name, {"spec": {"runState": "Stopped"}})).code == 200
        assert (await change(api, "kept", {"metadata": {"finalizers": []}})).code == 200


async def test_who_pauses_and_resumes_with_owners_added_does_not_grow_beyond_the_quota():
    async with a_team() as api:
        assert (await create(api, a_vps("dev"))).code == 201
        await limit(api, bytes="8Ki")
        owners = []
        for number in range(20):
            owners.append({"apiVersion": "v1", "kind": "Thing", "name": "y" * 200, "uid": f"{number}" * 300})
            state = "Paused" if number % 2 == 0 else "Running"
            await change(api, "dev", {"metadata": {"ownerReferences": owners}, "spec": {"runState": state}})
        await api.server.cache.fresh()
        assert api.server.cache.stored.used("default").object_bytes <= 8 * 1024


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
