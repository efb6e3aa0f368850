"""Objects as rows: what `kubectl get` prints, worked out here so that every client shows the same. Pure.

Columns with priority 0 are always shown, with 1 under `-o wide`. Cells are what meta.k8s.io/v1 `Table`
wants: strings and numbers, ages already in words.
"""

import dataclasses
import datetime
import enum
from collections.abc import Callable, Mapping
from typing import Any

from kohakuriver import clock, durations, quantity
from kohakuriver.apiserver.policies import shown
from kohakuriver.apiserver.quota import usage
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType
from kohakuriver.resources.token import EXPIRED
from kohakuriver.resources.view import VPS, Node

Object = Mapping[str, Any]
Cell = str | int | bool | None

_CELLS: Mapping[str, type] = {"string": str, "integer": int}  # by a column's type
_NONSENSE: Mapping[str, Cell] = {"string": "<invalid>", "integer": None}  # what such a cell shows then


class IncludeObject(enum.StrEnum):
    """How much of the object comes along with each row."""

    NONE = "None"
    METADATA = "Metadata"
    OBJECT = "Object"


@dataclasses.dataclass(frozen=True)
class Column:
    """One column of one kind's table."""

    name: str
    cell: Callable[[Object, datetime.datetime], Cell]
    description: str
    type: str = "string"
    format: str = ""
    priority: int = 0

    def definition(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


def definitions(resource: ResourceType) -> list[dict[str, Any]]:
    """The header of a kind's table."""
    return [column.definition() for column in COLUMNS[resource]]


def row(
    resource: ResourceType, obj: dict[str, Any], *, include: IncludeObject, now: datetime.datetime
) -> dict[str, Any]:
    """One object as a row."""
    cells = [_cell(column, obj, now) for column in COLUMNS[resource]]
    if include is IncludeObject.NONE:
        return {"cells": cells}
    shown = obj if include is IncludeObject.OBJECT else partial(obj)
    return {"cells": cells, "object": shown}


def _cell(column: Column, obj: Object, now: datetime.datetime) -> Cell:
    """One object with nonsense in it must not take the whole table from everybody."""
    try:
        cell = column.cell(obj, now)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return _NONSENSE[column.type]
    return cell if isinstance(cell, _CELLS[column.type]) else _NONSENSE[column.type]


def table(
    resource: ResourceType, rows: list[dict[str, Any]], metadata: Mapping[str, Any], *, header: bool = True
) -> dict[str, Any]:
    """Rows under their header."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions(resource) if header else [],
        "rows": rows,
    }


def partial(obj: Object) -> dict[str, Any]:
    """An object's metadata, for who keeps nothing else."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


def _at(path: str, *, absent: Cell = None) -> Callable[[Object, datetime.datetime], Cell]:
    parts = path.split(".")

    def cell(obj: Object, now: datetime.datetime) -> Cell:
        value: Any = obj
        for part in parts:
            value = value.get(part) if isinstance(value, Mapping) else None
        return absent if value is None else value

    return cell


def _text(path: str, *, absent: str = "") -> Callable[[Object, datetime.datetime], Cell]:
    inner = _at(path, absent=absent)
    return lambda obj, now: str(inner(obj, now))


def _amount(
    path: str, written: Callable[[str | int | float], str], absent: str
) -> Callable[[Object, datetime.datetime], Cell]:
    inner = _at(path)

    def cell(obj: Object, now: datetime.datetime) -> Cell:
        amount = inner(obj, now)
        return absent if amount is None else written(amount)

    return cell


def _cores(path: str, *, absent: str = "") -> Callable[[Object, datetime.datetime], Cell]:
    return _amount(path, quantity.shown_cores, absent)


def _memory(path: str, *, absent: str = "") -> Callable[[Object, datetime.datetime], Cell]:
    return _amount(path, quantity.shown_size, absent)


def age_of(moment: str | None, now: datetime.datetime) -> str:
    """How long ago a timestamp was, in words."""
    if not moment:
        return "<unknown>"
    try:
        return durations.age((now - clock.parse_timestamp(moment)).total_seconds())
    except ValueError:
        return "<invalid>"


def _age(obj: Object, now: datetime.datetime) -> Cell:
    return age_of(obj["metadata"].get("creationTimestamp"), now)


def _vps_status(obj: Object, now: datetime.datetime) -> Cell:
    return VPS.of(obj).word


def _vps_node(obj: Object, now: datetime.datetime) -> Cell:
    return VPS.of(obj).node or "<none>"


def _vps_container(obj: Object, now: datetime.datetime) -> Cell:
    return (VPS.of(obj).observed.container.id or "<none>")[:12]


def _node_status(obj: Object, now: datetime.datetime) -> Cell:
    return Node.of(obj).word


def _environment_image(obj: Object, now: datetime.datetime) -> Cell:
    spec = obj.get("spec") or {}
    vps = spec.get("vps")
    made = f"{vps['namespace']}/{vps['name']} on {vps['node']}" if vps else ""
    return str(spec.get("image") or spec.get("tarball") or made)


def _environment_digest(obj: Object, now: datetime.datetime) -> Cell:
    return str((obj.get("spec") or {}).get("digest") or (obj.get("status") or {}).get("digest") or "")


def _snapshot_pause(obj: Object, now: datetime.datetime) -> Cell:
    paused = (obj.get("status") or {}).get("pausedMilliseconds")
    return "<none>" if paused is None else f"{int(paused)}ms"


def _snapshot_expiry(obj: Object, now: datetime.datetime) -> Cell:
    keep, taken = (obj.get("spec") or {}).get("keepFor"), (obj.get("status") or {}).get("takenAt")
    if keep is None:
        return "never"
    if not taken:
        return f"{durations.age(durations.parse(keep))} after it is taken"
    left = (clock.parse_timestamp(taken) - now).total_seconds() + durations.parse(keep)
    return f"in {durations.age(left)}" if left > 0 else EXPIRED


def _token_role(obj: Object, now: datetime.datetime) -> Cell:
    spec = obj.get("spec") or {}
    return f"{spec.get('role')} (session)" if spec.get("session") else str(spec.get("role"))


def _token_namespaces(obj: Object, now: datetime.datetime) -> Cell:
    return ",".join((obj.get("spec") or {}).get("namespaces") or ()) or "<all>"


def _expiry(obj: Object, now: datetime.datetime) -> Cell:
    moment = (obj.get("status") or {}).get("expiresAt")
    if not moment:
        return "never"
    left = (clock.parse_timestamp(moment) - now).total_seconds()
    return f"in {durations.age(left)}" if left > 0 else EXPIRED


def _event_age(obj: Object, now: datetime.datetime) -> Cell:
    series = obj.get("series") or {}
    last = series.get("lastObservedTime") or obj.get("lastTimestamp") or obj.get("eventTime")
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    count = series.get("count") or obj.get("count") or 1
    if not last:
        return _age(obj, now)
    if count > 1 and first:
        return f"{age_of(last, now)} (x{count} over {age_of(first, now)})"
    return age_of(last, now)


def _first_seen(obj: Object, now: datetime.datetime) -> Cell:
    return age_of(obj.get("firstTimestamp") or obj.get("eventTime"), now)


def _event_object(obj: Object, now: datetime.datetime) -> Cell:
    involved = obj.get("involvedObject") or {}
    return f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"


def _event_source(obj: Object, now: datetime.datetime) -> Cell:
    source = obj.get("source") or {}
    names = (source.get("component") or obj.get("reportingComponent"), source.get("host"))
    return ", ".join(str(name) for name in names if name)


def _event_message(obj: Object, now: datetime.datetime) -> Cell:
    return str(obj.get("message") or obj.get("note") or "").strip()


def _vps_image(obj: Object, now: datetime.datetime) -> Cell:
    spec = obj.get("spec") or {}
    environment = spec.get("environment")
    return f"environment {environment}" if environment else str(spec.get("image") or "")


def _vps_gpus(obj: Object, now: datetime.datetime) -> Cell:
    assignment = (obj.get("status") or {}).get("assignment") or {}
    return len((assignment.get("grant") or {}).get("gpus") or ())


def _booked_gpus(obj: Object, now: datetime.datetime) -> Cell:
    return sum(len(booking.get("gpus") or ()) for booking in (obj.get("bookings") or {}).values())


def _tombstones(obj: Object, now: datetime.datetime) -> Cell:
    return sum(bool(booking.get("tombstone")) for booking in (obj.get("bookings") or {}).values())


def _node_gpus(obj: Object, now: datetime.datetime) -> Cell:
    return len((obj.get("status") or {}).get("gpus") or ())


def _booked_cores(obj: Object, now: datetime.datetime) -> Cell:
    amounts = (booking.get("cores") for booking in (obj.get("bookings") or {}).values())
    return quantity.decimal_cores(sum(quantity.millicores(amount) for amount in amounts if amount))


def _booked_memory(obj: Object, now: datetime.datetime) -> Cell:
    amounts = (booking.get("memory") for booking in (obj.get("bookings") or {}).values())
    return quantity.approximate_size(sum(quantity.size(amount) for amount in amounts if amount))


def _bookings(obj: Object, now: datetime.datetime) -> Cell:
    return len(obj.get("bookings") or {})


def _pod_container(obj: Object) -> Object:
    found: list[dict[str, Any]] = (obj.get("status") or {}).get("containerStatuses") or [{}]
    return found[0]


def _pod_ready(obj: Object, now: datetime.datetime) -> Cell:
    return f"{int(bool(_pod_container(obj).get('ready')))}/1"


def _pod_status(obj: Object, now: datetime.datetime) -> Cell:
    """In one word, as kubectl's own printer finds it: why it waits, rather than that it does."""
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    status = obj.get("status") or {}
    conditions: list[dict[str, str]] = status.get("conditions") or []
    ready = next((one for one in conditions if one["type"] == "Ready"), {})
    if status.get("phase") == "Running" and ready.get("reason"):
        return str(ready["reason"])
    waiting = (_pod_container(obj).get("state") or {}).get("waiting") or {}
    pending = status.get("phase") == "Pending"
    return str((pending and waiting.get("reason")) or status.get("phase") or "Pending")


def _pod_restarts(obj: Object, now: datetime.datetime) -> Cell:
    return int(_pod_container(obj).get("restartCount") or 0)


def _pod_image(obj: Object, now: datetime.datetime) -> Cell:
    return str(obj["spec"]["containers"][0].get("image") or "")


def _core_node_status(obj: Object, now: datetime.datetime) -> Cell:
    return str(obj["metadata"]["annotations"]["kohakuriver.io/standing"])


def _core_node_version(obj: Object, now: datetime.datetime) -> Cell:
    return str(obj["status"]["nodeInfo"]["kubeletVersion"] or "<unknown>")


def _core_node_gpus(obj: Object, now: datetime.datetime) -> Cell:
    return int((obj["status"].get("capacity") or {}).get("nvidia.com/gpu") or 0)


def _of_older(column: Column) -> Column:
    """A column of core Events for those of events.k8s.io."""

    def cell(obj: Object, now: datetime.datetime) -> Cell:
        return column.cell({**obj, **{older: obj.get(newer) for older, newer in _OLDER.items()}}, now)

    return dataclasses.replace(column, cell=cell)


_OLDER = {
    "involvedObject": "regarding",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
_NAME = Column("Name", _text("metadata.name"), "The object's name", format="name")
_AGE = Column("Age", _age, "Time since it was created")

COLUMNS: dict[ResourceType, tuple[Column, ...]] = {
    kinds.VPS: (
        _NAME,
        Column("Status", _vps_status, "Where it stands"),
        Column("Node", _vps_node, "The node it is placed on"),
        Column("Cores", _cores("spec.resources.cores"), "CPU cores declared"),
        Column("Memory", _text("spec.resources.memory"), "Memory declared"),
        Column("GPUs", _vps_gpus, "GPUs it holds", "integer"),
        Column("SSH-Port", _text("status.assignment.grant.sshPort", absent="<none>"), "Its SSH port"),
        _AGE,
        Column("Image", _vps_image, "The image declared", priority=1),
        Column("Container", _vps_container, "The engine's id of its container", priority=1),
        Column("Epoch", _at("status.epoch", absent=0), "How often it was placed", "integer", priority=1),
        Column(
            "Restarts",
            _at("status.observed.container.restarts", absent=0),
            "How often its container was started again",
            "integer",
            priority=1,
        ),
        Column("Message", _text("status.message"), "Why it is so", priority=1),
    ),
    kinds.NODE: (
        _NAME,
        Column("Status", _node_status, "Whether it is ready, and takes new VPSes"),
        Column("Cores", _cores("status.allocatable.cores", absent="<unknown>"), "Cores for VPSes"),
        Column("Memory", _memory("status.allocatable.memory", absent="<unknown>"), "Memory for VPSes"),
        Column("Version", _text("status.nodeInfo.agentVersion", absent="<unknown>"), "The agent's version"),
        _AGE,
        Column("GPUs", _node_gpus, "GPUs it has", "integer", priority=1),
        Column("Engine", _text("status.nodeInfo.runtimeVersion"), "The container engine", priority=1),
        Column("Kernel", _text("status.nodeInfo.kernelVersion"), "The kernel's release", priority=1),
    ),
    kinds.NODE_ALLOCATION: (
        _NAME,
        Column("VPSes", _bookings, "How many VPSes hold something of the node", "integer"),
        Column("Cores", _booked_cores, "Cores held"),
        Column("Memory", _booked_memory, "Memory held"),
        Column("GPUs", _booked_gpus, "GPUs held", "integer"),
        Column("Tombstones", _tombstones, "Containers to be removed when the node is back", "integer"),
        _AGE,
    ),
    kinds.ENVIRONMENT: (
        _NAME,
        Column("Image", _environment_image, "The image, the tarball or the VPS it comes from"),
        Column("Status", _text("status.phase", absent="Ready"), "Making, Ready or Failed"),
        _AGE,
        Column("Digest", _environment_digest, "The tarball's digest", priority=1),
    ),
    kinds.SNAPSHOT: (
        _NAME,
        Column("VPS", _text("spec.vps.name"), "The VPS that it has files of"),
        Column("Phase", _text("status.phase", absent="Pending"), "Pending, Taking, Ready, Failed or Lost"),
        Column("Size", _memory("status.size", absent="<none>"), "What it takes on the node's disk"),
        Column("Paused", _snapshot_pause, "For how long the VPS was paused while it was taken"),
        _AGE,
        Column("Node", _text("spec.vps.node"), "The node that has it", priority=1),
        Column("Cause", _text("spec.cause"), "Why it was taken", priority=1),
        Column("Expires", _snapshot_expiry, "When it is deleted by itself", priority=1),
        Column("Message", _text("status.message"), "What is being done, or why it failed", priority=1),
    ),
    kinds.TOKEN: (
        _NAME,
        Column("Role", _token_role, "What its holder may do; and whether it is a browser's session"),
        Column("User", _text("spec.user"), "The name its holder goes by"),
        Column("Node", _text("spec.node", absent="<none>"), "The node it is for"),
        Column("Namespaces", _token_namespaces, "Where it may be used; all where none is named"),
        Column("Expires", _expiry, "How long it is still good for"),
        _AGE,
    ),
    kinds.POLICY: (
        _NAME,
        Column("Namespaces", shown.namespaces, "Which it chooses, by their labels"),
        Column("Limits", shown.limits, "What it limits there"),
        _AGE,
        Column("Registries", shown.registries, "Where images may come from", priority=1),
    ),
    kinds.RESOURCE_QUOTA: (
        _NAME,
        Column("Request", lambda obj, now: usage.line(obj), "What is taken, and what may be, of each"),
        Column("Limit", lambda obj, now: "", "Of limits.*, which no quota here has"),
        _AGE,
    ),
    kinds.NAMESPACE: (
        _NAME,
        Column("Status", _text("status.phase", absent="Active"), "Active or Terminating"),
        _AGE,
    ),
    kinds.EVENT: (
        Column("Last Seen", _event_age, "When it last happened"),
        Column("Type", _text("type"), "Normal or Warning"),
        Column("Reason", _text("reason"), "One word for what happened"),
        Column("Object", _event_object, "What it happened to"),
        Column("Subobject", _text("involvedObject.fieldPath"), "The part it happened to", priority=1),
        Column("Source", _event_source, "Who reports", priority=1),
        Column("Message", _event_message, "One sentence for what happened"),
        Column("First Seen", _first_seen, "When it first happened", priority=1),
        Column("Count", _at("count", absent=1), "How often it happened", "integer", priority=1),
        Column("Name", _text("metadata.name"), "The event's name", format="name", priority=1),
    ),
    kinds.POD: (
        _NAME,
        Column("Ready", _pod_ready, "Whether one can work in it"),
        Column("Status", _pod_status, "Where it stands"),
        Column("Restarts", _pod_restarts, "How often its container was started again", "integer"),
        _AGE,
        Column("IP", _text("status.podIP", absent="<none>"), "Its address on its node", priority=1),
        Column("Node", _text("spec.nodeName", absent="<none>"), "The node it is placed on", priority=1),
        Column("Image", _pod_image, "The image declared", priority=1),
        Column("Message", _text("status.message"), "Why it is so", priority=1),
    ),
    kinds.CORE_NODE: (
        _NAME,
        Column("Status", _core_node_status, "Whether it is ready, and takes new VPSes"),
        Column("Cores", _cores("status.allocatable.cpu", absent="<unknown>"), "Cores for VPSes"),
        Column("Memory", _memory("status.allocatable.memory", absent="<unknown>"), "Memory for VPSes"),
        Column("Version", _core_node_version, "The agent's version"),
        _AGE,
        Column("GPUs", _core_node_gpus, "GPUs it has", "integer", priority=1),
        Column(
            "Engine", _text("status.nodeInfo.containerRuntimeVersion"), "The container engine", priority=1
        ),
        Column("Kernel", _text("status.nodeInfo.kernelVersion"), "The kernel's release", priority=1),
    ),
    kinds.LEASE: (
        _NAME,
        Column("Holder", _text("spec.holderIdentity"), "Who holds it"),
        _AGE,
    ),
}
COLUMNS[kinds.NEW_EVENT] = tuple(map(_of_older, COLUMNS[kinds.EVENT]))
_WINDOW = Column("Window", _text("window"), "Over how long it was measured")
for _metrics in kinds.POD_METRICS:
    COLUMNS[_metrics] = (
        _NAME,
        Column("CPU", lambda obj, now: str(obj["containers"][0]["usage"]["cpu"]), "Cores used"),
        Column("Memory", lambda obj, now: str(obj["containers"][0]["usage"]["memory"]), "Memory used"),
        _WINDOW,
    )
for _metrics in kinds.NODE_METRICS:
    COLUMNS[_metrics] = (
        _NAME,
        Column("CPU", _text("usage.cpu"), "Cores that its VPSes use"),
        Column("Memory", _text("usage.memory"), "Memory that its VPSes use"),
        _WINDOW,
    )
