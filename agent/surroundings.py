"""What this node adds to what is declared: its drain, its cores, its GPUs, its rules.

Between the API's Node and NodeAllocation, the machine, and the keeper: `complete` fills in what one object
cannot say by itself, `hold` says why a start has to wait. Decides nothing, changes nothing, asks the engine
nothing.
"""

import dataclasses
from collections.abc import Callable

from kohakuriver import cpuset
from kohakuriver.agent.deciding import allowed, labels
from kohakuriver.agent.deciding.desired import Around, Desired, container_name
from kohakuriver.agent.deciding.memory import Hold
from kohakuriver.agent.images.environments import Environments, Missing
from kohakuriver.agent.images.snapshots import Snapshots
from kohakuriver.agent.machine.gpus import Devices
from kohakuriver.agent.machine.topology import Topology, cores_of
from kohakuriver.agent.roster import Entry, Roster
from kohakuriver.agent.runtime.base import Container, Limits
from kohakuriver.agent.settings import Settings
from kohakuriver.client.rest import Object
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.resources import reasons

Cores = frozenset[int]


class Surroundings:
    """One node, as its VPSes meet it."""

    def __init__(
        self,
        *,
        settings: Settings,
        nodes: Informer,
        allocations: Informer,
        environments: Environments,
        snapshots: Snapshots,
        devices: Devices,
        roster: Roster,
        topology: Topology,
        quarantined: Callable[[], str] = lambda: "",
        remaps_users: Callable[[], bool | None] = lambda: False,
        over_disk: Callable[[str], str] = lambda _: "",
        frozen_for: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._settings = settings
        self._key = ObjectKey("", settings.node)
        self._nodes = nodes
        self._allocations = allocations
        self._environments = environments
        self._snapshots = snapshots
        self._devices = devices
        self._roster = roster
        self._topology = topology
        self._quarantined = quarantined
        self._remaps_users = remaps_users
        self._over_disk = over_disk
        self._frozen_for = frozen_for
        self._machine = cpuset.written(cores_of(topology))

    @property
    def drained(self) -> bool:
        """Whether VPSes here are to stop."""
        node = self._nodes.get(self._key) or {}
        return bool((node.get("spec") or {}).get("drain"))

    @property
    def bookings(self) -> dict[str, Object]:
        """What is booked here, by VPS uid."""
        record = self._allocations.get(self._key) or {}
        return record.get("bookings") or {}

    @property
    def marks(self) -> frozenset[tuple[str, str, bool]]:
        """What of the bookings concerns other VPSes too: cores held alone, and tombstones."""
        return frozenset(
            (uid, booking.get("cpuset") or "", bool(booking.get("tombstone")))
            for uid, booking in self.bookings.items()
            if booking.get("cpuset") or booking.get("tombstone")
        )

    def is_given_up(self, desired: Desired) -> bool:
        """Whether this very placement has, or had, a tombstone: then it is no longer this node's to keep."""
        if self._roster.is_over(desired.uid, desired.epoch):
            return True
        booking = self.bookings.get(desired.uid) or {}
        return bool(booking.get("tombstone")) and booking.get("epoch") == desired.epoch

    def complete(self, desired: Desired) -> Desired:
        """What is asked for, with what only the node can say."""
        image, whole = self._image(desired), (desired.namespace, desired.snapshot)
        is_known = self._snapshots.known if desired.snapshot else self._environments.known
        missing = self._missing(desired) if not image and is_known else None
        uid = self._snapshots.uid(*whole) if desired.snapshot else ""
        permission = allowed.refusal(
            desired,
            self._settings.allow_mounts,
            allow_privileged=self._settings.allow_privileged,
            capabilities=self._settings.allow_capabilities,
            remaps_users=bool(self._remaps_users()),
            node=self._settings.node,
        )
        booking = self.bookings.get(desired.uid) or {}
        around = Around(
            drained=self.drained,
            quarantine=self._quarantined(),
            refusal=permission,
            no_image=missing.message if missing is not None else "",
            snapshot_uid=uid,
            kept=self._snapshots.volumes(*whole) if uid else (),
            machine=self._machine,
            held=booking.get("cpuset") or "",
            bad_gpus=self._bad_gpus(desired),
            gpus_untold=not self._devices.are_told,
            over_disk=self._over_disk(desired.uid),
            frozen_for=self._frozen_for(desired.uid),
        )
        return dataclasses.replace(desired, image=image, limits=self._limits(desired), around=around)

    def hold(self, entry: Entry) -> Hold | None:
        """Why this VPS must wait before it is created, started or moved to cores of its own."""
        desired = entry.desired
        has_container = self._roster.container(desired, entry.memory) is not None
        is_replacing = entry.memory.durable.recreation is not None  # then its files are in another container
        missing = self._missing(desired) if not desired.image else None
        if missing is not None and not has_container and not is_replacing:
            return Hold(missing.reason, missing.message, failed=True)
        wrong = [why for uuid, why in desired.around.bad_gpus if uuid in desired.gpus]
        if wrong:
            untold = desired.around.gpus_untold
            reason = reasons.GPU_UNKNOWN if untold else reasons.GPU_MISSING
            return Hold(reason, "; ".join(wrong), failed=not untold, uncreated=untold)
        used = self._used_gpu(entry)
        if used:
            return Hold("WaitingForGPU", used)
        if desired.limits is None or not self._machine:
            return None
        if desired.exclusive:
            return self._until_free(entry, desired.limits)
        if self._shared(desired):
            return None
        return Hold("WaitingForCores", "waiting for a core that no other VPS of this node holds alone")

    def _image(self, desired: Desired) -> str:
        """What it is to begin from, by the name that the engine has for that."""
        if desired.snapshot:
            return self._snapshots.image(desired.namespace, desired.snapshot)
        return self._environments.image(desired.environment) if desired.environment else desired.image

    def _missing(self, desired: Desired) -> Missing | None:
        """Why there is nothing that it could begin from; None where an image is named."""
        if desired.snapshot:
            return self._snapshots.missing(desired.namespace, desired.snapshot)
        return self._environments.missing(desired.environment) if desired.environment else None

    def _limits(self, desired: Desired) -> Limits | None:
        """Exclusive cores as granted; else those of its NUMA node, or of all, that nobody holds alone."""
        if desired.limits is None or desired.exclusive or not self._machine:
            return desired.limits
        return dataclasses.replace(desired.limits, cpuset=cpuset.written(self._shared(desired)))

    def _shared(self, desired: Desired) -> Cores:
        """The cores that no other VPS holds alone. What it held itself, it may run on."""
        others = [booking for uid, booking in self.bookings.items() if uid != desired.uid]
        held = [cpuset.parse(booking.get("cpuset") or "") for booking in others]
        return cores_of(self._topology, desired.numa).difference(*held)

    def _until_free(self, entry: Entry, limits: Limits) -> Hold | None:
        """Nobody else may run on its cores when it starts on them (CORRECTNESS 9)."""
        mine = cpuset.parse(limits.cpuset)
        if not mine <= cpuset.parse(entry.desired.around.held):
            return Hold("WaitingForCores", f"waiting for the record of who holds cores {limits.cpuset}")
        for other in self._roster:
            if other is entry:
                continue
            container = self._roster.container(other.desired, other.memory)
            coming = other.memory.starting is not None
            changing = other.working and (coming or not other.ending) and not other.desired.exclusive
            is_there = container is not None and (container.is_up or coming)
            if changing or (is_there and container is not None and mine & self._cores(container)):
                return Hold("WaitingForCores", f"waiting until {other.key} has left cores {limits.cpuset}")
        for uid, booking in self.bookings.items():
            if self._roster.entry(uid) is None and self._runs_on(uid, booking, mine):
                name = ObjectKey(booking["namespace"], booking["name"])
                return Hold("WaitingForCores", f"waiting until {name} has left cores {limits.cpuset}")
        return None

    def _used_gpu(self, entry: Entry) -> str:
        """Nothing starts on a GPU that another container has, which is up or may come up (CORRECTNESS 29)."""
        desired = entry.desired
        mine = self._roster.container(desired, entry.memory)
        if not desired.gpus or (mine is not None and mine.is_up):
            return ""
        coming = {one.memory.starting.container for one in self._roster if one.memory.starting is not None}
        for other in self._roster.containers():
            if mine is not None and other.id == mine.id:
                continue
            shared = sorted(set(desired.gpus) & set(labels.gpus(other)))
            if shared and (other.is_up or other.id in coming):
                return f"waiting until container {other.name} has left GPU {', '.join(shared)}"
        return ""

    def _runs_on(self, uid: str, booking: Object, cores: Cores) -> bool:
        """For who is booked here and has no worker: not yet, since the agent starts, or no more, given up."""
        name = container_name(booking["namespace"], booking["name"], uid)
        return any(
            container.is_up and container.name.startswith(name) and cores & self._cores(container)
            for container in self._roster.containers_of(uid)
        )

    def _cores(self, container: Container) -> Cores:
        text = container.limits.cpuset if container.limits is not None else ""
        return cpuset.parse(text or self._machine)

    def _bad_gpus(self, desired: Desired) -> tuple[tuple[str, str], ...]:
        held = {uuid for one in self._roster.containers_of(desired.uid) for uuid in labels.gpus(one)}
        node = self._settings.node
        found = [(uuid, self._devices.wrong(uuid, node=node)) for uuid in sorted({*desired.gpus, *held})]
        return tuple((uuid, why) for uuid, why in found if why)
