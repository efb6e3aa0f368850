"""The Node object of this machine: made, adopted or made again, and its status kept true.

Written only when it differs from what the API holds. Capacity comes from the engine, so a Node whose engine
has never answered has none, and nothing is placed on it. Never touches spec, taints or labels, but for one of
its own.
"""

import asyncio
import contextlib
import dataclasses
import functools
import logging
from concurrent.futures import Executor
from typing import Any

from kohakuriver import errors, overcommit
from kohakuriver.agent.data_dir import DataDir
from kohakuriver.agent.deciding import labels, strays
from kohakuriver.agent.egress import NO_POLICIES, Egress
from kohakuriver.agent.engine import Engine
from kohakuriver.agent.machine import facts
from kohakuriver.agent.machine.gpus import Devices
from kohakuriver.agent.machine.look import Look
from kohakuriver.agent.machine.topology import Topology, cores_of
from kohakuriver.agent.quarantine import Quarantine, Watchman
from kohakuriver.agent.report import difference
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Container, Image, Volumes
from kohakuriver.agent.settings import Settings
from kohakuriver.agent.surroundings import Surroundings
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.clock import in_words
from kohakuriver.resources import kinds
from kohakuriver.resources.node import MOST_UNKNOWN, MOST_VOLUMES

log = logging.getLogger(__name__)

REFRESH = 10.0  # seconds between looks without a cause
SETTLE = 0.05  # seconds in which causes gather
RETRY = 1.0  # seconds after a failed write
DRAINED = "Drained"
SIMULATED_GPUS = "node.kohakuriver.io/simulated-gpus"  # a node may set labels below this prefix alone


