"""What deciding needs to know of a VPS and of a node, cut out of the API's JSON.

JSON enters the controller's decisions here and nowhere else. Below this file nothing sees a dict of the API,
and nothing here does I/O.
"""

import dataclasses
import enum
import functools
from collections.abc import Mapping
from typing import Any

from kohakuriver import quantity

Object = Mapping[str, Any]

NODE_SILENT = "NodeStatusUnknown"  # the reason this controller gives in conditions when a node is silent

_millicores = functools.lru_cache(maxsize=4096)(quantity.millicores)
_size = functools.lru_cache(maxsize=4096)(quantity.size)


class Effect(enum.StrEnum):
    """What a taint does to VPSes that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"


@dataclasses.dataclass(frozen=True, slots=True)
class Taint:
    """A mark on a node that keeps VPSes off."""

    key: str
    value: str
    effect: Effect

    def __str__(self) -> str:
        return f"{self.key}={self.value}" if self.value else self.key


@dataclasses.dataclass(frozen=True, slots=True)
class Toleration:
    """A taint that a VPS does not mind. No key with `any_value` means every taint."""

    key: str | None
    value: str
    any_value: bool
    effect: Effect | None

    def covers(self, taint: Taint) -> bool:
        if self.effect is not None and self.effect is not taint.effect:
            return False
        if self.key is None:
            return self.any_value
        return self.key == taint.key and (self.any_value or self.value == taint.value)


@dataclasses.dataclass(frozen=True, slots=True)
class VPSRequest:
    """What a VPS needs of a node. Equal requests fit the same nodes: what refuses one refuses all."""

    cores: int  # millicores
    memory: int  # bytes
    needs_port: bool = True
    node: str | None = None
    selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    image: str = ""

    def tolerates(self, taint: Taint) -> bool:
        return any(toleration.covers(taint) for toleration in self.tolerations)


@dataclasses.dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node without what is booked on it."""

    name: str
    ready: bool = True
    cordoned: bool = False
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    cores: int = 0  # allocatable millicores
    memory: int = 0  # allocatable bytes
    ports: range = range(0)
    images: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, slots=True)
class NodeView:
    """A node, and what of it is free."""

    facts: NodeFacts
    free_cores: int
    free_memory: int
    free_ports: int

    @property
    def name(self) -> str:
        return self.facts.name


@dataclasses.dataclass(frozen=True, slots=True)
class Booking:
    """What one VPS holds on a node."""

    cores: int
    memory: int
    port: int | None


def request_of(vps: Object) -> VPSRequest:
    """What this VPS asks for."""
    spec = vps["spec"]
    placement = spec.get("placement") or {}
    return VPSRequest(
        cores=_millicores(spec["resources"]["cores"]),
        memory=_size(spec["resources"]["memory"]),
        needs_port=not (spec.get("ssh") or {}).get("disabled"),
        node=placement.get("node"),
        selector=tuple(sorted((placement.get("nodeSelector") or {}).items())),
        tolerations=tuple(_toleration(entry) for entry in spec.get("tolerations") or ()),
        image=image_name(spec.get("image") or ""),
    )


def facts_of(node: Object) -> NodeFacts:
    """What this Node is and has."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    allocatable = status.get("allocatable") or {}
    ports = status.get("sshPorts")
    return NodeFacts(
        name=node["metadata"]["name"],
        ready=is_ready(node),
        cordoned=bool(spec.get("unschedulable")),
        labels=node["metadata"].get("labels") or {},
        taints=tuple(
            Taint(entry["key"], entry.get("value") or "", Effect(entry["effect"]))
            for entry in spec.get("taints") or ()
        ),
        cores=_millicores(allocatable.get("cores", 0)),
        memory=_size(allocatable.get("memory", 0)),
        ports=range(ports["first"], ports["last"] + 1) if ports else range(0),
        images=frozenset(image_name(image) for image in status.get("images") or ()),
    )


def bookings_of(allocation: Object) -> dict[str, Booking]:
    """What is booked on a node, by VPS uid."""
    return {
        uid: Booking(
            cores=_millicores(entry.get("cores") or 0),
            memory=_size(entry.get("memory") or 0),
            port=entry.get("sshPort"),
        )
        for uid, entry in (allocation.get("bookings") or {}).items()
    }


def view_of(facts: NodeFacts, bookings: Mapping[str, Booking]) -> NodeView:
    """A node with these bookings on it. A booking without a port takes none."""
    cores = memory = ports = 0
    for booking in bookings.values():
        cores += booking.cores
        memory += booking.memory
        ports += booking.port is not None
    return NodeView(facts, facts.cores - cores, facts.memory - memory, max(0, len(facts.ports) - ports))


def is_ready(node: Object) -> bool:
    """Whether a Node takes VPSes at all: its agent lives, its engine answers and its disk has room."""
    ready = condition(node, "Ready")
    runtime, disk = condition(node, "RuntimeReady"), condition(node, "DiskPressure")
    return (
        ready is not None
        and ready["status"] == "True"
        and (runtime is None or runtime["status"] != "False")
        and (disk is None or disk["status"] != "True")
    )


def is_marked_silent(node: Object) -> bool:
    """Whether a controller has already written that this Node is silent."""
    ready = condition(node, "Ready")
    return ready is not None and ready["status"] == "Unknown" and ready.get("reason") == NODE_SILENT


def condition(body: Object, kind: str) -> dict[str, Any] | None:
    """The condition of this type, if the object carries it."""
    for entry in (body.get("status") or {}).get("conditions") or ():
        if entry["type"] == kind:
            found: dict[str, Any] = entry
            return found
    return None


def image_name(image: str) -> str:
    """The image as engines list it: with the tag that is meant when none is written."""
    last = image.rpartition("/")[2]
    return image if not image or ":" in last or "@" in last else f"{image}:latest"


def _toleration(entry: Object) -> Toleration:
    effect = entry.get("effect")
    return Toleration(
        key=entry.get("key"),
        value=entry.get("value") or "",
        any_value=entry.get("operator") == "Exists",
        effect=Effect(effect) if effect else None,
    )
