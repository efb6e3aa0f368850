"""Policies at the door: who writes a spec or makes a Token in a namespace that one chooses."""

from typing import Any

import orjson
import pytest

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api
from tests.apiserver.writing import ADMIN, ALICE, N1, World, a_node, a_vps, a_world
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
BOB = User("bob", Role.USER, namespaces=("team-a", "team-b"))
TEAM_A = {"namespaceSelector": {"matchLabels": {"team": "a"}}}
FROM_GHCR = {"images": {"registries": ["ghcr.io"]}}


async def settled(api: Api) -> None:
    """A list waits until all that was written before is in the cache."""
    assert (await api.get(kinds.POLICY.path())).code == 200


async def a_cluster(api: Api, *policies: Json) -> None:
    for name in ("team-a", "team-b"):
        await api.create(kinds.NAMESPACE, {"metadata": {"name": name, "labels": {"team": name[-1]}}})
    for number, spec in enumerate(policies):
        await api.create(kinds.POLICY, {"metadata": {"name": f"house-{number}"}, "spec": spec})
    await settled(api)


async def create(
    api: Api, name: str = "dev", *, namespace: str = "team-a", user: str = "bob", **more: Any
) -> Reply:
    params = more.pop("params", {})
    body = {**a_vps(name, namespace, **more)}
    return await api.call("POST", kinds.VPS.path(namespace=namespace), body, user=user, params=params)


async def patch(api: Api, spec: Json, *, name: str = "dev", user: str = "bob", **options: Any) -> Reply:
    path = kinds.VPS.path(namespace="team-a", name=name)
    return await api.call("PATCH", path, {"spec": spec}, user=user, headers=MERGE, **options)


async def test_a_policy_holds_in_the_namespaces_that_it_chooses_and_for_everybody():
    async with running_api(users=(BOB,)) as api:
        await a_cluster(api, {**TEAM_A, **FROM_GHCR})
        for user in ("bob", "admin"):
            reply = await create(api, user=user, image="debian")
            assert (reply.code, reply.body["reason"]) == (422, "Invalid")
            assert reply.body["message"] == (
                'VPS "dev" is invalid: spec.image: Forbidden: "debian" (docker.io/library/debian) does '
                'not come from a registry that Policy "house-0" allows: use an image of ghcr.io, or ask your '
                "administrator"
            )
            assert reply.body["details"]["causes"][0]["field"] == "spec.image"
        assert (await create(api, image="ghcr.io/a/b")).code == 201
        assert (await create(api, namespace="team-b", image="debian")).code == 201
        assert (await create(api, "plain")).code == 201


async def test_a_dry_run_is_judged_and_so_is_an_apply():
    async with running_api(users=(BOB,)) as api:
        await a_cluster(api, {**TEAM_A, **FROM_GHCR})
        dry = {"dryRun": "All"}
        assert (await create(api, image="debian", params=dry)).code == 422
        assert (await create(api, image="ghcr.io/a", params=dry)).code == 201
        path = kinds.VPS.path(namespace="team-a", name="dev")
        options: Json = {"user": "bob", "headers": APPLY, "params": {"fieldManager": "m"}}
        refused = await api.call("PATCH", path, a_vps("dev", "team-a", image="debian"), **options)
        assert (refused.code, "house-0" in refused.body["message"]) == (422, True)
        assert (
            await api.call("PATCH", path, a_vps("dev", "team-a", image="ghcr.io/a"), **options)
        ).code == 201
        refused = await api.call("PATCH", path, a_vps("dev", "team-a", image="debian"), **options)
        assert refused.code == 422


async def test_a_policy_made_later_keeps_nobody_from_going_on():
    async with running_api(users=(BOB,)) as api:
        await a_cluster(api)
        assert (await create(api, image="debian", stopGracePeriod="2h", priority=500)).code == 201
        strict = {**FROM_GHCR, "longestStopGracePeriod": "1h", "highestPriority": 100}
        await api.create(kinds.POLICY, {"metadata": {"name": "strict"}, "spec": strict})
        await settled(api)
        assert (await patch(api, {"runState": "Stopped", "image": "debian"})).code == 200
        assert (await patch(api, {"resources": {"memory": "64Mi"}, "stopGracePeriod": "120m"})).code == 200
        for change in ({"image": "debian:12"}, {"stopGracePeriod": "90m"}, {"priority": 400}):
            reply = await patch(api, change)
            assert (reply.code, 'Policy "strict"' in reply.body["message"]) == (422, True), reply.body
            assert (await patch(api, change, params={"dryRun": "All"})).code == 422
        assert (
            await patch(api, {"image": "ghcr.io/a", "stopGracePeriod": "1h", "priority": 100})
        ).code == 200


