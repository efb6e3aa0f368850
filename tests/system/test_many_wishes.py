"""Hundreds of waiting VPSes, each with a wish of its own: they are told why, and nobody is held up.

What counts is how many nodes are asked between two turns of the controller's loop, and simulated seconds.
"""

import asyncio
import contextlib
from typing import Any

import orjson
import pytest

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put
from kohakuriver.controller import scheduler
from kohakuriver.controller.deciding import schedule
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import VPS, ResourceType
from tests import cost
from tests.apiserver.api import running_api
from tests.fakes.store import MemoryStore
from tests.system.simulated import VPSES, RunningController, SimulatedNode, a_vps, conditions

pytestmark = [pytest.mark.looptime, pytest.mark.fault(66)]
NODES, WISHES = 500, 100


async def a_store_with_nodes() -> MemoryStore:
    """Nodes that are ready, and have said that they will not be heard again for an hour."""
    store = MemoryStore()
    ready = {"type": "Ready", "status": "True", "reason": "AgentReports", "message": ""}
    status = {"allocatable": {"cores": "8", "memory": "16Gi"}, "conditions": [ready]}
    for number in range(NODES):
        meta = {"name": f"m{number:04}", "uid": f"u{number}", "creationTimestamp": "2026-01-01T00:00:00Z"}
        there = {**meta, "namespace": kinds.NODE_LEASE_NAMESPACE}
        await store.commit(
            expect={},
            writes=[
                _put(kinds.NODE, {"metadata": meta, "spec": {}, "status": status}),
                _put(kinds.LEASE, {"metadata": there, "spec": {"leaseDurationSeconds": 3600}}),
            ],
        )
    return store


def _put(resource: ResourceType, body: dict[str, Any]) -> Put:
    key = codec.key(resource, body["metadata"].get("namespace"), body["metadata"]["name"])
    return Put(key, orjson.dumps({"apiVersion": resource.api_version, "kind": resource.kind, **body}))


async def test_each_is_told_why_within_seconds_and_a_node_that_dies_meanwhile_is_found() -> None:
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(running_api(await a_store_with_nodes()))
        dying = await stack.enter_async_context(SimulatedNode(api, "n1"))
        await stack.enter_async_context(SimulatedNode(api, "n2"))
        with cost.turns(schedule.refusal) as asked:
            await stack.enter_async_context(RunningController(api, "c1"))
            await asyncio.sleep(10)
            for number in range(WISHES):
                await api.create(VPS, a_vps(f"v{number}", memory=f"{100 + number}Gi"))
            await asyncio.sleep(5)
            told = [one["status"]["message"] for one in (await api.get(VPSES)).body["items"]]
            dying.mute()
            await asyncio.sleep(12.5)
            ready = (await conditions(api, "/apis/kohakuriver.io/v1alpha1/nodes/n1"))["Ready"]["status"]
            await asyncio.sleep(6)  # now all their numbers are other ones
    assert [message for message in told if "nodes fit" not in message] == []
    assert ready == "Unknown"
    assert asked.total > WISHES * NODES, "this looks at nothing"
    assert asked.most <= scheduler.ASKED + NODES + 10, "one decision asks every node; no turn makes two such"
