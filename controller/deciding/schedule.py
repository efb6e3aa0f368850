"""Which node a VPS goes to, or in words why to none.

`schedule()` is the whole rule. `fleet.py` calls its parts with nodes that it keeps ranked, so that one
decision among a thousand nodes need not look at all of them. Pure: no I/O, no clock, no state.
"""

import dataclasses
import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter

from kohakuriver.controller.deciding import filters, refusing
from kohakuriver.controller.deciding.refusing import Filter
from kohakuriver.controller.deciding.view import Effect, NodeView, VPSRequest
from kohakuriver.placement import ports
from kohakuriver.placement.booking import Booking
from kohakuriver.placement.fits import choose
from kohakuriver.resources import reasons

IMAGE_BONUS = 0.2  # of the 1.0 that an empty node scores: saves a pull, yet does not pile everything up
GPU_MALUS = 1.0  # a node with GPUs is kept for those who ask for them as long as any other has room
TAINT_MALUS = 4.0  # more than any other difference: disliked nodes come last
SHORT = 64  # a refusal below is the number of a filter; above, a bit for each that is of size
UNMEASURED = SHORT  # nobody knows yet how much the node has


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
    if (obstacle := hindered(request)) is not None:
        return obstacle
    among = nodes if request.node is None else [node for node in nodes if node.name == request.node]
    for_gpus = request.gpus.count > 0
    ranked = sorted(
        ((worth(node, strategy, for_gpus=for_gpus), node) for node in among),
        key=lambda each: (-each[0], each[1].name),
    )
    has_image = any(request.image in node.facts.images for node in among)
    best = pick(request, ranked, bonus=IMAGE_BONUS if has_image else 0.0)
    return Placement(best.name) if best is not None else explain(request, list(among))


def hindered(request: VPSRequest) -> Unschedulable | None:
    """Why this may go to no node at all, whatever the nodes have; None where it may."""
    origin = request.origin
    return Unschedulable(origin.reason, origin.message) if origin is not None and origin.reason else None


def worth(node: NodeView, strategy: Strategy, *, for_gpus: bool) -> float:
    """How good a node is for all that ask for GPUs, or for all that do not."""
    facts = node.facts
    cores = node.core_room / (facts.cores * facts.overcommit) if facts.cores > 0 else 0.0
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
        number = refusal(to_pass, node)
        if number is not None:
            told[node.name] = number
        else:
            score = value + _preference(request, node)
            if score > best_score:
                best, best_score = node, score
    return best


def fits(request: VPSRequest, node: NodeView) -> bool:
    """Whether this node alone would do."""
    if hindered(request) is not None or request.node not in (None, node.name):
        return False
    return refusal(filters.that_apply(request), node) is None


def is_hopeful(request: VPSRequest, node: NodeView) -> bool:
    """Whether this node does, or may after some waiting."""
    if hindered(request) is not None or request.node not in (None, node.name):
        return False
    to_pass = filters.that_apply(request)
    code = refusal(to_pass, node)
    return code is None or not vain(to_pass, refusing_ones(to_pass, code), node)


def foreseen(request: VPSRequest, node: NodeView) -> Booking:
    """What the server will book for this request here, as far as that can be known."""
    chosen = choose(request, node)
    if not isinstance(chosen, Booking):
        chosen = Booking(request.cores, request.memory, is_exclusive=request.exclusive > 0, numa=request.numa)
    port = ports.ANY if request.needs_port and node.facts.ports else None
    return dataclasses.replace(chosen, port=port, namespace=request.account, disk=request.disk or 0)


def refusal(to_pass: Sequence[Filter], node: NodeView) -> int | None:
    """Which of these filters refuse this node, as `refusing_ones` reads it: the first, and where that is of
    size all that are."""
    skips = node.facts.is_open and to_pass[0] is filters.UNREADABLE  # none of state refuses an open node
    for number in range(len(filters.OF_STATE) if skips else 0, len(to_pass)):
        each = to_pass[number]
        if not each.fits(node):
            return _all_short(to_pass, node, number) if each.is_of_size else number
    return None


def _all_short(to_pass: Sequence[Filter], node: NodeView, first: int) -> int:
    if node.facts.cores <= 0:
        return UNMEASURED
    bit = 1 << (len(to_pass) - 1 - first)
    found = SHORT + bit
    for each in to_pass[first + 1 :]:
        bit >>= 1
        if not each.fits(node):
            found += bit
    return found


