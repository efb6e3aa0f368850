"""What deciding needs to know of a VPS, of a node and of what is booked there, cut out of the API's JSON.

JSON enters the controller's decisions here and nowhere else. Below this file nothing sees a dict of the API,
and nothing here does I/O.
"""

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any, Literal

from kohakuriver import image_name
from kohakuriver.placement.mounts import AllowedMount, Mount
from kohakuriver.placement.node import Machine, machine_of
from kohakuriver.placement.origin import Origin
from kohakuriver.placement.request import Request, asked_by, size_of
from kohakuriver.placement.room import Room
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import capabilities
from kohakuriver.resources.offer import offer_of

Object = Mapping[str, Any]

NODE_SILENT = "NodeStatusUnknown"  # the reason this controller gives in conditions when a node is silent


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
class VPSRequest(Request):
    """What a VPS needs of a node. Equal requests fit the same nodes: what refuses one refuses all."""

    needs_port: bool = True
    node: str | None = None
    selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    image: str = ""
    mounts: tuple[Mount, ...] = ()
    privileged: bool = False
    capabilities: tuple[str, ...] = ()  # beyond the default
    rejected_by: tuple[tuple[str, str], ...] = ()  # nodes that will not take it, and why
    rejected_under: tuple[tuple[str, str], ...] = ()  # what those nodes offered then
    account: str = ""  # the namespace, where a quota limits what it books
    disk: int | None = None  # bytes, where the spec says how much; asked only where there is an account
    homes: tuple[str, ...] = ()  # nodes that keep volumes of it, the best first
    origin: Origin | None = None  # the Snapshot that it begins from; where that is ready, `node` is its node
    former: str = ""  # the uid of a VPS that was placed before: some node may still have its container

    def tolerates(self, taint: Taint) -> bool:
        return any(toleration.covers(taint) for toleration in self.tolerations)


@dataclasses.dataclass(frozen=True, slots=True)
class NodeFacts(Machine):
    """A node without what is booked on it."""

    ready: bool = True
    unusable: str = ""  # why its engine cannot be used, in the agent's words
    cordoned: bool = False
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    images: frozenset[str] = frozenset()
    draining: bool = False
    disk_full: bool = False
    disk: str = ""  # how full, in the agent's words
    gpus_unread: bool = False  # whether it cannot tell which it has
    allow_mounts: tuple[AllowedMount, ...] = ()
    allow_privileged: bool = False
    remaps_users: bool = False  # its engine runs no privileged container, whatever is allowed
    allow_capabilities: frozenset[str] = frozenset()
    offer: str = ""  # what a rejection by its agent rests on
    quarantine: str = ""  # why nothing new may come here
    unreadable: str = ""  # why nobody knows what it has
    is_open: bool = dataclasses.field(init=False, compare=False, default=False)
    """Whether it may take anything new at all: kept, as most nodes are, and every request asks."""

    def __post_init__(self) -> None:
        closed = self.unreadable or self.quarantine or self.draining or self.cordoned or self.disk_full
        object.__setattr__(self, "is_open", self.ready and not closed)

    @property
    def is_measured(self) -> bool:
        """Whether anybody knows what it has."""
        return self.cores > 0 and not self.unreadable


NodeView = Room[NodeFacts]
"""A node, and what of it is free: kept by `fleet.py`, and all that filters and scores read."""


def request_of(
    vps: Object,
    *,
    image: str | None = None,
    account: str = "",
    homes: tuple[str, ...] = (),
    origin: Origin | None = None,
) -> VPSRequest:
    """What this VPS asks for; `image` is what the Environment that it names stands for.

    `account` is its namespace, where a quota limits what that books; `homes` the nodes that keep its volumes;
    `origin` the Snapshot that it begins from.
    """
    spec, status = vps["spec"], vps.get("status") or {}
    asked, placement, disk = asked_by(vps), spec.get("placement") or {}, spec["resources"].get("disk")
    return VPSRequest(
        cores=asked.cores,
        memory=asked.memory,
        exclusive=asked.exclusive,
        numa=asked.numa,
        gpus=asked.gpus,
        needs_port=not (spec.get("ssh") or {}).get("disabled"),
        node=origin.node if origin is not None and not origin.reason else placement.get("node"),
        selector=tuple(sorted((placement.get("nodeSelector") or {}).items())),
        tolerations=tuple(_toleration(entry) for entry in spec.get("tolerations") or ()),
        image=_image_of(spec.get("image") or image),
        mounts=tuple(
            Mount(entry["source"], bool(entry.get("readOnly"))) for entry in spec.get("mounts") or ()
        ),
        privileged=bool(spec.get("privileged")),
        capabilities=capabilities.beyond_default(spec),
        rejected_by=tuple(sorted((status.get("rejectedBy") or {}).items())),
        rejected_under=tuple(sorted((status.get("rejectedUnder") or {}).items())),
        account=account,
        disk=size_of(disk) if account and disk is not None else None,
        homes=homes,
        origin=origin,
        former=vps["metadata"].get("uid") or "" if status.get("epoch") else "",
    )


