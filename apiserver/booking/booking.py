"""What is booked on a node, and what still fits: the arithmetic inside the named transactions.

Pure: takes a NodeAllocation, a Node and a VPS as stored and returns a new NodeAllocation and the VPS's new
grant, or a refusal in words. Nothing passed in is changed. The rules are those of `kohakuriver.placement`,
with which the controller foresees; the server computes every record here from the record it compares, and
nothing comes from a client.
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from kohakuriver import quantity
from kohakuriver.apiserver.booking import words
from kohakuriver.apiserver.objects.refusal import SSH, Refusal
from kohakuriver.placement import cores, fits, ports
from kohakuriver.placement.booking import NOTHING, all_held, booking_of, bookings_of, grant_of, stray_of
from kohakuriver.placement.booking import Booking as Held
from kohakuriver.placement.cores import Cores
from kohakuriver.placement.node import Machine, machine_of
from kohakuriver.placement.request import Request, asked_by
from kohakuriver.placement.room import Room, room_of
from kohakuriver.resources.storage import ReclaimPolicy

__all__ = [
    "Booking",
    "Refusal",
    "adopt",
    "book",
    "bury",
    "disk_of",
    "free",
    "move_port",
    "regrant",
    "release",
    "resize",
    "settle",
    "with_disk",
]

Json = dict[str, Any]

_HELD = ("cores", "memory", "exclusive", "cpuset", "numa", "gpus")


@dataclasses.dataclass(frozen=True, slots=True)
class Booking:
    """The record as it will be, and what the VPS is granted."""

    allocation: Json
    grant: Json


@dataclasses.dataclass(frozen=True, slots=True)
class _Node:
    """A node, for one VPS: what of it others leave, and which ports they have."""

    room: Room[Machine]
    ports: frozenset[int | None]

    @classmethod
    def of(cls, allocation: Json, node: Mapping[str, Any] | None, uid: str) -> "_Node":
        machine, bookings = machine_of(_name(allocation), node), bookings_of(allocation)
        others = all_held(bookings, machine.strays, but=uid)
        room = room_of(machine, bookings, but=uid)
        return cls(room, frozenset(one.port for one in others))

    def choose(
        self,
        request: Request,
        *,
        held: Held = NOTHING,
        own: Cores | None = None,
        gpus: tuple[str, ...] | None = None,
    ) -> Held | Refusal:
        """What the VPS is granted but its port; or everything that is lacking."""
        chosen = fits.choose(request, self.room, held=held, own=own, gpus=gpus)
        if isinstance(chosen, Held):
            return chosen
        return words.refusal(request, self.room, held, chosen)

    def port_for(self, vps: Mapping[str, Any], *, strangers: Collection[int] = ()) -> int | Refusal | None:
        """The former port of the VPS if it may have it, else the lowest; None where none is wanted.

        `strangers` are ports that something else on the machine holds.
        """
        machine = self.room.facts
        if not machine.ports or (vps["spec"].get("ssh") or {}).get("disabled"):
            return None
        assignment = (vps.get("status") or {}).get("assignment") or {}
        former = (assignment.get("grant") or {}).get("sshPort")
        port = ports.choose(machine.ports, self.ports.union(strangers), former=former)
        return words.no_port(machine.name, machine.ports, strangers) if port is None else port


def book(
    allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any], *, epoch: int, id_: str
) -> Booking | Refusal:
    """Book a VPS that holds nothing on the node: all it asks for and, where it wants one, a port."""
    metadata = vps["metadata"]
    if metadata["uid"] in _bookings(allocation):
        return Refusal(
            f"{_name(allocation)} still has the former container of this VPS; it goes when the node is back"
        )
    entry = {"namespace": metadata["namespace"], "name": metadata["name"], "epoch": epoch, "id": id_}
    return _give(allocation, node, vps, entry=entry)


def adopt(
    allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any], held: Mapping[str, Any], *, id_: str
) -> Booking | Refusal:
    """Book a VPS whose container is on the node already, and holds this: that, and all it asks for."""
    metadata, hold = vps["metadata"], dataclasses.replace(stray_of(held), port=None)
    uid, name = metadata["uid"], _name(allocation)
    if uid in _bookings(allocation):
        return Refusal(f"{name} has booked something for the VPS of this container already")
    entry = {"namespace": metadata["namespace"], "name": metadata["name"], "epoch": held["epoch"], "id": id_}
    return _give(allocation, node, vps, entry=entry, held=hold)


def regrant(allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any]) -> Booking | Refusal:
    """Book everything again for a VPS that kept only its port when it stopped; not always the same GPUs."""
    return _give(allocation, node, vps, entry=_entry(allocation, vps))


def release(allocation: Json, vps: Mapping[str, Any]) -> Booking:
    """Free all that a stopped VPS has but its port, which stays booked and granted."""
    entry = _without(_entry(allocation, vps), *_HELD)
    grant = {"sshPort": entry["sshPort"]} if "sshPort" in entry else {}
    return Booking(_with(allocation, vps["metadata"]["uid"], entry), grant)


def free(allocation: Json, uid: str) -> Json:
    """The record without anything of that VPS."""
    kept = {owner: entry for owner, entry in _bookings(allocation).items() if owner != uid}
    return {**allocation, "bookings": kept}


def bury(allocation: Json, vps: Mapping[str, Any], *, since: str, why: str) -> Json:
    """The record with the VPS's booking as a tombstone, which keeps all until the node confirms.

    A VPS that is deleted, and not only given up on its node, names the volumes that are to go with it.
    """
    tombstone: Json = {"since": since, "why": why}
    volumes = [
        volume["name"]
        for volume in vps["spec"].get("volumes") or ()
        if volume.get("reclaimPolicy") == ReclaimPolicy.DELETE
    ]
    if volumes and vps["metadata"].get("deletionTimestamp"):
        tombstone["volumes"] = volumes
        assignment = (vps.get("status") or {}).get("assignment") or {}
        if assignment.get("namespaceUid"):
            tombstone["namespaceUid"] = assignment["namespaceUid"]
    entry = {**_entry(allocation, vps), "tombstone": tombstone}
    return _with(allocation, vps["metadata"]["uid"], entry)


def move_port(
    allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any], *, strangers: Collection[int]
) -> Booking | Refusal:
    """Another port for a VPS, none of those that strangers hold on its node."""
    uid, entry = vps["metadata"]["uid"], _entry(allocation, vps)
    port = _Node.of(allocation, node, uid).port_for(vps, strangers=strangers)
    if isinstance(port, Refusal):
        return port
    if port is None:
        return Refusal(f"{_name(allocation)} publishes no SSH ports, or this VPS wants none", SSH)
    grant = {**vps["status"]["assignment"]["grant"], "sshPort": port}
    return Booking(_with(allocation, uid, {**entry, "sshPort": port}), grant)


def resize(
    allocation: Json, node: Mapping[str, Any] | None, vps: Mapping[str, Any], *, before: Request
) -> Booking | Refusal:
    """Grant a bound VPS what its spec asks for now; `before` is what it asked for until now.

    What grows is booked here, before the agent may apply it. What shrinks stays booked until the agent says
    that the container is limited to it (`settle`), so the booking has all of both. Cores and GPUs of which
    nothing else is asked than before stay the same.
    """
    entry, uid, request = _entry(allocation, vps), vps["metadata"]["uid"], asked_by(vps)
    held, granted = booking_of(entry), grant_of(vps["status"]["assignment"]["grant"])
    own: Cores | None = _kept_cores(granted.cpuset, request, before)
    if not own and _other_cores(request, before):
        own = None
    same = (request.gpus, request.numa) == (before.gpus, before.numa)
    chosen = _Node.of(allocation, node, uid).choose(
        request, held=held, own=own, gpus=granted.gpus if same else None
    )
    if isinstance(chosen, Refusal):
        return chosen
    kept = {**_without(entry, *_HELD, "disk"), **disk_of(vps), **chosen.with_all_of(held).booked()}
    grant = dataclasses.replace(chosen, port=granted.port).granted()
    return Booking(_with(allocation, uid, kept), grant)


def settle(allocation: Json, vps: Mapping[str, Any], applied: Mapping[str, Any]) -> Json | None:
    """The record with the booking shrunk to the grant, kind by kind, where the container is limited to it.

    `applied` is what the agent reports. None where nothing is freed.
    """
    entry, grant = _entry(allocation, vps), vps["status"]["assignment"]["grant"]
    if not entry.get("cores") or not grant.get("cores"):
        return None
    held, granted, has = booking_of(entry), grant_of(grant), grant_of(applied)
    settled = held
    if (has.cores, has.cpuset) == (granted.cores, granted.cpuset):
        settled = dataclasses.replace(settled, cores=granted.cores, cpuset=granted.cpuset)
    if has.memory == granted.memory:
        settled = dataclasses.replace(settled, memory=granted.memory)
    if set(has.gpus) == set(granted.gpus):
        settled = dataclasses.replace(settled, gpus=granted.gpus)
    if settled == held:
        return None
    return _with(allocation, vps["metadata"]["uid"], {**_without(entry, *_HELD), **settled.booked()})


def with_disk(allocation: Json, vps: Mapping[str, Any]) -> Json:
    """The record with the disk that the VPS may take now: a matter of quotas, and not of the node's room."""
    entry = {**_without(_entry(allocation, vps), "disk"), **disk_of(vps)}
    return _with(allocation, vps["metadata"]["uid"], entry)


