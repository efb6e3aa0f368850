"""Small things in which clients of Kubernetes rely on a server that does as its own does."""

import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

VPSES = kinds.VPS.path(namespace="default")
NAMESPACES = kinds.NAMESPACE.path()
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}
A_VPS = {
    "apiVersion": kinds.API_VERSION,
    "kind": "VPS",
    "metadata": {"name": "dev"},
    "spec": {"runState": "Stopped"},
}


def of(resource: kinds.ResourceType, **more: object) -> dict[str, object]:
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {"name": "one"}, **more}


PUTTABLE = [
    (kinds.VPS, of(kinds.VPS, spec={"runState": "Stopped"})),
    (kinds.NODE, of(kinds.NODE)),
    (kinds.NAMESPACE, of(kinds.NAMESPACE)),
    (kinds.EVENT, of(kinds.EVENT, involvedObject={"kind": "VPS", "name": "dev"})),
    (kinds.LEASE, of(kinds.LEASE)),
    (kinds.ENVIRONMENT, of(kinds.ENVIRONMENT, spec={"image": "debian:12"})),
]


@pytest.mark.parametrize(("resource", "body"), PUTTABLE, ids=lambda one: getattr(one, "kind", ""))
@pytest.mark.parametrize("missing", [{}, {"metadata": None}])
async def test_a_put_without_metadata_is_a_mistake_of_who_sends_it(resource, body, missing):
    async with running_api() as api:
        namespace = "default" if resource.namespaced else None
        assert (await api.call("POST", resource.path(namespace=namespace), body)).code == 201
        sent = {field: value for field, value in body.items() if field != "metadata"} | missing
        reply = await api.call("PUT", resource.path(namespace=namespace, name="one"), sent)
        assert reply.code == 400, reply.body


async def test_every_namespace_has_its_name_as_a_label():
    async with running_api() as api:
        await api.create(kinds.NAMESPACE, {"metadata": {"name": "lab"}})
        found = await api.get(NAMESPACES, params={"labelSelector": "kubernetes.io/metadata.name=lab"})
        assert [one["metadata"]["name"] for one in found.body["items"]] == ["lab"]
        change = [{"op": "add", "path": "/metadata/labels/team", "value": "red"}]
        reply = await api.call("PATCH", f"{NAMESPACES}/lab", change, headers=JSON_PATCH)
        assert reply.code == 200, reply.body
        taken = {"metadata": {"labels": None}}
        reply = await api.call("PATCH", f"{NAMESPACES}/lab", taken, headers=MERGE)
        assert reply.body["metadata"]["labels"] == {"kubernetes.io/metadata.name": "lab"}


async def test_a_namespace_of_an_older_version_gets_its_label_when_a_server_starts():
    store = MemoryStore()
    old = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab", "uid": "u"}}
    key = codec.key(kinds.NAMESPACE, None, "lab")
    await store.commit(expect={}, writes=[Put(key, codec.encode(old))])
    async with running_api(store) as api:
        found = await api.get(f"{NAMESPACES}/lab")
        assert found.body["metadata"]["labels"] == {"kubernetes.io/metadata.name": "lab"}
        revision = found.body["metadata"]["resourceVersion"]
    async with running_api(store) as api:
        assert (await api.get(f"{NAMESPACES}/lab")).body["metadata"]["resourceVersion"] == revision


async def test_a_field_of_metadata_that_there_is_not_is_dropped_with_a_word():
    async with running_api() as api:
        sent = {**A_VPS, "metadata": {"name": "dev", "lables": {"a": "b"}}}
        reply = await api.call("POST", VPSES, sent)
        assert reply.code == 201
        assert "lables" not in reply.body["metadata"]
        warning = '299 - "unknown field \\"metadata.lables\\" (did you mean \\"labels\\"?)"'
        assert reply.headers.getall("Warning") == [warning]
        change = {"metadata": {"lables": {"a": "b"}}}
        reply = await api.call("PATCH", f"{VPSES}/dev", change, headers=MERGE)
        assert (reply.code, "lables" in reply.body["metadata"]) == (200, False)
        applied = {**A_VPS, "metadata": {"name": "dev", "lables": {"a": "b"}}}
        query = {"fieldManager": "me", "force": "true"}
        reply = await api.call("PATCH", f"{VPSES}/dev", applied, headers=APPLY, params=query)
        assert (reply.code, "lables" in str(reply.body["metadata"])) == (200, False)


@pytest.mark.parametrize(("method", "path"), [("POST", VPSES), ("PATCH", f"{VPSES}/dev")])
async def test_under_strict_validation_a_field_of_metadata_that_there_is_not_is_refused(method, path):
    async with running_api() as api:
        if method == "PATCH":
            await api.create(kinds.VPS, A_VPS)
        sent = {**A_VPS, "metadata": {"name": "dev", "lables": {"a": "b"}}}
        headers = MERGE if method == "PATCH" else {}
        reply = await api.call(method, path, sent, headers=headers, params={"fieldValidation": "Strict"})
        assert reply.code == 400
        assert 'strict decoding error: unknown field "metadata.lables"' in reply.body["message"]


async def test_a_field_of_metadata_that_an_older_version_has_let_in_keeps_nobody_from_changing_the_rest():
    store = MemoryStore()
    async with running_api(store) as api:
        made = await api.create(kinds.VPS, A_VPS)
        made["metadata"]["lables"] = {"a": "b"}
        key = codec.key(kinds.VPS, "default", "dev")
        await store.commit(expect={}, writes=[Put(key, codec.encode(made))])
        change, query = {"spec": {"priority": 3}}, {"fieldValidation": "Strict"}
        reply = await api.call("PATCH", f"{VPSES}/dev", change, headers=MERGE, params=query)
        assert (reply.code, reply.body["spec"]["priority"]) == (200, 3)


@pytest.mark.parametrize("value", ["", "Some"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_dry_run_of_no_known_kind_is_no_real_one(method, value):
    async with running_api() as api:
        made = await api.create(kinds.VPS, A_VPS)
        path = VPSES if method == "POST" else f"{VPSES}/dev"
        body = {"POST": {**A_VPS, "metadata": {"name": "two"}}, "DELETE": None}.get(method, made)
        headers = MERGE if method == "PATCH" else {}
        reply = await api.call(method, path, body, headers=headers, params={"dryRun": value})
        assert reply.code == 422, reply.body
        assert [one["metadata"]["name"] for one in (await api.get(VPSES)).body["items"]] == ["dev"]
        assert reply.body["details"]["causes"][0]["reason"] == "FieldValueNotSupported"
