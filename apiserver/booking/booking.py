"""What is booked on a node, and what still fits: the arithmetic inside the named transactions.

Pure: takes a NodeAllocation, a Node and a VPS as stored and returns a new NodeAllocation and the VPS's new
grant, or a refusal in words. Nothing passed in is changed. How much is left is worked out in `amounts.py`,
which cores in `cores.py`, which GPUs in `devices.py`, which port in `ports.py`. The server computes every
record here from the record it compares; nothing comes from a client.
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from kohakuriver import cpuset, quantity
from kohakuriver.apiserver.booking import amounts, cores, devices, ports
from kohakuriver.apiserver.booking.amounts import Amount, Claim
from kohakuriver.apiserver.booking.wanted import Wanted
from kohakuriver.apiserver.objects.refusal import SSH, Refusal
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

_COUNTED = ("cores", "memory")
_UP = ("running", "paused", "restarting")  # the engine's words
_CHOSEN = ("exclusive", "cpuset", "numa", "gpus")


@dataclasses.dataclass(frozen=True, slots=True)
class Booking:
    """The record as it will be, and what the VPS is granted."""

    allocation: Json
    grant: Json


@dataclasses.dataclass(frozen=True, slots=True)
class _Hold:
    """What a VPS has of a node, but its port."""

    amount: Amount
    exclusive: bool
    cores: cores.Cores
    numa: int | None
    gpus: tuple[str, ...]

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> "_Hold":
        """What a grant or a booking says."""
        own = cpuset.parse(held.get("cpuset") or "")
        exclusive = bool(held.get("exclusive"))
        return cls(Amount.of(held), exclusive, own, held.get("numa"), tuple(held.get("gpus") or ()))

    @property
    def claim(self) -> Claim:
        return Claim.made(self.amount, exclusive=self.exclusive, own=len(self.cores))

    def with_all_of(self, other: "_Hold") -> "_Hold":
        """This, and what the other has beyond it."""
        more = tuple(uuid for uuid in other.gpus if uuid not in self.gpus)
        return dataclasses.replace(
            self,
            amount=self.amount.largest(other.amount),
            cores=self.cores | other.cores,
            gpus=self.gpus + more,
        )

    def granted(self) -> Json:
        """As a grant is written."""
        written = self.amount.written()
        if self.cores:
            written["cpuset"] = cpuset.written(self.cores)
        if self.numa is not None:
            written["numa"] = self.numa
        if self.gpus:
            written["gpus"] = list(self.gpus)
        return written

    def booked(self) -> Json:
        """As a booking is written."""
        return {**self.granted(), **({"exclusive": True} if self.exclusive else {})}


NOTHING = _Hold(Amount(), False, cores.NONE, None, ())


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
    metadata, wanted, name = vps["metadata"], Wanted.of(vps), _name(allocation)
    uid, hold = metadata["uid"], _Hold.of(_held(held))
    if uid in _bookings(allocation):
        return Refusal(f"{name} has booked something for the VPS of this container already")
    others = _others(allocation, node, uid)
    short = amounts.shortage(name, node, others, wants=_claim(wanted, hold), holds=hold.claim)
    own: cores.Cores | Refusal = cores.NONE
    if short is None:
        own = cores.choose(name, node, others, wanted=wanted, held=cores.NONE)
    chosen = _hold(wanted, short, own, devices.choose(name, node, others, wanted=wanted, held=hold.gpus))
    port = ports.choose(name, node, others, vps=vps)
    if isinstance(chosen, Refusal):
        return chosen
    if isinstance(port, Refusal):
        return port
    published = {} if port is None else {"sshPort": port}
    entry = {"namespace": metadata["namespace"], "name": metadata["name"], "epoch": held["epoch"], "id": id_}
    kept = {**entry, **disk_of(vps), **chosen.with_all_of(hold).booked(), **published}
    return Booking(_with(allocation, uid, kept), {**chosen.granted(), **published})


def regrant(allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any]) -> Booking | Refusal:
    """Book everything again for a VPS that kept only its port when it stopped; not always the same GPUs."""
    return _give(allocation, node, vps, entry=_entry(allocation, vps))


def release(allocation: Json, vps: Mapping[str, Any]) -> Booking:
    """Free all that a stopped VPS has but its port, which stays booked and granted."""
    entry = _without_hold(_entry(allocation, vps))
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
    others = _others(allocation, node, uid)
    port = ports.choose(_name(allocation), node, others, vps=vps, strangers=strangers)
    if isinstance(port, Refusal):
        return port
    if port is None:
        return Refusal(f"{_name(allocation)} publishes no SSH ports, or this VPS wants none", SSH)
    grant = {**vps["status"]["assignment"]["grant"], "sshPort": port}
    return Booking(_with(allocation, uid, {**entry, "sshPort": port}), grant)


def resize(
    allocation: Json, node: Mapping[str, Any] | None, vps: Mapping[str, Any], *, before: Wanted
) -> Booking | Refusal:
    """Grant a bound VPS what its spec asks for now; `before` is what it asked for until now.

    What grows is booked here, before the agent may apply it. What shrinks stays booked until the agent says
    that the container is limited to it (`settle`), so the booking has all of both. Cores and GPUs of which
    nothing else is asked than before stay the same.
    """
    entry, granted, wanted = _entry(allocation, vps), vps["status"]["assignment"]["grant"], Wanted.of(vps)
    others, held = _others(allocation, node, vps["metadata"]["uid"]), _Hold.of(entry)
    name = _name(allocation)
    short = amounts.shortage(name, node, others, wants=_claim(wanted, held), holds=held.claim)
    own: cores.Cores | Refusal = _kept_cores(_Hold.of(granted).cores, wanted, before)
    if not own and short is None and _other_cores(wanted, before):
        own = cores.choose(name, node, others, wanted=wanted, held=held.cores)
    gpus: tuple[str, ...] | Refusal = tuple(granted.get("gpus") or ())
    if (wanted.gpus, wanted.numa) != (before.gpus, before.numa):
        gpus = devices.choose(name, node, others, wanted=wanted, held=held.gpus)
    chosen = _hold(wanted, short, own, gpus)
    if isinstance(chosen, Refusal):
        return chosen
    port = {field: granted[field] for field in ("sshPort",) if field in granted}
    kept = {**_without_disk(_without_hold(entry)), **disk_of(vps), **chosen.with_all_of(held).booked()}
    return Booking(_with(allocation, vps["metadata"]["uid"], kept), {**chosen.granted(), **port})


def settle(allocation: Json, vps: Mapping[str, Any], applied: Mapping[str, Any]) -> Json | None:
    """The record with the booking shrunk to the grant, kind by kind, where the container is limited to it.

    `applied` is what the agent reports. None where nothing is freed.
    """
    entry, grant = _entry(allocation, vps), vps["status"]["assignment"]["grant"]
    if not entry.get("cores") or not grant.get("cores"):
        return None
    held, granted, has = _Hold.of(entry), _Hold.of(grant), _Hold.of(applied)
    settled = held
    if (has.amount.millicores, has.cores) == (granted.amount.millicores, granted.cores):
        amount = dataclasses.replace(settled.amount, millicores=granted.amount.millicores)
        settled = dataclasses.replace(settled, amount=amount, cores=granted.cores)
    if has.amount.memory == granted.amount.memory:
        amount = dataclasses.replace(settled.amount, memory=granted.amount.memory)
        settled = dataclasses.replace(settled, amount=amount)
    if set(has.gpus) == set(granted.gpus):
        settled = dataclasses.replace(settled, gpus=granted.gpus)
    if settled == held:
        return None
    return _with(allocation, vps["metadata"]["uid"], {**_without_hold(entry), **settled.booked()})


def with_disk(allocation: Json, vps: Mapping[str, Any]) -> Json:
    """The record with the disk that the VPS may take now: a matter of quotas, and not of the node's room."""
    entry = {**_without_disk(_entry(allocation, vps)), **disk_of(vps)}
    return _with(allocation, vps["metadata"]["uid"], entry)