def disk_of(vps: Mapping[str, Any]) -> Json:
    """The disk that a VPS may take as long as it is bound, as a booking says it; empty if it says none."""
    disk = vps["spec"]["resources"].get("disk")
    return {"disk": quantity.format_size(quantity.size(disk))} if disk is not None else {}


def _give(
    allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any], *, entry: Json, held: Held = NOTHING
) -> Booking | Refusal:
    """Book all that a VPS asks for, and a port, beside what it holds."""
    uid = vps["metadata"]["uid"]
    there = _Node.of(allocation, node, uid)
    chosen = there.choose(asked_by(vps), held=held)
    if isinstance(chosen, Refusal):
        return chosen
    port = there.port_for(vps)
    if isinstance(port, Refusal):
        return port
    granted = dataclasses.replace(chosen, port=port)
    kept = _without(entry, *_HELD, "sshPort", "disk")
    booked = {**kept, **disk_of(vps), **granted.with_all_of(held).booked()}
    return Booking(_with(allocation, uid, booked), granted.granted())


def _other_cores(request: Request, before: Request) -> bool:
    """Whether other cores are asked for, or more of them, than before."""
    grows = request.cores > before.cores
    pinned = request.exclusive > 0 or request.numa is not None
    changed = (request.exclusive > 0, request.numa) != (before.exclusive > 0, before.numa)
    return changed or (pinned and grows)


