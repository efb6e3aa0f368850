"""The table of `node list`. Pure: Nodes, their allocations and the present moment in; rows out."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from kohakuriver import cpuset, overcommit, quantity
from kohakuriver.cli.api.readable import READABLE
from kohakuriver.cli.view import sections
from kohakuriver.cli.view.table import Row
from kohakuriver.resources import node_words

Object = dict[str, Any]
TITLES = ["NAME", "STATUS", "VPSES", "CORES", "MEMORY", "GPUS", "AGE", "VERSION"]


def rows(
    nodes: Sequence[Object], allocations: Mapping[str, Object] | None, now: datetime.datetime
) -> list[Row]:
    """`allocations` by the node's name; None for somebody who may not read them."""
    return [_row(node, allocations, now) for node in nodes]


def word(node: Object) -> str:
    """As `get nodes` has it, and what else is wrong with it."""
    parts = [node_words.standing(node)]
    if node_words.condition(node, "RuntimeReady").get("status") == "False":
        parts.append("EngineDown")
    if node_words.condition(node, "DiskPressure").get("status") == "True":
        parts.append("DiskPressure")
    if node_words.condition(node, "DataDirWritable").get("status") == "False":
        parts.append("DataDirNotWritable")
    if node_words.condition(node, READABLE).get("status") == "False":
        parts.append("Unreadable")
    return ",".join(parts)


def booked(allocation: Object) -> tuple[int, int, int]:
    """Millicores, bytes and GPUs that are booked."""
    bookings = [one or {} for one in (allocation.get("bookings") or {}).values()]
    cores = sum(quantity.millicores(one["cores"]) for one in bookings if one.get("cores"))
    memory = sum(quantity.size(one["memory"]) for one in bookings if one.get("memory"))
    return cores, memory, sum(len(one.get("gpus") or ()) for one in bookings)


def to_give(node: Object, allocation: Object | None) -> int | None:
    """Millicores for all VPSes: a core that they share counts as often as the node gives it, one that is held
    alone once. None where the node has not said what it has."""
    there = _cores(node)
    if there is None:
        return None
    alone = min(there, _held_alone(allocation or {}))
    return alone + (there - alone) * overcommit.of(node) // overcommit.ONCE


def sharing(node: Object, allocation: Object | None) -> str:
    """ "2, shared 4 times: 8 to give, 5.5 given"; empty where each core is given once."""
    ratio, there, whole = overcommit.of(node), _cores(node), to_give(node, allocation)
    if ratio == overcommit.ONCE or there is None or whole is None:
        return ""
    alone = _held_alone(allocation or {})
    own = f" ({alone / 1000:g} held alone)" if alone else ""
    given = f", {booked(allocation)[0] / 1000:g} given" if allocation is not None else ""
    return f"{there / 1000:g}{own}, shared {overcommit.written(ratio)} times: {whole / 1000:g} to give{given}"


def _cores(node: Object) -> int | None:
    status = node.get("status") or {}
    there = (status.get("allocatable") or status.get("capacity") or {}).get("cores")
    return quantity.millicores(there) if there else None


def _held_alone(allocation: Object) -> int:
    found = 0
    for one in (allocation.get("bookings") or {}).values():
        own, held = cpuset.parse((one or {}).get("cpuset") or ""), (one or {}).get("cores") or 0
        found += min(len(own) * 1000, quantity.millicores(held))
    return found


def amounts(node: Object, allocation: Object | None) -> tuple[str, str, str]:
    """Cores, memory and GPUs as BOOKED/THERE; only what is there where the bookings are not known."""
    status = node.get("status") or {}
    there = status.get("allocatable") or status.get("capacity") or {}
    whole = to_give(node, allocation)
    cores = "?" if whole is None else f"{whole / 1000:g}"
    memory = quantity.shown_size(there["memory"]) if there.get("memory") else "?"
    gpus = str(len(status.get("gpus") or ()))
    if allocation is None:
        return cores, memory, gpus
    used_cores, used_memory, used_gpus = booked(allocation)
    used = quantity.approximate_size(used_memory)
    return f"{quantity.decimal_cores(used_cores)}/{cores}", f"{used}/{memory}", f"{used_gpus}/{gpus}"


def _row(node: Object, allocations: Mapping[str, Object] | None, now: datetime.datetime) -> Row:
    name = node["metadata"]["name"]
    allocation = None if allocations is None else allocations.get(name, {})
    cores, memory, gpus = amounts(node, allocation)
    info = (node.get("status") or {}).get("nodeInfo") or {}
    return [
        name,
        word(node),
        "?" if allocation is None else str(len(allocation.get("bookings") or {})),
        cores,
        memory,
        gpus if gpus not in ("0", "0/0") else "-",
        sections.ago(node["metadata"].get("creationTimestamp"), now),
        str(info.get("agentVersion") or "?"),
    ]
