"""Objects as their readers ask for them: `VPS.of(body).assignment.node`.

    JSON from the API, of any version  ─►  VPS, Node, Allocation …  ─►  text, numbers, other readers

A field that is absent, or of another type than it should be, reads as empty, so that no program ends because
another one wrote something unexpected. A part that is absent is an empty reader, which is false. Whoever has
to tell nonsense from absence reads `raw`. Nothing is copied or checked ahead, and no model is imported. Pure.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

from kohakuriver.resources import conditions as types
from kohakuriver.resources import reasons

Amount = str | int | float
"""A quantity as JSON has it: "500m", "4Gi", 2."""
_Part = TypeVar("_Part", bound="Fields")


class Fields:
    """A JSON object, or the empty one in place of anything else."""

    __slots__ = ("raw",)

    def __init__(self, raw: object) -> None:
        is_object = type(raw) is dict or isinstance(
            raw, Mapping
        )  # the first is quicker, and nearly always so
        self.raw: Final[Mapping[str, Any]] = raw if is_object else {}  # type: ignore[assignment]

    @classmethod
    def of(cls, raw: object) -> Self:
        """The reader of this value."""
        return cls(raw)

    def __bool__(self) -> bool:
        return bool(self.raw)

    def text(self, field: str) -> str:
        """The text of a field; empty where there is none."""
        value = self.raw.get(field)
        return value if isinstance(value, str) else ""

    def number(self, field: str) -> int | None:
        """The whole number in a field, if there is one."""
        value = self.raw.get(field)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, field: str) -> bool:
        """Whether a field is true."""
        return self.raw.get(field) is True

    def texts(self, field: str) -> tuple[str, ...]:
        """The texts of a list."""
        return tuple(one for one in self._list(field) if isinstance(one, str))

    def words(self, field: str) -> dict[str, str]:
        """A map of texts, such as labels."""
        value = self.raw.get(field)
        found = value.items() if isinstance(value, Mapping) else ()
        return {key: one for key, one in found if isinstance(key, str) and isinstance(one, str)}

    def parts(self, field: str, reader: type[_Part]) -> tuple[_Part, ...]:
        """A reader for each object of a list."""
        return tuple(reader(one) for one in self._list(field) if isinstance(one, Mapping))

    def amount(self, field: str, read: Callable[[Amount], int | None]) -> Amount | None:
        """The quantity in a field, if `read` makes something of it."""
        value = self.raw.get(field)
        return value if isinstance(value, Amount) and read(value) is not None else None

    def _list(self, field: str) -> Sequence[object]:
        value = self.raw.get(field)
        return value if isinstance(value, list | tuple) else ()


def _read(read: Callable[[Amount], int], value: object) -> int | None:
    """What this makes of a quantity; None where that is none, or cannot be read."""
    if not isinstance(value, Amount) or isinstance(value, bool):
        return None
    try:
        return read(value)
    except (ValueError, ArithmeticError):
        return None


def _millicores(value: object) -> int | None:
    return _cached_millicores(value) if isinstance(value, Amount) else None


def _bytes(value: object) -> int | None:
    return _cached_bytes(value) if isinstance(value, Amount) else None


@functools.lru_cache(maxsize=4096, typed=True)  # a list has the same few amounts again and again
def _cached_millicores(value: Amount) -> int | None:
    from kohakuriver import quantity  # here and below: who reads no amount does not import it

    return _read(quantity.millicores, value)


@functools.lru_cache(maxsize=4096, typed=True)
def _cached_bytes(value: Amount) -> int | None:
    from kohakuriver import quantity

    return _read(quantity.size, value)


class Amounts(Fields):
    """Cores, memory and devices: a request, a grant, a booking, or what a machine has."""

    __slots__ = ()

    @property
    def cores(self) -> Amount | None:
        return self.amount("cores", _millicores)

    @property
    def memory(self) -> Amount | None:
        return self.amount("memory", _bytes)

    @property
    def millicores(self) -> int:
        """Cores in thousandths; 0 where none are named."""
        return _millicores(self.raw.get("cores")) or 0

    @property
    def memory_bytes(self) -> int:
        """Memory in bytes; 0 where none is named."""
        return _bytes(self.raw.get("memory")) or 0

    @property
    def cpuset(self) -> frozenset[int]:
        """The cores that are held alone."""
        from kohakuriver import cpuset

        try:
            return frozenset(cpuset.parse(self.text("cpuset")))
        except ValueError:
            return frozenset()

    @property
    def gpus(self) -> tuple[str, ...]:
        """The UUIDs of GPUs."""
        return self.texts("gpus")

    @property
    def ssh_port(self) -> int | None:
        return self.number("sshPort")


class Condition(Fields):
    """One thing that is so, is not so, or is not known of an object. Absent: neither true nor false."""

    __slots__ = ()

    @property
    def type(self) -> str:
        return self.text("type")

    @property
    def status(self) -> str:
        return self.text("status")

    @property
    def is_true(self) -> bool:
        return self.status == "True"

    @property
    def is_false(self) -> bool:
        return self.status == "False"

    @property
    def reason(self) -> str:
        return self.text("reason")

    @property
    def message(self) -> str:
        return self.text("message")

    @property
    def observed_generation(self) -> int | None:
        return self.number("observedGeneration")


class Object(Fields):
    """Any object: its metadata, and its conditions where it has some."""

    __slots__ = ()

    @property
    def metadata(self) -> Fields:
        return Fields(self.raw.get("metadata"))

    @property
    def spec(self) -> Fields:
        return Fields(self.raw.get("spec"))

    @property
    def status(self) -> Fields:
        return Fields(self.raw.get("status"))

    @property
    def name(self) -> str:
        return self.metadata.text("name")

    @property
    def namespace(self) -> str:
        return self.metadata.text("namespace")

    @property
    def uid(self) -> str:
        return self.metadata.text("uid")

    @property
    def version(self) -> str:
        """The resourceVersion: it changes with every write."""
        return self.metadata.text("resourceVersion")

    @property
    def generation(self) -> int | None:
        """Counts the changes of the spec."""
        return self.metadata.number("generation")

    @property
    def labels(self) -> dict[str, str]:
        return self.metadata.words("labels")

    @property
    def annotations(self) -> dict[str, str]:
        return self.metadata.words("annotations")

    @property
    def created(self) -> str:
        """When the server took it in."""
        return self.metadata.text("creationTimestamp")

    @property
    def is_terminating(self) -> bool:
        """Whether its deletion was asked for."""
        return bool(self.metadata.raw.get("deletionTimestamp"))

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Its conditions, without what names no type or no status."""
        return tuple(one for one in self.status.parts("conditions", Condition) if one.type and one.status)

    def condition(self, type_: str) -> Condition:
        """The condition of this type; an empty one where there is none."""
        return next((one for one in self.conditions if one.type == type_), Condition({}))


