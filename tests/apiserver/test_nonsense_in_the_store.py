"""What an older version or a person with etcdctl may have left in the store: nothing ends, no list fails.

What is no object at all is passed over; what is one, with any content, is listed, watched and shown as a row.
"""

import asyncio
from typing import Any

import hypothesis
import orjson
import pytest
from hypothesis import strategies as st

from kohakuriver import errors
from kohakuriver.apiserver.cache.cache import Cache
from kohakuriver.apiserver.cache.strays import Report
from kohakuriver.apiserver.objects import shape
from kohakuriver.apiserver.objects.selectors import Selection, select
from kohakuriver.apiserver.printers.tables import COLUMNS, IncludeObject, row
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.apiserver.store.lineage import Lineage
from kohakuriver.apiserver.streaming import reach
from kohakuriver.client import servers
from kohakuriver.clock import EPOCH
from kohakuriver.resources import kinds, meta, models
from tests.apiserver.api import running_api
from tests.fakes.clock import LoopClock
from tests.fakes.store import MemoryStore

pytestmark = pytest.mark.looptime

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
WORDS = st.sampled_from(
    [
        "",
        "x",
        "-1",
        "0-99999999999",
        "2",
        "4Gi",
        "nonsense",
        "2026-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
)


def fields_of(model: type[meta.Model]) -> set[str]:
    """The names of all fields in a model and in the models inside it."""
    inside = shape.fields(model)
    return set(inside).union(*(fields_of(one.model) for one in inside.values() if one.model))


FIELDS = st.sampled_from(sorted(set().union(*map(fields_of, models.MODELS.values()))))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(FIELDS, JSON, max_size=5)


def written(resource: kinds.ResourceType, name: str, value: Any) -> Put:
    namespace = "default" if resource.namespaced else None
    return Put(
        codec.key(resource, namespace, name), value if isinstance(value, bytes) else orjson.dumps(value)
    )


def an_object(resource: kinds.ResourceType, name: str, **more: Any) -> dict[str, Any]:
    metadata = {
        "name": name,
        "uid": f"uid-{name}",
        **({"namespace": "default"} if resource.namespaced else {}),
    }
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **more}


@pytest.mark.parametrize("resource", kinds.ALL, ids=lambda one: one.kind)
@pytest.mark.parametrize(
    "bad",
    [b"no JSON", b"[]", b'"x"', b"null", b"{}", b'{"metadata": []}', b'{"metadata": {"labels": ["a"]}}',
     b'{"metadata": {"name": "bad", "uid": {"a": 1}, "labels": {"a": ["b"]}}}',
     b'{"metadata": {"name": "bad"}, "spec": "s", "status": ["t"]}',
     b'{"metadata": {"name": "bad"}, "spec": {"user": "u", "role": "viewer", "sha256": []}}',
     b'{"metadata": {"name": "bad"}, "spec": {"accepts": 3}, "status": {"unknown": 7, "history": {}}}'],
)  # fmt: skip
async def test_one_bad_key_of_any_kind_ends_no_api_server_at_work_or_at_start(resource, bad):
    store = MemoryStore()
    async with running_api(store) as api:
        await store.commit(expect={}, writes=[written(resource, "bad", bad)])
        await api.create(kinds.VPS, {"metadata": {"name": "good"}, "spec": {}})
        reply = await api.get(kinds.VPS.path(), headers=TABLE)
        assert [one["cells"][0] for one in reply.body["rows"]][-1] == "good"
        assert (await api.get(resource.path(), headers=TABLE)).code == 200
    async with running_api(store) as api:
        assert (await api.get(resource.path(), headers=TABLE)).code == 200
        assert (
            await api.get(
                resource.path(),
                params={
                    "limit": "1",
                    "resourceVersionMatch": "Exact",
                    "resourceVersion": str(api.server.cache.revision),
                },
            )
        ).code == 200
        assert (await api.get(kinds.VPS.path(namespace="default", name="good"))).code == 200


async def test_what_is_no_object_is_not_found_and_in_the_way_of_its_name_alone():
    store = MemoryStore()
    async with running_api(store) as api:
        await store.commit(expect={}, writes=[written(kinds.NODE, "n1", b"no JSON")])
        assert (await api.get(kinds.NODE.path(name="n1"))).code == 404
        body = an_object(kinds.NODE, "n1")
        reply = await api.call("POST", kinds.NODE.path(), body)
        assert reply.code == 409
        assert "etcdctl del registry/nodes/n1" in reply.body["details"]["hint"]
        assert (await api.call("POST", kinds.NODE.path(), an_object(kinds.NODE, "n2"))).code == 201


@pytest.mark.parametrize(
    "status", [7, {"unknown": 7, "history": "h"}, {"unknown": [7], "history": "h"}, {"history": 7}]
)
def test_a_node_that_cannot_be_read_has_not_said_yet_what_is_there(status):
    value = orjson.dumps({"metadata": {"name": "n1"}, "spec": {"accepts": "q"}, "status": status})
    assert Report.of(Record("registry/nodes/n1", value, 1, 1)) == Report("", "q", ())