def facts_of(node: Object) -> NodeFacts:
    """What this Node is and has."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    machine = machine_of(node["metadata"]["name"], node)
    return NodeFacts(
        name=machine.name,
        cores=machine.cores,
        memory=machine.memory,
        overcommit=machine.overcommit,
        ports=machine.ports,
        numa=machine.numa,
        gpus=machine.gpus,
        strays=machine.strays,
        ready=is_ready(node),
        unusable=_unusable(node),
        cordoned=bool(spec.get("unschedulable")),
        labels=node["metadata"].get("labels") or {},
        taints=tuple(
            Taint(entry["key"], entry.get("value") or "", Effect(entry["effect"]))
            for entry in spec.get("taints") or ()
        ),
        images=frozenset(image_name.full(image) for image in status.get("images") or ()),
        draining=bool(spec.get("drain")),
        disk_full=_is_true(node, "DiskPressure") or _is_false(node, "DataDirWritable"),
        disk=_disk(node),
        gpus_unread=_is_false(node, "GPUsReady") and not status.get("gpus"),
        allow_mounts=tuple(map(AllowedMount.of, status.get("allowMounts") or ())),
        allow_privileged=bool(status.get("allowPrivileged")),
        remaps_users=_is_true(node, "UserNamespaces"),
        allow_capabilities=frozenset(status.get("allowCapabilities") or ()),
        offer=offer_of(node),
        quarantine=(status.get("quarantine") or {}).get("why") or "",
        unreadable=node.get(UNREADABLE) or "",
    )


def is_ready(node: Object) -> bool:
    """Whether a Node can run VPSes at all: its agent lives and its engine answers."""
    runtime = condition(node, "RuntimeReady")
    return _is_true(node, "Ready") and (runtime is None or runtime["status"] != "False")


def _unusable(node: Object) -> str:
    """What its agent says of an engine that cannot be used; nothing of an agent that is silent itself."""
    runtime = condition(node, "RuntimeReady")
    if runtime is None or runtime["status"] != "False" or not _is_true(node, "Ready"):
        return ""
    return str(runtime.get("message") or "")


def _disk(node: Object) -> str:
    """What its agent says of a disk that is full, or that cannot be written."""
    short, unwritable = condition(node, "DiskPressure"), condition(node, "DataDirWritable")
    if short is not None and short["status"] == "True":
        return str(short.get("message") or "")
    return str(unwritable.get("message") or "") if unwritable and unwritable["status"] == "False" else ""


def is_marked_silent(node: Object) -> bool:
    """Whether a controller has already written that this Node is silent."""
    ready = condition(node, "Ready")
    return ready is not None and ready["status"] == "Unknown" and ready.get("reason") == NODE_SILENT


def orders_of(node: Object) -> Literal["Drained", "Cordoned", "Uncordoned"]:
    """What an administrator wants of this Node, in one word."""
    spec = node.get("spec") or {}
    if spec.get("drain"):
        return "Drained"
    return "Cordoned" if spec.get("unschedulable") else "Uncordoned"


def condition(body: Object, kind: str) -> dict[str, Any] | None:
    """The condition of this type, if the object carries it."""
    for entry in (body.get("status") or {}).get("conditions") or ():
        if entry["type"] == kind:
            found: dict[str, Any] = entry
            return found
    return None


def _image_of(name: str | None) -> str:
    """The image in the one spelling in which it is looked for on nodes; empty where nobody knows which."""
    return image_name.full(name) if name else ""


def _is_true(body: Object, kind: str) -> bool:
    found = condition(body, kind)
    return found is not None and found["status"] == "True"


def _is_false(body: Object, kind: str) -> bool:
    found = condition(body, kind)
    return found is not None and found["status"] == "False"


def _toleration(entry: Object) -> Toleration:
    effect = entry.get("effect")
    return Toleration(
        key=entry.get("key"),
        value=entry.get("value") or "",
        any_value=entry.get("operator") == "Exists",
        effect=Effect(effect) if effect else None,
    )
