"""What of a node is left, worked out from what it has and all that is held of it. Pure."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from kohakuriver import overcommit
from kohakuriver.placement import cores
from kohakuriver.placement.booking import NOTHING, Booking, all_held
from kohakuriver.placement.cores import Use
from kohakuriver.placement.gpus import Rack
from kohakuriver.placement.node import Machine
from kohakuriver.placement.ports import is_booked
from kohakuriver.placement.request import Request

NOBODYS = Use()
NO_NAMES: frozenset[str] = frozenset()

M = TypeVar("M", bound=Machine)
M_co = TypeVar("M_co", bound=Machine, covariant=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Room(Generic[M_co]):
    """A node, and what of it is left."""

    facts: M_co
    core_room: int  # as `overcommit.room` counts
    free_memory: int
    free_ports: int
    alone: int = 0  # millicores that somebody holds alone
    use: Use = NOBODYS
    gpus: frozenset[str] = NO_NAMES  # UUIDs that somebody holds
    buried: frozenset[str] = NO_NAMES  # uids of VPSes whose former containers may still be there
    largest_share: int = dataclasses.field(init=False, compare=False, default=0)
    """Millicores of the largest share that fits. More than all of a node's cores would be a limit that limits
    nothing. Kept, for every request asks."""

    def __post_init__(self) -> None:
        largest = min(self.core_room // overcommit.ONCE, self.facts.cores)
        object.__setattr__(self, "largest_share", largest)

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def free_cores(self) -> int:
        """Millicores that may be booked as shares."""
        return self.core_room // overcommit.ONCE

    @property
    def free_whole(self) -> int:
        """Millicores that may be booked for somebody alone."""
        return self.core_room // self.facts.overcommit

    @property
    def cores_to_give(self) -> int:
        """Millicores for all VPSes together, whatever of them is free."""
        return overcommit.to_give(self.facts.cores, alone=self.alone, ratio=self.facts.overcommit)

    def rack_for(self, request: Request, held: Booking = NOTHING) -> Rack:
        """Its GPUs, as this request of a VPS that holds this sees them."""
        near = request.numa if len(self.facts.numa) > 1 else None
        return Rack(self.facts.gpus, self.gpus, near, held.gpus)

    def has_no_more_than(self, other: "Room[Machine]") -> bool:
        """Whether this view of the same node differs at most in that less is free."""
        return (
            self.facts is other.facts
            and self.core_room <= other.core_room
            and self.free_memory <= other.free_memory
            and self.free_ports <= other.free_ports
            and other.use.is_within(self.use)
            and other.gpus <= self.gpus
            and other.buried <= self.buried
        )


def room_of(facts: M, bookings: Mapping[str, Booking], *, but: str = "") -> Room[M]:
    """What is left of a node with these bookings, by uid, on it; nothing of the VPS `but` counts."""
    held = all_held(bookings, facts.strays, but=but)
    millicores = alone = memory = ports = 0
    special = False
    for booking in held:
        millicores += booking.cores
        alone += booking.alone
        memory += booking.memory
        ports += is_booked(booking.port, facts.ports)
        special = special or booking.is_special
    return Room(
        facts,
        overcommit.room(facts.cores, alone=alone, shared=millicores - alone, ratio=facts.overcommit),
        facts.memory - memory,
        max(0, len(facts.ports) - ports),
        alone,
        _use(facts, held) if special else Use(shared=millicores > 0, ratio=facts.overcommit),
        frozenset(uuid for booking in held for uuid in booking.gpus) if special else NO_NAMES,
        frozenset(uid for uid, booking in bookings.items() if booking.is_tombstone) if special else NO_NAMES,
    )


def _use(facts: Machine, held: Iterable[Booking]) -> Use:
    taken, pinned, shared = cores.NONE, dict.fromkeys(facts.numa, 0), False
    for booking in held:
        shared = shared or (booking.cores > 0 and not booking.is_exclusive)
        if not booking.cpuset and booking.numa is None:
            continue
        taken |= booking.cpuset
        for number, there in facts.numa.items():
            if booking.numa == number:
                pinned[number] += max(0, booking.cores - len(booking.cpuset & there) * 1000)
    some = {number: amount for number, amount in pinned.items() if amount}
    return Use(taken, some, shared, facts.overcommit)