@hypothesis.given(obj=OBJECTS, resource=st.sampled_from(kinds.ALL))
def test_whatever_an_object_holds_it_is_a_row_that_a_client_can_read(obj, resource):
    shown = row(resource, {**obj, "metadata": {"name": "it"}}, include=IncludeObject.NONE, now=EPOCH)
    for column, cell in zip(COLUMNS[resource], shown["cells"], strict=True):
        assert cell is None or isinstance(cell, int if column.type == "integer" else str)
    orjson.dumps(shown)


WRITES = st.tuples(st.sampled_from(kinds.ALL), st.sampled_from("ab"), OBJECTS | JSON, st.booleans())


@hypothesis.given(writes=st.lists(WRITES, max_size=8))
@hypothesis.settings(max_examples=60, deadline=None)
def test_whatever_is_written_the_cache_follows_and_its_watchers_hear(writes):
    async def run() -> None:
        store = MemoryStore()
        cache = Cache(Lineage(store, LoopClock()), clock=LoopClock())
        task = asyncio.create_task(cache.run())
        try:
            await cache.loaded.wait()
            watchers = [
                cache.kinds[resource].follow(selection, since=cache.revision)
                for resource in kinds.ALL
                for selection in (Selection(), select(resource, labels="a=b,!c"))
            ]
            for resource, name, value, is_named in writes:
                if isinstance(value, dict) and is_named:
                    given = value["metadata"] if isinstance(value.get("metadata"), dict) else {}
                    value = {**value, "metadata": {**given, **an_object(resource, name)["metadata"]}}
                await store.commit(expect={}, writes=[written(resource, name, value)])
            good = an_object(kinds.VPS, "good")
            revision = await store.commit(expect={}, writes=[written(kinds.VPS, "good", good)])
            async with asyncio.timeout(5):
                assert await cache.wait_for(revision)
            assert not task.done()
            assert any([await one.next(0) for one in watchers])
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"spec": {"resources": {"cores": 1, "memory": "1Gi"}}}, "spec: parts of it are missing"),
        ({"spec": 7}, "spec: Input should be a valid dictionary"),
        ({"status": {"epoch": 1, "assignment": {"epoch": 1, "grant": {}}}}, "status.assignment.node"),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_who_would_change_what_cannot_be_read_is_told_what_is_wrong_with_it(fields, why):
    store = MemoryStore()
    async with running_api(store) as api:
        made = await api.create(kinds.VPS, {"metadata": {"name": "dev"}, "spec": {}})
        await store.commit(expect={}, writes=[written(kinds.VPS, "dev", {**made, **fields})])
        place, uid = kinds.VPS.path(namespace="default", name="dev"), made["metadata"]["uid"]
        reply = await api.call("POST", f"{place}/bind", {"uid": uid, "node": "n1"})
        assert (reply.code, why in reply.body["message"]) == (422, True), reply.body
        assert reply.body["details"]["hint"] == "mend that field, or delete the object"
        assert (await api.call("DELETE", place)).code == 200


@pytest.mark.parametrize(
    "assignment", [{"node": "n1"}, {"node": "n1", "epoch": "x"}, 7, {"epoch": 1}], ids=str
)
def test_who_would_get_into_a_vps_that_cannot_be_read_is_told_so(assignment):
    vps = {"metadata": {"name": "dev", "uid": "u"}, "spec": 7, "status": {"assignment": assignment}}
    with pytest.raises(errors.Conflict, match="dev cannot be read"):
        reach.target(vps, "terminal")


def test_the_lease_of_a_server_that_cannot_be_read_stands_for_none():
    good = {"metadata": {"name": "apiserver-a", "labels": {servers.COMPONENT: servers.APISERVER}}}
    good["metadata"]["annotations"] = {servers.ADVERTISED: "https://a"}
    good["spec"] = {"holderIdentity": "a"}
    bad = [{"metadata": 7}, {"metadata": {"labels": "x", "annotations": []}}, {**good, "spec": "s"}]
    assert [one.url for one in servers.registered([*bad, good])] == ["https://a"]


async def test_a_vps_that_waits_with_nonsense_for_a_message_is_read():
    store = MemoryStore()
    async with running_api(store) as api:
        for name in ("dev", "other"):
            made = await api.create(kinds.VPS, {"metadata": {"name": name}, "spec": {}})
            status = {"phase": "pending", "message": 7}
            await store.commit(expect={}, writes=[written(kinds.VPS, name, {**made, "status": status})])
        reply = await api.get(kinds.VPS.path(namespace="default", name="dev"))
        assert (reply.code, reply.body["status"]["message"]) == (200, "7; 1st of 2 waiting")