async def test_a_policy_that_is_changed_or_deleted_holds_as_it_is_now():
    async with running_api(users=(BOB,)) as api:
        await a_cluster(api, FROM_GHCR)
        assert (await create(api, image="quay.io/a")).code == 422
        wider = {"spec": {"images": {"registries": ["ghcr.io", "quay.io"]}}}
        path = kinds.POLICY.path(name="house-0")
        assert (await api.call("PATCH", path, wider, headers=MERGE)).code == 200
        await settled(api)
        assert (await create(api, image="quay.io/a")).code == 201
        assert (await create(api, "other", image="debian")).code == 422
        assert (await api.call("DELETE", path)).code == 200
        await settled(api)
        assert (await create(api, "other", image="debian")).code == 201


async def test_a_namespace_is_chosen_by_the_labels_that_it_has_now():
    async with running_api(users=(BOB,)) as api:
        await a_cluster(api, {**TEAM_A, **FROM_GHCR})
        assert (await create(api, namespace="team-b", image="debian")).code == 201
        label = {"metadata": {"labels": {"team": "a"}}}
        await api.call("PATCH", kinds.NAMESPACE.path(name="team-b"), label, headers=MERGE)
        await settled(api)
        assert (await create(api, "two", namespace="team-b", image="debian")).code == 422


async def test_a_registry_by_its_address_is_open_to_users_where_a_policy_names_it():
    async with running_api(users=(BOB,)) as api:
        await a_cluster(api)
        image = "10.0.0.1:8080/a"
        refused = await create(api, image=image)
        assert (refused.code, "by an address" in refused.body["message"]) == (422, True)
        assert (await create(api, "by-root", image=image, user="admin")).code == 201
        assert (await create(api, image="registry.example.org/a")).code == 201
        assert (await patch(api, {"image": image})).code == 422
        named = {**TEAM_A, "images": {"registries": ["10.0.0.1:8080"]}}
        await api.create(kinds.POLICY, {"metadata": {"name": "local"}, "spec": named})
        await settled(api)
        assert (await patch(api, {"image": image})).code == 200
        assert (await create(api, namespace="team-b", image=image)).code == 422


async def test_the_ceiling_of_a_users_priority_stays_beside_a_policys():
    async with running_api(users=(BOB,)) as api:
        await a_cluster(api, {"highestPriority": 5000})
        assert (await create(api, priority=1001)).code == 403
        assert (await create(api, priority=1000)).code == 201
        assert (await create(api, "high", user="admin", priority=5000)).code == 201
        assert (await create(api, "higher", user="admin", priority=5001)).code == 422


def a_token(name: str, **spec: Any) -> Json:
    whole = {
        "sha256": name[-1] * 64,
        "role": "user",
        "user": "carol",
        "namespaces": ["team-b", "team-a"],
        **spec,
    }
    return {"apiVersion": kinds.API_VERSION, "kind": "Token", "metadata": {"name": name}, "spec": whole}


async def test_a_token_for_a_chosen_namespace_ends_in_time():
    async with running_api() as api:
        await a_cluster(api, {**TEAM_A, "longestTokenLife": "720h"})
        path = kinds.TOKEN.path()
        for spec in ({}, {"ttl": "721h"}, {"role": "viewer"}):
            reply = await api.call("POST", path, a_token("t-a", **spec))
            assert (reply.code, reply.body["details"]["causes"][0]["field"]) == (422, "spec.ttl")
            assert 'Policy "house-0" allows Tokens for namespace team-a' in reply.body["message"]
        assert (await api.call("POST", path, a_token("t-a", ttl="720h"))).code == 201
        assert (await api.call("POST", path, a_token("t-b", namespaces=["team-b"]))).code == 201
        no_namespaces = {"namespaces": None, "role": "viewer"}
        assert (await api.call("POST", path, a_token("t-c", **no_namespaces))).code == 201


