"""Core Events in the form of events.k8s.io over HTTP."""

from typing import Any

import pytest

from kohakuriver.apiserver.views import events
from kohakuriver.resources import kinds, new_event
from tests.apiserver.api import running_api
from tests.apiserver.views.kit import names, watching

pytestmark = pytest.mark.looptime

CORE = kinds.EVENT.path(namespace="default")
NEWER = "/apis/events.k8s.io/v1/namespaces/default/events"
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


def an_event(name: str = "dev.1", about: str = "dev", **fields: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "involvedObject": {"kind": "VPS", "name": about, "namespace": "default"},
        "reason": "Started",
        "message": "it runs",
        "type": "Normal",
        "source": {"component": "agent", "host": "n1"},
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:01:00Z",
        "count": 3,
        **fields,
    }


def test_each_field_has_its_newer_name_and_the_schema_knows_it() -> None:
    shown = events.form(an_event())
    assert shown["note"] == "it runs"
    assert shown["regarding"]["name"] == "dev"
    assert shown["reportingController"] == "agent"
    assert shown["eventTime"] == "2026-01-01T00:00:00.000000Z"
    assert (shown["deprecatedCount"], shown["deprecatedSource"]["host"]) == (3, "n1")
    new_event.Event.model_validate(shown)


@pytest.mark.parametrize("nonsense", ["x", 7, None, [1]])
def test_an_event_with_nonsense_in_it_is_shown_nevertheless(nonsense: Any) -> None:
    event = an_event(firstTimestamp=nonsense, source=nonsense)
    assert events.form(event)["note"] == "it runs"


async def test_events_are_listed_got_printed_and_watched_in_the_newer_form() -> None:
    async with running_api() as api:
        await api.create(kinds.EVENT, an_event())
        await api.create(kinds.EVENT, an_event("lab.1", "lab"))
        listed = (await api.get(NEWER)).body
        assert (listed["kind"], listed["apiVersion"]) == ("EventList", "events.k8s.io/v1")
        assert names(listed) == ["dev.1", "lab.1"]
        of_dev = {"fieldSelector": "regarding.kind=VPS,regarding.name=dev,type!=Warning"}
        assert names((await api.get(NEWER, params=of_dev)).body) == ["dev.1"]
        one = (await api.get(f"{NEWER}/dev.1")).body
        assert one["metadata"] == (await api.get(f"{CORE}/dev.1")).body["metadata"]
        newer, core = [
            [row["cells"] for row in (await api.get(path, headers=TABLE)).body["rows"]]
            for path in (NEWER, CORE)
        ]
        assert newer == core
        start = listed["metadata"]["resourceVersion"]
        async with watching(api, NEWER, resourceVersion=start) as following:
            await api.call("DELETE", f"{CORE}/dev.1")
            type_, shown = await following()
            assert (type_, shown["apiVersion"], shown["note"]) == ("DELETED", "events.k8s.io/v1", "it runs")


async def test_they_are_written_in_the_core_group_alone() -> None:
    async with running_api() as api:
        reply = await api.call("POST", NEWER, an_event())
        assert reply.code == 405
        said = "events.events.k8s.io cannot be written, they show events: write core v1 Events"
        assert reply.body["message"] == said


async def test_the_group_is_discovered() -> None:
    async with running_api() as api:
        assert "events.k8s.io" in [group["name"] for group in (await api.get("/apis")).body["groups"]]
        (entry,) = (await api.get("/apis/events.k8s.io/v1")).body["resources"]
        assert (entry["name"], entry["verbs"]) == ("events", ["get", "list", "watch"])