class NodeKeeper:
    """Keeps this machine's Node."""

    def __init__(
        self,
        client: Client,
        nodes: Informer,
        *,
        settings: Settings,
        vpses: Informer,
        surroundings: Surroundings,
        watchman: Watchman,
        engine: Engine,
        egress: Egress,
        roster: Roster,
        devices: Devices,
        topology: Topology,
        data_dir: DataDir,
        threads: Executor | None = None,
    ) -> None:
        self._client = client
        self._nodes = nodes
        self._settings = settings
        self._vpses = vpses
        self._surroundings = surroundings
        self._watchman = watchman
        self._engine = engine
        self._egress = egress
        self._roster = roster
        self._devices = devices
        self._topology = topology
        self._data_dir = data_dir
        self._disk = Look[facts.Disk | None]("how full the engine's disk is", threads)
        self._key = ObjectKey("", settings.node)
        self._wake = asyncio.Event()
        self._is_old = False  # what is held of the Node may be of long ago
        roster.ended.append(self._ended)

    def look(self) -> None:
        """Something may have changed."""
        self._wake.set()

    def look_anew(self) -> None:
        """The Node may have changed, and no watch have told of it: read it first."""
        self._is_old = True
        self._wake.set()

    def _ended(self) -> None:
        if self._surroundings.drained:
            self.look()

    async def run(self) -> None:
        await self._nodes.wait_synced()
        while True:
            try:
                await self.step()
                wait = RETRY if self._lists_another_store else REFRESH
            except errors.KohakuRiverError as error:
                log.warning("node not written", extra={"node": self._settings.node, "error": error.message})
                wait = RETRY
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            await asyncio.sleep(SETTLE)
            self._wake.clear()

    async def step(self) -> None:
        """Make the Node if it is not there, and bring its status up to what is so."""
        await self._devices.refresh()
        if self._is_old:
            await self._read()
        held = await self._labelled(self._nodes.get(self._key) or await self._register())
        change = await self._change(held)
        if change is None:
            return
        body = {"metadata": {"uid": held["metadata"]["uid"]}, "status": change}
        try:
            answer = await self._client.patch(kinds.NODE, self._settings.node, body, subresource="status")
        except (errors.NotFound, errors.Conflict):
            self._nodes.drop(self._key)  # it was deleted, or made again, under us
            raise
        self._nodes.overlay(answer)

    async def _read(self) -> None:
        try:
            self._nodes.overlay(await self._client.get(kinds.NODE, self._settings.node))
        except errors.NotFound:
            self._nodes.drop(self._key)
        self._is_old = False

    async def _register(self) -> Object:
        body: Object = {
            "apiVersion": kinds.NODE.api_version,
            "kind": kinds.NODE.kind,
            "metadata": {"name": self._settings.node},
            "spec": {},
        }
        try:
            node = await self._client.create(kinds.NODE, body)
            log.info("node registered", extra={"node": self._settings.node})
        except errors.AlreadyExists:
            node = await self._client.get(kinds.NODE, self._settings.node)
        self._nodes.overlay(node)
        return node

    async def _labelled(self, held: Object) -> Object:
        """The one label that is the agent's: whether the GPUs are only made up."""
        meta = held["metadata"]
        is_set = SIMULATED_GPUS in (meta.get("labels") or {})
        if is_set == self._devices.simulated:
            return held
        wanted = {SIMULATED_GPUS: "true" if self._devices.simulated else None}
        body = {"metadata": {"uid": meta["uid"], "labels": wanted}}
        answer = await self._client.patch(kinds.NODE, self._settings.node, body)
        self._nodes.overlay(answer)
        return answer

    async def _change(self, held: Object) -> dict[str, Any] | None:
        """The merge patch of the status; None when nothing differs."""
        has = held.get("status") or {}
        disk = await self._look_at_disk()
        change = {
            field: value
            for field, value in difference(
                {name: value for name, value in has.items() if name in _MINE}, self._status()
            ).items()
            # What only the engine knows is kept while it is away.
            if value is not None or (self._engine.info is not None and self._engine.lists)
        }
        known = {condition["type"]: condition for condition in has.get("conditions") or []}
        wanted = conditions(self._engine, disk, self._watchman.quarantine)
        if "Quarantined" in known and self._watchman.quarantine is None:
            wanted.append(_condition("Quarantined", False, "Accepted", ""))
        closed = self._egress.verdict(self._engine.isolation.verdict)
        if closed.reason != NO_POLICIES or "EgressEnforced" in known:
            wanted.append(_condition("EgressEnforced", closed.ok, closed.reason, closed.message))
        if self._data_dir.trouble or "DataDirWritable" in known:
            wanted.append(data_dir_writable(self._data_dir))
        if self._surroundings.drained or DRAINED in known:
            up = sum(container.is_up for container in self._roster.containers())
            is_asked = self._surroundings.drained
            wanted.append(drained(up) if is_asked else _condition(DRAINED, False, "NotAsked", ""))
        if self._engine.blind or "ProcessesVisible" in known:
            wanted.append(processes_visible(self._engine.blind))
        if self._devices.found or self._devices.trouble or "GPUsReady" in known:
            wanted.append(gpus_ready(self._devices.trouble))
        news = [condition for condition in wanted if _differs(known.get(condition["type"]), condition)]
        if news:
            change["conditions"] = news
        return change or None

    async def _look_at_disk(self) -> facts.Disk | None:
        info = self._engine.info
        if info is None:
            return None
        try:
            return await self._disk.take(functools.partial(facts.disk, info.root_dir))
        except TimeoutError:
            return None

    def _status(self) -> dict[str, Any]:
        info, ssh = self._engine.info, self._settings.ssh
        status: dict[str, Any] = {}
        if info is not None and self._engine.lists:
            # Nothing is offered before it is known what runs here already (CORRECTNESS 33).
            status["capacity"] = facts.capacity(info, self._settings)
            status["allocatable"] = facts.allocatable(info, self._settings)
            status["cpuOvercommit"] = overcommit.written(self._settings.cpu_overcommit)
            status["nodeInfo"] = facts.node_info(info)
            status["images"] = self._engine.images or None
            status["defaultImage"] = _written(self._engine.default_image)
            status |= self._accounted()
        if ssh is not None:
            status["sshPorts"] = {"address": ssh.address, "first": ssh.first, "last": ssh.last}
        status |= self._machine()
        return {field: value for field, value in status.items() if value is not None}

    def _accounted(self) -> dict[str, Any]:
        """The containers that no VPS accounts for, and as of which history of the store that is so.

        Nothing in the moment in which the store is known to be restored and its VPSes are not listed yet: who
        accepts the node by what stands here shall have seen what it has found.
        """
        if not self._engine.lists or not self._vpses.synced or self._lists_another_store:
            return {}
        found = self._roster.unknown(self._expected())
        quarantine = self._watchman.quarantine
        self._roster.note_strays(() if quarantine is not None else found, lists=self._engine.lists)
        return {
            "unknown": [self._stray(container) for container in found[:MOST_UNKNOWN]] or None,
            # Who has more than can be told has not told all.
            "history": (self._vpses.history if len(found) <= MOST_UNKNOWN else "") or None,
            "quarantine": dataclasses.asdict(quarantine) if quarantine is not None else None,
        }

    def _stray(self, container: Container) -> dict[str, Any]:
        """What it holds; of one that does not answer what was said of it before stands."""
        said = strays.written(container, machine=cores_of(self._topology))
        if not self._roster.is_partly(container.id):
            return said
        status = (self._nodes.get(self._key) or {}).get("status") or {}
        before = (one for one in status.get("unknown") or () if one.get("container") == container.name)
        return {**next(before, {}), **said}

    @property
    def _lists_another_store(self) -> bool:
        """Whether the VPSes held are still those of before a restore that another list has told of."""
        return self._vpses.history != (self._watchman.seen.history or self._vpses.history)

    def _expected(self) -> set[strays.Identity]:
        """The placements here that the API has, and those that are about to be removed."""
        node, found = self._settings.node, set[strays.Identity]()
        for vps in self._vpses:
            assignment = (vps.get("status") or {}).get("assignment") or {}
            if assignment.get("node") == node:
                found.add((vps["metadata"]["uid"], str(assignment["epoch"])))
        for uid, booking in self._surroundings.bookings.items():
            if booking.get("tombstone"):
                found.add((uid, str(booking["epoch"])))
        return found

    def _machine(self) -> dict[str, Any]:
        """What VPSes may have of the machine, and what is kept for them."""
        return {
            "numa": [node.written() for node in self._topology] or None,
            "gpus": [gpu.written() for gpu in self._devices.found] or None,
            "allowMounts": [mount.written() for mount in self._settings.allow_mounts] or None,
            "allowPrivileged": (self._settings.allow_privileged and self._engine.remaps_users is False)
            or None,
            "allowCapabilities": list(self._settings.allow_capabilities) or None,
            "volumes": volumes(self._engine.volumes) or None,
        }


