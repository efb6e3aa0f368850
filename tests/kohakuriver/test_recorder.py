"""What happened is told once, counted when it happens again, and never holds up the work."""

import asyncio
import contextlib

import pytest

from kohakuriver.client import events
from kohakuriver.client.config import Connection
from kohakuriver.client.rest import Client
from kohakuriver.resources.kinds import EVENT, VPS
from tests.apiserver.api import Api, running_api
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime


@contextlib.asynccontextmanager
async def telling(api: Api):
    """A recorder, and a VPS to tell about."""
    about = await api.create(VPS, {"metadata": {"name": "dev", "namespace": "default"}, "spec": {}})
    async with Client(Connection(server=api.url, token=api.token("admin")), program="test") as client:
        yield events.Recorder(client, clock=LoopClock(), component="agent", host="n1"), about


async def listed(api: Api) -> list[dict]:
    return (await api.get(EVENT.path(namespace="default"))).body["items"]


async def test_an_event_names_its_object_and_who_reports():
    async with running_api() as api, telling(api) as (recorder, about):
        recorder.warning(about, "FilesystemLost", "its files are gone")
        await recorder.flush()
        [event] = await listed(api)
        assert event["involvedObject"]["uid"] == about["metadata"]["uid"]
        assert (event["type"], event["reason"], event["count"]) == ("Warning", "FilesystemLost", 1)
        assert event["source"] == {"component": "agent", "host": "n1"}


async def test_the_same_thing_said_again_is_counted_and_another_thing_is_not():
    async with running_api() as api, telling(api) as (recorder, about):
        for message in ("once", "once", "once", "other"):
            recorder.normal(about, "Said", message)
        await recorder.flush()
        assert sorted((e["message"], e["count"]) for e in await listed(api)) == [("once", 3), ("other", 1)]


async def test_the_same_thing_after_ten_minutes_is_said_anew():
    async with running_api() as api, telling(api) as (recorder, about):
        recorder.normal(about, "Said", "once")
        await recorder.flush()
        await asyncio.sleep(events.SAME_FOR + 1)
        recorder.normal(about, "Said", "once")
        await recorder.flush()
        assert [event["count"] for event in await listed(api)] == [1, 1]


async def test_a_server_that_refuses_costs_the_event_and_nothing_else():
    async with running_api() as api, telling(api) as (recorder, about):
        nameless = {**about, "metadata": {**about["metadata"], "namespace": "no-such-namespace"}}
        recorder.normal(nameless, "Said", "into the void")
        recorder.normal(about, "Said", "heard")
        await recorder.flush()
        assert recorder.dropped == 1
        assert [event["message"] for event in await listed(api)] == ["heard"]


async def test_more_reports_than_fit_are_dropped_and_counted():
    async with running_api() as api, telling(api) as (recorder, about):
        for number in range(events.QUEUE + 5):
            recorder.normal(about, "Said", str(number))
        assert recorder.dropped == 5
