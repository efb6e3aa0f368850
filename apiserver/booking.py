"""What is booked on a node, and what still fits: the arithmetic inside the named transactions.

Pure: takes a NodeAllocation, a Node and a VPS as stored and returns a new NodeAllocation and the VPS's new
grant, or a refusal in words. Nothing passed in is changed. Cores are counted in millicores, memory in bytes.
The server computes every record here from the record it compares; nothing comes from a client.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from kohakuriver import quantity

Json = dict[str, Any]

_millicores = functools.lru_cache(maxsize=4096)(quantity.millicores)
_size = functools.lru_cache(maxsize=4096)(quantity.size)


@dataclasses.dataclass(frozen=True, slots=True)
class Booking:
    """The record as it will be, and what the VPS is granted."""

    allocation: Json
    grant: Json


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """Why it does not fit, with numbers."""

    message: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Amount:
    """An amount of both kinds of resource."""

    millicores: int
    memory: int  # bytes

    def written(self) -> Json:
        return {
            "cores": quantity.format_cores(self.millicores),
            "memory": quantity.format_size(self.memory),
        }


NOTHING = _Amount(0, 0)


def needed(vps: Mapping[str, Any]) -> Json:
    """What the spec asks for, in the form in which grants are written."""
    return _wanted(vps).written()


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two grants hold the same cores and memory, however they are written."""
    return _amount(one) == _amount(other)


def book(
    allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any], *, epoch: int, id_: str
) -> Booking | Refusal:
    """Book a VPS that holds nothing on the node: cores, memory and, where it wants one, a port."""
    metadata = vps["metadata"]
    entry = {"namespace": metadata["namespace"], "name": metadata["name"], "epoch": epoch, "id": id_}
    return _grow(allocation, node, vps, entry=entry)


def regrant(allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any]) -> Booking | Refusal:
    """Book cores and memory again for a VPS that kept only its port when it stopped."""
    return _grow(allocation, node, vps, entry=_entry(allocation, vps))


def release(allocation: Json, vps: Mapping[str, Any]) -> Booking:
    """Free the cores and memory of a stopped VPS; its port stays booked and granted."""
    entry = {
        field: value for field, value in _entry(allocation, vps).items() if field not in ("cores", "memory")
    }
    grant = {"sshPort": entry["sshPort"]} if "sshPort" in entry else {}
    return Booking(_with(allocation, vps["metadata"]["uid"], entry), grant)


def free(allocation: Json, uid: str) -> Json:
    """The record without anything of that VPS."""
    kept = {owner: entry for owner, entry in _bookings(allocation).items() if owner != uid}
    return {**allocation, "bookings": kept}


def resize(allocation: Json, node: Mapping[str, Any] | None, vps: Mapping[str, Any]) -> Booking | Refusal:
    """Grant a bound VPS what its spec asks for now.

    What grows is booked here, before the agent may apply it. What shrinks stays booked until the agent says
    that the container is limited to it (`settle`), so the booking is the larger of both, each kind by itself.
    """
    uid = vps["metadata"]["uid"]
    entry, wanted = _entry(allocation, vps), _wanted(vps)
    held = _amount(entry)
    booked = _Amount(max(held.millicores, wanted.millicores), max(held.memory, wanted.memory))
    short = _shortage(allocation, node, uid, wants=booked, holds=held)
    if short is not None:
        return short
    grant = {**vps["status"]["assignment"]["grant"], **wanted.written()}
    return Booking(_with(allocation, uid, {**entry, **booked.written()}), grant)


def settle(allocation: Json, vps: Mapping[str, Any]) -> Json | None:
    """The record with the booking shrunk to the grant, once applied; None where they are equal already."""
    entry, grant = _entry(allocation, vps), vps["status"]["assignment"]["grant"]
    if not entry.get("cores") or not grant.get("cores") or same(entry, grant):
        return None
    return _with(allocation, vps["metadata"]["uid"], {**entry, **_amount(grant).written()})