def refusing_ones(to_pass: Sequence[Filter], code: int) -> list[Filter]:
    """The filters of a refusal."""
    if code < SHORT:
        return [to_pass[code]]
    if code == UNMEASURED:
        return [filters.UNMEASURED]
    last = len(to_pass) - 1
    return [each for number, each in enumerate(to_pass) if (code - SHORT) >> (last - number) & 1]


def explain(request: VPSRequest, nodes: Sequence[NodeView]) -> Unschedulable:
    """Why none of these nodes will do, in the words of the filters that refused."""
    if request.node is not None:
        return _explain_named(request, nodes)
    to_pass = filters.that_apply(request)
    return explain_by(to_pass, _by_refusal(to_pass, nodes))


def explain_by(to_pass: Sequence[Filter], refused: Mapping[int, Sequence[NodeView]]) -> Unschedulable:
    """The same, once it is known which nodes were refused how. Where a sentence names one node of several
    that are alike, it is the first by name, so that the words stay while bookings come and go elsewhere."""
    if not refused:
        return Unschedulable("NoNodes", "no node has joined yet")
    by_name = {code: sorted(nodes, key=attrgetter("name")) for code, nodes in refused.items()}
    told = _most_first(to_pass, by_name)
    parts = [f"{len(nodes)} {refusing.phrase(which, nodes)}" for which, nodes in told]
    total = sum(len(nodes) for nodes in refused.values())
    word = reasons.common(vain(to_pass, which, node) for which, nodes in told for node in nodes)
    return Unschedulable(word or "Unschedulable", f"0 of {total} nodes fit: {', '.join(parts)}")


def vain(to_pass: Sequence[Filter], which: Sequence[Filter], node: NodeView) -> str:
    """The reason why waiting does not make a node fit that these filters refuse; empty where it may. One that
    is too small in all is so whatever else it lacks now."""
    of_size = [each for each in to_pass if each.is_of_size] if node.facts.is_measured else []
    found = (each.vain(node) for each in (*of_size, *which) if each in which or not each.fits(node))
    return next(filter(None, found), "")


def refusals_of(
    to_pass: Sequence[Filter], nodes: Iterable[NodeView]
) -> list[tuple[list[Filter], Sequence[NodeView]]]:
    """The filters that refuse, with the nodes that these refuse, most nodes first."""
    return _most_first(to_pass, _by_refusal(to_pass, nodes))


def _by_refusal(to_pass: Sequence[Filter], nodes: Iterable[NodeView]) -> dict[int, list[NodeView]]:
    refused: dict[int, list[NodeView]] = {}
    for node in nodes:
        code = refusal(to_pass, node)
        if code is not None:
            refused.setdefault(code, []).append(node)
    return refused


def _most_first(
    to_pass: Sequence[Filter], refused: Mapping[int, Sequence[NodeView]]
) -> list[tuple[list[Filter], Sequence[NodeView]]]:
    """Of equally many those of the filter that comes first: its bit is the highest."""
    ordered = sorted(
        refused.items(), key=lambda item: (-len(item[1]), item[0] if item[0] < SHORT else SHORT * 4 - item[0])
    )
    return [(refusing_ones(to_pass, code), nodes) for code, nodes in ordered]


def _explain_named(request: VPSRequest, nodes: Sequence[NodeView]) -> Unschedulable:
    begins = (
        f"Snapshot {request.origin.snapshot} is on {request.node}: " if request.origin is not None else ""
    )
    if not nodes:
        return Unschedulable(reasons.NODE_NOT_FOUND, f"{begins}node {request.node} does not exist")
    to_pass = filters.that_apply(request)
    ((which, refused), *_) = refusals_of(to_pass, nodes)
    found = vain(to_pass, which, refused[0])
    return Unschedulable(found or "Unschedulable", begins + refusing.alone(which, refused[0]))


def _preference(request: VPSRequest, node: NodeView) -> float:
    score = IMAGE_BONUS if request.image in node.facts.images else 0.0
    for taint in node.facts.taints:
        if taint.effect is Effect.PREFER_NO_SCHEDULE and not request.tolerates(taint):
            return score - TAINT_MALUS
    return score
