"""The event stream over HTTP: resuming, what comes first, bookmarks, ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from kohakuriver.resources import kinds
from tests.apiserver.api import Api, running_api

pytestmark = pytest.mark.looptime

VPSES = kinds.VPS.path(namespace="default")
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


class Stream:
    """The events of one watch, one by one."""

    def __init__(self, reply: Any) -> None:
        self.reply = reply

    async def next(self) -> tuple[str, dict[str, Any]]:
        event = orjson.loads(await self.reply.content.readline())
        return event["type"], event["object"]

    async def name(self) -> tuple[str, str]:
        type_, obj = await self.next()
        return type_, obj["metadata"].get("name", "")

    async def ends(self) -> bool:
        return await self.reply.content.readline() == b""


@contextlib.asynccontextmanager
async def watching(
    api: Api, path: str = VPSES, *, user: str = "admin", **query: Any
) -> AsyncIterator[Stream]:
    headers = api.headers(user) | query.pop("headers", {})
    options = {"timeout": None, "params": {"watch": "true", **query}, "headers": headers}
    async with api.session.get(api.url + path, **options) as reply:
        assert reply.status == 200, await reply.text()
        yield Stream(reply)


async def vps(api: Api, name: str, **labels: str) -> dict[str, Any]:
    return await api.create(kinds.VPS, {"metadata": {"name": name, "labels": labels}})


async def label(api: Api, name: str, **labels: str) -> dict[str, Any]:
    headers = {"Content-Type": "application/merge-patch+json"}
    reply = await api.call("PATCH", f"{VPSES}/{name}", {"metadata": {"labels": labels}}, headers=headers)
    assert reply.code == 200, reply.body
    return dict(reply.body)


async def test_a_watch_without_a_revision_starts_with_what_is_there():
    async with running_api() as api:
        await vps(api, "a")
        async with watching(api) as stream:
            assert await stream.name() == ("ADDED", "a")
            await vps(api, "b")
            assert await stream.name() == ("ADDED", "b")
            await label(api, "a", x="y")
            assert await stream.name() == ("MODIFIED", "a")
            await api.call("DELETE", f"{VPSES}/a")
            assert await stream.name() == ("DELETED", "a")


async def test_a_watch_from_a_list_misses_and_repeats_nothing():
    async with running_api() as api:
        await vps(api, "a")
        listed = (await api.get(VPSES)).body["metadata"]["resourceVersion"]
        made = await vps(api, "b")
        async with watching(api, resourceVersion=listed) as stream:
            assert await stream.next() == ("ADDED", made)
            await vps(api, "c")
            assert await stream.name() == ("ADDED", "c")


async def test_objects_enter_and_leave_a_selection_by_added_and_deleted():
    async with running_api() as api:
        await vps(api, "a")
        async with watching(api, labelSelector="app=web") as stream:
            await label(api, "a", app="web")
            assert await stream.name() == ("ADDED", "a")
            moved = await label(api, "a", app="db")
            type_, obj = await stream.next()
            assert type_ == "DELETED"
            assert obj["metadata"]["resourceVersion"] == moved["metadata"]["resourceVersion"]
            assert obj["metadata"]["labels"] == {"app": "web"}


@pytest.mark.fault(34)
async def test_a_quiet_watch_gets_a_bookmark_within_a_minute():
    async with running_api() as api:
        async with watching(api, resourceVersion="0", allowWatchBookmarks="true") as stream:
            async with asyncio.timeout(60):
                type_, obj = await stream.next()
            assert type_ == "BOOKMARK"
            assert (obj["kind"], obj["apiVersion"]) == ("VPS", kinds.API_VERSION)
            first = int(obj["metadata"]["resourceVersion"])
            await api.create(kinds.LEASE, {"metadata": {"name": "other"}, "spec": {}})
            async with asyncio.timeout(60):
                _, obj = await stream.next()
            assert int(obj["metadata"]["resourceVersion"]) > first
        async with watching(api, resourceVersion=str(first)) as resumed:
            await vps(api, "a")
            assert await resumed.name() == ("ADDED", "a")


async def test_initial_events_close_with_an_annotated_bookmark():
    async with running_api() as api:
        await vps(api, "a")
        query = {
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
        }
        async with watching(api, **query) as stream:
            assert await stream.name() == ("ADDED", "a")
            type_, obj = await stream.next()
            assert type_ == "BOOKMARK"
            assert obj["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            assert int(obj["metadata"]["resourceVersion"]) > 0


async def test_without_initial_events_a_watch_starts_at_now():
    async with running_api() as api:
        await vps(api, "old")
        query = {"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "0"}
        async with watching(api, **query) as stream:
            await vps(api, "new")
            assert await stream.name() == ("ADDED", "new")


async def test_initial_events_need_their_match():
    async with running_api() as api:
        reply = await api.get(VPSES, params={"watch": "1", "sendInitialEvents": "true"})
        assert (reply.code, reply.body["reason"]) == (422, "Invalid")


@pytest.mark.fault(33)
async def test_a_watch_from_too_long_ago_is_told_so_in_an_error_event():
    async with running_api() as api, watching(api, resourceVersion="1") as stream:
        type_, status = await stream.next()
        assert type_ == "ERROR"
        assert (status["code"], status["reason"]) == (410, "Expired")
        assert await stream.ends()


async def test_a_watch_ends_when_its_time_is_over():
    async with running_api() as api, watching(api, timeoutSeconds="7") as stream:
        started = asyncio.get_running_loop().time()
        assert await stream.ends()
        assert 6 < asyncio.get_running_loop().time() - started < 9


@pytest.mark.fault(35)
async def test_a_watch_that_is_cut_says_why_in_an_error_event():
    async with running_api() as api, watching(api) as stream:
        [watcher] = api.server.cache.kinds[kinds.VPS].watchers
        watcher._limit = 2
        for number in range(4):
            key = f"registry/vpses/default/v{number}"
            watcher.offer(an_event(key))
        type_, status = await stream.next()
        assert type_ == "ERROR"
        assert (status["code"], status["reason"]) == (410, "Expired")
        assert await stream.ends()


def an_event(key: str) -> Any:
    from kohakuriver.apiserver.cache.entry import entry_of
    from kohakuriver.apiserver.cache.history import Event
    from kohakuriver.apiserver.store.base import Record
    from kohakuriver.clock import EPOCH

    namespace, name = key.split("/")[-2:]
    value = orjson.dumps({"metadata": {"name": name, "namespace": namespace}})
    entry = entry_of(kinds.VPS, Record(key, value, revision=99, created=99))
    return Event(revision=99, entry=entry, previous=None, at=0.0, moment=EPOCH)


@pytest.mark.fault(36)
async def test_a_stopping_server_ends_its_watches_in_good_order():
    async with running_api() as api, watching(api) as stream:
        await vps(api, "a")
        assert await stream.name() == ("ADDED", "a")
        api.server.cache.close()
        assert await stream.ends()
        assert (await api.get("/readyz")).code == 503
        assert (await api.get(VPSES)).code == 503


async def test_a_table_watch_sends_rows():
    async with running_api() as api, watching(api, headers=TABLE) as stream:
        await vps(api, "a")
        type_, table = await stream.next()
        assert type_ == "ADDED"
        assert table["kind"] == "Table"
        assert table["rows"][0]["cells"][0] == "a"


async def test_a_client_that_leaves_leaves_nothing_behind():
    async with running_api() as api:
        async with watching(api, allowWatchBookmarks="true"):
            assert len(api.server.cache.kinds[kinds.VPS].watchers) == 1
        await asyncio.sleep(0.5)
        assert len(api.server.cache.kinds[kinds.VPS].watchers) == 0


async def test_a_thousand_node_watchers_cost_an_event_nothing():
    async with running_api() as api:
        kind = api.server.cache.kinds[kinds.VPS]
        from kohakuriver.apiserver.objects.selectors import select

        for number in range(1000):
            selection = select(kinds.VPS, fields=(f"status.assignment.node=m{number}",))
            kind.follow(selection, since=api.server.cache.revision)
        offered = list(kind.watchers)
        await vps(api, "a")
        await api.server.cache.fresh()
        assert all(watcher.idle for watcher in offered)


async def test_two_servers_on_one_store_show_the_same():
    async with running_api() as one, running_api(one.store) as two:
        made = await vps(one, "a")
        assert (await two.get(VPSES)).body["items"] == [made]
        async with watching(two, resourceVersion=made["metadata"]["resourceVersion"]) as stream:
            await vps(one, "b")
            assert await stream.name() == ("ADDED", "b")
