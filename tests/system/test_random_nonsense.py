"""Nonsense drawn by chance, put into the store by hand or sent through the door: nothing ends, and no 500.

A node that nothing is drawn for goes on all the while, and takes what is declared.
"""

import asyncio
import contextlib
import random
from typing import Any

import aiohttp
import orjson
import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import (
    ENVIRONMENT,
    EVENT,
    LEASE,
    NODE,
    NODE_ALLOCATION,
    NODE_LEASE_NAMESPACE,
    VPS,
    ResourceType,
)
from tests.apiserver.api import Api, running_api
from tests.fakes.store import MemoryStore
from tests.system.simulated import RunningController, SimulatedNode, a_vps, eventually, get

pytestmark = pytest.mark.looptime

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
MERGE = {"Content-Type": "application/merge-patch+json"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
WORDS = (
    "",
    "x",
    "all",
    "lots",
    "-1",
    "0-99999999999",
    "4Gi",
    "2",
    "True",
    "n1",
    "Running",
    "nonsense",
    "\0",
    "é" * 40,
)
SCALARS = (None, True, False, 0, -1, 2**40, 2**63, 1e300, 0.5, *WORDS)
DRAWN = (VPS, NODE, NODE_ALLOCATION, LEASE, EVENT, ENVIRONMENT)  # whose objects are drawn for
WRITTEN = (VPS, VPS, VPS, NODE, LEASE, EVENT, ENVIRONMENT)  # of these, those that clients write


class Chance:
    """What is drawn."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - the same in every run

    def value(self, depth: int = 3) -> Any:
        kind = self.random.random()
        if depth and kind < 0.2:
            return [self.value(depth - 1) for _ in range(self.random.randrange(3))]
        if depth and kind < 0.4:
            names = ("type", "status", "cores", "cpuset", "id", "uid", "a", "state", "grant", "epoch", "node")
            return {self.random.choice(names): self.value(depth - 1) for _ in range(self.random.randrange(4))}
        return self.random.choice(SCALARS)

    def changed(self, value: Any) -> Any:
        """The same with something in it replaced, taken out or put in."""
        if isinstance(value, dict) and value and self.random.random() < 0.85:
            name = self.random.choice(list(value))
            if self.random.random() < 0.1:
                return {field: inner for field, inner in value.items() if field != name}
            return {**value, name: self.changed(value[name])}
        if isinstance(value, list) and value and self.random.random() < 0.7:
            return [*value[:-1], self.changed(value[-1])]
        return self.value()

    def object(self, stored: dict[str, Any], *, parts: tuple[str, ...]) -> dict[str, Any]:
        """An object with nonsense in one of these parts, if it has them."""
        there = [part for part in parts if part in stored] or ["status"]
        part = self.random.choice(there)
        return {**stored, part: self.changed(stored.get(part))}


async def drawn_into_the_store(store: MemoryStore, chance: Chance, keys: list[str]) -> None:
    key = chance.random.choice(keys)
    record = await store.get(key)
    if record is None:
        return
    with contextlib.suppress(ValueError):
        parts = ("spec", "status", "bookings", "involvedObject", "series")
        value: Any = chance.object(orjson.loads(record.value), parts=parts)
        await store.commit(expect={}, writes=[Put(key, orjson.dumps(value))])


async def drawn_through_the_door(api: Api, chance: Chance) -> list[tuple[str, str, int]]:
    """A write, a delete or an action; what was answered where it was no answer of a healthy server."""
    resource = chance.random.choice(WRITTEN)
    namespace = namespace_of(resource)
    items = (await api.get(resource.path(namespace=namespace))).body["items"]
    names = [one["metadata"]["name"] for one in items if one["metadata"]["name"] not in ("n2", "good")]
    if not names:
        return []
    name = chance.random.choice(names)
    there = next(one for one in items if one["metadata"]["name"] == name)
    parts = ("spec", "status", "metadata", "series", "involvedObject", "count", "lastTimestamp")
    body = chance.object(there, parts=parts)
    path = resource.path(namespace=namespace, name=name)
    status = f"{path}/status"
    uid = there["metadata"].get("uid")
    tries: list[tuple[str, str, Any, dict[str, str]]] = [
        ("PUT", path, body, {}),
        ("PATCH", path, body, MERGE),
        ("PATCH", path, [{"op": "add", "path": "/status", "value": chance.value()}], JSON_PATCH),
        ("GET", path, None, TABLE),
    ]
    if "status" in resource.subresources:
        tries += [("PATCH", status, body, MERGE), ("PUT", status, body, {})]
    if resource is VPS:
        orders = {"uid": uid, "node": "n1"}, {"uid": uid, "epoch": 1}
        tries += [("POST", f"{path}/bind", orders[0], {}), ("POST", f"{path}/release", orders[1], {})]
        tries += [("POST", f"{path}/regrant", orders[1], {}), ("DELETE", path, None, {})]
    method, place, sent, headers = chance.random.choice(tries)
    reply = await api.call(method, place, sent, headers=headers)
    return [(method, place, reply.code)] if reply.code >= 500 else []


def namespace_of(resource: ResourceType) -> str | None:
    if resource is LEASE:
        return NODE_LEASE_NAMESPACE
    return "default" if resource.namespaced else None


async def everything_is_listed(api: Api) -> list[tuple[str, str, int]]:
    bad = []
    for resource in kinds.ALL:
        for headers in ({}, TABLE):
            reply = await api.get(resource.path(), headers=headers)
            bad += [("LIST", resource.plural, reply.code)] if reply.code != 200 else []
            text = f"{api.url}{resource.path()}?watch=1&timeoutSeconds=1"
            timeout = aiohttp.ClientTimeout(total=30)
            async with api.session.get(
                text, headers={**api.headers("admin"), **headers}, timeout=timeout
            ) as reply:
                lines = (await reply.read()).splitlines()
                bad += [("WATCH", resource.plural, reply.status)] if reply.status != 200 else []
                bad += [("WATCH", str(line), 0) for line in lines if orjson.loads(line)["type"] == "ERROR"]
    return bad


@pytest.mark.fault(61)
@pytest.mark.parametrize("seed", range(6))
async def test_nonsense_anywhere_ends_nothing_and_no_answer_is_an_error_of_the_server(seed):
    chance, store = Chance(seed), MemoryStore()
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api(store))
        nodes = [
            await stack.enter_async_context(SimulatedNode(api, name, gpus=1)) for name in ("n1", "n2", "n3")
        ]
        running = await stack.enter_async_context(RunningController(api, "c1"))
        await asyncio.sleep(3)
        for number in range(4):
            await api.create(VPS, a_vps(f"v{number}", placement={"node": ("n1", "n3")[number % 2]}))
        await eventually(api, 20, v0="running", v3="running")
        about = {"kind": "VPS", "name": "v0", "namespace": "default"}
        event = {"metadata": {"name": "e"}, "involvedObject": about, "count": 1, "series": {"count": 1}}
        await api.create(EVENT, event)
        await api.create(ENVIRONMENT, {"metadata": {"name": "lab"}, "spec": {"image": "debian:12"}})
        keys = [
            record.key
            for resource in DRAWN
            for record in (await store.list(codec.prefix(resource))).records
            if not record.key.endswith("/n2")
        ]
        bad: list[tuple[str, str, int]] = []
        for step in range(80):
            if chance.random.random() < 0.6:
                await drawn_into_the_store(store, chance, keys)
            else:
                bad += await drawn_through_the_door(api, chance)
            if step % 20 == 0:
                nodes[0].mute() if nodes[0]._speaks.is_set() else nodes[0].unmute()
                await asyncio.sleep(12)
        bad += await everything_is_listed(api)
        assert not bad
        await api.create(VPS, a_vps("good", placement={"node": "n2"}))
        await asyncio.sleep(30)
        assert (await get(api, "good"))["status"]["phase"] == "running"
        assert running._task is not None
        assert not running._task.done()
