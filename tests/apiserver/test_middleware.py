"""The one door: who comes in, and how errors leave."""

import io
import logging

import pytest

from kohakuriver.apiserver.auth.endpoint import ENDPOINTS
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import StoreFull, StoreTimeout, StoreUnavailable
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api, token_of
from tests.fakes.store import MemoryStore

VPSES = kinds.VPS.path(namespace="default")
A_VPS = {"apiVersion": kinds.API_VERSION, "kind": "VPS", "metadata": {"name": "dev"}}


@pytest.mark.fault(47)
async def test_no_path_but_health_answers_without_a_credential():
    async with running_api() as api:
        for path in ("/healthz", "/livez", "/readyz"):
            async with api.session.get(api.url + path) as reply:
                assert (reply.status, await reply.text()) == (200, "ok")
            async with api.session.head(api.url + path) as reply:  # as load balancers ask
                assert reply.status == 200
        table = api.server_app[ENDPOINTS]
        for route, endpoint in table.items():
            if endpoint.open or route.resource is None:
                continue
            path = route.resource.canonical
            for name in ("namespace", "name", "group", "version"):
                path = path.replace(f"{{{name}}}", "x")
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}):
                async with api.session.request(route.method, api.url + path, headers=headers) as reply:
                    assert reply.status == 401, (route.method, path)
                    assert (await reply.json())["reason"] == "Unauthorized"


@pytest.mark.fault(47)
async def test_every_route_asks_the_table_of_permissions():
    """A viewer may read and nothing else; a route that forgot to ask would let it write."""
    async with running_api() as api:
        for route, endpoint in api.server_app[ENDPOINTS].items():
            if endpoint.resource is None or endpoint.verb in ("get", "list") or route.resource is None:
                continue
            path = route.resource.canonical.replace("{namespace}", "default").replace("{name}", "x")
            reply = await api.call(route.method, path, {}, user="viewer")
            assert (reply.code, reply.body["reason"]) == (403, "Forbidden"), (route.method, path)


async def test_an_unknown_path_is_not_found_and_an_unknown_method_not_allowed():
    async with running_api() as api:
        unknown = await api.get("/apis/kohakuriver.io/v1alpha1/nothings")
        assert (unknown.code, unknown.body["reason"]) == (404, "NotFound")
        refused = await api.call("POST", kinds.NODE_ALLOCATION.path(), {})
        assert (refused.code, refused.body["reason"]) == (405, "MethodNotAllowed")


async def test_a_body_that_is_no_object_is_the_clients_mistake():
    async with running_api() as api:
        for content in (b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"null"):
            headers = {"Content-Type": "application/json"}
            reply = await api.call("POST", VPSES, data=content, headers=headers)
            assert (reply.code, reply.body["reason"]) == (400, "BadRequest"), content
        for media in ("text/plain", "application/xml"):
            reply = await api.call("POST", VPSES, data=b"x", headers={"Content-Type": media})
            assert (reply.code, reply.body["reason"]) == (415, "UnsupportedMediaType")


async def test_a_body_over_three_megabytes_is_too_large():
    async with running_api() as api:
        headers = {"Content-Type": "application/json"}
        reply = await api.call("POST", VPSES, data=io.BytesIO(b" " * (3 * 1024 * 1024 + 1)), headers=headers)
        assert (reply.code, reply.body["reason"]) == (413, "RequestEntityTooLarge")


@pytest.mark.fault(38)
async def test_a_store_that_is_away_is_503_and_one_that_does_not_answer_504():
    store = MemoryStore()
    async with running_api(store) as api:
        for error, code, reason, after in (
            (StoreUnavailable("no leader"), 503, "ServiceUnavailable", "1"),
            (StoreFull("alarm NOSPACE"), 503, "ServiceUnavailable", "10"),
            (StoreTimeout("silence"), 504, "Timeout", "1"),
        ):
            store.fail_next(error)
            reply = await api.get(f"{VPSES}/dev")
            assert (reply.code, reply.body["reason"]) == (code, reason)
            assert reply.headers["Retry-After"] == after
            assert str(error) in reply.body["message"]


