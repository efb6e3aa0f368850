"""Requests and nodes with valid defaults: a test mentions only what matters to it."""

import dataclasses
from typing import Any

from kohakuriver import overcommit
from kohakuriver.controller.deciding.view import NodeFacts, NodeView, VPSRequest
from kohakuriver.placement.cores import Use
from kohakuriver.placement.gpus import GPU, Wish
from kohakuriver.placement.room import NO_NAMES, NOBODYS, Room

GI = 1 << 30


def a_request(*, cores: float = 1, memory: float = 1, **more: Any) -> VPSRequest:
    """Cores as people count them, memory in Gi."""
    return VPSRequest(cores=round(cores * 1000), memory=round(memory * GI), **more)


def a_node(
    name: str = "n1",
    *,
    cores: float = 8,
    memory: float = 16,
    free_cores: float | None = None,
    free_memory: float | None = None,
    free_ports: int = 100,
    use: Use = NOBODYS,
    held_gpus: frozenset[str] = NO_NAMES,
    buried: frozenset[str] = NO_NAMES,
    **facts: Any,
) -> NodeView:
    """A ready node, empty unless said otherwise. `free_cores` are those for shares."""
    facts.setdefault("ports", range(30000, 30100))
    found = NodeFacts(name=name, cores=round(cores * 1000), memory=round(memory * GI), **facts)
    empty = found.cores * found.overcommit
    return Room(
        found,
        core_room=empty if free_cores is None else round(free_cores * 1000) * overcommit.ONCE,
        free_memory=round((memory if free_memory is None else free_memory) * GI),
        free_ports=free_ports,
        alone=len(use.taken) * 1000,
        use=dataclasses.replace(use, ratio=found.overcommit),
        gpus=held_gpus,
        buried=buried,
    )


def some_gpus(count: int = 2, *, model: str = "A100", numa: int | None = None) -> tuple[GPU, ...]:
    """Healthy ones, "GPU-0" to "GPU-1"."""
    return tuple(GPU(index, f"GPU-{index}", model, numa) for index in range(count))


def a_wish(*ids: int | str, count: int = 0, model: str = "") -> Wish:
    """These GPUs, or so many."""
    return Wish(ids, len(ids) or count, model)