class Row(Fields):
    """A row of a table, and the object that it shows."""

    __slots__ = ()

    @property
    def object(self) -> Object:
        return Object(self.raw.get("object"))


class SSHSpec(Fields):
    """Who may log in to a VPS, as it declares it."""

    __slots__ = ()

    @property
    def authorized_keys(self) -> tuple[str, ...]:
        return self.texts("authorizedKeys")

    @property
    def passwordless(self) -> bool:
        return self.flag("passwordless")

    @property
    def disabled(self) -> bool:
        return self.flag("disabled")


class Placement(Fields):
    """Where a VPS asks to be."""

    __slots__ = ()

    @property
    def node(self) -> str:
        return self.text("node")

    @property
    def node_selector(self) -> dict[str, str]:
        return self.words("nodeSelector")

    @property
    def gpu_count(self) -> int:
        """How many GPUs it asks for, by their ids or by their number."""
        gpus = Fields(self.raw.get("gpus"))
        return len(gpus.texts("ids")) or gpus.number("count") or int(bool(gpus))


class VPSSpec(Fields):
    """What somebody declared of a VPS."""

    __slots__ = ()

    @property
    def run_state(self) -> str:
        return self.text("runState") or "Running"

    @property
    def image(self) -> str:
        return self.text("image")

    @property
    def environment(self) -> str:
        return self.text("environment")

    @property
    def resources(self) -> Amounts:
        return Amounts(self.raw.get("resources"))

    @property
    def placement(self) -> Placement:
        return Placement(self.raw.get("placement"))

    @property
    def ssh(self) -> SSHSpec:
        return SSHSpec(self.raw.get("ssh"))

    @property
    def restart_policy(self) -> str:
        return self.text("restartPolicy")

    @property
    def restart_request(self) -> str:
        """Which restart was asked for last."""
        return self.text("restartRequest")

    @property
    def replace_files(self) -> int:
        """Which replacement of its files was asked for last; 0 where none was."""
        return self.number("replaceFiles") or 0

    @property
    def files_from(self) -> str:
        """The Snapshot that its files begin from in place of its image; empty where they do not."""
        return Fields(self.raw.get("filesFrom")).text("snapshot")

    @property
    def snapshots(self) -> Fields:
        """When snapshots of it are taken, and how."""
        return Fields(self.raw.get("snapshots"))

    @property
    def mounts(self) -> tuple[Fields, ...]:
        return self.parts("mounts", Fields)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Those that it asks for beyond the default."""
        return Fields(Fields(self.raw.get("security")).raw.get("capabilities")).texts("add")


class Assignment(Fields):
    """The node that a VPS is bound to, and what it has there."""

    __slots__ = ()

    @property
    def node(self) -> str:
        return self.text("node")

    @property
    def epoch(self) -> int | None:
        """Which placement this is, counted from 1."""
        return self.number("epoch")

    @property
    def bound_at(self) -> str:
        return self.text("boundAt")

    @property
    def grant(self) -> Amounts:
        return Amounts(self.raw.get("grant"))


class SSHStatus(Fields):
    """How SSH stands, by the agent."""

    __slots__ = ()

    @property
    def state(self) -> str:
        """`ready`, `waiting`, `unavailable` or `disabled`."""
        return self.text("state")

    @property
    def message(self) -> str:
        return self.text("message")

    @property
    def host_key(self) -> str:
        return self.text("hostKey")


class Container(Fields):
    """The container of a VPS, as its engine has it."""

    __slots__ = ()

    @property
    def id(self) -> str:
        return self.text("id")

    @property
    def name(self) -> str:
        return self.text("name")

    @property
    def restarts(self) -> int | None:
        """How often it was started again; None where nobody has said."""
        return self.number("restarts")

    @property
    def started_at(self) -> str:
        return self.text("startedAt")

    @property
    def finished_at(self) -> str:
        return self.text("finishedAt")


class Observed(Fields):
    """What the agent of a VPS's node saw."""

    __slots__ = ()

    @property
    def state(self) -> str:
        """The agent's word for it, such as `running` or `backoff`."""
        return self.text("state")

    @property
    def ssh(self) -> SSHStatus:
        return SSHStatus(self.raw.get("ssh"))

    @property
    def container(self) -> Container:
        return Container(self.raw.get("container"))

    @property
    def restart_request(self) -> str:
        """The last restart that was carried out."""
        return self.text("restartRequest")

    @property
    def replace_files(self) -> int:
        """The last replacement of its files that was carried out; 0 where none was."""
        return self.number("replaceFiles") or 0