async def test_what_nobody_expected_is_500_without_a_traceback(caplog):
    class Broken(MemoryStore):
        broken = False

        async def get(self, key):
            if self.broken:
                raise ZeroDivisionError("secret detail")
            return await super().get(key)

    store = Broken()
    async with running_api(store) as api:
        store.broken = True
        reply = await api.get(f"{VPSES}/dev")
    assert (reply.code, reply.body["reason"]) == (500, "InternalError")
    assert "secret" not in str(reply.body)
    assert "secret detail" in caplog.text


async def test_every_request_leaves_one_line_without_secrets(caplog):
    caplog.set_level(logging.INFO, "kohakuriver.apiserver.audit")
    async with running_api() as api:
        await api.call("POST", VPSES, A_VPS)
        await api.get(f"{VPSES}/nothing", user="viewer")
    lines = [record for record in caplog.records if record.name == "kohakuriver.apiserver.audit"]
    told = [(line.who, line.verb, line.path, line.code) for line in lines]
    assert told == [
        ("admin", "create", VPSES, 201),
        ("viewer", "get", f"{VPSES}/nothing", 404),
    ]
    assert token_of("admin") not in str([vars(line) for line in lines])


@pytest.mark.fault(47)
async def test_neither_query_nor_header_nor_body_is_in_the_line(caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiohttp").setLevel(logging.INFO)
    secret = "very-secret"
    async with running_api() as api:
        env = {**A_VPS, "spec": {"env": {"PASSWORD": secret}}}
        await api.call("POST", VPSES, env)
        await api.call("POST", VPSES, {**env, "spec": {"env": secret, secret: 1}})
        await api.get(VPSES, params={"token": secret, "labelSelector": f"a={secret},,"})
        await api.get(VPSES, headers={"Authorization": f"Bearer {secret}"})
        await api.get(VPSES, headers={"Authorization": f"Basic {secret}", "Cookie": secret})
        await api.call("PATCH", f"{VPSES}/dev", data=secret.encode())
    ours = [record for record in caplog.records if record.name.startswith(("apiserver", "kohakuriver"))]
    assert len(ours) > 6
    assert secret not in str([vars(record) for record in ours])


async def test_what_the_writer_should_know_comes_as_a_warning():
    async with running_api() as api:
        body = {**A_VPS, "spec": {"imge": "x"}}
        warned = await api.call("POST", VPSES, body)
        assert warned.code == 201
        assert warned.headers["Warning"].startswith('299 - "')
        assert "imge" in warned.headers["Warning"]
        refused = await api.call("POST", VPSES, body, params={"fieldValidation": "Strict"})
        assert refused.code in (400, 422)
        query = {"fieldValidation": "Perhaps"}
        assert (await api.call("POST", VPSES, A_VPS, params=query)).code == 400


async def test_a_dry_run_stores_nothing():
    async with running_api() as api:
        reply = await api.call("POST", VPSES, A_VPS, params={"dryRun": "All"})
        assert reply.code == 201
        assert (await api.get(VPSES)).body["items"] == []


async def test_the_numbers_tell_of_requests_and_of_the_cache():
    async with running_api() as api:
        await api.get(VPSES)
        text = (await api.get("/metrics")).body
    assert 'kohakuriver_apiserver_requests_total{code="200",resource="vpses",verb="list"} 1.0' in text
    assert 'kohakuriver_apiserver_watchers{resource="vpses"} 0.0' in text
    assert "kohakuriver_apiserver_ready 1.0" in text


async def test_a_cache_that_fails_takes_the_server_with_it():
    class Broken(MemoryStore):
        async def list(self, prefix, **options):
            if prefix == codec.REGISTRY:
                raise ZeroDivisionError("a bug")
            return await super().list(prefix, **options)

    with pytest.raises(ExceptionGroup) as failure:
        async with running_api(Broken()):
            raise AssertionError("a server without a cache came up")
    assert failure.group_contains(ZeroDivisionError)


async def test_a_refused_method_says_which_there_are():
    async with running_api() as api:
        reply = await api.call("PUT", kinds.VPS.path(namespace="default"), {})
        assert reply.code == 405
        assert {"GET", "POST", "DELETE"} <= set(reply.headers["Allow"].split(", "))


async def test_readiness_says_what_was_checked_to_who_wants_to_know():
    async with running_api() as api:
        assert (await api.get("/readyz")).body == "ok"
        assert (await api.get("/readyz?verbose")).body.splitlines() == ["[+]store ok", "readyz check passed"]
