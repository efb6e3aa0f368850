"""What a filter is: one reason to refuse a node, which says so in words.

The filters themselves: `filters.py` for what every node has, `topology.py` for whole cores, NUMA nodes and
GPUs, `permission.py` for what a node or a former placement does not permit. Pure: a filter reads a NodeView
and nothing else.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol

from kohakuriver.controller.deciding.view import NodeView

_SHORT = "short of "


class Filter(Protocol):
    """One reason to refuse a node."""

    is_of_size: ClassVar[bool] = False
    """Whether it is about how much a node has: of such reasons all are told, of others the first."""

    def fits(self, node: NodeView) -> bool: ...

    def phrase(self, refused: Sequence[NodeView]) -> str:
        """What these nodes are, after a count or after "is": "short of memory (need 4Gi, …)"."""
        ...

    def alone(self, node: NodeView) -> str:
        """The sentence when this node was asked for by name, and refuses."""
        return f"node {node.name} is {self.phrase((node,))}"

    def vain(self, node: NodeView) -> str:
        """The reason (`reasons.py`) where waiting does not make this node fit; empty where it may. Asked of a
        node that this filter refuses."""
        return ""


def phrase(filters: Sequence[Filter], refused: Sequence[NodeView]) -> str:
    """What these nodes are, refused by all of these filters: "short of cores (…) and memory (…)"."""
    first, *more = [each.phrase(refused) for each in filters]
    if first.startswith(_SHORT):
        more = [one.removeprefix(_SHORT) for one in more]
    *most, last = first, *more
    return f"{', '.join(most)} and {last}" if most else last


def alone(filters: Sequence[Filter], node: NodeView) -> str:
    """The sentence when this node was asked for by name, and all of these filters refuse."""
    return filters[0].alone(node) if len(filters) == 1 else f"node {node.name} is {phrase(filters, (node,))}"


def shortage(
    what: str,
    refused: Sequence[NodeView],
    *,
    need: int,
    free: Callable[[NodeView], int],
    most: Callable[[NodeView], int],
    total: Callable[[NodeView], int] | None = None,
    written: Callable[[int], str] = str,
) -> str:
    """ "short of memory (need 16Gi, most free 9.5Gi, 30Gi in all on n2)"; where none of them would do if it
    were empty, only how much the largest has. `most` is what one VPS may have of a node, `total` what all.
    """
    best, is_one = max(refused, key=free), len(refused) == 1
    if most(best) < need:
        enough = [node for node in refused if most(node) >= need]
        best = max(enough, key=free) if enough else max(refused, key=most)
    if most(best) < need:
        has = f"{'' if is_one else 'at most '}{written(most(best))} in all on {best.name}"
        return f"{_SHORT}{what} (need {written(need)}, {has})"
    words = "free" if is_one else "most free"
    has = f"{words} {written(max(0, free(best)))}, {written((total or most)(best))} in all on {best.name}"
    return f"{_SHORT}{what} (need {written(need)}, {has})"