def _grow(
    allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any], *, entry: Json
) -> Booking | Refusal:
    uid, wanted = vps["metadata"]["uid"], _wanted(vps)
    short = _shortage(allocation, node, uid, wants=wanted, holds=NOTHING)
    if short is not None:
        return short
    port = _port(allocation, node, vps)
    if isinstance(port, Refusal):
        return port
    grant = wanted.written()
    if port is not None:
        grant["sshPort"] = port
    kept = {field: value for field, value in entry.items() if field != "sshPort"}
    return Booking(_with(allocation, uid, {**kept, **grant}), grant)


def _shortage(
    allocation: Json, node: Mapping[str, Any] | None, uid: str, *, wants: _Amount, holds: _Amount
) -> Refusal | None:
    """What the node lacks, of the kinds of which more is wanted than held."""
    more = wants.millicores > holds.millicores, wants.memory > holds.memory
    if not any(more):
        return None
    name = allocation["metadata"]["name"]
    allocatable = ((node or {}).get("status") or {}).get("allocatable")
    if not allocatable:
        return Refusal(f"node {name} has not reported what it has")
    rest = _free(allocation, allocatable, uid)
    short = []
    if more[0] and wants.millicores > rest.millicores:
        short.append(_sentence("cores", wants.millicores, rest.millicores, quantity.format_cores))
    if more[1] and wants.memory > rest.memory:
        short.append(_sentence("memory", wants.memory, rest.memory, quantity.approximate_size))
    return Refusal(f"{name} is short of {' and of '.join(short)}") if short else None


def _sentence(what: str, need: int, rest: int, written: Callable[[int], str]) -> str:
    return f"{what}: need {written(need)}, {written(max(0, rest))} free"


def _free(allocation: Json, allocatable: Mapping[str, Any], uid: str) -> _Amount:
    """What is left when all bookings but that VPS's own are taken off."""
    cores, memory = _millicores(allocatable["cores"]), _size(allocatable["memory"])
    for owner, entry in _bookings(allocation).items():
        if owner != uid:
            held = _amount(entry)
            cores, memory = cores - held.millicores, memory - held.memory
    return _Amount(cores, memory)


def _port(allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any]) -> int | Refusal | None:
    """The VPS's former port if it is still free, else the lowest that is; None where none is wanted."""
    ports = (node.get("status") or {}).get("sshPorts")
    if not ports or (vps["spec"].get("ssh") or {}).get("disabled"):
        return None
    uid = vps["metadata"]["uid"]
    taken = {entry.get("sshPort") for owner, entry in _bookings(allocation).items() if owner != uid}
    first, last = int(ports["first"]), int(ports["last"])
    assignment = (vps.get("status") or {}).get("assignment") or {}
    former = (assignment.get("grant") or {}).get("sshPort")
    if former is not None and first <= former <= last and former not in taken:
        return int(former)
    for port in range(first, last + 1):
        if port not in taken:
            return port
    name = allocation["metadata"]["name"]
    return Refusal(f"{name} is short of SSH ports: need 1, 0 of {last - first + 1} ({first}-{last}) free")


def _wanted(vps: Mapping[str, Any]) -> _Amount:
    return _amount(vps["spec"]["resources"])


def _amount(held: Mapping[str, Any]) -> _Amount:
    """Absent cores or memory hold nothing."""
    cores, memory = held.get("cores"), held.get("memory")
    return _Amount(
        0 if cores is None else _millicores(cores),
        0 if memory is None else _size(memory),
    )


def _entry(allocation: Json, vps: Mapping[str, Any]) -> Json:
    """The VPS's booking; made anew from its assignment where the record has lost it."""
    found = _bookings(allocation).get(vps["metadata"]["uid"])
    if found is not None:
        return found
    assignment, metadata = vps["status"]["assignment"], vps["metadata"]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "epoch": assignment["epoch"],
        "id": assignment["id"],
        **assignment["grant"],
    }


def _bookings(allocation: Json) -> dict[str, Json]:
    bookings: dict[str, Json] = allocation.get("bookings") or {}
    return bookings


def _with(allocation: Json, uid: str, entry: Json) -> Json:
    return {**allocation, "bookings": {**_bookings(allocation), uid: entry}}
