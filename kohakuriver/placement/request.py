"""What the spec of a VPS asks of a node, read once and compared by meaning ("2000m" is 2). Pure."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from kohakuriver import quantity
from kohakuriver.placement.gpus import NO_GPUS, Wish

millicores_of = functools.lru_cache(maxsize=4096)(quantity.millicores)
size_of = functools.lru_cache(maxsize=4096)(quantity.size)


@dataclasses.dataclass(frozen=True, slots=True)
class Request:
    """Everything that is booked on a node for a VPS, but its SSH port."""

    cores: int  # millicores
    memory: int  # bytes
    exclusive: int = 0  # whole cores for itself alone
    numa: int | None = None
    gpus: Wish = NO_GPUS


def asked_by(vps: Mapping[str, Any]) -> Request:
    """What this VPS asks for."""
    resources, placement = vps["spec"]["resources"], vps["spec"].get("placement") or {}
    millicores = millicores_of(resources["cores"])
    return Request(
        millicores,
        size_of(resources["memory"]),
        millicores // 1000 if resources.get("exclusive") else 0,
        placement.get("numa"),
        Wish.of(placement.get("gpus")),
    )
