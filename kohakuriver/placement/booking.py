"""What is held of a node: as its record books it, as a VPS is granted it, as a container has it. Pure."""

import dataclasses
import functools
from collections.abc import Collection, Mapping
from typing import Any

from kohakuriver import cpuset, overcommit, quantity
from kohakuriver.placement.cores import NONE, Cores
from kohakuriver.placement.request import millicores_of, size_of

Object = Mapping[str, Any]

cores_in = functools.lru_cache(maxsize=4096)(cpuset.parse)

_UP = ("running", "paused", "restarting")  # the engine's words
_ALWAYS = ("gpus", "sshPort")


@dataclasses.dataclass(frozen=True, slots=True)
class Booking:
    """What one VPS, or one container, holds of a node."""

    cores: int = 0  # millicores
    memory: int = 0  # bytes
    port: int | None = None
    is_exclusive: bool = False
    cpuset: Cores = NONE
    numa: int | None = None
    gpus: tuple[str, ...] = ()
    is_tombstone: bool = False
    namespace: str = ""
    disk: int = 0

    @property
    def alone(self) -> int:
        """Millicores that are nobody else's. What is a share now keeps its own until they are let go; what is
        beyond them, where a share becomes exclusive and smaller, is shared until then."""
        if self.cpuset:
            return min(len(self.cpuset) * 1000, self.cores)
        return self.cores if self.is_exclusive else 0

    @property
    def is_special(self) -> bool:
        """Whether it is more than a share of the cores, memory and a port."""
        return bool(
            self.is_exclusive or self.cpuset or self.numa is not None or self.gpus or self.is_tombstone
        )

    def weight(self, ratio: int) -> int:
        """How much of the cores it takes, as `overcommit.room` counts."""
        alone = self.alone
        return overcommit.weight(alone=alone, shared=self.cores - alone, ratio=ratio)

    def with_all_of(self, other: "Booking") -> "Booking":
        """This, and what the other has beyond it."""
        return dataclasses.replace(
            self,
            cores=max(self.cores, other.cores),
            memory=max(self.memory, other.memory),
            cpuset=self.cpuset | other.cpuset,
            gpus=self.gpus + tuple(uuid for uuid in other.gpus if uuid not in self.gpus),
        )

    def granted(self) -> dict[str, Any]:
        """As a grant is written."""
        return {
            "cores": quantity.format_cores(self.cores),
            "memory": quantity.format_size(self.memory),
            **({"cpuset": cpuset.written(self.cpuset)} if self.cpuset else {}),
            **({"numa": self.numa} if self.numa is not None else {}),
            **({"gpus": list(self.gpus)} if self.gpus else {}),
            **({"sshPort": self.port} if self.port is not None else {}),
        }

    def booked(self) -> dict[str, Any]:
        """As a record books it."""
        return {**self.granted(), **({"exclusive": True} if self.is_exclusive else {})}


NOTHING = Booking()


def booking_of(entry: Object) -> Booking:
    """What one entry of a node's record holds; what is absent holds nothing."""
    return Booking(
        millicores_of(entry.get("cores") or 0),
        size_of(entry.get("memory") or 0),
        entry.get("sshPort"),
        bool(entry.get("exclusive")),
        cores_in(entry.get("cpuset") or ""),
        entry.get("numa"),
        tuple(entry.get("gpus") or ()),
        bool(entry.get("tombstone")),
        str(entry.get("namespace") or ""),
        size_of(entry.get("disk") or 0),
    )


def grant_of(grant: Object) -> Booking:
    """What the grant of a VPS holds: cores that it names are the VPS's alone."""
    return booking_of({**grant, "exclusive": bool(grant.get("cpuset"))})


def stray_of(unknown: Object) -> Booking:
    """What a container holds that no VPS accounts for: its GPUs and its port always, the rest while its
    processes exist."""
    is_up = unknown.get("state") in _UP
    held = (*_ALWAYS, "cores", "memory", "cpuset") if is_up else _ALWAYS
    return grant_of({field: unknown[field] for field in held if field in unknown})


def bookings_of(record: Object) -> dict[str, Booking]:
    """What is booked on a node, by the uid of the VPS."""
    return {uid: booking_of(entry) for uid, entry in (record.get("bookings") or {}).items()}


def strays_of(node: Object) -> tuple[tuple[str, Booking], ...]:
    """What containers of this Node hold that no VPS accounts for, each with the uid that it names."""
    unknown = (node.get("status") or {}).get("unknown") or ()
    return tuple((one.get("uid") or "", stray_of(one)) for one in unknown)


def all_held(
    bookings: Mapping[str, Booking], strays: Collection[tuple[str, Booking]], *, but: str = ""
) -> Collection[Booking]:
    """All that is not to be had: what is booked, and what strays have; nothing of the VPS `but`.

    What is booked for a VPS is all that its containers have.
    """
    if not but and not strays:
        return bookings.values()
    booked = [one for uid, one in bookings.items() if not but or uid != but]
    return booked + [one for uid, one in strays if uid not in bookings and (not but or uid != but)]
