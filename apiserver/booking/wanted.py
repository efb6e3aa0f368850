"""What the spec of a VPS asks of a node, read once and compared by meaning ("2000m" is 2). Pure."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kohakuriver.apiserver.booking.amounts import Amount


@dataclasses.dataclass(frozen=True, slots=True)
class GPUs:
    """Which GPUs are asked for: these, or so many of a model."""

    ids: tuple[int | str, ...] = ()
    count: int = 0
    model: str = ""

    @classmethod
    def of(cls, request: Mapping[str, Any] | None) -> "GPUs":
        """No request asks for none."""
        if not request:
            return cls()
        ids = tuple(request.get("ids") or ())
        return cls(ids, len(ids) or int(request.get("count") or 1), request.get("model") or "")


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """Everything that is booked on a node for a VPS, but its SSH port."""

    amount: Amount
    exclusive: bool = False
    numa: int | None = None
    gpus: GPUs = GPUs()

    @classmethod
    def of(cls, vps: Mapping[str, Any]) -> "Wanted":
        resources, placement = vps["spec"]["resources"], vps["spec"].get("placement") or {}
        return cls(
            Amount.of(resources),
            bool(resources.get("exclusive")),
            placement.get("numa"),
            GPUs.of(placement.get("gpus")),
        )

    @property
    def whole_cores(self) -> int:
        """How many cores of its own it asks for."""
        return self.amount.millicores // 1000 if self.exclusive else 0
