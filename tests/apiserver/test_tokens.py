"""Credentials that are objects: made, used, over, taken back; on the real API server."""

import asyncio
import contextlib
from typing import Any

import aiohttp
import pytest

from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
TOKENS = kinds.TOKEN.path()
VPSES = kinds.VPS.path(namespace="default")


def a_token(name: str = "user-1", *, secret: str = "s3cret", **spec: Any) -> Json:  # noqa: S107
    whole = {"sha256": fingerprint(secret), "role": "admin", "user": "bob", **spec}
    return {"metadata": {"name": name}, "spec": whole}


async def as_bearer(api: Api, path: str, secret: str = "s3cret", method: str = "GET") -> Reply:  # noqa: S107
    return await api.call(method, path, headers={"Authorization": f"Bearer {secret}"})


async def ends(watch: aiohttp.ClientResponse, *, within: float) -> None:
    """The server ends it, whether in good order or not."""
    async with asyncio.timeout(within):
        with contextlib.suppress(aiohttp.ClientError):
            while await watch.content.readline():
                pass


async def test_a_token_counts_from_the_moment_that_its_making_is_answered() -> None:
    async with running_api() as api:
        assert (await as_bearer(api, VPSES)).code == 401
        await api.create(kinds.TOKEN, a_token())
        assert (await as_bearer(api, VPSES)).code == 200


@pytest.mark.fault(47)
async def test_a_token_that_is_taken_back_is_refused_at_once() -> None:
    async with running_api() as api:
        await api.create(kinds.TOKEN, a_token())
        assert (await api.call("DELETE", f"{TOKENS}/user-1")).code == 200
        refused = await as_bearer(api, VPSES)
        assert (refused.code, refused.body["reason"]) == (401, "Unauthorized")


@pytest.mark.fault(47)
async def test_another_api_server_refuses_it_too_and_ends_what_it_watches() -> None:
    store = MemoryStore()
    async with running_api(store) as one, running_api(store) as other:
        await one.create(kinds.TOKEN, a_token())
        await other.server.cache.fresh()
        headers = {"Authorization": "Bearer s3cret"}
        async with other.session.get(f"{other.url}{VPSES}?watch=1", headers=headers) as watch:
            assert watch.status == 200
            await one.call("DELETE", f"{TOKENS}/user-1")
            await ends(watch, within=5)
        assert (await as_bearer(other, VPSES)).code == 401


async def test_a_token_that_is_being_deleted_is_good_no_more() -> None:
    async with running_api() as api:
        token = a_token()
        token["metadata"]["finalizers"] = ["example.org/keep"]
        await api.create(kinds.TOKEN, token)
        await api.call("DELETE", f"{TOKENS}/user-1")
        assert (await api.get(f"{TOKENS}/user-1")).code == 200
        assert (await as_bearer(api, VPSES)).code == 401


@pytest.mark.fault(47)
async def test_a_token_is_over_by_the_servers_clock_and_so_are_its_watches() -> None:
    async with running_api() as api:
        made = await api.create(kinds.TOKEN, a_token(ttl="1h"))
        assert made["status"]["expiresAt"].startswith("2026-01-01T01:00:0")
        headers = {"Authorization": "Bearer s3cret"}
        await asyncio.sleep(3590)
        assert (await as_bearer(api, VPSES)).code == 200
        async with api.session.get(f"{api.url}{VPSES}?watch=1", headers=headers) as watch:
            await ends(watch, within=30)
        refused = await as_bearer(api, VPSES)
        assert refused.code == 401 and "expired at 2026-01-01 01:00:0" in refused.body["message"]


async def test_a_server_that_starts_later_knows_it() -> None:
    async with running_api() as api:
        await api.create(kinds.TOKEN, a_token())
    async with running_api(api.store) as later:
        assert (await as_bearer(later, VPSES)).code == 200


@pytest.mark.fault(47)
async def test_a_user_has_its_namespaces_and_nobody_but_an_admin_sees_tokens() -> None:
    async with running_api() as api:
        spec = {"role": "user", "namespaces": ["default"], "rights": ["mounts"]}
        await api.create(kinds.TOKEN, a_token(**spec))
        assert (await as_bearer(api, VPSES)).code == 200
        assert (await as_bearer(api, kinds.VPS.path(namespace="other"))).code == 403
        for user in ("alice", "viewer", "controller", "n1"):
            for path in (TOKENS, f"{TOKENS}/user-1", f"{TOKENS}?watch=1"):
                assert (await api.get(path, user=user)).code == 403
            assert (await api.call("POST", TOKENS, {**a_token("x"), "kind": "Token"}, user=user)).code == 403
        assert (await as_bearer(api, TOKENS)).code == 403
        listed = await api.get(TOKENS)
        assert "s3cret" not in str(listed.body)


async def test_what_a_token_opens_does_not_change() -> None:
    async with running_api() as api:
        await api.create(kinds.TOKEN, a_token(role="viewer"))
        merge = {"Content-Type": "application/merge-patch+json"}
        for body in ({"spec": {"role": "admin"}}, {"spec": {"ttl": "9h"}}):
            reply = await api.call("PATCH", f"{TOKENS}/user-1", body, headers=merge)
            assert reply.code == 422 and "delete it, and create another" in reply.body["message"]
        labels = {"metadata": {"labels": {"team": "a"}}, "status": {"expiresAt": "2099-01-01T00:00:00Z"}}
        reply = await api.call("PATCH", f"{TOKENS}/user-1", labels, headers=merge)
        assert reply.code == 200 and not reply.body.get("status")
        assert (await as_bearer(api, VPSES)).code == 200


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"sha256": "abc"}, "spec.sha256"),
        ({"role": "king"}, "spec.role"),
        ({"user": None}, "names its user"),
        ({"role": "user"}, "names its namespaces"),
        ({"role": "node"}, "names its node"),
        ({"node": "n1"}, "leave node out"),
        ({"role": "join"}, "names its ttl"),
        ({"role": "join", "ttl": "soon"}, 'invalid duration "soon"'),
        ({"role": "viewer", "rights": ["mounts"]}, "has rights"),
        ({"namespaces": ["a"]}, "leave them out"),
        ({"role": "node", "node": "n7"}, 'must be "node-n7"'),
        ({"role": "user", "namespaces": ["a", "kohakuriver-node-lease"]}, "cluster's own programs"),
        ({"role": "user", "namespaces": ["kohakuriver-system"]}, "cluster's own programs"),
    ],
)
async def test_a_token_that_makes_no_sense_is_refused_in_words(spec: Json, words: str) -> None:
    async with running_api() as api:
        whole = {"apiVersion": kinds.API_VERSION, "kind": "Token", **a_token(**spec)}
        whole["spec"] = {key: value for key, value in whole["spec"].items() if value is not None}
        reply = await api.call("POST", TOKENS, whole)
        assert reply.code == 422 and words in reply.body["message"], reply.body
