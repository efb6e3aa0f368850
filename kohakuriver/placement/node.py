"""What a node has to give, read from its Node. Pure."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kohakuriver import overcommit
from kohakuriver.placement import gpus, ports
from kohakuriver.placement.booking import Booking, cores_in, strays_of
from kohakuriver.placement.cores import Cores
from kohakuriver.placement.gpus import GPU
from kohakuriver.placement.request import millicores_of, size_of

Object = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Machine:
    """A node, as far as VPSes take something of it."""

    name: str
    cores: int = 0  # allocatable millicores
    memory: int = 0  # allocatable bytes
    overcommit: int = overcommit.ONCE  # how often each core is given, in thousandths
    ports: range = range(0)
    numa: Mapping[int, Cores] = dataclasses.field(default_factory=dict)
    gpus: tuple[GPU, ...] = ()  # by index
    strays: tuple[tuple[str, Booking], ...] = ()  # what containers hold that no VPS accounts for, by uid

    @property
    def is_measured(self) -> bool:
        """Whether anybody knows what it has."""
        return self.cores > 0


def machine_of(name: str, node: Object | None) -> Machine:
    """What this Node has; nothing where there is none."""
    status = (node or {}).get("status") or {}
    allocatable = status.get("allocatable") or {}
    return Machine(
        name,
        millicores_of(allocatable.get("cores") or 0),
        size_of(allocatable.get("memory") or 0),
        overcommit.of(node),
        ports.range_of(status),
        {entry["id"]: cores_in(entry["cpuset"]) for entry in status.get("numa") or ()},
        gpus.gpus_of(status),
        strays_of(node or {}),
    )
