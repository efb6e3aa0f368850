"""What a write comes to, decided from what is stored; committed by `transact`."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from kohakuriver.apiserver.binding.orders import Order, Records
from kohakuriver.apiserver.objects import phase
from kohakuriver.apiserver.quota.judging import Asked
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """The object as it would be, and what has to be written for that."""

    object: Json
    writes: tuple[Put | Delete, ...] = ()  # none: it is so already
    created: bool = False
    removed: bool = False
    warnings: tuple[str, ...] = ()
    expect: Mapping[str, int] | None = None  # the revisions that the commit compares; None: all that was read
    asked: Asked | None = None  # of the namespace's quotas of objects
    moves: bool = True  # whether the object itself is among what is written, and so has the new revision


Decide = Callable[[Order, Records], Step]


def both(order: Order, vps: Json, allocation: Json, *more: Put) -> Step:
    """The VPS and the record, to be written together."""
    phase.stamp(vps)
    writes = (
        Put(order.key, codec.encode(vps)),
        Put(order.allocation_key, codec.encode(allocation)),
        *more,
    )
    return Step(vps, writes)