class VPS(Object):
    """A VPS."""

    __slots__ = ()

    @property
    def spec(self) -> VPSSpec:
        return VPSSpec(self.raw.get("spec"))

    @property
    def assignment(self) -> Assignment:
        """Its placement; an empty one while it has none."""
        return Assignment(self.status.raw.get("assignment"))

    @property
    def node(self) -> str:
        """The node it is bound to; empty while it has none."""
        return self.assignment.node

    @property
    def grant(self) -> Amounts:
        """What it holds on its node."""
        return self.assignment.grant

    @property
    def observed(self) -> Observed:
        """What the agent of the present placement saw; nothing where only an earlier one is known."""
        found = Fields(self.status.raw.get("observed"))
        return Observed(found.raw if found.number("epoch") == self.assignment.epoch else None)

    @property
    def word(self) -> str:
        """The one word for how it stands, the same in every table: its phase, or terminating."""
        if self.is_terminating:
            return "terminating"
        return self.status.text("phase") or "pending"

    @property
    def reason(self) -> str:
        """One CamelCase word for why it stands so."""
        return self.status.text("reason")

    @property
    def message(self) -> str:
        """One sentence for why it stands so."""
        return self.status.text("message")

    @property
    def why(self) -> str:
        """Why it is not running, or what is wrong with it though it is."""
        return self.message or ("" if self.reason.lower() == self.status.text("phase") else self.reason)

    @property
    def is_drained(self) -> bool:
        """Whether its node has stopped it, and starts it again at uncordon."""
        return self.reason == reasons.NODE_DRAINED

    @property
    def is_seen(self) -> bool:
        """Whether its agent has acted on the spec as it is now."""
        return self.status.number("observedGeneration") == self.generation

    @property
    def unreachable_since(self) -> str:
        """Since when its node has been silent."""
        return self.status.text("unreachableSince")


