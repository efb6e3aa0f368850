"""Which node a VPS goes to, or in words why to none.

`schedule()` is the whole rule. `fleet.py` calls its parts with nodes that it keeps ranked, so that one
decision among a thousand nodes need not look at all of them. Pure: no I/O, no clock, no state.
"""

import dataclasses
import enum
from collections.abc import Collection, Iterable, Mapping, Sequence

from kohakuriver.controller.deciding import filters
from kohakuriver.controller.deciding.refusing import Filter
from kohakuriver.controller.deciding.room import NodeView
from kohakuriver.controller.deciding.view import Effect, VPSRequest
from kohakuriver.resources import reasons

IMAGE_BONUS = 0.2  # of the 1.0 that an empty node scores: saves a pull, yet does not pile everything up
GPU_MALUS = 1.0  # a node with GPUs is kept for those who ask for them as long as any other has room
TAINT_MALUS = 4.0  # more than any other difference: disliked nodes come last


class Strategy(enum.StrEnum):
    """How nodes are preferred."""

    SPREAD = "spread"  # the emptiest first
    PACK = "pack"  # the fullest that still fits first


@dataclasses.dataclass(frozen=True, slots=True)
class Placement:
    """The node chosen."""

    node: str


@dataclasses.dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node will do now."""

    reason: str  # one CamelCase word
    message: str  # one sentence


def schedule(
    request: VPSRequest, nodes: Collection[NodeView], *, strategy: Strategy = Strategy.SPREAD
) -> Placement | Unschedulable:
    """The best node that every filter lets pass. Equal nodes are told apart by name."""
    among = nodes if request.node is None else [node for node in nodes if node.name == request.node]
    for_gpus = request.gpus.count > 0
    ranked = sorted(
        ((worth(node, strategy, for_gpus=for_gpus), node) for node in among),
        key=lambda each: (-each[0], each[1].name),
    )
    has_image = any(request.image in node.facts.images for node in among)
    best = pick(request, ranked, bonus=IMAGE_BONUS if has_image else 0.0)
    return Placement(best.name) if best is not None else explain(request, [node for _, node in ranked])


def worth(node: NodeView, strategy: Strategy, *, for_gpus: bool) -> float:
    """How good a node is for all that ask for GPUs, or for all that do not."""
    facts = node.facts
    cores = node.free_cores / facts.cores if facts.cores > 0 else 0.0
    memory = node.free_memory / facts.memory if facts.memory > 0 else 0.0
    free = (cores + memory) / 2
    if for_gpus and facts.gpus:
        free = (cores + memory + 1.0 - len(node.gpus) / len(facts.gpus)) / 3
    free = min(1.0, max(0.0, free))
    value = free if strategy is Strategy.SPREAD else 1.0 - free
    return value - GPU_MALUS if facts.gpus and not for_gpus else value


def pick(
    request: VPSRequest,
    ranked: Iterable[tuple[float, NodeView]],
    *,
    bonus: float,
    refused: dict[str, int] | None = None,
) -> NodeView | None:
    """The best of nodes that come with their worth, best first. `bonus` bounds what a later one may gain.

    `refused` hears of each node that was asked and refused, and by which of the filters.
    """
    to_pass = filters.that_apply(request)
    told = refused if refused is not None else {}
    best: NodeView | None = None
    best_score = float("-inf")
    for value, node in ranked:
        if value + bonus <= best_score:
            break
        number = first_refusal(to_pass, node)
        if number is not None:
            told[node.name] = number
        else:
            score = value + _preference(request, node)
            if score > best_score:
                best, best_score = node, score
    return best


def fits(request: VPSRequest, node: NodeView) -> bool:
    """Whether this node alone would do."""
    if request.node not in (None, node.name):
        return False
    return first_refusal(filters.that_apply(request), node) is None


def first_refusal(to_pass: Sequence[Filter], node: NodeView) -> int | None:
    """Which of these filters is the first to refuse this node, if one does."""
    for number, each in enumerate(to_pass):
        if not each.fits(node):
            return number
    return None


def explain(request: VPSRequest, nodes: Sequence[NodeView]) -> Unschedulable:
    """Why none of these nodes will do, in the words of the filters that refused."""
    if request.node is not None:
        return _explain_named(request, nodes)
    to_pass = filters.that_apply(request)
    return explain_by(to_pass, _by_refusal(to_pass, nodes))


def explain_by(to_pass: Sequence[Filter], refused: Mapping[int, Sequence[NodeView]]) -> Unschedulable:
    """The same, once it is known which nodes each filter was the first to refuse."""
    if not refused:
        return Unschedulable("NoNodes", "no node has joined yet")
    parts = [f"{len(nodes)} {each.phrase(nodes)}" for each, nodes in _most_first(to_pass, refused)]
    total = sum(len(nodes) for nodes in refused.values())
    vain = reasons.common({to_pass[number].vain(node) for number, nodes in refused.items() for node in nodes})
    return Unschedulable(vain or "Unschedulable", f"0 of {total} nodes fit: {', '.join(parts)}")


def refusals_of(
    to_pass: Sequence[Filter], nodes: Iterable[NodeView]
) -> list[tuple[Filter, Sequence[NodeView]]]:
    """Each filter with the nodes it was the first to refuse, most nodes first."""
    return _most_first(to_pass, _by_refusal(to_pass, nodes))


def _by_refusal(to_pass: Sequence[Filter], nodes: Iterable[NodeView]) -> dict[int, list[NodeView]]:
    refused: dict[int, list[NodeView]] = {}
    for node in nodes:
        number = first_refusal(to_pass, node)
        if number is not None:
            refused.setdefault(number, []).append(node)
    return refused


def _most_first(
    to_pass: Sequence[Filter], refused: Mapping[int, Sequence[NodeView]]
) -> list[tuple[Filter, Sequence[NodeView]]]:
    ordered = sorted(refused.items(), key=lambda item: (-len(item[1]), item[0]))
    return [(to_pass[number], nodes) for number, nodes in ordered]


def _explain_named(request: VPSRequest, nodes: Sequence[NodeView]) -> Unschedulable:
    if not nodes:
        return Unschedulable(reasons.NODE_NOT_FOUND, f"node {request.node} does not exist")
    ((each, refused), *_) = refusals_of(filters.that_apply(request), nodes)
    return Unschedulable(each.vain(refused[0]) or "Unschedulable", each.alone(refused[0]))


def _preference(request: VPSRequest, node: NodeView) -> float:
    score = IMAGE_BONUS if request.image in node.facts.images else 0.0
    for taint in node.facts.taints:
        if taint.effect is Effect.PREFER_NO_SCHEDULE and not request.tolerates(taint):
            return score - TAINT_MALUS
    return score
