"""Objects by their metadata alone, as informers ask for them that keep nothing else."""

from typing import Any

import pytest

from kohakuriver.resources import kinds
from tests.apiserver.api import running_api
from tests.apiserver.test_watch import watching

pytestmark = pytest.mark.looptime

VPSES = kinds.VPS.path(namespace="default")


def accept(kind: str, *others: str) -> dict[str, str]:
    return {"Accept": ",".join((f"application/json;as={kind};g=meta.k8s.io;v=v1", *others))}


ONE, MANY = accept("PartialObjectMetadata"), accept("PartialObjectMetadataList", "application/json")


async def test_an_object_and_a_list_come_without_spec_and_status() -> None:
    async with running_api() as api:
        made = await api.create(kinds.VPS, {"metadata": {"name": "dev", "labels": {"a": "b"}}})
        one = (await api.get(f"{VPSES}/dev", headers=ONE)).body
        assert one == {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": made["metadata"],
        }
        many = (await api.get(VPSES, headers=MANY)).body
        whole = (await api.get(VPSES)).body
        assert (many["kind"], many["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
        assert many["metadata"] == whole["metadata"]
        assert many["items"] == [one]


async def test_a_watch_and_its_bookmarks_have_metadata_alone() -> None:
    async with running_api() as api:
        await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
        query: dict[str, Any] = {
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
        }
        async with watching(api, headers=ONE, **query) as stream:
            for expected in ("ADDED", "BOOKMARK"):
                type_, obj = await stream.next()
                assert (type_, obj["kind"]) == (expected, "PartialObjectMetadata")
                assert set(obj) == {"kind", "apiVersion", "metadata"}


async def test_what_shows_others_comes_by_its_metadata_too() -> None:
    async with running_api() as api:
        await api.create(kinds.VPS, {"metadata": {"name": "dev"}})
        (one,) = (await api.get("/api/v1/namespaces/default/pods", headers=MANY)).body["items"]
        assert one["kind"] == "PartialObjectMetadata"
        assert one["metadata"]["ownerReferences"][0]["kind"] == "VPS"


async def test_a_version_that_is_not_served_is_not_taken_for_the_one_that_is() -> None:
    async with running_api() as api:
        headers = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v2"}
        assert (await api.get(VPSES, headers=headers)).code == 406
