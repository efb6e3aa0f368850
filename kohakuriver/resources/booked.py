"""What a namespace has booked in all, and which ResourceQuota keeps it from booking more. Pure.

The API server compares it in the transactions that give; the controller asks first, so as not to try in vain.
What is used is never counted in a record of its own, which could drift: it is the sum of the namespace's
bookings on all nodes. Tombstones count, since their containers may still run; a stopped VPS holds its disk
alone.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kohakuriver import quantity
from kohakuriver.resources import quota

_millicores = functools.lru_cache(maxsize=4096)(quantity.millicores)
_size = functools.lru_cache(maxsize=4096)(quantity.size)

EXCEEDED = "QuotaExceeded"
"""The reason of a refusal, and of a VPS that waits, because its namespace may book no more."""


@dataclasses.dataclass(frozen=True, slots=True)
class Amounts:
    """An amount of everything that a quota limits when a VPS gets its node."""

    millicores: int = 0
    memory: int = 0  # bytes
    gpus: int = 0
    disk: int = 0  # bytes

    @classmethod
    def of(cls, booking: Mapping[str, Any] | None) -> "Amounts":
        """What one booking, as it is stored, holds. What is absent or cannot be read holds nothing."""
        if not booking:
            return NOTHING
        gpus = booking.get("gpus")
        return cls(
            _count(_millicores, booking.get("cores")),
            _count(_size, booking.get("memory")),
            len(gpus) if isinstance(gpus, list) else 0,
            _count(_size, booking.get("disk")),
        )

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            self.millicores + other.millicores,
            self.memory + other.memory,
            self.gpus + other.gpus,
            self.disk + other.disk,
        )

    def __sub__(self, other: "Amounts") -> "Amounts":
        return self + Amounts(-other.millicores, -other.memory, -other.gpus, -other.disk)

    def grows(self) -> bool:
        """Whether there is more than nothing of something."""
        return max(self.millicores, self.memory, self.gpus, self.disk) > 0

    def falls(self) -> bool:
        """Whether there is less than nothing of something."""
        return min(self.millicores, self.memory, self.gpus, self.disk) < 0

    def get(self, resource: str) -> int:
        """By the name in a quota: one of `quota.BOOKED`."""
        return {
            quota.CORES: self.millicores,
            quota.MEMORY: self.memory,
            quota.GPUS: self.gpus,
            quota.DISK: self.disk,
        }[resource]


NOTHING = Amounts()


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """What one ResourceQuota allows of one resource; `unreadable` says why nobody knows."""

    quota: str  # its name
    resource: str = ""
    most: int = 0  # in the unit of Amounts
    unreadable: str = ""


def limits_of(name: str, body: Any) -> tuple[Limit, ...]:
    """What a stored ResourceQuota limits of what is booked. One that makes no sense closes its namespace."""
    try:
        hard = (body.get("spec") or {}).get("hard") or {}
        found: dict[str, int] = {}
        for resource, limit in hard.items():
            full = quota.full_name(resource)
            if full in quota.BOOKED:  # of two spellings of one name the smaller limit holds
                most = quota.whole(full, limit)
                found[full] = min(most, found.get(full, most))
        return tuple(Limit(name, full, found[full]) for full in quota.BOOKED if full in found)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        return (Limit(name, unreadable=str(error)[:200]),)


def exceeded(used: Amounts, more: Amounts, limits: Iterable[Limit]) -> Limit | None:
    """The first limit that keeps `more` from being booked. What does not grow is never kept back."""
    for limit in limits:
        if limit.unreadable:
            if more.grows():
                return limit
        elif (
            more.get(limit.resource) > 0 and used.get(limit.resource) + more.get(limit.resource) > limit.most
        ):
            return limit
    return None


def asks_for_disk(limits: Iterable[Limit]) -> Limit | None:
    """The limit under which every VPS has to say how much disk it may take."""
    return next((limit for limit in limits if limit.resource == quota.DISK), None)


def written(resource: str, amount: int) -> str:
    """An amount as people read it: "2", "0.5", "4Gi"."""
    return _WRITTEN[resource](amount)


def _count(read: Callable[[str | int | float], int], value: object) -> int:
    if not isinstance(value, str | int | float):
        return 0
    try:
        return max(0, read(value))
    except (ValueError, ArithmeticError):
        return 0


_WRITTEN: Mapping[str, Callable[[int], str]] = {
    quota.CORES: quantity.decimal_cores,
    quota.MEMORY: quantity.format_size,
    quota.GPUS: str,
    quota.DISK: quantity.format_size,
}
