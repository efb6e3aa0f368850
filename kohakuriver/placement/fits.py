"""Whether a request fits on a node: what the VPS gets there, or what is lacking, in numbers. Pure.

The API server asks when it books, and refuses by what is lacking; the controller foresees with the same
functions which cores and GPUs its next decision will find taken.
"""

import dataclasses
import enum

from kohakuriver import overcommit
from kohakuriver.placement import cores
from kohakuriver.placement.booking import NOTHING, Booking
from kohakuriver.placement.cores import Cores
from kohakuriver.placement.node import Machine
from kohakuriver.placement.request import Request
from kohakuriver.placement.room import Room

AnyRoom = Room[Machine]


class Lack(enum.Enum):
    """What a node may lack."""

    MEASURE = enum.auto()  # it has not said how much it has
    CORES = enum.auto()
    MEMORY = enum.auto()
    TOPOLOGY = enum.auto()  # it has not said which cores it has
    NUMA_NODE = enum.auto()
    EXCLUSIVE = enum.auto()  # cores that could become exclusive
    LAST_CORE = enum.auto()  # one that stays for those who share
    SHARED = enum.auto()  # any core that is nobody's alone
    PINNED = enum.auto()  # cores for shares on the NUMA node
    GPUS = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Shortage:
    """What is lacking. Cores are in millicores, but for exclusive ones; memory is in bytes."""

    lack: Lack
    need: int = 0
    free: int = 0
    most: int = 0  # that one VPS could have if nobody had anything


def choose(
    request: Request,
    room: AnyRoom,
    *,
    held: Booking = NOTHING,
    own: Cores | None = None,
    gpus: tuple[str, ...] | None = None,
) -> Booking | tuple[Shortage, ...]:
    """What a VPS that holds this already gets of a node, but its port; or all that is lacking.

    `room` is without what it holds. It keeps `own` cores and `gpus` where they are given.
    """
    lacking = shortages(request, room, held=held)
    if own is None:
        # Which cores, is no matter where there are too few of them.
        found = cores.NONE if lacking else _cores(request, room, held.cpuset)
        if isinstance(found, Shortage):
            lacking.append(found)
        else:
            own = found
    if gpus is None:
        gpus = room.rack_for(request, held).choose(request.gpus) if request.gpus.count else ()
    if gpus is None:
        lacking.append(Shortage(Lack.GPUS, request.gpus.count))
    if lacking or own is None or gpus is None:
        return tuple(lacking)
    return Booking(
        request.cores,
        request.memory,
        is_exclusive=request.exclusive > 0,
        cpuset=own,
        numa=request.numa,
        gpus=gpus,
    )


def shortages(request: Request, room: AnyRoom, *, held: Booking = NOTHING) -> list[Shortage]:
    """Which of cores and memory there is too little of; of neither where no more is asked than held."""
    facts, wanted = room.facts, at_once(request, held)
    more_cores = wanted.weight(facts.overcommit) > held.weight(facts.overcommit)
    more_memory = wanted.memory > held.memory
    if (more_cores or more_memory) and not facts.is_measured:
        return [Shortage(Lack.MEASURE)]
    found = []
    if more_cores and not has_cores(room, wanted.cores, alone=wanted.alone):
        free = free_cores(room, wanted.cores, alone=wanted.alone)
        found.append(Shortage(Lack.CORES, wanted.cores, free, facts.cores))
    if more_memory and wanted.memory > room.free_memory:
        found.append(Shortage(Lack.MEMORY, wanted.memory, room.free_memory, facts.memory))
    return found


def at_once(request: Request, held: Booking) -> Booking:
    """What is booked while a VPS that holds this becomes what is asked for: the larger of both.

    The cores to be its own may be others than those it has; `alone` never counts more than all it books.
    """
    own = request.exclusive + len(held.cpuset)
    booked = Booking(request.cores, request.memory).with_all_of(Booking(held.cores, held.memory))
    return dataclasses.replace(booked, is_exclusive=request.exclusive > 0, cpuset=frozenset(range(own)))


def has_cores(room: AnyRoom, millicores: int, *, alone: int = 0) -> bool:
    """Whether so many may be booked, this part of them for the VPS alone."""
    if not alone:
        return millicores <= room.largest_share
    facts, shared = room.facts, millicores - alone
    if shared and millicores > facts.cores:
        return False
    return overcommit.weight(alone=alone, shared=shared, ratio=facts.overcommit) <= room.core_room


def free_cores(room: AnyRoom, millicores: int, *, alone: int = 0) -> int:
    """How many of these millicores there are, this part of them for the VPS alone."""
    if alone == millicores:
        return room.free_whole
    return alone + (room.core_room - alone * room.facts.overcommit) // overcommit.ONCE


def _cores(request: Request, room: AnyRoom, held: Cores) -> Cores | Shortage:
    """The exclusive cores, none for a share; held ones come first."""
    numa, number = room.facts.numa, request.numa
    if not numa:
        if not request.exclusive and number is None:
            return cores.NONE  # a share of whatever it has
        return Shortage(Lack.TOPOLOGY)
    if number is not None and number not in numa:
        return Shortage(Lack.NUMA_NODE)
    return _exclusive(request, room, held) if request.exclusive else _share(request, room)


def _exclusive(request: Request, room: AnyRoom, held: Cores) -> Cores | Shortage:
    numa, use, need = room.facts.numa, room.use, request.exclusive
    free = cores.roomy(numa, use, request.numa)
    if free < need:
        return Shortage(Lack.EXCLUSIVE, need, free)
    chosen = cores.choose(numa, use, need, request.numa, held=held)
    if use.shared and not cores.shareable(numa, use) - chosen - held:
        return Shortage(Lack.LAST_CORE, need, free)
    return chosen


def _share(request: Request, room: AnyRoom) -> Cores | Shortage:
    if not has_shared_core(room):
        return Shortage(Lack.SHARED)
    if request.numa is None or has_pinned(room, request.cores, request.numa):
        return cores.NONE
    free = cores.rest(room.facts.numa, room.use, request.numa)
    return Shortage(Lack.PINNED, request.cores, free, most_pinned(room, request.numa))


def has_shared_core(room: AnyRoom) -> bool:
    """Whether a core is left that is nobody's alone, as far as the node has said which it has."""
    numa, use = room.facts.numa, room.use
    return not use.taken or not numa or bool(cores.shareable(numa, use))


def has_pinned(room: AnyRoom, millicores: int, number: int) -> bool:
    """Whether a share of so many fits on this NUMA node, which there is."""
    rest = cores.rest(room.facts.numa, room.use, number)
    return millicores <= min(rest, most_pinned(room, number))


def most_pinned(room: AnyRoom, number: int) -> int:
    """The largest share that may be pinned to this NUMA node, in millicores."""
    return len(room.facts.numa[number]) * 1000
