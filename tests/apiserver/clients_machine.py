"""Random clients of one API server, beside a model of what must be so after each of their requests.

They create, replace, patch (merge, JSON, apply), relabel, delete, list in pages and watch, some from old
copies. Whoever runs the machine says what the store is. What it holds, in words:

* no lost update: a write from an old copy is refused, every other one is there afterwards;
* revisions only grow; a page shows the moment of the first page;
* a watch, left and resumed at random, tells each change once and in order, and its replay is the list.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kohakuriver.apiserver.store.base import Store
from kohakuriver.resources import kinds
from tests.apiserver.api import Api, Reply, running_api

Json = dict[str, Any]
T = TypeVar("T")

NAMES = ("a", "b", "c")
MARKER = "marker"
TEAMS = ("red", "blue")
SELECTORS = ("", "team=red", "team!=red", "team in (blue)")
KEYS = ("one", "two")
VALUES = ("1", "2")
MEDIA = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


def without_place(obj: Json) -> Json:
    """An object without its message, which says a place in the queue to some and not to others."""
    return {**obj, "status": {field: value for field, value in obj["status"].items() if field != "message"}}


class Watcher:
    """A client that follows a selection, and may leave for a while."""

    def __init__(self, selector: str) -> None:
        self.selector = selector
        self.revision = 0
        self.state: dict[str, Json] = {}

    def take(self, event: Json) -> None:
        """One event. Fails for what was told before, out of order, or makes no sense here."""
        obj = event["object"]
        name, revision = obj["metadata"]["name"], int(obj["metadata"]["resourceVersion"])
        assert revision > self.revision, f"revision {revision} came after {self.revision}: repeated"
        known = name in self.state
        assert known is (event["type"] != "ADDED"), f"{event['type']} {name}, known: {known}"
        if event["type"] == "DELETED":
            del self.state[name]
        else:
            self.state[name] = obj
        self.revision = revision


class Clients(RuleBasedStateMachine):
    """The machine; a subclass says what the store is."""

    open_store: ClassVar[Callable[[], Coroutine[Any, Any, Store]]]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        self.world: dict[str, Json] = {}  # name -> the object as the last answer about it had it
        self.applied: dict[str, dict[str, set[str]]] = {}  # name -> manager -> keys of env
        self.copies: dict[str, Json] = {}  # what some client once read, perhaps old
        self.revision = 0
        self.watchers = [Watcher(selector) for selector in SELECTORS]
        self.store = self.run(type(self).open_store())
        self.api: Api = self.run(self.stack.enter_async_context(running_api(self.store)))
        self.touch_marker()
        for watcher in self.watchers:
            listing = self.list(watcher.selector)
            watcher.state = {item["metadata"]["name"]: item for item in listing["items"]}
            watcher.revision = int(listing["metadata"]["resourceVersion"])

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.run(self.store.aclose())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # What clients do

    @rule(name=st.sampled_from(NAMES), team=st.sampled_from(TEAMS))
    def create(self, name: str, team: str) -> None:
        body = self.body(name, {"u-one": "0"}, labels={"team": team})
        reply = self.call("POST", self.path(), body)
        if name in self.world:
            assert reply.code == 409
            return
        assert reply.code == 201, reply.body
        assert reply.body["spec"]["env"] == {"u-one": "0"}
        self.applied[name] = {}
        self.keep(reply.body)

    @rule(name=st.sampled_from(NAMES))
    def read(self, name: str) -> None:
        reply = self.call("GET", self.path(name))
        assert (reply.code == 200) is (name in self.world)
        if reply.code == 200:
            assert without_place(reply.body) == self.world[name], "what was acknowledged is there"
            self.copies[name] = reply.body

    @rule(name=st.sampled_from(NAMES), key=st.sampled_from(KEYS), value=st.sampled_from(VALUES))
    def replace_from_a_copy(self, name: str, key: str, value: str) -> None:
        copy = self.copies.get(name)
        if copy is None:
            return
        body = json.loads(json.dumps(copy))
        body["spec"].setdefault("env", {})[f"u-{key}"] = value
        reply = self.call("PUT", self.path(name), body)
        current = self.world.get(name)
        if current is None:
            assert reply.code == 404
        elif current["metadata"]["resourceVersion"] != copy["metadata"]["resourceVersion"]:
            assert reply.code == 409, "a write from an old copy went through: an update is lost"
        else:
            assert reply.code == 200, reply.body
            assert reply.body["spec"]["env"][f"u-{key}"] == value
            self.keep(reply.body)

    @rule(name=st.sampled_from(NAMES), key=st.sampled_from(KEYS), value=st.sampled_from((*VALUES, None)))
    def merge(self, name: str, key: str, value: str | None) -> None:
        self.change(name, "merge", {"spec": {"env": {f"u-{key}": value}}}, {f"u-{key}": value})

    @rule(name=st.sampled_from(NAMES), team=st.sampled_from(TEAMS))
    def relabel(self, name: str, team: str) -> None:
        self.change(name, "merge", {"metadata": {"labels": {"team": team}}}, {})

    @rule(name=st.sampled_from(NAMES), key=st.sampled_from(KEYS), value=st.sampled_from(VALUES))
    def swap_if_it_is_so(self, name: str, key: str, value: str) -> None:
        field = f"/spec/env/u-{key}"
        steps = [
            {"op": "test", "path": field, "value": "1"},
            {"op": "replace", "path": field, "value": value},
        ]
        is_so = self.env(name).get(f"u-{key}") == "1"
        reply = self.call("PATCH", self.path(name), steps, media=MEDIA["json"])
        assert reply.code == (404 if name not in self.world else 200 if is_so else 422), reply.body
        if reply.code == 200:
            assert reply.body["spec"]["env"] == {**self.env(name), f"u-{key}": value}
            self.keep(reply.body)

    @rule(name=st.sampled_from(NAMES), by=st.sampled_from(("x", "y")), keys=st.sets(st.sampled_from(KEYS)))
    def apply(self, name: str, by: str, keys: set[str]) -> None:
        config = {f"{by}-{key}": by for key in keys}
        body = self.body(name, config) if config else self.body(name)
        reply = self.call("PATCH", self.path(name) + f"?fieldManager={by}", body, media=MEDIA["apply"])
        assert reply.code == (200 if name in self.world else 201), reply.body
        mine = self.applied.setdefault(name, {})
        kept = {key: value for key, value in self.env(name).items() if key not in mine.get(by, ())}
        assert (reply.body["spec"].get("env") or {}) == {**kept, **config}
        mine[by] = set(config)
        self.keep(reply.body)

    @rule(name=st.sampled_from(NAMES), certain=st.booleans())
    def delete(self, name: str, certain: bool) -> None:
        copy = self.copies.get(name)
        version = copy["metadata"]["resourceVersion"] if copy and certain else None
        options = {"preconditions": {"resourceVersion": version}} if version else {}
        reply = self.call("DELETE", self.path(name), options)
        current = self.world.get(name)
        if current is None:
            assert reply.code == 404
        elif version and version != current["metadata"]["resourceVersion"]:
            assert reply.code == 409
        else:
            assert reply.code == 200
            del self.world[name]
            self.applied.pop(name)

    @rule(name=st.sampled_from(NAMES), writers=st.integers(2, 5))
    def write_side_by_side(self, name: str, writers: int) -> None:
        """All read the same; of those that say so one wins, and those that do not all have their field."""
        if name not in self.world:
            return
        whole = self.world[name]
        version = whole["metadata"]["resourceVersion"]  # so that every one of them changes something
        bodies = [
            {**whole, "spec": {**whole["spec"], "restartRequest": f"{version}-{n}"}} for n in range(writers)
        ]
        fields = [{"spec": {"env": {f"u-side{n}": "x"}}} for n in range(writers)]

        async def race() -> tuple[list[Reply], list[Reply]]:
            puts = [self.api.call("PUT", self.path(name), body) for body in bodies]
            headers = {"Content-Type": MEDIA["merge"]}
            merges = [self.api.call("PATCH", self.path(name), body, headers=headers) for body in fields]
            replies = await asyncio.gather(*puts, *merges)
            return replies[:writers], replies[writers:]

        replaced, merged = self.run(race())
        assert sorted({reply.code for reply in replaced}) in ([409], [200, 409], [200])
        assert [reply.code for reply in replaced].count(200) <= 1, (
            "two writers on one version, and one is lost"
        )
        assert {reply.code for reply in merged} == {200}
        found = self.call("GET", self.path(name)).body
        assert all(found["spec"]["env"][f"u-side{n}"] == "x" for n in range(writers)), "an update is lost"
        self.keep(found)

    @rule(selector=st.sampled_from(SELECTORS), limit=st.integers(1, 3), name=st.sampled_from(NAMES))
    def list_in_pages_while_others_write(self, selector: str, limit: int, name: str) -> None:
        whole = self.list(selector)
        page = self.list(selector, limit=limit)
        seen = page["items"]
        while token := page["metadata"].get("continue"):
            self.relabel(name, TEAMS[len(seen) % 2])
            page = self.list(selector, limit=limit, **{"continue": token})
            assert page["metadata"]["resourceVersion"] == whole["metadata"]["resourceVersion"]
            seen += page["items"]
        assert seen == whole["items"]

    @rule(number=st.integers(0, len(SELECTORS) - 1), events=st.integers(0, 4))
    def watch_a_little(self, number: int, events: int) -> None:
        """Resume, take some of what there is, and go away."""
        watcher = self.watchers[number]
        for event in self.events_of(watcher)[:events]:
            watcher.take(event)

    @rule(number=st.integers(0, len(SELECTORS) - 1))
    def watch_until_now(self, number: int) -> None:
        """Resume, take everything; then what was replayed is what is listed."""
        watcher = self.watchers[number]
        for event in self.events_of(watcher):
            watcher.take(event)
        listed = self.list(watcher.selector)["items"]
        assert watcher.state == {item["metadata"]["name"]: item for item in listed}

    @rule()
    def forget_old_revisions(self) -> None:
        """The store's own history is not what watches resume from."""
        self.run(self.store.compact(self.run(self.store.revision())))

    @invariant()
    def what_is_listed_is_what_was_acknowledged(self) -> None:
        listed = {item["metadata"]["name"]: without_place(item) for item in self.list("")["items"]}
        listed.pop(MARKER)
        assert listed == self.world

    # How they do it

    def change(self, name: str, media: str, body: Json, env: dict[str, str | None]) -> None:
        reply = self.call("PATCH", self.path(name), body, media=MEDIA[media])
        assert reply.code == (200 if name in self.world else 404), reply.body
        if reply.code == 200:
            expected = {key: value for key, value in {**self.env(name), **env}.items() if value is not None}
            assert (reply.body["spec"].get("env") or {}) == expected
            self.keep(reply.body)

    def events_of(self, watcher: Watcher) -> list[Json]:
        """All events since the watcher's last, found complete by a marker that every selection has or had."""
        marked = self.touch_marker()
        query = (
            f"?watch=1&resourceVersion={watcher.revision}&timeoutSeconds=20&labelSelector={watcher.selector}"
        )

        async def follow() -> list[Json]:
            found: list[Json] = []
            url, headers = self.api.url + self.path() + query, self.api.headers("admin")
            async with self.api.session.get(url, headers=headers) as stream:
                async for line in stream.content:
                    event = json.loads(line)
                    assert event["type"] != "ERROR", event
                    found.append(event)
                    if int(event["object"]["metadata"]["resourceVersion"]) >= marked:
                        break
            return found

        return self.run(follow())

    def touch_marker(self) -> int:
        """Moves the marker into and out of every selection, so that each of them has an event last."""
        revision = 0
        for team in ("blue", "red", "blue", "red"):
            body = self.body(MARKER, labels={"team": team})
            path = self.path(MARKER) + "?fieldManager=marker&force=true"
            reply = self.call("PATCH", path, body, media=MEDIA["apply"])
            assert reply.code in (200, 201), reply.body
            before, revision = revision, int(reply.body["metadata"]["resourceVersion"])
            assert revision > before
        self.revision = revision
        return revision

    def list(self, selector: str, **params: Any) -> Json:
        query = {"labelSelector": selector, **{key: str(value) for key, value in params.items()}}
        reply = self.run(self.api.get(self.path(), params=query))
        assert reply.code == 200, reply.body
        return dict(reply.body)

    def call(self, method: str, path: str, body: Any = None, *, media: str = "application/json") -> Reply:
        return self.run(self.api.call(method, path, body, headers={"Content-Type": media}))

    def keep(self, obj: Json) -> None:
        name, revision = obj["metadata"]["name"], int(obj["metadata"]["resourceVersion"])
        before = self.world.get(name)
        same = before is not None and before["metadata"]["resourceVersion"] == str(revision)
        assert revision > self.revision or same, "a revision went back"
        self.revision = max(self.revision, revision)
        self.world[name] = without_place(obj)

    def env(self, name: str) -> dict[str, str]:
        return dict((self.world.get(name) or {}).get("spec", {}).get("env") or {})

    def path(self, name: str = "") -> str:
        return kinds.VPS.path(namespace="default", name=name)

    def body(self, name: str, env: dict[str, str] | None = None, **metadata: Any) -> Json:
        spec = {} if env is None else {"env": env}
        head = {"apiVersion": kinds.API_VERSION, "kind": "VPS"}
        return {**head, "metadata": {"name": name, "namespace": "default", **metadata}, "spec": spec}