def _kept_cores(granted: Cores, request: Request, before: Request) -> Cores:
    """The exclusive cores it has, or fewer of them, where that is all that is asked for; else none."""
    if not request.exclusive or request.numa != before.numa or request.exclusive > len(granted):
        return cores.NONE
    return frozenset(sorted(granted)[: request.exclusive])


def _without(entry: Json, *fields: str) -> Json:
    return {field: value for field, value in entry.items() if field not in fields}


def _entry(allocation: Json, vps: Mapping[str, Any]) -> Json:
    """The VPS's booking; made anew from its assignment where the record has lost it."""
    found = _bookings(allocation).get(vps["metadata"]["uid"])
    if found is not None:
        return found
    assignment, metadata = vps["status"]["assignment"], vps["metadata"]
    grant = assignment["grant"]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "epoch": assignment["epoch"],
        "id": assignment["id"],
        **grant,
        **disk_of(vps),
        **({"exclusive": True} if grant.get("cpuset") else {}),
    }


def _name(allocation: Json) -> str:
    return str(allocation["metadata"]["name"])


def _bookings(allocation: Json) -> dict[str, Json]:
    bookings: dict[str, Json] = allocation.get("bookings") or {}
    return bookings


def _with(allocation: Json, uid: str, entry: Json) -> Json:
    return {**allocation, "bookings": {**_bookings(allocation), uid: entry}}
