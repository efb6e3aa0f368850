"""Whole cores: which NUMA node has how many left, and which ones an exclusive VPS would get.

Pure arithmetic on sets of cores, by the rules of docs/design/002-placement-in-full.md: exclusive sets never
overlap, what is pinned to a NUMA node and what is exclusive there never exceed its cores, and where somebody
has a share one core is left to share. How many millicores are booked in all is `room.py`'s.
"""

import dataclasses
from collections.abc import Mapping, Sequence

Cores = frozenset[int]
NONE: Cores = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What of a node's cores is somebody's."""

    taken: Cores = NONE  # exclusively
    used: Mapping[int, int] = dataclasses.field(default_factory=dict)  # millicores by NUMA node, where any
    shared: bool = False  # somebody runs on the rest

    def is_within(self, other: "Use") -> bool:
        """Whether nothing is somebody's here that is free there."""
        return (
            self.taken <= other.taken
            and self.shared <= other.shared
            and all(amount <= other.used.get(numa, 0) for numa, amount in self.used.items())
        )


def rest(numa: Mapping[int, Cores], use: Use, number: int) -> int:
    """Millicores of a NUMA node that are neither exclusive nor pinned."""
    return max(0, len(numa[number]) * 1000 - use.used.get(number, 0))


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
    return min(rest(numa, use, number) // 1000, len(numa[number] - use.taken))
