"""A node, and what of it is free: worked out from its facts and all that is booked on it.

`fleet.py` keeps one view for each node and makes it anew when something changes there; filters and scores
read views and nothing else. Pure.
"""

import dataclasses
from collections.abc import Mapping

from kohakuriver import overcommit
from kohakuriver.controller.deciding import cores
from kohakuriver.controller.deciding.cores import Use
from kohakuriver.controller.deciding.gpus import Rack
from kohakuriver.controller.deciding.view import Booking, NodeFacts, VPSRequest

NOBODYS = Use()
NO_NAMES: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class NodeView:
    """A node, and what of it is free."""

    facts: NodeFacts
    core_room: int  # as `overcommit.room` counts
    free_memory: int
    free_ports: int
    use: Use = NOBODYS
    gpus: frozenset[str] = NO_NAMES  # UUIDs that somebody holds
    buried: frozenset[str] = NO_NAMES  # uids of VPSes whose former containers may still be there

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

    def rack_for(self, request: VPSRequest) -> Rack:
        """Its GPUs, as this request sees them."""
        near = request.numa if len(self.facts.numa) > 1 else None
        return Rack(self.facts.gpus, self.gpus, near)

    def has_no_more_than(self, other: "NodeView") -> bool:
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


def view_of(facts: NodeFacts, bookings: Mapping[str, Booking]) -> NodeView:
    """A node with these bookings on it. A booking without a port takes none."""
    if facts.strays:
        bookings = {**dict(facts.strays), **bookings}
    millicores = alone = memory = ports = 0
    special = False
    for booking in bookings.values():
        millicores += booking.cores
        alone += booking.alone
        memory += booking.memory
        ports += booking.port is not None
        special = special or booking.is_special
    view = NodeView(
        facts,
        overcommit.room(facts.cores, alone=alone, shared=millicores - alone, ratio=facts.overcommit),
        facts.memory - memory,
        max(0, len(facts.ports) - ports),
        _use(facts, bookings) if special else Use(shared=millicores > 0, ratio=facts.overcommit),
    )
    if not special:
        return view
    return dataclasses.replace(
        view,
        gpus=frozenset(uuid for booking in bookings.values() for uuid in booking.gpus),
        buried=frozenset(uid for uid, booking in bookings.items() if booking.is_tombstone),
    )


def to_book(request: VPSRequest, view: NodeView) -> Booking:
    """What the server will book for this request here, as far as that can be known."""
    facts = view.facts
    return Booking(
        request.cores,
        request.memory,
        port=0 if request.needs_port and facts.ports else None,  # which one, the server says
        is_exclusive=request.exclusive > 0,
        cpuset=cores.choose(facts.numa, view.use, request.exclusive, request.numa)
        if request.exclusive
        else cores.NONE,
        numa=request.numa,
        gpus=(view.rack_for(request).choose(request.gpus) or ()) if request.gpus.count else (),
        namespace=request.account,
        disk=request.disk or 0,
    )


def _use(facts: NodeFacts, bookings: Mapping[str, Booking]) -> Use:
    taken, pinned, shared = cores.NONE, dict.fromkeys(facts.numa, 0), False
    for booking in bookings.values():
        shared = shared or (booking.cores > 0 and not booking.is_exclusive)
        if not booking.cpuset and booking.numa is None:
            continue
        taken |= booking.cpuset
        for number, there in facts.numa.items():
            if booking.numa == number:
                pinned[number] += max(0, booking.cores - len(booking.cpuset & there) * 1000)
    some = {number: amount for number, amount in pinned.items() if amount}
    return Use(taken, some, shared, facts.overcommit)
