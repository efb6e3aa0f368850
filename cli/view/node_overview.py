"""The table of `node list`. Pure: Nodes, their allocations and the present moment in; rows out."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from kohakuriver import overcommit, quantity
from kohakuriver.cli.view import sections
from kohakuriver.cli.view.table import Row
from kohakuriver.resources.view import Allocation, Node

Object = dict[str, Any]
TITLES = ["NAME", "STATUS", "VPSES", "CORES", "MEMORY", "GPUS", "AGE", "VERSION"]


def rows(
    nodes: Sequence[Object], allocations: Mapping[str, Object] | None, now: datetime.datetime
) -> list[Row]:
    """`allocations` by the node's name; None for somebody who may not read them."""
    return [_row(node, allocations, now) for node in nodes]


def booked(allocation: Object) -> tuple[int, int, int]:
    """Millicores, bytes and GPUs that are booked."""
    bookings = Allocation.of(allocation).bookings
    cores = sum(one.millicores for one in bookings)
    memory = sum(one.memory_bytes for one in bookings)
    return cores, memory, sum(len(one.gpus) for one in bookings)


def to_give(node: Object, allocation: Object | None) -> int | None:
    """Millicores for all VPSes: a core that they share counts as often as the node gives it, one that is held
    alone once. None where the node has not said what it has."""
    found = Node.of(node)
    there = found.capacity.millicores
    if not there:
        return None
    return overcommit.to_give(there, alone=_held_alone(node, allocation), ratio=found.overcommit)


def sharing(node: Object, allocation: Object | None) -> str:
    """ "2, shared 4 times: 8 to give, 5.5 given"; empty where each core is given once."""
    ratio, there = Node.of(node).overcommit, Node.of(node).capacity.millicores
    whole = to_give(node, allocation)
    if ratio == overcommit.ONCE or whole is None:
        return ""
    alone = _held_alone(node, allocation)
    own = f" ({alone / 1000:g} held alone)" if alone else ""
    given = f", {booked(allocation)[0] / 1000:g} given" if allocation is not None else ""
    return f"{there / 1000:g}{own}, shared {overcommit.written(ratio)} times: {whole / 1000:g} to give{given}"


def _held_alone(node: Object, allocation: Object | None) -> int:
    """Millicores that one VPS alone may use; none where the bookings are not known."""
    from kohakuriver.placement.booking import all_held, booking_of, strays_of

    if allocation is None:
        return 0
    bookings = {uid: booking_of(one or {}) for uid, one in (allocation.get("bookings") or {}).items()}
    return sum(one.alone for one in all_held(bookings, strays_of(node)))


def amounts(node: Object, allocation: Object | None) -> tuple[str, str, str]:
    """Cores, memory and GPUs as BOOKED/THERE; only what is there where the bookings are not known."""
    there, whole = Node.of(node).capacity, to_give(node, allocation)
    cores = "?" if whole is None else f"{whole / 1000:g}"
    memory = quantity.approximate_size(there.memory_bytes) if there.memory else "?"
    gpus = str(len(Node.of(node).gpus))
    if allocation is None:
        return cores, memory, gpus
    used_cores, used_memory, used_gpus = booked(allocation)
    used = quantity.approximate_size(used_memory)
    return f"{quantity.decimal_cores(used_cores)}/{cores}", f"{used}/{memory}", f"{used_gpus}/{gpus}"


def _row(node: Object, allocations: Mapping[str, Object] | None, now: datetime.datetime) -> Row:
    found = Node.of(node)
    allocation = None if allocations is None else allocations.get(found.name, {})
    cores, memory, gpus = amounts(node, allocation)
    return [
        found.name,
        found.word,
        "?" if allocation is None else str(len(Allocation.of(allocation).bookings)),
        cores,
        memory,
        gpus if gpus not in ("0", "0/0") else "-",
        sections.ago(found.created, now),
        found.info.agent_version or "?",
    ]
