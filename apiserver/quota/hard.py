"""A ResourceQuota as it is stored -> what it limits, in whole numbers. Pure.

What cannot be read of a quota might have been a small limit. So a quota with nonsense in it lets nothing new
into its namespace until somebody corrects or deletes it.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from kohakuriver import quantity
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import quota

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Hard:
    """What one quota limits: millicores of `requests.cpu`, bytes, or pieces, by the full name."""

    name: str
    limits: Mapping[str, int] = dataclasses.field(default_factory=dict)
    unreadable: str = ""  # why it cannot be read; empty where it can
    by_default: bool = False  # the API server's own, where the namespace's quotas do not name the same


def amount(name: str, written: str | int | float) -> int:
    """A limit of this resource as a whole number, rounded down. Raises ValueError."""
    return quota.whole(name, written)


def written(name: str, count: int) -> str:
    """An amount of this resource as people write it: `500m`, `4Gi`, `12`."""
    full = quota.full_name(name)
    if full == quota.CORES:
        return quantity.format_cores(count)
    return str(count) if full in quota.PIECES else quantity.format_size(count)


def of(record: Record) -> Hard:
    """What a stored quota limits. Of two spellings of one name the smaller limit holds; a name that this
    server does not know limits nothing."""
    name = record.key.rpartition("/")[2]
    limits: dict[str, int] = {}
    try:
        named = codec.decode(record)["spec"].get("hard")
        for key, most in () if named is None else named.items():
            full = quota.full_name(key)
            if full in quota.NAMES:
                limits[full] = min(amount(full, most), limits.get(full, 1 << 200))
    except codec.NONSENSE as error:
        return Hard(name, unreadable=" ".join(str(error).split())[:200] or type(error).__name__)
    return Hard(name, limits)


def default(limits: Mapping[str, int], named: Iterable[Hard]) -> Hard:
    """What the API server's default limits beside these quotas: what none of them names."""
    taken = {name for one in named for name in one.limits}
    kept = {name: most for name, most in limits.items() if name not in taken}
    return Hard("default", kept, by_default=True)
