"""Whole cores: which NUMA node has how many left, and which ones an exclusive VPS would get.

Pure arithmetic on sets of cores, by the rules of docs/design/002-placement-in-full.md and 015: exclusive sets
never overlap, what is pinned to a NUMA node never exceeds its cores that are not exclusive, times the node's
ratio, and where somebody has a share one core is left to share. How much is booked in all is `room.py`'s.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from kohakuriver import overcommit

Cores = frozenset[int]
NONE: Cores = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What of a node's cores is somebody's."""

    taken: Cores = NONE  # exclusively
    pinned: Mapping[int, int] = dataclasses.field(default_factory=dict)  # shares by NUMA node, where any
    shared: bool = False  # somebody runs on the rest
    ratio: int = overcommit.ONCE

    def is_within(self, other: "Use") -> bool:
        """Whether nothing is somebody's here that is free there."""
        return (
            self.taken <= other.taken
            and self.shared <= other.shared
            and all(amount <= other.pinned.get(numa, 0) for numa, amount in self.pinned.items())
        )


def rest(numa: Mapping[int, Cores], use: Use, number: int) -> int:
    """Millicores of a NUMA node that shares pinned there may have yet."""
    return max(0, _left(numa, use, number)) // overcommit.ONCE


def shareable(numa: Mapping[int, Cores], use: Use) -> int:
    """How many cores are nobody's alone."""
    return len(NONE.union(*numa.values()) - use.taken)


def free(numa: Mapping[int, Cores], use: Use, number: int | None) -> int:
    """How many cores could become exclusive, on one NUMA node or on all."""
    rooms = sum(_room(numa, use, each) for each in _allowed(numa, number))
    return min(rooms, shareable(numa, use) - 1) if use.shared else rooms


def choose(numa: Mapping[int, Cores], use: Use, count: int, number: int | None) -> Cores:
    """The cores that the server would make exclusive, given that so many are free."""
    rooms = {each: _room(numa, use, each) for each in _allowed(numa, number)}
    enough = [each for each, room in rooms.items() if room >= count]
    order: Sequence[int] = (
        [min(enough, key=lambda each: (rooms[each], each))]
        if enough
        else sorted(rooms, key=lambda each: (-rooms[each], each))
    )
    chosen: list[int] = []
    for each in order:
        chosen += sorted(numa[each] - use.taken)[: min(rooms[each], count - len(chosen))]
    return frozenset(chosen)


def _allowed(numa: Mapping[int, Cores], number: int | None) -> list[int]:
    return sorted(numa) if number is None else [number] if number in numa else []


def _room(numa: Mapping[int, Cores], use: Use, number: int) -> int:
    whole = max(0, _left(numa, use, number)) // use.ratio // 1000
    return min(whole, len(numa[number] - use.taken))


def _left(numa: Mapping[int, Cores], use: Use, number: int) -> int:
    """As `overcommit.room` counts."""
    there, alone = len(numa[number]) * 1000, len(numa[number] & use.taken) * 1000
    return overcommit.room(there, alone=alone, shared=use.pinned.get(number, 0), ratio=use.ratio)
