"""How a machine becomes a node: join tokens, names that are taken, and answers that are lost."""

import asyncio
from typing import Any

import pytest

from kohakuriver.apiserver.identity.identity import fingerprint
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api
from tests.apiserver.test_node_forgetting import node_and_vps
from tests.apiserver.test_tokens import a_token, as_bearer, ends

pytestmark = [pytest.mark.looptime, pytest.mark.fault(10)]


async def a_join_token(api: Api, name: str = "join-1", **spec: Any) -> None:
    """One with the name for its secret."""
    await api.create(kinds.TOKEN, a_token(name, secret=name, **{"role": "join", "ttl": "1h", **spec}))


async def join(api: Api, node: str, *, secret: str = "mine", by: str = "join-1") -> Reply:  # noqa: S107
    path = kinds.NODE.path(name=node, subresource="join")
    headers = {"Authorization": f"Bearer {by}"}
    return await api.call("POST", path, {"sha256": fingerprint(secret)}, headers=headers)


async def may_be(api: Api, node: str, secret: str = "mine") -> int:  # noqa: S107
    """What a node of that name is told when it looks at its own Node or makes it."""
    headers = {"Authorization": f"Bearer {secret}"}
    body = {"apiVersion": kinds.API_VERSION, "kind": "Node", "metadata": {"name": node}}
    return (await api.call("POST", kinds.NODE.path(), body, headers=headers)).code


async def test_a_join_token_gets_a_machine_a_credential_of_its_own_and_opens_nothing_else() -> None:
    async with running_api() as api:
        await a_join_token(api)
        for path in (kinds.NODE.path(), kinds.VPS.path(), kinds.TOKEN.path(), "/version"):
            assert (await as_bearer(api, path, "join-1")).code == 403
        reply = await join(api, "n7")
        assert reply.code == 201 and reply.body["spec"]["node"] == "n7"
        assert await may_be(api, "n8") == 403
        assert await may_be(api, "n7") == 201
        again = await join(api, "n8", secret="other")
        assert again.code == 201, "until it is over, it is good for more than one"


async def test_an_answer_that_was_lost_is_mended_by_asking_again() -> None:
    async with running_api() as api:
        await a_join_token(api)
        first, second = await join(api, "n7"), await join(api, "n7")
        assert (first.code, second.code) == (201, 200)
        assert first.body["metadata"]["uid"] == second.body["metadata"]["uid"]
        await may_be(api, "n7")
        assert (await join(api, "n7")).code == 200


async def test_a_name_that_somebody_has_is_refused_in_words() -> None:
    async with running_api() as api:
        await a_join_token(api)
        await join(api, "n7")
        other = await join(api, "n7", secret="stranger")
        assert (other.code, other.body["reason"]) == (409, "Conflict")
        assert "there is a node of this name already" in other.body["message"]
        assert "kohakuriver node join n7" in str(other.body["details"])
        in_file = await join(api, "n1")
        assert in_file.code == 409, "n1 has a credential in the token file"
        await api.create(kinds.NODE, {"metadata": {"name": "n9"}})
        assert (await join(api, "n9")).code == 409
        assert await may_be(api, "n7", "stranger") == 401


async def test_of_two_that_join_at_once_one_gets_the_name() -> None:
    async with running_api() as api:
        await a_join_token(api)
        replies = await asyncio.gather(join(api, "n7", secret="a"), join(api, "n7", secret="b"))
        assert sorted(reply.code for reply in replies) == [201, 409]


async def test_a_token_made_for_a_node_takes_its_name_and_ends_the_credential_there_was() -> None:
    async with running_api() as api:
        await a_join_token(api)
        await join(api, "n7", secret="old")
        await may_be(api, "n7", "old")
        await a_join_token(api, "join-n7", node="n7")
        elsewhere = await join(api, "n8", by="join-n7")
        assert elsewhere.code == 403 and "is for node n7 alone" in elsewhere.body["message"]
        assert (await join(api, "n7", secret="new", by="join-n7")).code == 201
        own = kinds.NODE.path(name="n7")
        assert (await as_bearer(api, own, "old")).code == 401
        assert (await as_bearer(api, own, "new")).code == 200


async def test_what_the_credential_there_was_watches_ends_when_another_takes_its_name() -> None:
    async with running_api() as api:
        await a_join_token(api)
        await join(api, "n7", secret="old")
        await a_join_token(api, "join-n7", node="n7")
        headers = {"Authorization": "Bearer old"}
        async with api.session.get(f"{api.url}{kinds.VPS.path()}?watch=1", headers=headers) as watch:
            assert watch.status == 200
            assert (await join(api, "n7", secret="new", by="join-n7")).code == 201
            await ends(watch, within=5)


async def test_a_join_token_that_is_over_or_taken_back_joins_nobody() -> None:
    async with running_api() as api:
        await a_join_token(api)
        await a_join_token(api, "join-2")
        await api.call("DELETE", kinds.TOKEN.path(name="join-2"))
        assert (await join(api, "n7", by="join-2")).code == 401
        await asyncio.sleep(3601)
        assert (await join(api, "n7")).code == 401


async def test_nobody_without_a_join_token_joins() -> None:
    async with running_api() as api:
        for user in ("admin", "alice", "viewer", "controller", "n1"):
            assert (await join(api, "n1", by=api.token(user))).code == 403


async def test_what_is_no_hash_or_anothers_is_no_credential() -> None:
    async with running_api() as api:
        await a_join_token(api)
        path = kinds.NODE.path(name="n7", subresource="join")
        headers = {"Authorization": "Bearer join-1"}
        for body in ({}, {"sha256": "abc"}, {"sha256": 5}, {"sha256": "a" * 64, "role": "admin"}):
            assert (await api.call("POST", path, body, headers=headers)).code == 400
        for secret in (api.token("admin"), "join-1"):
            assert (await join(api, "n7", secret=secret)).code == 409
        assert (await as_bearer(api, kinds.TOKEN.path(), api.token("admin"))).code == 200
        assert (await join(api, "N_7")).code == 422


@pytest.mark.fault(9, 47)
async def test_a_node_that_was_forgotten_joins_again_with_a_new_secret_alone() -> None:
    async with running_api() as api:
        await node_and_vps(api)
        await a_join_token(api)
        await a_join_token(api, "join-n1", node="n1")
        assert (await join(api, "n1", secret="mine", by="join-n1")).code == 201
        forget = kinds.NODE.path(name="n1", subresource="forget")
        assert (await api.call("POST", forget, {"destroyed": True})).code == 200
        await api.server.cache.fresh()
        refused = await as_bearer(api, kinds.VPS.path(), "mine")
        assert refused.code == 403
        assert refused.body["details"]["causes"][0]["reason"] == "NodeForgotten"
        assert (await join(api, "n1", by="join-n1")).code == 403, "made before it was given up"
        assert (await join(api, "n1")).code == 409, "the secret was revoked"
        assert (await join(api, "n1", secret="anew")).code == 201
        assert await may_be(api, "n1", "anew") == 201


async def test_the_authority_is_shown_to_anybody_where_it_is_known() -> None:
    async with running_api(authority=b"-----BEGIN") as api, api.session.get(f"{api.url}/cacert") as reply:
        assert (reply.status, await reply.read()) == (200, b"-----BEGIN")
    async with running_api() as api, api.session.get(f"{api.url}/cacert") as reply:
        assert reply.status == 404 and "--tls-ca" in await reply.text()