class SSHPorts(Fields):
    """The ports from which the VPSes of a node get theirs."""

    __slots__ = ()

    @property
    def address(self) -> str:
        return self.text("address")

    @property
    def first(self) -> int | None:
        return self.number("first")

    @property
    def last(self) -> int | None:
        return self.number("last")


class Quarantine(Fields):
    """Why nothing is carried out on a node until a person has looked at it."""

    __slots__ = ()

    @property
    def since(self) -> str:
        return self.text("since")

    @property
    def why(self) -> str:
        return self.text("why")


class NodeInfo(Fields):
    """What a machine and its programs are."""

    __slots__ = ()

    @property
    def hostname(self) -> str:
        return self.text("hostname")

    @property
    def agent_version(self) -> str:
        return self.text("agentVersion")


class DefaultImage(Fields):
    """The image that VPSes start from by default, as a node has it."""

    __slots__ = ()

    @property
    def is_missing(self) -> bool:
        """Whether the node has said that it does not have it."""
        return self.raw.get("present") is False

    @property
    def built(self) -> str:
        return self.text("built")


class Node(Object):
    """A node."""

    __slots__ = ()

    @property
    def is_ready(self) -> bool:
        """Whether its agent reports."""
        return self.condition(types.READY).is_true

    @property
    def word(self) -> str:
        """How it stands, the same in every table: Ready or NotReady; then Cordoned, Draining or Drained; then
        what else is wrong with it."""
        words = ["Ready" if self.is_ready else "NotReady", self._order]
        words.append("Quarantined" if self.quarantine else "")
        words += [word for type_, bad, word in _TROUBLES if self.condition(type_).status == bad]
        return ",".join(word for word in words if word)

    @property
    def _order(self) -> str:
        """What was asked of it; its agent says when a drain is over."""
        if self.spec.flag("drain"):
            return "Drained" if self.condition(types.DRAINED).is_true else "Draining"
        return "Cordoned" if self.spec.flag("unschedulable") else ""

    @property
    def capacity(self) -> Amounts:
        """What VPSes may have of it; all that it has, where it does not say."""
        return Amounts(self.status.raw.get("allocatable")) or Amounts(self.status.raw.get("capacity"))

    @property
    def overcommit(self) -> int:
        """How often it gives each of its cores, in thousandths; once, where that cannot be read."""
        from kohakuriver import overcommit

        return _read(overcommit.parse, self.status.raw.get("cpuOvercommit")) or overcommit.ONCE

    @property
    def gpus(self) -> tuple[Fields, ...]:
        return self.status.parts("gpus", Fields)

    @property
    def ssh_ports(self) -> SSHPorts:
        return SSHPorts(self.status.raw.get("sshPorts"))

    @property
    def info(self) -> NodeInfo:
        return NodeInfo(self.status.raw.get("nodeInfo"))

    @property
    def quarantine(self) -> Quarantine:
        return Quarantine(self.status.raw.get("quarantine"))

    @property
    def default_image(self) -> DefaultImage:
        return DefaultImage(self.status.raw.get("defaultImage"))

    @property
    def unknown(self) -> tuple[Amounts, ...]:
        """Containers of this cluster that no VPS accounts for, and what they hold."""
        return self.status.parts("unknown", Amounts)


_TROUBLES: Final = (
    (types.RUNTIME_READY, "False", "EngineDown"),
    (types.DISK_PRESSURE, "True", "DiskPressure"),
    (types.DATA_DIR_WRITABLE, "False", "DataDirNotWritable"),
    (types.READABLE, "False", "Unreadable"),
)
"""Conditions, the status of each that is bad, and the word for it."""


class Booking(Amounts):
    """What one VPS holds on a node."""

    __slots__ = ()

    @property
    def owner(self) -> str:
        """The VPS as NAMESPACE/NAME."""
        return f"{self.text('namespace')}/{self.text('name')}"

    @property
    def tombstone(self) -> Fields:
        """Why it is still held though the VPS is gone; empty while the VPS is there."""
        return Fields(self.raw.get("tombstone"))


class Allocation(Object):
    """What is booked on a node."""

    __slots__ = ()

    @property
    def bookings(self) -> tuple[Booking, ...]:
        found = self.raw.get("bookings")
        return tuple(map(Booking, found.values())) if isinstance(found, Mapping) else ()


