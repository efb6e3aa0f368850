"""Why a node is refused: one class per reason, and each says so in words.

`schedule.py` asks every filter that applies to a request about every node, and puts the words of those that
refused together. Here are those that concern every VPS; `topology.py` and `permission.py` have the others.
"""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from kohakuriver import quantity
from kohakuriver.controller.deciding import permission, topology
from kohakuriver.controller.deciding.refusing import Filter, shortage
from kohakuriver.controller.deciding.topology import written_cores
from kohakuriver.controller.deciding.view import Effect, NodeView, Taint, VPSRequest
from kohakuriver.resources import reasons


class NodeNotReady(Filter):
    """Its agent is silent, or its engine does not answer."""

    def fits(self, node: NodeView) -> bool:
        return node.facts.ready

    def phrase(self, refused: Sequence[NodeView]) -> str:
        said = next(((node.name, node.facts.unusable) for node in refused if node.facts.unusable), None)
        return f"not ready ({said[0]}: {said[1]})" if said is not None else "not ready"

    def alone(self, node: NodeView) -> str:
        why = f": {node.facts.unusable}" if node.facts.unusable else ""
        return f"node {node.name} is not ready{why}"


class Unmeasured(Filter):
    """Its agent has not said yet what it has."""

    def fits(self, node: NodeView) -> bool:
        return node.facts.is_measured

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "still starting (what it has is not known yet)"


class Unreadable(Filter):
    """What it has, or what is booked on it, makes no sense."""

    def fits(self, node: NodeView) -> bool:
        return not node.facts.unreadable

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return f"unreadable ({refused[0].name}: {refused[0].facts.unreadable})"

    def alone(self, node: NodeView) -> str:
        return f"what is known of node {node.name} cannot be read: {node.facts.unreadable}"


class Quarantined(Filter):
    """The store went back in time, and nobody has looked at it since."""

    def fits(self, node: NodeView) -> bool:
        return not node.facts.quarantine

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "in quarantine"

    def alone(self, node: NodeView) -> str:
        return (
            f"node {node.name} is in quarantine: {node.facts.quarantine}; "
            f"look at it, then: kohakuriver node accept {node.name}"
        )

    def vain(self, node: NodeView) -> str:
        return reasons.NODE_QUARANTINED


class Cordoned(Filter):
    """An administrator wants no new VPS on it."""

    def fits(self, node: NodeView) -> bool:
        return not node.facts.cordoned

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "cordoned"

    def vain(self, node: NodeView) -> str:
        return reasons.NODE_CORDONED


class Draining(Filter):
    """An administrator wants nothing to run on it."""

    def fits(self, node: NodeView) -> bool:
        return not node.facts.draining

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "being drained"

    def vain(self, node: NodeView) -> str:
        return reasons.NODE_DRAINING


class DiskFull(Filter):
    """Its disk has no room for another container."""

    def fits(self, node: NodeView) -> bool:
        return not node.facts.disk_full

    def phrase(self, refused: Sequence[NodeView]) -> str:
        said = next(((node.name, node.facts.disk) for node in refused if node.facts.disk), None)
        return f"short of disk space ({said[0]}: {said[1]})" if said is not None else "short of disk space"

    def alone(self, node: NodeView) -> str:
        how = f": {node.facts.disk}" if node.facts.disk else ""
        return f"node {node.name} is short of disk space{how}"


@dataclasses.dataclass(frozen=True, slots=True)
class Selector(Filter):
    """It lacks a label that the VPS selects by."""

    wanted: tuple[tuple[str, str], ...]

    def fits(self, node: NodeView) -> bool:
        return all(node.facts.labels.get(key) == value for key, value in self.wanted)

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "without the label " + " and ".join(f"{key}={value}" for key, value in self.wanted)

    def vain(self, node: NodeView) -> str:
        return reasons.LABEL_NOT_FOUND


@dataclasses.dataclass(frozen=True, slots=True)
class Tainted(Filter):
    """It carries a taint that the VPS does not tolerate."""

    request: VPSRequest

    def fits(self, node: NodeView) -> bool:
        return not node.facts.taints or not self._refusing(node)

    def phrase(self, refused: Sequence[NodeView]) -> str:
        names = sorted({str(taint) for node in refused for taint in self._refusing(node)})
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        return f"tainted ({shown})"

    def vain(self, node: NodeView) -> str:
        return reasons.TAINT_NOT_TOLERATED

    def _refusing(self, node: NodeView) -> list[Taint]:
        return [
            taint
            for taint in node.facts.taints
            if taint.effect is Effect.NO_SCHEDULE and not self.request.tolerates(taint)
        ]


@dataclasses.dataclass(frozen=True, slots=True)
class Cores(Filter):
    """Too few of its cores are free, or it has fewer in all: a limit above those would limit nothing."""

    need: int
    is_of_size: ClassVar[bool] = True

    def fits(self, node: NodeView) -> bool:
        return self.need <= node.largest_share

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return shortage(
            "cores",
            refused,
            need=self.need,
            free=lambda node: node.free_cores,
            most=lambda node: node.facts.cores,
            total=lambda node: node.cores_to_give,
            written=written_cores,
        )

    def vain(self, node: NodeView) -> str:
        return reasons.NEVER_FITS if self.need > node.facts.cores else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Memory(Filter):
    """Too little of its memory is free."""

    need: int
    is_of_size: ClassVar[bool] = True

    def fits(self, node: NodeView) -> bool:
        return node.free_memory >= self.need

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return shortage(
            "memory",
            refused,
            need=self.need,
            free=lambda node: node.free_memory,
            most=lambda node: node.facts.memory,
            written=quantity.approximate_size,
        )

    def vain(self, node: NodeView) -> str:
        return reasons.NEVER_FITS if self.need > node.facts.memory else ""


class NoSSHPort(Filter):
    """All of its SSH ports are booked. A node that publishes none gives none, and refuses nobody."""

    is_of_size: ClassVar[bool] = True

    def fits(self, node: NodeView) -> bool:
        return node.free_ports > 0 or not node.facts.ports

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return f"short of SSH ports (0 of {max(len(node.facts.ports) for node in refused)} free)"


NOT_READY, CORDONED, DRAINING, DISK_FULL = NodeNotReady(), Cordoned(), Draining(), DiskFull()
QUARANTINED, UNREADABLE, UNMEASURED = Quarantined(), Unreadable(), Unmeasured()
NO_SSH_PORT = NoSSHPort()

OF_STATE: tuple[Filter, ...] = (UNREADABLE, NOT_READY, QUARANTINED, DRAINING, CORDONED, DISK_FULL)
"""Those that let every node pass that is open."""


def that_apply(request: VPSRequest) -> tuple[Filter, ...]:
    """The filters this request has to pass, in the order in which a refusal is told; those of size last."""
    filters: list[Filter] = [*OF_STATE]
    if request.selector:
        filters.append(Selector(request.selector))
    filters += [Tainted(request), *permission.that_apply(request), *to_hold(request)]
    if request.needs_port:
        filters.append(NO_SSH_PORT)
    return tuple(filters)


def to_hold(request: VPSRequest) -> tuple[Filter, ...]:
    """What a VPS that is bound already must pass to get what it had again."""
    cores: Filter = Cores(request.cores)
    if request.exclusive:
        cores = topology.ExclusiveCores(request.cores, request.exclusive, request.numa)
    return (cores, Memory(request.memory), *topology.that_apply(request))