_MINE = (
    "capacity",
    "allocatable",
    "cpuOvercommit",
    "nodeInfo",
    "images",
    "defaultImage",
    "unknown",
    "history",
    "quarantine",
    "sshPorts",
    "numa",
    "gpus",
    "allowMounts",
    "allowPrivileged",
    "allowCapabilities",
    "volumes",
)


def _written(image: Image | None) -> dict[str, Any]:
    """The default image, for the status."""
    if image is None:
        return {"present": False}
    return {"present": True, "built": image.built} if image.built else {"present": True}


def volumes(found: Volumes) -> list[dict[str, str]]:
    """The VPSes' volumes among those of the cluster, as the Node's status has them."""
    rows = [
        {
            "namespace": volume.labels[labels.NAMESPACE],
            "vps": volume.labels[labels.NAME],
            "name": volume.labels[labels.VOLUME],
        }
        for volume in found
        if labels.VOLUME in volume.labels
    ]
    return sorted(rows, key=lambda row: tuple(row.values()))[:MOST_VOLUMES]


def conditions(
    engine: Engine, disk: facts.Disk | None, quarantine: Quarantine | None = None
) -> list[dict[str, str]]:
    """Ready; once they are known RuntimeReady and UserNamespaces; where the data root can be seen,
    DiskPressure; Quarantined."""
    health = engine.health
    found = [_condition("Ready", True, "AgentReports", "")]
    if quarantine is not None:
        words = f"since {in_words(quarantine.since)}: {quarantine.why}"
        found.append(_condition("Quarantined", True, "StoreRestored", words))
    if engine.looked_at:
        found.append(_condition("RuntimeReady", health.ok, health.reason, health.message))
    if engine.info is not None:
        is_so, reason = engine.info.remaps_users, "Remapped" if engine.info.remaps_users else "NotRemapped"
        found.append(_condition("UserNamespaces", is_so, reason, facts.root_in_a_vps(engine.info)))
    isolated = engine.isolation.verdict
    if isolated is not None:
        found.append(_condition("NetworkIsolated", isolated.ok, isolated.reason, isolated.message))
    if disk is not None:
        reason = "DiskShort" if disk.is_short else "DiskFree"
        found.append(_condition("DiskPressure", disk.is_short, reason, disk.words if disk.is_short else ""))
    return found


def data_dir_writable(data_dir: DataDir) -> dict[str, str]:
    """Whether what has to outlive the agent can be written."""
    trouble = data_dir.trouble
    words = (
        f"{trouble}; VPSes here are stopped and deleted all the same, but a start that needs a note there "
        "may have to wait: make room on that disk, or make it writable"
    )
    return _condition("DataDirWritable", not trouble, data_dir.reason, words if trouble else "")


def drained(up: int) -> dict[str, str]:
    """Whether nothing runs any more on a node that is being drained."""
    return _condition(
        DRAINED, not up, "StillRunning" if up else "NothingRuns", f"{up} still up" if up else ""
    )


def processes_visible(blind: str) -> dict[str, str]:
    """Whether it can be told what still runs of a container that its engine has lost sight of."""
    reason = "LayoutUnknown" if blind else "ProcessesSeen"
    return _condition("ProcessesVisible", not blind, reason, blind)


def gpus_ready(trouble: str) -> dict[str, str]:
    """Whether every GPU of this machine can be given to a VPS."""
    return _condition("GPUsReady", not trouble, "GPUsUnwell" if trouble else "GPUsWell", trouble)


def _condition(type_: str, is_so: bool, reason: str, message: str) -> dict[str, str]:
    return {"type": type_, "status": "True" if is_so else "False", "reason": reason, "message": message}


def _differs(held: dict[str, Any] | None, wanted: dict[str, str]) -> bool:
    """Numbers in the message of an unchanged condition are no news: they would be written all day."""
    if (
        held is None
        or held.get("status") != wanted["status"]
        or (held.get("reason") or "") != wanted["reason"]
    ):
        return True
    return wanted["type"] != "DiskPressure" and (held.get("message") or "") != wanted["message"]
