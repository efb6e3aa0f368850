"""What deciding needs to know of a VPS, of a node and of what is booked there, cut out of the API's JSON.

JSON enters the controller's decisions here and nowhere else. Below this file nothing sees a dict of the API,
and nothing here does I/O.
"""

import dataclasses
import enum
import functools
from collections.abc import Mapping
from typing import Any, Literal

from kohakuriver import cpuset, image_name, overcommit, quantity
from kohakuriver.controller.deciding.cores import NONE, Cores
from kohakuriver.controller.deciding.gpus import GPU, Wish
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import capabilities
from kohakuriver.resources.offer import offer_of

Object = Mapping[str, Any]

NODE_SILENT = "NodeStatusUnknown"  # the reason this controller gives in conditions when a node is silent

_millicores = functools.lru_cache(maxsize=4096)(quantity.millicores)
_size = functools.lru_cache(maxsize=4096)(quantity.size)
_cpuset = functools.lru_cache(maxsize=4096)(cpuset.parse)

NO_GPUS = Wish()


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
class Mount:
    """A folder of the node that a VPS wants to see, or that a node allows with all below it."""

    path: str
    read_only: bool = False

    def covers(self, path: str) -> bool:
        return path == self.path or path.startswith(self.path.rstrip("/") + "/")


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
    exclusive: int = 0  # whole cores for itself alone
    numa: int | None = None
    gpus: Wish = NO_GPUS
    mounts: tuple[Mount, ...] = ()
    privileged: bool = False
    capabilities: tuple[str, ...] = ()  # beyond the default
    rejected_by: tuple[tuple[str, str], ...] = ()  # nodes that will not take it, and why
    rejected_under: tuple[tuple[str, str], ...] = ()  # what those nodes offered then
    account: str = ""  # the namespace, where a quota limits what it books
    disk: int | None = None  # bytes, where the spec says how much; asked only where there is an account
    homes: tuple[str, ...] = ()  # nodes that keep volumes of it, the best first
    former: str = ""  # the uid of a VPS that was placed before: some node may still have its container

    def tolerates(self, taint: Taint) -> bool:
        return any(toleration.covers(taint) for toleration in self.tolerations)


@dataclasses.dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node without what is booked on it."""

    name: str
    ready: bool = True
    unusable: str = ""  # why its engine cannot be used, in the agent's words
    cordoned: bool = False
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    cores: int = 0  # allocatable millicores
    memory: int = 0  # allocatable bytes
    overcommit: int = overcommit.ONCE  # how often each core is given, in thousandths
    ports: range = range(0)
    images: frozenset[str] = frozenset()
    draining: bool = False
    disk_full: bool = False
    disk: str = ""  # how full, in the agent's words
    numa: Mapping[int, Cores] = dataclasses.field(default_factory=dict)
    gpus: tuple[GPU, ...] = ()  # by index
    gpus_unread: bool = False  # whether it cannot tell which it has
    allow_mounts: tuple[Mount, ...] = ()
    allow_privileged: bool = False
    remaps_users: bool = False  # its engine runs no privileged container, whatever is allowed
    allow_capabilities: frozenset[str] = frozenset()
    offer: str = ""  # what a rejection by its agent rests on
    quarantine: str = ""  # why nothing new may come here
    unreadable: str = ""  # why nobody knows what it has
    strays: tuple[tuple[str, "Booking"], ...] = ()  # what containers hold that no VPS accounts for, by uid

    @property
    def is_measured(self) -> bool:
        """Whether anybody knows what it has."""
        return self.cores > 0 and not self.unreadable


@dataclasses.dataclass(frozen=True, slots=True)
class Booking:
    """What one VPS holds on a node."""

    cores: int
    memory: int
    port: int | None
    is_exclusive: bool = False
    cpuset: Cores = NONE
    numa: int | None = None
    gpus: tuple[str, ...] = ()
    is_tombstone: bool = False
    namespace: str = ""
    disk: int = 0

    @property
    def alone(self) -> int:
        """Millicores that are nobody else's. What is a share now keeps its own until they are let go."""
        if self.cpuset:
            return min(len(self.cpuset) * 1000, self.cores)
        return self.cores if self.is_exclusive else 0

    @property
    def is_special(self) -> bool:
        """Whether it is more than a share of the cores, memory and a port."""
        return bool(
            self.is_exclusive or self.cpuset or self.numa is not None or self.gpus or self.is_tombstone
        )


def request_of(
    vps: Object, *, image: str | None = None, account: str = "", homes: tuple[str, ...] = ()
) -> VPSRequest:
    """What this VPS asks for; `image` is what the Environment that it names stands for.

    `account` is its namespace, where a quota limits what that books; `homes` the nodes that keep its volumes.
    """
    spec, status = vps["spec"], vps.get("status") or {}
    resources, placement = spec["resources"], spec.get("placement") or {}
    millicores, disk = _millicores(resources["cores"]), resources.get("disk")
    return VPSRequest(
        cores=millicores,
        memory=_size(resources["memory"]),
        needs_port=not (spec.get("ssh") or {}).get("disabled"),
        node=placement.get("node"),
        selector=tuple(sorted((placement.get("nodeSelector") or {}).items())),
        tolerations=tuple(_toleration(entry) for entry in spec.get("tolerations") or ()),
        image=_image_of(spec.get("image") or image),
        exclusive=millicores // 1000 if resources.get("exclusive") else 0,
        numa=placement.get("numa"),
        gpus=_wish(placement.get("gpus")),
        mounts=tuple(
            Mount(entry["source"], bool(entry.get("readOnly"))) for entry in spec.get("mounts") or ()
        ),
        privileged=bool(spec.get("privileged")),
        capabilities=capabilities.beyond_default(spec),
        rejected_by=tuple(sorted((status.get("rejectedBy") or {}).items())),
        rejected_under=tuple(sorted((status.get("rejectedUnder") or {}).items())),
        account=account,
        disk=_size(disk) if account and disk is not None else None,
        homes=homes,
        former=vps["metadata"].get("uid") or "" if status.get("epoch") else "",
    )