def disk_of(vps: Mapping[str, Any]) -> Json:
    """The disk that a VPS may take as long as it is bound, as a booking says it; empty if it says none."""
    disk = vps["spec"]["resources"].get("disk")
    return {"disk": quantity.format_size(quantity.size(disk))} if disk is not None else {}


def _give(
    allocation: Json, node: Mapping[str, Any], vps: Mapping[str, Any], *, entry: Json
) -> Booking | Refusal:
    uid, wanted, name = vps["metadata"]["uid"], Wanted.of(vps), _name(allocation)
    others = _others(allocation, node, uid)
    short = amounts.shortage(name, node, others, wants=_claim(wanted, NOTHING), holds=amounts.NOTHING)
    own: cores.Cores | Refusal = cores.NONE
    if short is None:
        own = cores.choose(name, node, others, wanted=wanted, held=cores.NONE)
    gpus = devices.choose(name, node, others, wanted=wanted, held=())
    hold = _hold(wanted, short, own, gpus)
    if isinstance(hold, Refusal):
        return hold
    port = ports.choose(name, node, others, vps=vps)
    if isinstance(port, Refusal):
        return port
    published = {} if port is None else {"sshPort": port}
    kept = {field: value for field, value in _without_hold(entry).items() if field not in ("sshPort", "disk")}
    booked = {**kept, **disk_of(vps), **hold.booked(), **published}
    return Booking(_with(allocation, uid, booked), {**hold.granted(), **published})


