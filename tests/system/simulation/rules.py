"""The rules of DESIGN section 5, checked at every commit to the store and at every act of an engine.

A `WatchedStore` and `WatchedEngine`s call `Rules` after each change. The first rule that is broken is kept
with the moment it was, and `Rules.check` raises it: what breaks in the middle of a program's own task would
only be logged there.
"""

import asyncio
import dataclasses
import fractions
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from kohakuriver import cpuset, image_name, quantity
from kohakuriver.agent.runtime.base import Container, ContainerSpec, ContainerState, File, Limits
from kohakuriver.apiserver.store.base import Delete, Put
from kohakuriver.resources import booked
from kohakuriver.resources.booked import NOTHING, Amounts
from tests.fakes.engine import FakeEngine, Record
from tests.fakes.store import MemoryStore
from tests.fakes.switches import FakeImage

Json = dict[str, Any]
Identity = tuple[str, str]  # uid, epoch
UID, EPOCH, NAME = "kohakuriver.io/uid", "kohakuriver.io/epoch", "kohakuriver.io/name"
WRITTEN = File("/root/work", b"what somebody wrote in it")
LABS = ("lab-a", "lab-b")  # images that an Environment may stand for
VPSES, RECORDS, QUOTAS = "registry/vpses/", "registry/nodeallocations/", "registry/resourcequotas/"
NODES, SNAPSHOTS = "registry/nodes/", "registry/snapshots/"
STALE = 60.0  # seconds that a controller which is cut off may go by what it knew
HAS = 6000  # millicores of a node


class Broken(AssertionError):
    """A rule does not hold."""


def identity(container: Container) -> Identity:
    return container.labels[UID], container.labels[EPOCH]


class WatchedStore(MemoryStore):
    """Tells the rules of every commit."""

    def __init__(self, rules: "Rules") -> None:
        super().__init__()
        self._rules = rules

    async def commit(self, *, expect: Mapping[str, int], writes: Sequence[Put | Delete]) -> int:
        try:
            return await super().commit(expect=expect, writes=writes)
        finally:
            if any(VPSES in write.key or RECORDS in write.key for write in writes):
                self._rules.after_commit(self)
            if any(SNAPSHOTS in write.key for write in writes):
                self._rules.after_snapshots(self)

    def objects(self, below: str) -> dict[str, Json]:
        """What lies there now, by key."""
        return {
            key: orjson.loads(record.value)
            for key in self._versions
            if below in key and (record := self._latest(key)) is not None
        }

    def revisions(self, below: str) -> dict[str, int]:
        """When each of those was written last."""
        return {
            key: record.revision
            for key in self._versions
            if below in key and (record := self._latest(key)) is not None
        }

    @property
    def is_whole(self) -> bool:
        return self._thawed.is_set() and not self._alarms and not self._faults

    def forget_faults(self) -> None:
        """What was to fail next does not."""
        self._faults.clear()


class WatchedEngine(FakeEngine):
    """Tells the rules of every act, and knows which were done by hand."""

    def __init__(self, node: str, rules: "Rules") -> None:
        super().__init__()
        self.node = node
        self.by_hand = False
        self.rules = rules
        self.images |= {name: FakeImage(f"sha256:{name}") for name in LABS}
        self.is_given_up = False  # somebody says that the machine is destroyed
        self.disowned: set[str] = set()  # containers from before the machine joined again: left alone
        rules.engines.append(self)

    def burn(self) -> None:
        """It is no more, and neither is what was on it."""
        self._records.clear()

    def owns(self, record: Record) -> bool:
        """Whether it is of a placement that the cluster still knows of."""
        return not self.is_given_up and record.seen.id not in self.disowned

    def remove_disowned(self) -> None:
        """A person removes them."""
        for id_ in self.disowned & {record.seen.id for record in self.records()}:
            super().remove(id_, force=True)

    def create(self, spec: ContainerSpec) -> str:
        made = super().create(spec)
        self.rules.after_create(self, self.find(made).seen)
        return made

    def start(self, name_or_id: str) -> None:
        record = self.find(name_or_id)
        was_up = record.seen.is_up
        super().start(name_or_id)
        if not was_up:
            self.rules.after_start(self, record)

    def update(self, name_or_id: str, limits: Limits) -> None:
        super().update(name_or_id, limits)
        self.rules.check_cores(self)

    def remove(self, name_or_id: str, *, force: bool) -> None:
        record = self.find(name_or_id)
        super().remove(name_or_id, force=force)
        self.rules.after_remove(self, record)


