"""What fits nowhere, and which filter refused it on each node: asked again only of nodes that changed since.

A few hundred waiting VPSes with different wishes are as many questions to every node, and all of them again
whenever one core is booked somewhere. Kept by `fleet.py`, one byte a node and request. Holds state, no I/O.
"""

import collections
import dataclasses
from collections.abc import Iterable, Mapping

from kohakuriver.controller.deciding import filters, schedule
from kohakuriver.controller.deciding.refusing import Filter
from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.controller.deciding.view import NodeView, VPSRequest

FITS, GONE = 254, 255  # in place of the number of a filter
REQUESTS = 2_000  # kept, those that were asked for last
CHANGES = 20_000  # remembered; a request not asked for since is asked of every node again


@dataclasses.dataclass(slots=True)
class Kept:
    """One request, as every node has answered it."""

    to_pass: tuple[Filter, ...]
    refused_by: bytearray  # by the node's slot
    seen: int  # changes of nodes that are in
    fitting: set[int] = dataclasses.field(default_factory=set)  # slots of nodes that have come to fit since
    verdict: Unschedulable | None = None  # in words, for as long as nothing has changed


class Refusals:
    """What each of the last requests that fit nowhere was refused for."""

    def __init__(self, *, requests: int = REQUESTS, changes: int = CHANGES) -> None:
        self._most_requests, self._most_changes = requests, changes
        self.asked = 0  # nodes so far: what deciding costs
        self._slots: dict[str, int] = {}
        self._nodes: list[NodeView | None] = []  # by slot
        self._free: list[int] = []
        self._changes: collections.deque[int] = collections.deque()  # slots, the latest last
        self._count = 0  # of all changes so far
        self._kept: collections.OrderedDict[VPSRequest, Kept] = collections.OrderedDict()

    def changed(self, name: str, node: NodeView | None) -> None:
        """This node is now so; None: it is gone."""
        slot = self._slots.get(name)
        if slot is None:
            slot = self._slots[name] = self._free.pop() if self._free else len(self._nodes)
            if slot == len(self._nodes):
                self._nodes.append(None)
        self._nodes[slot] = node
        if node is None:
            self._free.append(self._slots.pop(name))
        self._count += 1
        self._changes.append(slot)
        if len(self._changes) > self._most_changes:
            self._changes.popleft()

    def get(self, request: VPSRequest) -> Kept | None:
        """What is kept of it, with all that changed since; None: ask every node."""
        kept = self._kept.get(request)
        if kept is None or self._count - kept.seen > len(self._changes):
            return None
        self._kept.move_to_end(request)
        for slot in {self._changes[-number] for number in range(1, self._count - kept.seen + 1)}:
            self._ask(kept, slot)
        if kept.seen != self._count:
            kept.seen, kept.verdict = self._count, None
        return kept

    def keep(self, request: VPSRequest, refused: Mapping[str, int]) -> Kept:
        """Every node that was asked has refused, by the filter of this number; those left out are asked."""
        kept = Kept(filters.that_apply(request), bytearray([GONE]) * len(self._nodes), self._count)
        for name, slot in self._slots.items():
            number = refused.get(name)
            if number is None:
                self._ask(kept, slot)
            else:
                kept.refused_by[slot] = number
        self._kept[request] = kept
        self._kept.move_to_end(request)
        if len(self._kept) > self._most_requests:
            self._kept.popitem(last=False)
        return kept

    def nodes(self, slots: Iterable[int]) -> list[NodeView]:
        return [node for slot in slots if (node := self._nodes[slot]) is not None]

    def words(self, kept: Kept) -> Unschedulable:
        """Why none of the nodes, all of which have refused it, will do."""
        if kept.verdict is None:
            refused: dict[int, list[NodeView]] = {}
            for slot in self._slots.values():
                node = self._nodes[slot]
                if node is not None:
                    refused.setdefault(kept.refused_by[slot], []).append(node)
            kept.verdict = schedule.explain_by(kept.to_pass, refused)
        return kept.verdict

    def _ask(self, kept: Kept, slot: int) -> None:
        if slot >= len(kept.refused_by):
            kept.refused_by.extend([GONE] * (slot + 1 - len(kept.refused_by)))
        self.asked += 1
        node = self._nodes[slot]
        number = GONE if node is None else schedule.refusal(kept.to_pass, node)
        kept.refused_by[slot] = FITS if number is None else number
        if number is None:
            kept.fitting.add(slot)
        else:
            kept.fitting.discard(slot)