async def test_a_user_reads_policies_and_writes_none():
    async with running_api(users=(BOB,)) as api:
        await a_cluster(api, FROM_GHCR)
        path = kinds.POLICY.path(name="house-0")
        assert (await api.get(path, user="bob")).body["spec"] == {"namespaceSelector": {}, **FROM_GHCR}
        for method in ("DELETE", "PUT"):
            assert (await api.call(method, path, {}, user="bob")).code == 403


BROKEN = {"apiVersion": kinds.API_VERSION, "kind": "Policy", "metadata": {"name": "bad", "uid": "u"}}


@pytest.mark.parametrize(
    "spec", ["s", 7, [], {"namespaceSelector": 7, "images": 1, "highestPriority": "x"}], ids=str
)
async def test_a_stored_policy_that_cannot_be_read_forbids_only_what_is_newly_set(spec: Any):
    store = MemoryStore()
    async with running_api(store, users=(BOB,)) as api:
        await a_cluster(api)
        assert (await create(api, image="debian")).code == 201
        content = orjson.dumps({**BROKEN, "spec": spec})
        await store.commit(expect={}, writes=[Put(codec.key(kinds.POLICY, None, "bad"), content)])
        await settled(api)
        assert (await patch(api, {"runState": "Stopped"})).code == 200
        assert (await create(api, "plain", stopGracePeriod="5s")).code == 201
        reply = await create(api, "more", image="debian", user="admin")
        assert reply.code == 422
        assert (
            'Policy "bad" limits this' in reply.body["message"] and "or to delete it" in reply.body["message"]
        )
        path = kinds.POLICY.path(name="bad")
        mended = {"spec": None if isinstance(spec, dict) else {}}
        assert (await api.call("PATCH", path, mended, headers=MERGE)).code == 200
        await settled(api)
        assert (await create(api, "more", image="debian")).code == 201
        await store.commit(expect={}, writes=[Put(codec.key(kinds.POLICY, None, "bad"), content)])
        await settled(api)
        assert (await create(api, "another", image="debian")).code == 422
        assert (await api.call("DELETE", path)).code == 200
        await settled(api)
        assert (await create(api, "another", image="debian")).code == 201
    async with running_api(store, users=(BOB,)) as api:
        assert (await create(api, "again", image="debian")).code == 201


async def test_policies_are_known_after_a_restart():
    store = MemoryStore()
    async with running_api(store) as api:
        await a_cluster(api, {**TEAM_A, **FROM_GHCR})
    async with running_api(store) as api:
        assert (await create(api, image="debian", user="admin")).code == 422


async def test_a_server_that_has_lost_sight_of_its_policies_lets_nothing_new_in_and_all_else_through():
    async with running_api(users=(BOB,)) as api:
        await a_cluster(api)
        assert (await create(api, image="debian")).code == 201
        api.server.cache.loaded.clear()
        reply = await create(api, "blind", image="debian")
        assert (reply.code, reply.body["reason"]) == (503, "ServiceUnavailable")
        assert (await patch(api, {"image": "debian:12"})).code == 503
        assert (await patch(api, {"runState": "Stopped"})).code == 200
        api.server.cache.loaded.set()
        assert (await create(api, "blind", image="debian")).code == 201


async def test_what_programs_write_of_a_vps_is_not_judged() -> None:
    world: World = await a_world(a_node("n1"))
    await world.create(a_vps(image="debian"))
    await world.act("bind", node="n1")
    content = orjson.dumps({"metadata": {"name": "all"}, "spec": {"images": {"registries": []}}})
    key = codec.key(kinds.POLICY, None, "all")
    await world.store.commit(expect={}, writes=[Put(key, content)])
    world.held.apply(key, await world.store.get(key))
    with pytest.raises(errors.Invalid, match='Policy "all"'):
        await world.create(a_vps("other", image="debian"), user=ADMIN)
    with pytest.raises(errors.Invalid, match='Policy "all"'):
        await world.patch({"spec": {"image": "debian:12"}}, user=ALICE)
    vps = await world.vps()
    observed = {"epoch": vps["status"]["epoch"], "state": "running"}
    body = {"metadata": {"uid": vps["metadata"]["uid"]}, "status": {"observed": observed}}
    written = await world.patch(body, subresource="status", user=N1)
    assert written.object["status"]["observed"]["state"] == "running"
