"""A node on one line: how it stands, and bars of what is booked of it. Pure."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from kohakuriver.cli.tui.dashboard.line import GAP, Line, Piece, Tone, fit, joined
from kohakuriver.cli.view import node_overview as overview
from kohakuriver.resources.view import Allocation, Node

Object = dict[str, Any]
Allocations = Mapping[str, Object] | None
"""By the node's name; None for somebody who may not read them."""

_NAME, _STATUS, _VPSES = 12, 17, 5  # columns, where the screen is narrow
_WIDEST_BAR, _NARROWEST_BAR = 30, 4
_EIGHTHS = " ▏▎▍▌▋▊▉"
_TIGHT, _FULL = 0.8, 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Columns:
    """How wide each column of the table of nodes is."""

    name: int
    status: int
    bar: int
    amounts: tuple[int, int, int]  # of cores, memory and GPUs

    @property
    def meters(self) -> list[int]:
        """Each bar with its numbers."""
        return [self.bar + 1 + amount if amount else 0 for amount in self.amounts]


def columns(nodes: Sequence[Object], allocations: Allocations, width: int) -> Columns:
    """What suits these nodes on a screen of that width."""
    longest = max((len(node["metadata"]["name"]) for node in nodes), default=0)
    words = max((len(Node.of(node).word) for node in nodes), default=0)
    is_narrow = width < 120
    name = max(min(longest, _NAME if is_narrow else 30), 4)
    status = max(min(words, _STATUS if is_narrow else 24), 6)
    shown = [_amounts(node, allocations) for node in nodes] or [("", "", "")]
    wide = [max(len(amounts[index]) for amounts in shown) for index in range(3)]
    amounts = (max(wide[0], 3), max(wide[1], 4), wide[2])
    meters = 3 if amounts[2] else 2
    left = width - name - status - _VPSES - len(GAP) * (2 + meters) - sum(amounts) - meters
    fitting = min(max(left // meters, _NARROWEST_BAR), _WIDEST_BAR)
    return Columns(name, status, fitting if allocations is not None else 0, amounts)


def titles(columns: Columns) -> Line:
    cores, memory, gpus = columns.meters
    words = [("NODE", columns.name), ("STATUS", columns.status), ("VPSES", _VPSES)]
    words += [("CORES", cores), ("MEMORY", memory), ("GPUS", gpus)]
    return joined([Piece(fit(word, width), Tone.TITLE) for word, width in words])


def line(node: Object, allocations: Allocations, columns: Columns) -> Line:
    word = Node.of(node).word
    allocation = _allocation(node, allocations)
    count = "?" if allocation is None else str(len(Allocation.of(allocation).bookings))
    found = joined(
        [
            Piece(fit(node["metadata"]["name"], columns.name)),
            Piece(fit(word, columns.status), tone(word)),
            Piece(count.rjust(_VPSES)),
        ]
    )
    there, shown = _there(node, allocation), _amounts(node, allocations)
    booked = (0, 0, 0) if allocation is None else overview.booked(allocation)
    for used, whole, amounts, width in zip(booked, there, shown, columns.amounts, strict=True):
        if width:
            drawn = bar(used, whole, columns.bar) if whole else [Piece(" " * columns.bar)]
            found += [Piece(GAP), *drawn, Piece(f" {fit(amounts, width)}")]
    return found


def tone(word: str) -> Tone:
    """Of what `node list` says of a node."""
    return {"Ready": Tone.GOOD, "NotReady": Tone.BAD}.get(word, Tone.WARN)


def _allocation(node: Object, allocations: Allocations) -> Object | None:
    return None if allocations is None else allocations.get(node["metadata"]["name"], {})


def _amounts(node: Object, allocations: Allocations) -> tuple[str, str, str]:
    cores, memory, gpus = overview.amounts(node, _allocation(node, allocations))
    return cores, memory, "" if gpus in ("0", "0/0") else gpus


def _there(node: Object, allocation: Object | None) -> tuple[int, int, int]:
    found = Node.of(node)
    return overview.to_give(node, allocation) or 0, found.capacity.memory_bytes, len(found.gpus)


def bar(used: float, there: float, width: int) -> Line:
    """So many cells. What is booked at all shows, and only what is full looks full."""
    share = min(max(used / there, 0.0), 1.0) if there > 0 else 0.0
    eighths = round(share * width * 8)
    if 0 < share < 1:
        eighths = min(max(eighths, 1), width * 8 - 1)
    whole, rest = divmod(eighths, 8)
    filled = "█" * whole + (_EIGHTHS[rest] if rest else "")
    return [Piece(filled, _bar_tone(share)), Piece("░" * (width - len(filled)), Tone.FAINT)]


def _bar_tone(share: float) -> Tone:
    """Nothing is wrong with a full node; it is only good to know."""
    return Tone.GOOD if share < _TIGHT else Tone.BUSY if share < _FULL else Tone.WARN
