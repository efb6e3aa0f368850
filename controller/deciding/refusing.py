"""What a filter is: one reason to refuse a node, which says so in words.

The filters themselves: `filters.py` for what every node has, `topology.py` for whole cores, NUMA nodes and
GPUs, `permission.py` for what a node or a former placement does not permit. Pure: a filter reads a NodeView
and nothing else.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from kohakuriver.controller.deciding.room import NodeView


class Filter(Protocol):
    """One reason to refuse a node."""

    def fits(self, node: NodeView) -> bool: ...

    def phrase(self, refused: Sequence[NodeView]) -> str:
        """What these nodes are, after a count or after "is": "short of memory (need 4Gi, …)"."""
        ...

    def alone(self, node: NodeView) -> str:
        """The sentence when this node was asked for by name, and refuses."""
        return f"node {node.name} is {self.phrase((node,))}"

    def vain(self, node: NodeView) -> str:
        """The reason (`reasons.py`) where waiting does not make this node fit; empty where it may."""
        return ""


def shortage(
    what: str,
    refused: Sequence[NodeView],
    *,
    need: int,
    free: Callable[[NodeView], int],
    written: Callable[[int], str] = str,
) -> str:
    """ "short of memory (need 16Gi, most free 9.5Gi on n2)"."""
    best = max(refused, key=free)
    words = "most free" if len(refused) > 1 else "free"
    return f"short of {what} (need {written(need)}, {words} {written(max(0, free(best)))} on {best.name})"
