"""Which VPSes are bound to which node, and which of them carry a mark of silence. Kept key by key, no I/O."""

import collections
from collections.abc import Collection
from typing import Any

from kohakuriver.client.watch import ObjectKey
from kohakuriver.resources import conditions
from kohakuriver.resources.view import VPS

Object = dict[str, Any]


class Tenants:
    """An index over the VPSes."""

    def __init__(self) -> None:
        self._node_of: dict[ObjectKey, str] = {}
        self._of_node: dict[str, set[ObjectKey]] = collections.defaultdict(set)
        self._back: set[ObjectKey] = set()
        self._marked: dict[ObjectKey, tuple[str, int]] = {}  # node and epoch of those with the mark

    def update(self, key: ObjectKey, vps: Object | None) -> str | None:
        """This VPS is now so; None: it is gone. Returns its node, if that has just cleared the mark.

        The mark goes with the placement too, when the VPS is bound or adopted anew: no node has spoken then.
        """
        before, marked = self._node_of.pop(key, None), self._marked.pop(key, None)
        if before is not None:
            self._of_node[before].discard(key)
            if not self._of_node[before]:
                del self._of_node[before]
        self._back.discard(key)
        found = VPS.of(vps)
        node, epoch = found.node, found.assignment.epoch
        if vps is None or not node or epoch is None:
            return None
        self._node_of[key] = node
        self._of_node[node].add(key)
        placement = (node, epoch)
        if is_marked(vps):
            self._marked[key] = placement
        if not is_back(vps):
            return None
        self._back.add(key)
        return node if marked == placement else None

    def nodes(self) -> Collection[str]:
        """Every node that a VPS is bound to, whether or not it is there."""
        return self._of_node.keys()

    def of(self, node: str) -> Collection[ObjectKey]:
        return tuple(self._of_node.get(node, ()))

    def back(self) -> Collection[ObjectKey]:
        """Those that still say their node is unreachable, though the mark is gone."""
        return tuple(self._back)


def is_marked(vps: Object) -> bool:
    """Whether a controller has said since when the node of this VPS is silent."""
    return bool(VPS.of(vps).unreachable_since)


def is_back(vps: Object) -> bool:
    """Whether the mark is gone, and only the condition still tells of it."""
    reachable = VPS.of(vps).condition(conditions.NODE_REACHABLE)
    return bool(reachable) and not reachable.is_true and not is_marked(vps)