def _claim(wanted: Wanted, held: _Hold) -> Claim:
    """What is booked at once for a VPS that has this already: the larger of both."""
    booked = wanted.amount.largest(held.amount)
    own = wanted.whole_cores + len(held.cores)  # which may be others; never more than all that is booked
    return Claim.made(booked, exclusive=wanted.exclusive, own=own)


def _hold(
    wanted: Wanted, short: Refusal | None, own: cores.Cores | Refusal, gpus: tuple[str, ...] | Refusal
) -> _Hold | Refusal:
    """What is granted; or everything that is lacking, in one sentence."""
    lacking = [part for part in (short, own, gpus) if isinstance(part, Refusal)]
    if isinstance(own, Refusal) or isinstance(gpus, Refusal) or short is not None:
        whole = lacking[0]
        for part in lacking[1:]:
            whole = whole.beside(part)
        return whole
    return _Hold(wanted.amount, wanted.exclusive, own, wanted.numa, gpus)


def _other_cores(wanted: Wanted, before: Wanted) -> bool:
    """Whether other cores are asked for, or more of them, than before."""
    grows = wanted.amount.millicores > before.amount.millicores
    pinned = wanted.exclusive or wanted.numa is not None
    return (wanted.exclusive, wanted.numa) != (before.exclusive, before.numa) or (pinned and grows)


def _kept_cores(granted: cores.Cores, wanted: Wanted, before: Wanted) -> cores.Cores:
    """The exclusive cores it has, or fewer of them, where that is all that is asked for; else none."""
    if not wanted.exclusive or wanted.numa != before.numa or wanted.whole_cores > len(granted):
        return cores.NONE
    return cores.fewer(granted, wanted.whole_cores)


def _without_disk(entry: Json) -> Json:
    return {field: value for field, value in entry.items() if field != "disk"}


def _without_hold(entry: Json) -> Json:
    return {field: value for field, value in entry.items() if field not in (*_COUNTED, *_CHOSEN)}


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


def _others(allocation: Json, node: Mapping[str, Any] | None, uid: str) -> list[Json]:
    """What is not to be had: what others have booked, and what containers hold that no VPS accounts for."""
    booked = _bookings(allocation)
    others = [entry for owner, entry in booked.items() if owner != uid]
    unknown = ((node or {}).get("status") or {}).get("unknown") or ()
    strays = [one for one in unknown if one.get("uid") != uid and one.get("uid") not in booked]
    return [*others, *(_held(one) for one in strays)]


def _held(unknown: Mapping[str, Any]) -> Json:
    """What a container holds: its GPUs and its port always, the rest while its processes exist."""
    fields = ("gpus", "sshPort", *(_COUNTED if unknown.get("state") in _UP else ()))
    return {field: unknown[field] for field in fields if unknown.get(field)}


def _with(allocation: Json, uid: str, entry: Json) -> Json:
    return {**allocation, "bookings": {**_bookings(allocation), uid: entry}}