def facts_of(node: Object) -> NodeFacts:
    """What this Node is and has."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    allocatable = status.get("allocatable") or {}
    ports = status.get("sshPorts")
    return NodeFacts(
        name=node["metadata"]["name"],
        ready=is_ready(node),
        unusable=_unusable(node),
        cordoned=bool(spec.get("unschedulable")),
        labels=node["metadata"].get("labels") or {},
        taints=tuple(
            Taint(entry["key"], entry.get("value") or "", Effect(entry["effect"]))
            for entry in spec.get("taints") or ()
        ),
        cores=_millicores(allocatable.get("cores", 0)),
        memory=_size(allocatable.get("memory", 0)),
        overcommit=overcommit.of(node),
        ports=range(ports["first"], ports["last"] + 1) if ports else range(0),
        images=frozenset(image_name.full(image) for image in status.get("images") or ()),
        draining=bool(spec.get("drain")),
        disk_full=_is_true(node, "DiskPressure") or _is_false(node, "DataDirWritable"),
        disk=_disk(node),
        numa={entry["id"]: _cpuset(entry["cpuset"]) for entry in status.get("numa") or ()},
        gpus=tuple(
            sorted((_gpu(entry) for entry in status.get("gpus") or ()), key=lambda device: device.index)
        ),
        gpus_unread=_is_false(node, "GPUsReady") and not status.get("gpus"),
        allow_mounts=tuple(
            Mount(entry["prefix"], bool(entry.get("readOnly"))) for entry in status.get("allowMounts") or ()
        ),
        allow_privileged=bool(status.get("allowPrivileged")),
        remaps_users=_is_true(node, "UserNamespaces"),
        allow_capabilities=frozenset(status.get("allowCapabilities") or ()),
        offer=offer_of(node),
        quarantine=(status.get("quarantine") or {}).get("why") or "",
        unreadable=node.get(UNREADABLE) or "",
        strays=tuple((one.get("uid") or "", _stray(one)) for one in status.get("unknown") or ()),
    )


def bookings_of(allocation: Object) -> dict[str, Booking]:
    """What is booked on a node, by VPS uid."""
    return {uid: booking_of(entry) for uid, entry in (allocation.get("bookings") or {}).items()}


def booking_of(entry: Object) -> Booking:
    """What one entry of a node's record, or the grant of a VPS, holds there."""
    own = _cpuset(entry.get("cpuset") or "")
    return Booking(
        cores=_millicores(entry.get("cores") or 0),
        memory=_size(entry.get("memory") or 0),
        port=entry.get("sshPort"),
        is_exclusive=bool(entry.get("exclusive") or own),
        cpuset=own,
        numa=entry.get("numa"),
        gpus=tuple(entry.get("gpus") or ()),
        is_tombstone=bool(entry.get("tombstone")),
        namespace=str(entry.get("namespace") or ""),
        disk=_size(entry.get("disk") or 0),
    )


def _stray(unknown: Object) -> Booking:
    """What it holds: its GPUs and its port always, the rest while its processes exist."""
    is_up = unknown.get("state") in ("running", "paused", "restarting")
    held = {field: value for field, value in unknown.items() if is_up or field in ("gpus", "sshPort")}
    return booking_of(held)


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


def environment_image(name: str, environment: Object | None) -> str:
    """The image that an Environment stands for, as agents name it; empty where there is none."""
    spec = (environment or {}).get("spec") or {}
    if spec.get("tarball"):
        return f"{image_name.ENVIRONMENTS}{name}:{spec['digest'].removeprefix('sha256:')[:12]}"
    return str(spec.get("image") or "")


def _image_of(name: str | None) -> str:
    """The image in the one spelling in which it is looked for on nodes; empty where nobody knows which."""
    return image_name.full(name) if name else ""


def _is_true(body: Object, kind: str) -> bool:
    found = condition(body, kind)
    return found is not None and found["status"] == "True"


def _is_false(body: Object, kind: str) -> bool:
    found = condition(body, kind)
    return found is not None and found["status"] == "False"


def _gpu(entry: Object) -> GPU:
    return GPU(
        index=entry["index"],
        uuid=entry["uuid"],
        model=entry.get("model") or "",
        numa=entry.get("numa"),
        healthy=entry.get("healthy") is not False,
    )


def _wish(request: Object | None) -> Wish:
    if not request:
        return NO_GPUS
    ids = tuple(request.get("ids") or ())
    return Wish(ids, len(ids) or int(request.get("count") or 1), request.get("model") or "")


def _toleration(entry: Object) -> Toleration:
    effect = entry.get("effect")
    return Toleration(
        key=entry.get("key"),
        value=entry.get("value") or "",
        any_value=entry.get("operator") == "Exists",
        effect=Effect(effect) if effect else None,
    )
