"""Cores in millicores and memory in bytes: how much is asked for, held, and left on a node.

Pure; the countable half of `booking.py`. Which cores they are is `cores.py`'s.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

from kohakuriver import cpuset, overcommit, quantity
from kohakuriver.apiserver.objects.refusal import Refusal

Json = dict[str, Any]

_millicores = functools.lru_cache(maxsize=4096)(quantity.millicores)
_size = functools.lru_cache(maxsize=4096)(quantity.size)
_parsed = functools.lru_cache(maxsize=1024)(cpuset.parse)


@dataclasses.dataclass(frozen=True, slots=True)
class Amount:
    """An amount of both kinds of resource."""

    millicores: int = 0
    memory: int = 0  # bytes

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> "Amount":
        """What a spec's resources, a grant or a booking hold; what is absent holds nothing."""
        cores, memory = held.get("cores"), held.get("memory")
        return cls(
            0 if cores is None else _millicores(cores),
            0 if memory is None else _size(memory),
        )

    def written(self) -> Json:
        """In the form in which grants and bookings are written."""
        return {
            "cores": quantity.format_cores(self.millicores),
            "memory": quantity.format_size(self.memory),
        }

    def largest(self, other: "Amount") -> "Amount":
        """The larger of both, each kind by itself."""
        return Amount(max(self.millicores, other.millicores), max(self.memory, other.memory))


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """What is held of a node: millicores for somebody alone, millicores of what all others share, bytes."""

    alone: int = 0
    shared: int = 0
    memory: int = 0

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> "Claim":
        """What a booking or a container holds."""
        own = len(_parsed(held.get("cpuset") or ""))
        return cls.made(Amount.of(held), exclusive=bool(held.get("exclusive")), own=own)

    @classmethod
    def made(cls, amount: Amount, *, exclusive: bool, own: int) -> "Claim":
        """`own` cores are somebody's alone, also where what is a share now has not let them go yet; what is
        beyond them, where a share becomes exclusive and smaller, is shared until then."""
        alone = min(own * 1000, amount.millicores) if own else amount.millicores if exclusive else 0
        return cls(alone, amount.millicores - alone, amount.memory)

    @property
    def millicores(self) -> int:
        return self.alone + self.shared

    def weight(self, ratio: int) -> int:
        return overcommit.weight(alone=self.alone, shared=self.shared, ratio=ratio)


NOTHING = Claim()


def shortage(
    name: str,
    node: Mapping[str, Any] | None,
    others: Iterable[Mapping[str, Any]],
    *,
    wants: Claim,
    holds: Claim,
) -> Refusal | None:
    """What the node lacks, of the kinds of which more is wanted than held."""
    ratio = overcommit.of(node)
    more = wants.weight(ratio) > holds.weight(ratio), wants.memory > holds.memory
    if not any(more):
        return None
    allocatable = ((node or {}).get("status") or {}).get("allocatable")
    if not allocatable:
        return Refusal(f"node {name} has not reported what it has")
    whole, booked = Amount.of(allocatable), _together(others)
    short = [
        _cores(wants, whole.millicores, booked, ratio) if more[0] else "",
        _memory(wants.memory, whole.memory - booked.memory) if more[1] else "",
    ]
    return Refusal(f"{name} is short of {' and of '.join(filter(None, short))}") if any(short) else None


def _cores(wants: Claim, there: int, booked: Claim, ratio: int) -> str:
    """What is said where there are too few; empty where there are enough."""
    if wants.shared and wants.millicores > there:
        # More than all of its cores would be a limit that limits nothing.
        return f"cores: need {_written(wants.millicores)}, {_written(there)} in all"
    room = overcommit.room(there, alone=booked.alone, shared=booked.shared, ratio=ratio)
    if wants.weight(ratio) <= room:
        return ""
    free = room // ratio
    if wants.shared:
        free = wants.alone + (room - wants.alone * ratio) // overcommit.ONCE
    return f"cores: need {_written(wants.millicores)}, {_written(max(0, free))} free"


def _memory(need: int, rest: int) -> str:
    if need <= rest:
        return ""
    written = quantity.approximate_size
    return f"memory: need {written(need)}, {written(max(0, rest))} free"


def _written(millicores: int) -> str:
    return quantity.decimal_cores(millicores)


def _together(others: Iterable[Mapping[str, Any]]) -> Claim:
    alone = shared = memory = 0
    for held in map(Claim.of, others):
        alone, shared, memory = alone + held.alone, shared + held.shared, memory + held.memory
    return Claim(alone, shared, memory)
