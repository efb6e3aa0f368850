"""Which cores a VPS gets: a set of its own where it asks for exclusive ones, else room in the shared pool.

Pure. Exclusive sets never overlap. On each NUMA node, what is pinned there as a share never exceeds the cores
that are not exclusive there, times the node's ratio (`overcommit`), and no share exceeds all of its cores.
Wherever somebody has a share at least one core is left to share. Which cores a share runs on at a moment is
worked out by the agent, from the same record.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

from kohakuriver import cpuset, overcommit, quantity
from kohakuriver.apiserver.booking.amounts import Amount
from kohakuriver.apiserver.booking.wanted import Wanted
from kohakuriver.apiserver.objects.refusal import PLACEMENT_NUMA, RESOURCES, Refusal

Cores = frozenset[int]
NONE: Cores = frozenset()

_parsed = functools.lru_cache(maxsize=1024)(cpuset.parse)


@dataclasses.dataclass(frozen=True, slots=True)
class _Machine:
    """A node's cores by NUMA node, and what the others have of them."""

    name: str
    numa: Mapping[int, Cores]
    taken: Cores
    used: Mapping[int, int]  # by NUMA node, as `overcommit.weight` counts
    shared: bool  # whether somebody else runs on the shared cores
    ratio: int

    @property
    def cores(self) -> Cores:
        return NONE.union(*self.numa.values())

    def size(self, numa: int) -> int:
        """Millicores of a NUMA node."""
        return len(self.numa[numa]) * 1000

    def rest(self, numa: int) -> int:
        """Millicores of a NUMA node that shares pinned there may have yet."""
        return self._left(numa) // overcommit.ONCE

    def room(self, numa: int) -> int:
        """Cores of a NUMA node that could become exclusive."""
        return min(self._left(numa) // self.ratio // 1000, len(self.numa[numa] - self.taken))

    def _left(self, numa: int) -> int:
        return max(0, self.size(numa) * self.ratio - self.used[numa])


def choose(
    name: str,
    node: Mapping[str, Any] | None,
    others: Iterable[Mapping[str, Any]],
    *,
    wanted: Wanted,
    held: Cores,
) -> Cores | Refusal:
    """The exclusive cores of the VPS, none where it has a share. What it holds comes first."""
    machine = _machine(name, node, others)
    if machine is None:
        if not wanted.exclusive and wanted.numa is None:
            return NONE  # a share of whatever it has
        field = RESOURCES if wanted.exclusive else PLACEMENT_NUMA
        return Refusal(f"node {name} has not reported which cores it has", field)
    if wanted.numa is not None and wanted.numa not in machine.numa:
        known = ", ".join(map(str, sorted(machine.numa)))
        return Refusal(f"{name} has no NUMA node {wanted.numa}; it has {known}", PLACEMENT_NUMA)
    return _exclusive(machine, wanted, held) if wanted.exclusive else _share(machine, wanted)


def fewer(held: Cores, count: int) -> Cores:
    """So many of the cores that are held."""
    return frozenset(sorted(held)[:count])


def _machine(
    name: str, node: Mapping[str, Any] | None, others: Iterable[Mapping[str, Any]]
) -> _Machine | None:
    reported = ((node or {}).get("status") or {}).get("numa")
    if not reported:
        return None
    numa = {int(one["id"]): _parsed(one["cpuset"]) for one in reported}
    ratio = overcommit.of(node)
    taken, used, shared = NONE, dict.fromkeys(numa, 0), False
    for entry in others:
        shared = shared or bool(entry.get("cores") and not entry.get("exclusive"))
        own, pinned_to = _parsed(entry.get("cpuset") or ""), entry.get("numa")
        if not own and pinned_to is None:
            continue
        taken |= own
        for number, there in numa.items():
            pinned = Amount.of(entry).millicores if pinned_to == number else 0
            alone = len(own & there) * 1000
            used[number] += overcommit.weight(alone=alone, shared=max(0, pinned - alone), ratio=ratio)
    return _Machine(name, numa, taken, used, shared, ratio)


def _exclusive(machine: _Machine, wanted: Wanted, held: Cores) -> Cores | Refusal:
    count = wanted.whole_cores
    allowed = sorted(machine.numa) if wanted.numa is None else [wanted.numa]
    rooms = {number: machine.room(number) for number in allowed}
    free = sum(rooms.values())
    where = machine.name if wanted.numa is None else f"NUMA node {wanted.numa} of {machine.name}"
    if free < count:
        return Refusal(f"{where} is short of exclusive cores: need {count}, {free} free")
    chosen = _picked(machine, rooms, count, held)
    if machine.shared and not machine.cores - machine.taken - chosen - held:
        return Refusal(f"{where} is short of exclusive cores: others need at least one core to share")
    return chosen


def _picked(machine: _Machine, rooms: Mapping[int, int], count: int, held: Cores) -> Cores:
    """All from one NUMA node where one has room, the fullest such; what is held comes first."""
    enough = [number for number, room in rooms.items() if room >= count]
    order = (
        [min(enough, key=lambda n: (-len(held & machine.numa[n]), rooms[n], n))]
        if enough
        else sorted(rooms, key=lambda n: (-len(held & machine.numa[n]), -rooms[n], n))
    )
    chosen: list[int] = []
    for number in order:
        free = sorted(machine.numa[number] - machine.taken, key=lambda core: (core not in held, core))
        chosen += free[: min(rooms[number], count - len(chosen))]
    return frozenset(chosen)


def _share(machine: _Machine, wanted: Wanted) -> Cores | Refusal:
    if not machine.cores - machine.taken:
        return Refusal(f"all {len(machine.cores)} cores of {machine.name} are other VPSes' alone")
    if wanted.numa is None:
        return NONE
    need, rest, size = wanted.amount.millicores, machine.rest(wanted.numa), machine.size(wanted.numa)
    if need <= min(rest, size):
        return NONE
    has = f"{quantity.decimal_cores(size)} in all" if need > size else f"{quantity.decimal_cores(rest)} free"
    where = f"NUMA node {wanted.numa} of {machine.name}"
    return Refusal(f"{where} is short of cores: need {quantity.decimal_cores(need)}, {has}")
