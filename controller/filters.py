"""Why a node is refused: one class per reason, and each says so in words.

`schedule.py` asks every filter that applies to a request about every node, and puts the words of those that
refused together. Pure: a filter reads a NodeView and nothing else.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from controller.view import Effect, NodeView, Taint, VPSRequest
from kohakuriver import quantity


class Filter(Protocol):
    """One reason to refuse a node."""

    def fits(self, node: NodeView) -> bool: ...

    def phrase(self, refused: Sequence[NodeView]) -> str:
        """What these nodes are, after a count or after "is": "short of memory (need 4Gi, …)"."""
        ...


class NodeNotReady:
    """Its agent is silent, its engine does not answer, or its disk is full."""

    def fits(self, node: NodeView) -> bool:
        return node.facts.ready

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "not ready"


class Cordoned:
    """An administrator wants no new VPS on it."""

    def fits(self, node: NodeView) -> bool:
        return not node.facts.cordoned

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "cordoned"


@dataclasses.dataclass(frozen=True, slots=True)
class Selector:
    """It lacks a label that the VPS selects by."""

    wanted: tuple[tuple[str, str], ...]

    def fits(self, node: NodeView) -> bool:
        return all(node.facts.labels.get(key) == value for key, value in self.wanted)

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "without the label " + " and ".join(f"{key}={value}" for key, value in self.wanted)


@dataclasses.dataclass(frozen=True, slots=True)
class Tainted:
    """It carries a taint that the VPS does not tolerate."""

    request: VPSRequest

    def fits(self, node: NodeView) -> bool:
        return not node.facts.taints or not self._refusing(node)

    def phrase(self, refused: Sequence[NodeView]) -> str:
        names = sorted({str(taint) for node in refused for taint in self._refusing(node)})
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        return f"tainted ({shown})"

    def _refusing(self, node: NodeView) -> list[Taint]:
        return [
            taint
            for taint in node.facts.taints
            if taint.effect is Effect.NO_SCHEDULE and not self.request.tolerates(taint)
        ]


@dataclasses.dataclass(frozen=True, slots=True)
class Cores:
    """Too few of its cores are free."""

    need: int

    def fits(self, node: NodeView) -> bool:
        return node.free_cores >= self.need

    def phrase(self, refused: Sequence[NodeView]) -> str:
        best = max(refused, key=lambda node: node.free_cores)
        free = max(0, best.free_cores)
        words = "most free" if len(refused) > 1 else "free"
        return f"short of cores (need {_cores(self.need)}, {words} {_cores(free)} on {best.name})"


@dataclasses.dataclass(frozen=True, slots=True)
class Memory:
    """Too little of its memory is free."""

    need: int

    def fits(self, node: NodeView) -> bool:
        return node.free_memory >= self.need

    def phrase(self, refused: Sequence[NodeView]) -> str:
        best = max(refused, key=lambda node: node.free_memory)
        free = max(0, best.free_memory)
        words = "most free" if len(refused) > 1 else "free"
        need = quantity.approximate_size(self.need)
        return f"short of memory (need {need}, {words} {quantity.approximate_size(free)} on {best.name})"


class NoSSHPort:
    """All of its SSH ports are booked. A node that publishes none gives none, and refuses nobody."""

    def fits(self, node: NodeView) -> bool:
        return node.free_ports > 0 or not node.facts.ports

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return f"short of SSH ports (0 of {max(len(node.facts.ports) for node in refused)} free)"


NOT_READY, CORDONED, NO_SSH_PORT = NodeNotReady(), Cordoned(), NoSSHPort()


def that_apply(request: VPSRequest) -> tuple[Filter, ...]:
    """The filters this request has to pass, in the order in which a refusal is told."""
    filters: list[Filter] = [NOT_READY, CORDONED]
    if request.selector:
        filters.append(Selector(request.selector))
    filters += [Tainted(request), Cores(request.cores), Memory(request.memory)]
    if request.needs_port:
        filters.append(NO_SSH_PORT)
    return tuple(filters)


def to_hold(request: VPSRequest) -> tuple[Filter, ...]:
    """What a VPS that is bound already must pass to get its cores and memory again."""
    return (Cores(request.cores), Memory(request.memory))


def _cores(thousandths: int) -> str:
    """ "2", "0.5", "2.25": as the CLI shows cores."""
    return f"{thousandths / 1000:g}"
