"""Cores in millicores and memory in bytes: how much is asked for, held, and left on a node.

Pure; the countable half of `booking.py`. Which cores they are is `cores.py`'s.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kohakuriver import quantity
from kohakuriver.apiserver.writing.refusal import Refusal

Json = dict[str, Any]

_millicores = functools.lru_cache(maxsize=4096)(quantity.millicores)
_size = functools.lru_cache(maxsize=4096)(quantity.size)


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


NOTHING = Amount()


def shortage(
    name: str,
    node: Mapping[str, Any] | None,
    others: Iterable[Mapping[str, Any]],
    *,
    wants: Amount,
    holds: Amount,
) -> Refusal | None:
    """What the node lacks, of the kinds of which more is wanted than held."""
    more = wants.millicores > holds.millicores, wants.memory > holds.memory
    if not any(more):
        return None
    allocatable = ((node or {}).get("status") or {}).get("allocatable")
    if not allocatable:
        return Refusal(f"node {name} has not reported what it has")
    rest = _rest(Amount.of(allocatable), others)
    short = []
    if more[0] and wants.millicores > rest.millicores:
        short.append(_sentence("cores", wants.millicores, rest.millicores, quantity.decimal_cores))
    if more[1] and wants.memory > rest.memory:
        short.append(_sentence("memory", wants.memory, rest.memory, quantity.approximate_size))
    return Refusal(f"{name} is short of {' and of '.join(short)}") if short else None


def _sentence(what: str, need: int, rest: int, written: Callable[[int], str]) -> str:
    return f"{what}: need {written(need)}, {written(max(0, rest))} free"


def _rest(whole: Amount, others: Iterable[Mapping[str, Any]]) -> Amount:
    cores, memory = whole.millicores, whole.memory
    for entry in others:
        held = Amount.of(entry)
        cores, memory = cores - held.millicores, memory - held.memory
    return Amount(cores, memory)
