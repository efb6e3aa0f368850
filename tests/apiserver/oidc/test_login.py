"""A whole server and whole issuers: who is let in, as whom, and for how long."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from kohakuriver.apiserver.limits.limits import Limits
from kohakuriver.apiserver.oidc.issuers import Issuers
from kohakuriver.clock import SystemClock
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api
from tests.apiserver.oidc.configurations import entry, of
from tests.fakes.oidc import FakeProvider, unsigned

VPSES = kinds.VPS.path(namespace="default")
WHOAMI = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
WHOSE = "/apis/authentication.k8s.io/v1/tokenreviews"
CAN_HE = "/apis/authorization.k8s.io/v1/subjectaccessreviews"


@contextlib.asynccontextmanager
async def a_server(*providers: FakeProvider, **more: Any) -> AsyncIterator[Api]:
    listed = [
        entry(one.url, prefix="oidc:" if place == 0 else f"oidc{place}:")
        for place, one in enumerate(providers)
    ]
    clock = SystemClock()
    issuers = Issuers(of(*listed), now=clock.monotonic)
    async with running_api(clock=clock, issuers=issuers, **more) as api:
        yield api


@pytest.fixture
async def provider() -> AsyncIterator[FakeProvider]:
    async with FakeProvider().running() as one:
        yield one


async def asks(api: Api, token: str, path: str = VPSES, body: Any = None, **headers: str) -> Reply:
    given = {"Authorization": f"Bearer {token}", **headers}
    return await api.call("GET" if body is None else "POST", path, body, headers=given)


async def test_nobody_makes_a_token_in_the_name_of_somebody_who_logs_in(provider: FakeProvider) -> None:
    async with a_server(provider) as api:
        token = {"apiVersion": kinds.API_VERSION, "kind": "Token", "metadata": {"name": "t"}}
        for user, code in (("oidc:alice", 422), ("oidc:", 422), ("alice", 201)):
            spec = {"sha256": "0" * 64, "user": user, "role": "viewer"}
            reply = await api.call("POST", kinds.TOKEN.path(), {**token, "spec": spec})
            assert reply.code == code, reply.body
            if code == 422:
                assert f"such names are of those who log in with {provider.url}" in reply.body["message"]
                assert reply.body["details"]["causes"][0]["field"] == "spec.user"


async def test_who_logs_in_has_the_role_of_the_claims_under_a_name_with_a_prefix(
    provider: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "kohakuriver.apiserver.audit")
    async with a_server(provider) as api:
        token = provider.token()
        assert (await asks(api, token)).code == 200
        refused = await asks(api, token, "/api/v1/namespaces/other/pods")
        assert refused.code == 403
        assert 'user "oidc:alice" of role user' in refused.body["message"]
        me = (await asks(api, token, WHOAMI, {})).body["status"]["userInfo"]
        assert me["username"] == "oidc:alice"
        assert me["groups"][0] == "kohakuriver:user"
        assert (
            await asks(api, provider.token(sub="admin", groups=["admins"]), kinds.TOKEN.path())
        ).code == 200
        assert (await asks(api, provider.token(sub="admin"), kinds.TOKEN.path())).code == 403
        created = await asks(api, token, VPSES, {
            "apiVersion": kinds.VPS.api_version, "kind": "VPS", "metadata": {"name": "lab"},
            "spec": {"image": "debian:12", "resources": {"cores": 1, "memory": "64Mi"}},
        })  # fmt: skip
        assert created.code == 201, created.body
    assert provider.asked == ["/.well-known/openid-configuration", "/keys"]
    assert any(line.__dict__.get("who") == "oidc:alice" for line in caplog.records)


async def test_who_has_no_rule_is_refused_in_a_sentence_and_who_lies_is_not_known(
    provider: FakeProvider,
) -> None:
    async with FakeProvider().running() as stranger, a_server(provider) as api:
        nobody = await asks(api, provider.token(groups=["guests"]))
        assert nobody.code == 403
        assert "no rule of this server gives them a role" in nobody.body["message"]
        assert (await asks(api, stranger.token())).code == 401
        assert (await asks(api, stranger.token(iss=provider.url))).code == 401
        for wrong in (
            provider.token(exp=1),
            provider.token(aud="others"),
            unsigned({"iss": provider.url, "sub": "admin", "groups": ["admins"]}, alg="none"),
        ):
            reply = await asks(api, wrong)
            assert reply.code == 401
            assert "log in again" in reply.body["details"]["hint"]
        assert (await api.get(VPSES)).code == 200
    assert stranger.asked == []


async def test_two_issuers_have_each_its_own_keys_and_names(provider: FakeProvider) -> None:
    async with FakeProvider().running() as second, a_server(provider, second) as api:
        for one, name in ((provider, "oidc:alice"), (second, "oidc1:alice")):
            me = await asks(api, one.token(), WHOAMI, {})
            assert me.body["status"]["userInfo"]["username"] == name
        assert (await asks(api, second.token(iss=provider.url))).code == 401


async def test_a_new_key_is_learned_and_a_server_goes_on_while_its_issuer_is_away(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kohakuriver.apiserver.oidc.keys.BETWEEN", 0.0)
    async with a_server(provider) as api:
        assert (await asks(api, provider.token())).code == 200
        provider.away = True
        assert (await asks(api, provider.token())).code == 200
        provider.away = False
        provider.rotate("second")
        assert (await asks(api, provider.token())).code == 200
        assert provider.asked.count("/keys") == 2


async def test_before_the_keys_are_known_it_says_why_and_to_try_again(provider: FakeProvider) -> None:
    provider.away = True
    async with a_server(provider) as api:
        reply = await asks(api, provider.token())
        assert reply.code == 503
        assert "openid-configuration answered 503" in reply.body["message"]
        assert reply.headers["Retry-After"] == "1"
        assert (await api.get(VPSES)).code == 200


@pytest.mark.parametrize(
    ("described", "told"),
    [
        ({"issuer": "https://other"}, "describes another issuer"),
        ({"jwks_uri": "http://203.0.113.1/keys"}, "names no jwks_uri that can be used"),
        ({"jwks_uri": None}, "names no jwks_uri that can be used"),
        ({"padding": "x" * 600_000}, "more than 512Ki"),
    ],
)
async def test_an_issuer_that_describes_itself_wrongly_is_not_believed(
    provider: FakeProvider, described: dict[str, Any], told: str
) -> None:
    provider.described = described
    async with a_server(provider) as api:
        reply = await asks(api, provider.token())
        assert (reply.code, told in reply.body["message"]) == (503, True), reply.body


async def test_a_watch_ends_when_the_token_does(provider: FakeProvider) -> None:
    async with a_server(provider) as api:
        provider.lasts = 2
        headers = {"Authorization": f"Bearer {provider.token()}"}
        async with api.session.get(api.url + VPSES, params={"watch": "true"}, headers=headers) as reply:
            assert reply.status == 200
            with contextlib.suppress(aiohttp.ClientError):
                await asyncio.wait_for(reply.content.read(), 10)
        assert (await api.session.get(api.url + VPSES, headers=headers)).status == 401


async def test_all_tokens_of_a_user_have_one_share(provider: FakeProvider) -> None:
    async with a_server(provider, limits=Limits(rate=0.001, burst=3)) as api:
        codes = [(await asks(api, provider.token(jti=str(number)))).code for number in range(6)]
        assert codes.count(429) >= 3
        assert (await asks(api, provider.token(sub="bob"))).code == 200


async def test_administrators_may_act_as_who_has_logged_in_and_ask_about_them(
    provider: FakeProvider,
) -> None:
    async with a_server(provider) as api:
        asked = {"spec": {"token": provider.token()}}
        answer = (await api.call("POST", WHOSE, asked)).body["status"]
        assert answer["user"]["username"] == "oidc:alice"
        me = await api.call("POST", WHOAMI, {}, headers={"Impersonate-User": "oidc:alice"})
        assert me.body["status"]["userInfo"]["username"] == "oidc:alice"
        wanted = {"verb": "get", "group": kinds.GROUP, "resource": "vpses", "namespace": "default"}
        he = {"spec": {"user": "oidc:alice", "resourceAttributes": wanted}}
        assert (await api.call("POST", CAN_HE, he)).body["status"]["allowed"]
        root = provider.token(sub="root", groups=["admins"])
        as_alice = await asks(api, root, WHOAMI, {}, **{"Impersonate-User": "alice"})
        assert as_alice.body["status"]["userInfo"]["username"] == "alice"
        bad = (await api.call("POST", WHOSE, {"spec": {"token": provider.token(exp=1)}})).body["status"]
        assert "expired" in bad["error"]