@dataclasses.dataclass
class Rules:
    """What has been seen, and the first rule that was broken."""

    engines: list[WatchedEngine] = dataclasses.field(default_factory=list)
    asked: set[str] = dataclasses.field(default_factory=set)  # uids whose end or unbinding somebody asked for
    replaced: set[str] = dataclasses.field(default_factory=set)  # uids whose owner named another image
    restored: set[str] = dataclasses.field(default_factory=set)  # whose files gave way to a Snapshot's
    dropped: set[str] = dataclasses.field(default_factory=set)  # uids of Snapshots that somebody deleted
    broken: str = ""
    _nodes: dict[tuple[str, int], str] = dataclasses.field(default_factory=dict)
    _vpses: dict[str, Json] = dataclasses.field(default_factory=dict)  # by uid, as last committed
    _buried: dict[tuple[str, str], int] = dataclasses.field(default_factory=dict)  # epochs of tombstones
    _used: Amounts = NOTHING
    _held: dict[str, Json] = dataclasses.field(default_factory=dict)  # what is booked, by node
    _phases: dict[str, str] = dataclasses.field(default_factory=dict)  # of Snapshots, by uid
    _of: dict[str, str] = dataclasses.field(default_factory=dict)  # the uids of their VPSes, by theirs
    _going: set[str] = dataclasses.field(default_factory=set)  # uids of those that are being deleted
    _waits: dict[tuple[str, str], float] = dataclasses.field(default_factory=dict)  # VPS, Snapshot: since
    _written: set[Identity] = dataclasses.field(default_factory=set)  # whose files hold something

    def check(self) -> None:
        if self.broken:
            raise Broken(self.broken)

    def demand(self, holds: bool, rule: str, *about: object) -> None:
        if not holds and not self.broken:
            when = asyncio.get_running_loop().time()
            self.broken = f"{rule}  [at {when:.3f} s: {', '.join(map(str, about))}]"

    # The store.

    def after_commit(self, store: WatchedStore) -> None:
        vpses = {vps["metadata"]["uid"]: vps for vps in store.objects(VPSES).values()}
        records = {record["metadata"]["name"]: record for record in store.objects(RECORDS).values()}
        nodes = {node["metadata"]["name"]: node for node in store.objects(NODES).values()}
        for node, record in records.items():
            self._check_record(node, record.get("bookings") or {})
            self._check_cores_given(node, record.get("bookings") or {}, nodes.get(node, {}))
        self._check_quotas(store, records)
        self._check_bound(vpses, records)
        self._check_gone(vpses, records)
        self._check_buried(records)
        self._vpses = vpses
        self._note_who_waits()

    def _note_who_waits(self) -> None:
        """Which VPSes have no container yet, and shall begin from a Snapshot; and since when."""
        now = asyncio.get_running_loop().time()
        waits = {}
        for uid, vps in self._vpses.items():
            name = (vps["spec"].get("filesFrom") or {}).get("snapshot")
            seen = (vps.get("status") or {}).get("observed") or {}
            if name and not seen.get("container") and not vps["metadata"].get("deletionTimestamp"):
                waits[uid, name] = self._waits.get((uid, name), now)
        self._waits = waits

    def after_snapshots(self, store: WatchedStore) -> None:
        now, going = asyncio.get_running_loop().time(), set[str]()
        for snapshot in store.objects(SNAPSHOTS).values():
            meta, phase = snapshot["metadata"], (snapshot.get("status") or {}).get("phase") or ""
            uid, node = meta["uid"], snapshot["spec"]["vps"]["node"]
            before, self._phases[uid] = self._phases.get(uid), phase
            self._of[uid] = snapshot["spec"]["vps"]["uid"]
            if phase == "Ready" != before:
                image = image_name.of_snapshot(uid)
                there = [one for one in self.engines if one.node == node and one.image(image)]
                self.demand(bool(there), "a Snapshot is ready whose files are not there", snapshot)
            if meta.get("deletionTimestamp"):
                going.add(uid)
                since = [at for (_, name), at in self._waits.items() if name == meta["name"]]
                is_new = uid not in self._going and uid not in self.dropped
                self.demand(
                    not is_new or not since or now - min(since) < STALE,
                    "a Snapshot is removed that a VPS waits for", snapshot, self._waits,
                )  # fmt: skip
        self._going = going

    def _check_record(self, node: str, entries: Json) -> None:
        sets = [cpuset.parse(entry.get("cpuset") or "") for entry in entries.values()]
        held = [uuid for entry in entries.values() for uuid in entry.get("gpus") or ()]
        ports = [entry["sshPort"] for entry in entries.values() if "sshPort" in entry]
        self.demand(
            len(frozenset().union(*sets)) == sum(map(len, sets)),
            "an exclusive core is booked twice",
            node,
            entries,
        )
        self.demand(len(set(held)) == len(held), "a GPU is booked twice", node, entries)
        self.demand(len(set(ports)) == len(ports), "an SSH port is booked twice", node, entries)
        memory = sum(quantity.size(entry.get("memory", 0)) for entry in entries.values())
        self.demand(memory <= 8 << 30, "the memory of a node is over-booked", node, entries)

    def _check_cores_given(self, name: str, entries: Json, node: Json) -> None:
        """Cores that are held alone are nobody else's, and all shares are at most RATIO times the others.
        What is over that because the ratio was lowered at least never grows."""
        before, self._held[name] = self._held.get(name, {}), entries
        ratio = fractions.Fraction((node.get("status") or {}).get("cpuOvercommit") or "1")
        over = _over(entries, ratio)
        self.demand(
            over <= max(0, _over(before, ratio)), "the cores of a node are over-booked",
            name, float(ratio), float(over), entries,
        )  # fmt: skip

    def _check_quotas(self, store: WatchedStore, records: dict[str, Json]) -> None:
        """What is over a quota, because that was made or shrunk too late, at least never grows."""
        used = NOTHING
        for record in records.values():
            for entry in (record.get("bookings") or {}).values():
                used += Amounts.of(entry)
        for quota in store.objects(QUOTAS).values():
            over = booked.exceeded(self._used, used - self._used, booked.limits_of("all", quota))
            self.demand(over is None, "more is booked than a quota allows", over, self._used, used)
        self._used = used

    def _check_bound(self, vpses: dict[str, Json], records: dict[str, Json]) -> None:
        living = {
            (node, uid): entry
            for node, record in records.items()
            for uid, entry in (record.get("bookings") or {}).items()
            if not entry.get("tombstone")
        }
        bound = {}
        for uid, vps in vpses.items():
            status = vps.get("status") or {}
            before = self._vpses.get(uid, {}).get("status") or {}
            self.demand((status.get("epoch") or 0) >= (before.get("epoch") or 0), "an epoch fell", vps)
            assignment = status.get("assignment")
            if assignment is None:
                continue
            bound[assignment["node"], uid] = assignment
            there = self._nodes.setdefault((uid, assignment["epoch"]), assignment["node"])
            self.demand(there == assignment["node"], "one (uid, epoch) on two nodes", vps)
        self.demand(
            bound.keys() == living.keys(), "bookings and bound VPSes differ", sorted(bound), sorted(living)
        )
        for place, assignment in bound.items():
            entry = living.get(place, {})
            self.demand(entry.get("epoch") == assignment["epoch"], "a booking of another placement", place)

    def _check_gone(self, vpses: dict[str, Json], records: dict[str, Json]) -> None:
        for uid, before in self._vpses.items():
            if uid not in vpses:
                self.demand(uid in self.asked, "a VPS was deleted that nobody asked to delete", before)
            if uid in vpses and vpses[uid]["metadata"].get("deletionTimestamp"):
                self.demand(uid in self.asked, "a VPS is being deleted that nobody asked to delete", before)
            was = (before.get("status") or {}).get("assignment")
            now = (vpses.get(uid, {}).get("status") or {}).get("assignment")
            if was is None or now is not None:
                continue
            buried = uid in ((records.get(was["node"]) or {}).get("bookings") or {})
            there = [record.seen.name for _, record in self.containers(uid, was["epoch"])]
            self.demand(
                not there or buried,
                "a booking was freed while its container was there",
                there,
            )

    def _check_buried(self, records: dict[str, Json]) -> None:
        buried = {
            (node, uid): entry["epoch"]
            for node, record in records.items()
            for uid, entry in (record.get("bookings") or {}).items()
            if entry.get("tombstone")
        }
        for (node, uid), epoch in self._buried.items():
            there = [engine.node for engine, _ in self.containers(uid, epoch)]
            is_over = (node, uid) not in buried
            self.demand(not is_over or node not in there, "a tombstone ended before its container", node, uid)
        self._buried = buried

    # The engines.

    def containers(self, uid: str, epoch: object) -> list[tuple[WatchedEngine, Record]]:
        return [
            (engine, record)
            for engine in self.engines
            for record in engine.records()
            if record.seen.labels.get(UID) == uid and record.seen.labels[EPOCH] == str(epoch)
            if engine.owns(record)
        ]

    def after_create(self, engine: WatchedEngine, made: Container) -> None:
        uid, epoch = identity(made)
        same = self.containers(uid, epoch)
        names = [record.seen.name for _, record in same]
        set_aside = sum(1 for name in names if name != made.name)
        up = [record.seen.name for _, record in same if record.seen.is_up]
        self.demand(
            len(same) - set_aside <= 1 and set_aside <= 1 and not up,
            "two containers of one (uid, epoch)", engine.node, names,
        )  # fmt: skip
        bound_to = self._nodes.get((uid, int(epoch)))
        self.demand(
            bound_to == engine.node, "a container on another node than its placement", made.name, bound_to
        )

    def after_start(self, engine: WatchedEngine, record: Record) -> None:
        self._check_devices()
        self.check_cores(engine)
        if not engine.owns(record):
            return  # by an agent that could not be told
        who = identity(record.seen)
        up = [one.seen.name for _, one in self.containers(*who) if one.seen.is_up]
        self.demand(len(up) == 1, "two running containers of one (uid, epoch)", engine.node, up)
        vps = self._vpses.get(who[0])
        # Who cannot be told that a VPS was given up goes on with it; the tombstone keeps what it holds.
        is_buried = str(self._buried.get((engine.node, who[0]))) == who[1]
        self.demand(
            vps is not None or is_buried,
            "a container was started whose VPS is gone",
            engine.node,
            record.seen.name,
        )
        kept = WRITTEN.path in record.files
        self.demand(
            kept or who not in self._written or who[0] in self.replaced | self.restored,
            "a VPS came back without its files",
            engine.node,
            record.seen.name,
        )
        self._written.add(who)
        engine.put_files(record.seen.id, (WRITTEN,))

    def after_remove(self, engine: WatchedEngine, record: Record) -> None:
        who = identity(record.seen)
        if engine.by_hand:
            self._written.discard(who)
            return
        retired = any(other.starts for _, other in self.containers(*who))
        self.demand(
            who[0] in self.asked or not record.starts or retired,
            "a container was removed that nobody asked to remove", engine.node, record.seen.name,
        )  # fmt: skip
        self.demand(
            WRITTEN.path not in record.files or who[0] in self.asked | self.replaced or self._has_files(who),
            "a restore has lost what was there", engine.node, record.seen.name,
        )  # fmt: skip

    def _has_files(self, who: Identity) -> bool:
        """Whether what was written is in a container of it, or in a Snapshot of it."""
        if any(WRITTEN.path in record.files for _, record in self.containers(*who)):
            return True
        images = [image_name.of_snapshot(uid) for uid, of in self._of.items() if of == who[0]]
        found = [image for one in self.engines for name in images if (image := one.image(name)) is not None]
        return any(WRITTEN.path in image.files for image in found)

    def _check_devices(self) -> None:
        holders: dict[str, str] = {}
        for engine in self.engines:
            for record in engine.records():
                gpus = (record.seen.labels.get("kohakuriver.io/gpus") or "") if record.seen.is_up else ""
                for uuid in filter(None, gpus.split(",")):
                    other = holders.setdefault(uuid, record.seen.name)
                    self.demand(
                        other == record.seen.name,
                        "two containers run on one GPU",
                        uuid,
                        other,
                        record.seen.name,
                    )

    def check_cores(self, engine: WatchedEngine) -> None:
        """Who is limited to cores that it holds alone runs there alone, but for what was given up."""
        found = (record for record in engine.records() if record.seen.state is ContainerState.RUNNING)
        up = [record.seen for record in found if engine.owns(record)]
        cores = {seen.id: _cores(seen) for seen in up}
        for seen in up:
            vps = self._vpses.get(seen.labels[UID])
            assignment = ((vps or {}).get("status") or {}).get("assignment") or {}
            if str(assignment.get("epoch")) != seen.labels[EPOCH]:
                continue
            alone = cpuset.parse((assignment.get("grant") or {}).get("cpuset") or "")
            if not alone or not cores[seen.id] <= alone:
                continue
            others = [other.name for other in up if other is not seen and cores[other.id] & cores[seen.id]]
            self.demand(not others, "another VPS runs on exclusive cores", engine.node, seen.name, others)


def _over(entries: Json, ratio: fractions.Fraction) -> fractions.Fraction:
    """Millicores of shares beyond what is to be shared."""
    alone = shares = 0
    for entry in entries.values():
        own = 1000 * len(cpuset.parse(entry.get("cpuset") or ""))
        held = quantity.millicores(entry.get("cores", 0))
        alone += min(own, held)
        shares += max(0, held - own)
    return shares - (HAS - alone) * ratio


def _cores(container: Container) -> frozenset[int]:
    text = container.limits.cpuset if container.limits is not None else ""
    return cpuset.parse(text or "0-5")
