"""Filters for whole cores, NUMA nodes and GPUs.

See `refusing.py`; the arithmetic is that of `kohakuriver.placement`.
"""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from kohakuriver.controller.deciding.refusing import Filter, shortage
from kohakuriver.controller.deciding.view import NodeView, VPSRequest
from kohakuriver.placement import cores, fits
from kohakuriver.placement.gpus import NOT_THERE
from kohakuriver.resources import reasons


@dataclasses.dataclass(frozen=True, slots=True)
class NUMANode(Filter):
    """It has no NUMA node of this number."""

    number: int
    is_of_size: ClassVar[bool] = True

    def fits(self, node: NodeView) -> bool:
        return self.number in node.facts.numa

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return f"without NUMA node {self.number}"

    def alone(self, node: NodeView) -> str:
        if not node.facts.numa:
            return f"node {node.name} has not reported which cores it has"
        known = ", ".join(map(str, sorted(node.facts.numa)))
        return f"node {node.name} has no NUMA node {self.number}; it has {known}"

    def vain(self, node: NodeView) -> str:
        return reasons.NUMA_NODE_NOT_FOUND if node.facts.numa else ""  # it may yet report which it has


@dataclasses.dataclass(frozen=True, slots=True)
class ExclusiveCores(Filter):
    """Too few of its cores could become one VPS's alone."""

    millicores: int
    need: int
    numa: int | None
    is_of_size: ClassVar[bool] = True

    def fits(self, node: NodeView) -> bool:
        if self.millicores > node.free_whole:
            return False
        return self._lacks_numa(node) or self._free(node) >= self.need

    def phrase(self, refused: Sequence[NodeView]) -> str:
        what = f"exclusive cores{_on(self.numa)}"
        return shortage(what, refused, need=self.need, free=self._free, most=self._most)

    def vain(self, node: NodeView) -> str:
        return reasons.NEVER_FITS if self._most(node) < self.need else ""

    def _free(self, node: NodeView) -> int:
        return min(node.free_whole // 1000, cores.free(node.facts.numa, node.use, self.numa))

    def _most(self, node: NodeView) -> int:
        whole, numa = node.facts.cores // 1000, node.facts.numa
        return min(whole, cores.free(numa, cores.Use(), self.numa)) if numa else whole

    def _lacks_numa(self, node: NodeView) -> bool:
        return self.numa is not None and self.numa not in node.facts.numa  # which `NUMANode` says


class SharedCores(Filter):
    """All of its cores are somebody's alone."""

    is_of_size: ClassVar[bool] = True

    def fits(self, node: NodeView) -> bool:
        return fits.has_shared_core(node)

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return "without a core to share (all are exclusive)"


@dataclasses.dataclass(frozen=True, slots=True)
class PinnedCores(Filter):
    """Too few cores of this NUMA node are free."""

    need: int  # millicores
    numa: int
    is_of_size: ClassVar[bool] = True

    def fits(self, node: NodeView) -> bool:
        return self.numa not in node.facts.numa or fits.has_pinned(node, self.need, self.numa)

    def phrase(self, refused: Sequence[NodeView]) -> str:
        return shortage(
            f"cores{_on(self.numa)}",
            refused,
            need=self.need,
            free=self._free,
            most=self._most,
            total=lambda node: cores.rest(node.facts.numa, cores.Use(ratio=node.facts.overcommit), self.numa),
            written=written_cores,
        )

    def vain(self, node: NodeView) -> str:
        return reasons.NEVER_FITS if self.numa in node.facts.numa and self.need > self._most(node) else ""

    def _free(self, node: NodeView) -> int:
        return cores.rest(node.facts.numa, node.use, self.numa)

    def _most(self, node: NodeView) -> int:
        return fits.most_pinned(node, self.numa)


@dataclasses.dataclass(frozen=True, slots=True)
class CountedGPUs(Filter):
    """Too few of its GPUs, of the model asked for, are free."""

    request: VPSRequest
    is_of_size: ClassVar[bool] = True

    def fits(self, node: NodeView) -> bool:
        return bool(node.facts.gpus) and self._free(node) >= self.request.gpus.count

    def phrase(self, refused: Sequence[NodeView]) -> str:
        wish = self.request.gpus
        what = f"{wish.kind}{_on(self.request.numa)}"
        return shortage(what, refused, need=wish.count, free=self._free, most=self._most)

    def alone(self, node: NodeView) -> str:
        wish = self.request.gpus
        total, where = self._most(node), _on(self.request.numa)
        if not total:
            return f"node {node.name} has no {wish.kind}{where}"
        need = f", {wish.count} needed" if wish.count > 1 else ""
        return f"node {node.name}: {self._free(node)} of {total} {wish.kind} free{where}{need}"

    def vain(self, node: NodeView) -> str:
        lasts = self._most(node) < self.request.gpus.count and not node.facts.gpus_unread
        return reasons.NEVER_FITS if lasts else ""

    def _free(self, node: NodeView) -> int:
        return len(node.rack_for(self.request).free(self.request.gpus))

    def _most(self, node: NodeView) -> int:
        return len(node.rack_for(self.request).fitting(self.request.gpus))


@dataclasses.dataclass(frozen=True, slots=True)
class NamedGPUs(Filter):
    """One of the GPUs that were named is not there, or not free."""

    request: VPSRequest
    is_of_size: ClassVar[bool] = True

    def fits(self, node: NodeView) -> bool:
        return node.rack_for(self.request).choose(self.request.gpus) is not None

    def phrase(self, refused: Sequence[NodeView]) -> str:
        troubles = [(node, *self._trouble(node)) for node in refused]
        there = [each for each in troubles if each[2] != NOT_THERE]
        if not there:
            return f"without GPU {troubles[0][1]}"
        node, wanted, why = there[0]
        return f"without a free GPU {wanted} ({why}{f' on {node.name}' if len(refused) > 1 else ''})"

    def alone(self, node: NodeView) -> str:
        wanted, why = self._trouble(node)
        if why != NOT_THERE:
            return f"node {node.name}: GPU {wanted} is {why}"
        known = ", ".join(str(one.index) for one in node.facts.gpus)
        return f"node {node.name} has no GPU {wanted}; it has {known or 'none'}"

    def vain(self, node: NodeView) -> str:
        """One that is there, and held or ill, may be free or well again."""
        rack, ids = node.rack_for(self.request), self.request.gpus.ids
        lasting = any(not rack.is_reachable(wanted) for wanted in ids) or not any(map(rack.trouble, ids))
        return reasons.GPU_NOT_FOUND if lasting and not node.facts.gpus_unread else ""

    def _trouble(self, node: NodeView) -> tuple[int | str, str]:
        """The first that this node cannot give, and why."""
        rack, ids = node.rack_for(self.request), self.request.gpus.ids
        for wanted in ids:
            why = rack.trouble(wanted)
            if why:
                return wanted, why
        return ids[-1], "named twice, by index and by UUID"


SHARED_CORES = SharedCores()


def that_apply(request: VPSRequest) -> list[Filter]:
    """Those of these filters that the request has to pass, but for those about cores that `Cores` has."""
    filters: list[Filter] = []
    if request.numa is not None:
        filters.append(NUMANode(request.numa))
    if not request.exclusive:
        filters.append(SHARED_CORES)
        if request.numa is not None:
            filters.append(PinnedCores(request.cores, request.numa))
    if request.gpus.count:
        filters.append(NamedGPUs(request) if request.gpus.ids else CountedGPUs(request))
    return filters


def written_cores(thousandths: int) -> str:
    """ "2", "0.5", "2.25": as the CLI shows cores."""
    return f"{thousandths / 1000:g}"


def _on(numa: int | None) -> str:
    return "" if numa is None else f" on NUMA node {numa}"
