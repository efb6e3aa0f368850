"""Snapshots, for tests of what begins from them: of VPSes on a fake engine whose volumes are real folders."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.room.gauge import Amount
from kohakuriver.agent.runtime.base import Container
from kohakuriver.resources import kinds
from tests.agent.agent_kit import Json, Node, a_node
from tests.agent.placement_kit import MERGE
from tests.apiserver.api import Looks
from tests.fakes.runtime import FakeRuntime

PATH = kinds.SNAPSHOT.path(namespace="default")


@contextlib.asynccontextmanager
async def a_node_with_volumes(folder: Path, **settings: Any) -> AsyncIterator[Node]:
    """A node whose engine keeps the files of volumes below a folder of this machine."""
    (folder / "data").mkdir()
    (folder / "engine").mkdir()
    async with a_node(folder / "data", **settings) as node:
        node.engine.folder = str(folder / "engine")
        node.gauge.folders = _Small()
        yield node


class _Small(dict[str, Amount]):
    """Little lies below each folder."""

    def __contains__(self, folder: object) -> bool:
        return True

    def __missing__(self, folder: str) -> Amount:
        return Amount(size=4096, files=2)


async def a_snapshot(node: Node, name: str = "s1", vps: str = "dev", **spec: object) -> Json:
    """One that is ready."""
    wanted = {"vps": {"name": vps}, **spec}
    await node.api.create(
        kinds.SNAPSHOT, {"metadata": {"name": name, "namespace": "default"}, "spec": wanted}
    )
    return await until_phase(node, name, "Ready")


async def until_phase(node: Node, name: str, phase: str) -> Json:
    looks, found = Looks(node.api.store), None
    try:
        async with asyncio.timeout(60):
            while True:
                found = (await snapshots(node)).get(name)
                if found is not None and (found.get("status") or {}).get("phase") == phase:
                    return found
                await looks.next()
    except TimeoutError:
        raise AssertionError(f"Snapshot {name} never became {phase}: {found}") from None


async def of_vps(node: Node, uid: str) -> Container:
    """The container of that VPS: the one that runs, where there are two."""
    runtime = node.runtime or FakeRuntime(node.engine, cluster=node.cluster)
    ids = [one.id for one in await runtime.list() if one.labels.get(labels.UID) == uid]
    found = [one for one in [await runtime.inspect(id_) for id_ in ids] if one is not None]
    return next((one for one in found if one.is_up), found[-1])


async def say(node: Node, snapshot: Json, **status: object) -> Json:
    """What its node tells of it."""
    meta = snapshot["metadata"]
    body = {"metadata": {"uid": meta["uid"]}, "status": status}
    headers = {**MERGE, **node.session}
    reply = await node.api.call(
        "PATCH", f"{PATH}/{meta['name']}/status", body, user=node.name, headers=headers
    )
    assert reply.code == 200, reply.body
    return dict(reply.body)


async def snapshots(node: Node) -> dict[str, Json]:
    """Those there are, by name."""
    reply = await node.api.get(PATH)
    assert reply.code == 200, reply.body
    return {one["metadata"]["name"]: one for one in reply.body["items"]}


async def gone(node: Node, name: str = "s1") -> None:
    """It is deleted, with what its node has of it."""
    assert (await node.api.call("DELETE", f"{PATH}/{name}")).code in (200, 202)
    looks = Looks(node.api.store)
    async with asyncio.timeout(60):
        while name in await snapshots(node):
            await looks.next()
