"""What a named transaction would write: from `giving.py` and `taking.py`, committed by `transactions.py`."""

import dataclasses
from collections.abc import Callable
from typing import Any

from kohakuriver.apiserver.binding.orders import Order, Records
from kohakuriver.apiserver.objects import phase
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """What would be written, and the VPS as it is then."""

    vps: Json
    writes: tuple[Put | Delete, ...] = ()  # none: it is so already
    removed: bool = False


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
