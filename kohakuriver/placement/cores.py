"""Whole cores: which NUMA node has how many left, and which ones an exclusive VPS gets.

Pure arithmetic on sets of cores, by the rules of docs/design/002-placement-in-full.md and 015: exclusive sets
never overlap, what is pinned to a NUMA node never exceeds its cores that are not exclusive, times the node's
ratio, and where somebody has a share one core is left to share.
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


def shareable(numa: Mapping[int, Cores], use: Use) -> Cores:
    """The cores that are nobody's alone."""
    return NONE.union(*numa.values()) - use.taken


def roomy(numa: Mapping[int, Cores], use: Use, number: int | None) -> int:
    """How many cores have room to become exclusive, on one NUMA node or on all."""
    return sum(_room(numa, use, each) for each in _allowed(numa, number))


def free(numa: Mapping[int, Cores], use: Use, number: int | None) -> int:
    """How many of them could, so that those who share keep a core."""
    rooms = roomy(numa, use, number)
    return min(rooms, len(shareable(numa, use)) - 1) if use.shared else rooms


def choose(
    numa: Mapping[int, Cores], use: Use, count: int, number: int | None, *, held: Cores = NONE
) -> Cores:
    """The cores that become exclusive, given that so many have room.

    All come from one NUMA node where one has room, the fullest such; what is held comes first.
    """
    rooms = {each: _room(numa, use, each) for each in _allowed(numa, number)}
    enough = [each for each, room in rooms.items() if room >= count]
    order: Sequence[int] = (
        [min(enough, key=lambda each: (-len(held & numa[each]), rooms[each], each))]
        if enough
        else sorted(rooms, key=lambda each: (-len(held & numa[each]), -rooms[each], each))
    )
    chosen: list[int] = []
    for each in order:
        there = sorted(numa[each] - use.taken, key=lambda core: (core not in held, core))
        chosen += there[: min(rooms[each], count - len(chosen))]
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