class Event(Object):
    """An Event, in either of the forms that Kubernetes has for it."""

    __slots__ = ()

    @property
    def type(self) -> str:
        """`Normal` or `Warning`."""
        return self.text("type")

    @property
    def reason(self) -> str:
        return self.text("reason")

    @property
    def message(self) -> str:
        return self.text("message").strip()

    @property
    def source(self) -> str:
        """The program that reported it."""
        return Fields(self.raw.get("source")).text("component") or self.text("reportingComponent")

    @property
    def count(self) -> int:
        """How often it happened."""
        return self._series.number("count") or self.number("count") or 1

    @property
    def first(self) -> str:
        """When it happened first; empty where that is not known."""
        return self.text("firstTimestamp") or self.text("eventTime")

    @property
    def latest(self) -> str:
        """When it happened last."""
        seen = self._series.text("lastObservedTime") or self.text("lastTimestamp") or self.text("eventTime")
        return seen or self.created

    @property
    def about(self) -> Fields:
        """The object that it is about."""
        return Fields(self.raw.get("involvedObject"))

    @property
    def _series(self) -> Fields:
        return Fields(self.raw.get("series"))


class Lease(Object):
    """A Lease."""

    __slots__ = ()

    @property
    def holder(self) -> str:
        return self.spec.text("holderIdentity")

    @property
    def duration(self) -> int | None:
        """The seconds for which it holds after a renewal, if it says so."""
        return self.spec.number("leaseDurationSeconds")


class Environment(Object):
    """An Environment."""

    __slots__ = ()

    @property
    def vps(self) -> Fields:
        """The VPS that it is made of; empty where it comes from elsewhere."""
        return Fields(self.spec.raw.get("vps"))

    @property
    def word(self) -> str:
        """How it stands: Making, Ready or Failed. One that is not made of a VPS is ready at once."""
        return (self.status.text("phase") or "Making") if self.vps else "Ready"

    @property
    def size(self) -> int:
        """The bytes of its tarball; 0 while that is not known."""
        return self.status.number("size") or 0

    @property
    def message(self) -> str:
        return self.status.text("message")


class Hook(Fields):
    """How a command inside the VPS before or after a snapshot of it ended."""

    __slots__ = ()

    @property
    def exit_code(self) -> int | None:
        return self.number("exitCode")

    @property
    def message(self) -> str:
        return self.text("message")

    @property
    def failed(self) -> bool:
        return bool(self) and (bool(self.message) or self.exit_code != 0)


class Snapshot(Object):
    """A Snapshot."""

    __slots__ = ()

    @property
    def vps(self) -> Fields:
        """The VPS that it is of: name, uid, and the node that has the files."""
        return Fields(self.spec.raw.get("vps"))

    @property
    def node(self) -> str:
        return self.vps.text("node")

    @property
    def cause(self) -> str:
        """Manual, Schedule, Replaced or Fork."""
        return self.spec.text("cause") or "Manual"

    @property
    def word(self) -> str:
        """How it stands, the same in every table: Pending until its node has begun, then its phase."""
        if self.is_terminating:
            return "Terminating"
        return self.status.text("phase") or "Pending"

    @property
    def is_ready(self) -> bool:
        """Whether files can begin from it."""
        return self.word == "Ready"

    @property
    def message(self) -> str:
        return self.status.text("message")

    @property
    def taken_at(self) -> str:
        """When the files were as they are in it; empty until they are taken."""
        return self.status.text("takenAt")

    @property
    def paused_milliseconds(self) -> int | None:
        """For how long the VPS was paused for it; None while nobody has said."""
        return self.status.number("pausedMilliseconds")

    @property
    def size(self) -> int:
        """The bytes that it takes; 0 while that is not known."""
        return self.status.number("size") or 0

    @property
    def volumes(self) -> tuple[Fields, ...]:
        """The volumes in it, each with its name, if it has one, and its target."""
        return self.status.parts("volumes", Fields)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Paths that are not in it."""
        return self.status.texts("leftOut")

    @property
    def hooks(self) -> dict[str, Hook]:
        """How the hooks `before` and `after` it ended, those that ran."""
        found = {name: Hook(self.status.raw.get(name)) for name in ("before", "after")}
        return {name: one for name, one in found.items() if one}
