"""A smaller memory limit on a machine with cgroup v2: refused where programs would be killed for it."""

from pathlib import Path
from typing import Any

import pytest

from kohakuriver.agent.runtime import shrinking
from kohakuriver.agent.runtime.base import Limits
from kohakuriver.agent.runtime.docker import DockerRuntime
from kohakuriver.agent.runtime.errors import EngineRefused
from tests.agent.agent_kit import a_manifest, a_node
from tests.agent.engine_kit import CLUSTER, a_socket_engine

MIB = 1 << 20
V2 = {"usage": 300 * MIB, "stats": {"anon": 180 * MIB, "inactive_file": 100 * MIB}}
V1 = {"usage": 300 * MIB, "stats": {"inactive_file": 100 * MIB, "total_inactive_file": 100 * MIB}}


@pytest.mark.parametrize(
    ("reading", "used"),
    [(V2, 200 * MIB), (V1, None), ({}, None), ({"usage": 0, "stats": {}}, None), (None, None)],
)
def test_what_counts_is_what_a_kernel_of_v2_cannot_drop(reading: Any, used: int | None) -> None:
    assert shrinking.used_of_v2({"memory_stats": reading}) == used


@pytest.mark.parametrize(("memory", "is_sent"), [(199 * MIB, False), (200 * MIB, True), (1 << 30, True)])
async def test_an_engine_is_not_told_a_limit_that_would_kill(
    memory: int, is_sent: bool, tmp_path: Path
) -> None:
    async with a_socket_engine(tmp_path, "c1") as (engine, socket):
        engine.memory_stats = V2
        runtime = DockerRuntime(cluster=CLUSTER, socket_path=socket)
        refused = False
        try:
            await runtime.update("c1", Limits(millicores=100, memory=memory))
        except EngineRefused as error:
            refused = "use 200Mi of memory, more than the 199Mi" in error.message
        await runtime.aclose()
        assert (refused, engine.calls["update", "c1"]) == ((False, 1) if is_sent else (True, 0))


@pytest.mark.looptime
async def test_a_resize_below_what_is_used_is_pending_and_done_once_it_fits(tmp_path: Path) -> None:
    async with a_node(tmp_path) as node:
        await node.place(a_manifest(resources={"cores": 1, "memory": "2Gi"}))
        await node.until(phase="running")
        before = node.container()
        node.engine.used[before.id] = 1536 * MIB
        await node.change(resources={"cores": 1, "memory": "1Gi"})
        vps = await node.until(reason="ResizePending")
        assert vps["status"]["phase"] == "running"
        assert "1.5Gi" in vps["status"]["observed"]["message"]
        assert node.container() == before
        node.engine.used[before.id] = 512 * MIB
        await node.until(reason=None)
        limits = node.container().limits
        assert limits is not None and limits.memory == 1 << 30
