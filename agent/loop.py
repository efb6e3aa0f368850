"""The agent put together: what it watches feeds keys, one worker a key makes the engine match, and it tells.

    VPS watch ─┐                              ┌─► containers ─► engine
    engine events ─► keys ─► keeper: learn, judge ─┤
    relist ────┘                              └─► reporter ─► …/status
    own Node watch ─► node keeper ─► Node status          heartbeat ─► Lease
    own NodeAllocation watch ─► surroundings, tombstones

Builds the parts and runs them; each of them can be stepped alone. It starts nothing before it has read its
assignments, and never stops a container because it ends itself.
"""

import asyncio
import contextlib
import logging
import random
import socket
import uuid
from collections.abc import Awaitable, Callable, Sequence

from kohakuriver.agent import aside
from kohakuriver.agent.claim import Claim
from kohakuriver.agent.commits import Commits
from kohakuriver.agent.containers import Containers
from kohakuriver.agent.context import Node
from kohakuriver.agent.custody import Custody
from kohakuriver.agent.data_dir import DataDir, Disk
from kohakuriver.agent.egress import Egress
from kohakuriver.agent.engine import Engine
from kohakuriver.agent.heartbeat import Heartbeat, holder
from kohakuriver.agent.images.collector import Collector, needed
from kohakuriver.agent.images.environments import Environments
from kohakuriver.agent.images.images import Images
from kohakuriver.agent.images.making import Maker
from kohakuriver.agent.images.snapshots import Snapshots
from kohakuriver.agent.images.stock import Stock
from kohakuriver.agent.images.tarballs import Tarballs
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.keeper import Keeper, Past
from kohakuriver.agent.login.access import Access
from kohakuriver.agent.login.ssh import HostKeys
from kohakuriver.agent.machine import facts, resolvers, topology
from kohakuriver.agent.machine.beneath import KernelMounter, Mounter
from kohakuriver.agent.machine.closed import Servers
from kohakuriver.agent.machine.gpus import Devices
from kohakuriver.agent.machine.inside import Namespaces
from kohakuriver.agent.machine.inventory import inventory
from kohakuriver.agent.machine.isolation import Isolation
from kohakuriver.agent.machine.look import Look
from kohakuriver.agent.machine.lxcfs import Lxcfs
from kohakuriver.agent.machine.ports import KernelPorts, Ports
from kohakuriver.agent.machine.staging import Staging
from kohakuriver.agent.node import NodeKeeper
from kohakuriver.agent.quarantine import Watchman
from kohakuriver.agent.report import Reporter
from kohakuriver.agent.room.gauge import Gauge, Walker
from kohakuriver.agent.room.watch import Watch
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Runtime
from kohakuriver.agent.runtime.engine_socket import EngineSocket
from kohakuriver.agent.runtime.firewall import Firewall
from kohakuriver.agent.settings import Settings
from kohakuriver.agent.shown import Shown
from kohakuriver.agent.snapshots.files import Files as SnapshotFiles
from kohakuriver.agent.snapshots.guard import Guard, Program
from kohakuriver.agent.snapshots.hooks import EngineHooks, Hooks
from kohakuriver.agent.snapshots.jobs import Jobs
from kohakuriver.agent.snapshots.keeping import Shelf
from kohakuriver.agent.snapshots.late import Commits as SnapshotCommits
from kohakuriver.agent.snapshots.losses import Losses, Scanner
from kohakuriver.agent.snapshots.takes import Takes
from kohakuriver.agent.snapshots.taking import Taker
from kohakuriver.agent.snapshots.work import Tools
from kohakuriver.agent.streams.changes import Changes
from kohakuriver.agent.streams.files.door import Files as FileStreams
from kohakuriver.agent.streams.forward import Forward
from kohakuriver.agent.streams.holders import Holders
from kohakuriver.agent.streams.lending import Borrower, Lender
from kohakuriver.agent.streams.logs import Logs
from kohakuriver.agent.streams.placements import Placements
from kohakuriver.agent.streams.stats import Stats
from kohakuriver.agent.streams.switchboard import Dial, Switchboard
from kohakuriver.agent.streams.terminal import Command, Terminal
from kohakuriver.agent.streams.windows import Windows
from kohakuriver.agent.surroundings import Surroundings
from kohakuriver.agent.threads import Pools
from kohakuriver.agent.tombstones import Tombstones
from kohakuriver.agent.watches import Watches
from kohakuriver.agent_options import CredentialsFor
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds
from kohakuriver.streams.dial import Dialer

log = logging.getLogger(__name__)

LAST_NOTES = 2.0  # seconds for the disk to take what is left when the agent ends


class Agent:
    """One agent process."""

    def __init__(
        self,
        settings: Settings,
        *,
        client: Client,
        heart: Client,
        runtime: Runtime,
        firewall: Firewall,
        clock: Clock,
        chance: random.Random,
        mounter: Mounter | None = None,
        ports: Ports | None = None,
        gauge: Gauge | None = None,
        disk: Callable[[str], facts.Disk | None] = facts.disk,
        dial: Dial | None = None,
        files: Disk | None = None,
        pools: Pools | None = None,
        lxcfs: Lxcfs | None = None,
        guard: Guard | None = None,
        hooks: Hooks | None = None,
        losses: Losses | None = None,
    ) -> None:
        pools = pools or Pools()
        self.settings = settings
        self.runtime = runtime
        self._client = client
        self._clock = clock
        self._gap = asyncio.Event()  # in the renewals
        self.session = uuid.uuid4().hex
        self.data_dir = DataDir(settings.data_dir, files=files, threads=pools.journal)
        self.data_dir.changed = self._data_dir_changed
        self.journal = Journal(settings.data_dir, disk=self.data_dir)
        self.watchman = Watchman(
            self.journal.load_seen(),
            save=self.journal.save_seen,
            clock=clock,
            changed=self._quarantine_changed,
        )
        self.watches = Watches(client, node=settings.node, clock=clock, chance=chance, witness=self.watchman)
        self.custody = Custody(runtime, self.journal, self.watches.vpses, settings=settings)
        self.claim = Claim(
            self.custody.session_key,
            holder=holder(socket.gethostname(), self.custody.agent_id, facts.boot_id()),
        )
        client.also = heart.also = self.claim.headers
        dial = self._as_this_process(dial) if dial is not None else None
        self._known = client.servers
        self.roster = Roster()
        self.topology = topology.read(settings.sysfs)
        self.devices = Devices(
            inventory(settings.gpu_inventory, sysfs=settings.sysfs),
            simulated=settings.gpu_inventory is not None,
            changed=self._look_at_all,
            threads=pools.looks,
        )
        self.takes = Takes(clock=clock)
        self.surroundings = self._surroundings()
        self.staging = Staging(
            settings.data_dir / "mounts",
            mounter=mounter or KernelMounter(),
            permitted=settings.allow_mounts,
            node=settings.node,
            threads=pools.mounts,
        )
        self.recorder = Recorder(client, clock=clock, component="agent", host=settings.node)
        environments = Environments(self.watches.environments)
        self.jobs = Jobs(clock=clock)
        neighbours = Borrower(lambda: dial(client.server)) if dial is not None else None
        tarballs = Tarballs(runtime, environments, settings.data_dir / "tarballs", neighbours)
        self.stock = Stock(self.journal, clock=clock)
        everybody = settings.registry_credentials_for is CredentialsFor.ALL
        self.images = Images(
            runtime,
            tarballs,
            clock=clock,
            changed=self._image_changed,
            asked_as_node=lambda image: everybody or environments.names(image),
            stock=self.stock,
        )
        self.maker = Maker(
            client, self.watches.environments, runtime=runtime, roster=self.roster, settings=settings
        )
        self.access = Access(
            runtime,
            HostKeys(settings.data_dir / "hostkeys", files=self.data_dir),
            publishing=settings.ssh,
            threads=pools.journal,
        )
        self.reporter = Reporter(client, self.watches.vpses, clock=clock, chance=chance, heard=self._heard)
        self.egress = Egress(client, self.roster, ports or KernelPorts(), node=settings.node)
        self.engine = Engine(
            runtime,
            self.roster,
            clock=clock,
            relist=settings.relist,
            network=settings.network,
            isolation=Isolation(
                firewall,
                cluster=settings.cluster,
                resolvers=resolvers.own,
                nameservers=resolvers.named,
                servers=Servers(lambda: self._known.all, pools.looks),
                egress=self.egress,
            ),
            judge=self.custody.judge,
            look_at=lambda entry: self.keeper.look(entry),
            health_changed=self._health_changed,
            rules_changed=self.egress.wait_changed,
        )
        self.commits = Commits(runtime, clock=clock, patience=settings.commit_patience)
        self.context = self._context(client)
        self.keeper = self._keeper(chance)
        look = self._look_at_disk(disk, pools)
        self.shown = Shown(lxcfs, self.roster, offered=settings.lxcfs, threads=pools.looks) if lxcfs else None
        gauge = gauge or Walker()
        self.room = self._room(gauge, look)
        tools = Tools(
            settings=settings,
            clock=clock,
            runtime=runtime,
            roster=self.roster,
            files=SnapshotFiles(settings.data_dir),
            commits=SnapshotCommits(runtime),
            gauge=gauge,
            disk=disk,
            guard=guard or Program(settings.docker),
            hooks=hooks or EngineHooks(settings.docker),
            losses=losses or Scanner(),
        )
        self.shelf = self._shelf(tools)
        self.taker = self._taker(tools)
        self.collector = self._collector(look)
        self.tombstones = Tombstones(
            settings=settings,
            allocations=self.watches.allocations,
            vpses=self.watches.vpses,
            runtime=runtime,
            roster=self.roster,
            client=client,
            recorder=self.recorder,
            engine_ready=lambda: self.engine.ready and self.watchman.quarantine is None,
            forget=self.keeper.forget,
            settled=self._look_at_all,
            leave=self.keeper.queue.add,
        )
        self.node = NodeKeeper(
            client,
            self.watches.nodes,
            settings=settings,
            vpses=self.watches.vpses,
            surroundings=self.surroundings,
            watchman=self.watchman,
            engine=self.engine,
            egress=self.egress,
            roster=self.roster,
            devices=self.devices,
            topology=self.topology,
            data_dir=self.data_dir,
            threads=pools.looks,
        )
        self.heartbeat = Heartbeat(
            heart,
            node=settings.node,
            holder=self.claim.holder,
            period=settings.renew,
            clock=clock,
            chance=chance,
            gap=self._gap.set,
            witness=self.watchman,
            servers=self._servers_told,
            opened=self.claim.opened,
        )
        self.holders = Holders(settings.data_dir / "sessions", docker=settings.docker)
        self.windows = Windows(self.watches.vpses, self.holders)
        self.switchboard = self._switchboard(dial) if dial is not None else None

    def _as_this_process(self, dial: Dial) -> Dial:
        """Dialers that name its session."""

        def dialer(server: str) -> Dialer:
            made = dial(server)
            made.also = self.claim.headers
            return made

        return dialer

    async def run(self) -> None:
        """Until cancelled. Raises NodeNameTaken where another agent has this node's name."""
        try:
            await self._run()
        finally:
            self.watchman.note()
            await self.data_dir.flush(within=LAST_NOTES)

    async def _run(self) -> None:
        await self.heartbeat.claim()
        await self.heartbeat.step()  # what this process says counts once its session is open
        self.watches.vpses.listen(self.keeper.hear)
        self.watches.vpses.listen(self.windows.hear)
        self.watches.vpses.listen(lambda _: self.room.look())
        self.watches.nodes.listen(lambda _: self._node_changed())
        self.watches.allocations.listen(lambda _: self._allocation_changed())
        self.watches.environments.listen(lambda _: self._environment_changed())
        self.watches.snapshots.listen(self._snapshot_changed)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.heartbeat.run(), name="heartbeat")
            tasks.create_task(self._after_gaps(), name="gaps")
            tasks.create_task(self.data_dir.run(), name="data directory")
            self.watches.start(tasks)
            tasks.create_task(self.recorder.run(), name="events")
            await self.devices.refresh()
            tasks.create_task(self.node.run(), name="node")
            tasks.create_task(self.egress.run(), name="egress")
            await self.watches.wait_for_assignments()
            await self.egress.wait_told()
            self.reporter.begin()
            tasks.create_task(self.images.run(), name="images")
            tasks.create_task(self.commits.run(), name="commits")
            tasks.create_task(self.jobs.run(), name="volumes of snapshots")
            tasks.create_task(self.reporter.run(), name="reporter")
            tasks.create_task(self.keeper.run(), name="keeper")
            tasks.create_task(self.engine.run(), name="engine")
            tasks.create_task(self.room.run(), name="disk")
            tasks.create_task(self.collector.run(), name="unused images")
            tasks.create_task(self.maker.run(), name="environments")
            tasks.create_task(self.taker.run(), name="snapshots")
            tasks.create_task(self.shelf.run(), name="snapshots kept")
            tasks.create_task(self.tombstones.run(), name="tombstones")
            if self.shown is not None:
                tasks.create_task(self.shown.run(), name="lxcfs")
            if self.switchboard is not None:
                tasks.create_task(self.switchboard.run(), name="streams")
                tasks.create_task(self.windows.run(), name="session windows")

    def _context(self, client: Client) -> Node:
        return Node(
            settings=self.settings,
            clock=self._clock,
            client=client,
            recorder=self.recorder,
            vpses=self.watches.vpses,
            snapshots=self.watches.snapshots,
            runtime=self.runtime,
            roster=self.roster,
            images=self.images,
            commits=self.commits,
            takes=self.takes,
            jobs=self.jobs,
            staging=self.staging,
            access=self.access,
            devices=self.devices,
            surroundings=self.surroundings,
        )

    def _keeper(self, chance: random.Random) -> Keeper:
        return Keeper(
            self.context,
            containers=Containers(self.context),
            reporter=self.reporter,
            journal=self.journal,
            past=Past(self.journal.load(), rebooted=self.custody.rebooted),
            session=self.session,
            engine_ready=lambda: self.engine.ready and (self.tombstones.settled or bool(self._quarantined())),
            quarantined=self._quarantined,
            engine_health=lambda: self.engine.health,
            engine_suspect=self.engine.suspect,
            chance=chance,
        )

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            settings=self.settings,
            nodes=self.watches.nodes,
            allocations=self.watches.allocations,
            environments=Environments(self.watches.environments),
            snapshots=Snapshots(self.watches.snapshots, node=self.settings.node),
            devices=self.devices,
            roster=self.roster,
            topology=self.topology,
            quarantined=self._quarantined,
            remaps_users=lambda: self.engine.remaps_users,
            over_disk=lambda uid: self.room.why(uid),
            frozen_for=self.takes.frozen_for,
        )

    def _look_at_disk(
        self, disk: Callable[[str], facts.Disk | None], pools: Pools
    ) -> Callable[[], Awaitable[facts.Disk | None]]:
        taken: Look[facts.Disk | None] = Look("how full the engine's disk is", pools.looks)

        async def look() -> facts.Disk | None:
            root = self.engine.info.root_dir if self.engine.info is not None else ""
            with contextlib.suppress(TimeoutError):
                return await taken.take(lambda: disk(root))
            return None

        return look

    def _collector(self, look: Callable[[], Awaitable[facts.Disk | None]]) -> Collector:
        environments = Environments(self.watches.environments)

        meta = {"name": self.settings.node}
        node = {"apiVersion": kinds.NODE.api_version, "kind": kinds.NODE.kind, "metadata": meta}

        def told(words: str) -> None:
            self.recorder.normal(node, "ImageRemoved", words)

        return Collector(
            runtime=self.runtime,
            stock=self.stock,
            marks=self.settings.image_marks,
            cluster=self.settings.cluster,
            look=look,
            ready=lambda: self.engine.ready and environments.known and not self._quarantined(),
            needed=lambda: needed(self.watches.vpses, self.roster, environments, self.images),
            uids=lambda: {str(vps["metadata"].get("uid") or "") for vps in self.watches.vpses},
            told=told,
        )

    def _room(self, gauge: Gauge, look: Callable[[], Awaitable[facts.Disk | None]]) -> Watch:
        return Watch(
            runtime=self.runtime,
            roster=self.roster,
            vpses=self.watches.vpses,
            journal=self.journal,
            gauge=gauge,
            default=self.settings.default_disk,
            clock=self._clock,
            look=look,
            ready=lambda: self.engine.ready and not self._quarantined(),
            changed=self.keeper.look,
            tell=self.context.tell,
        )

    def _shelf(self, tools: Tools) -> Shelf:
        return Shelf(
            self._client, self.watches.snapshots, tools=tools, takes=self.takes, ready=self._may_change
        )

    def _taker(self, tools: Tools) -> Taker:
        return Taker(
            self._client,
            self.watches.snapshots,
            tools=tools,
            takes=self.takes,
            vpses=self.watches.vpses,
            recorder=self.recorder,
            recreations=self.commits,
            ready=self._may_change,
            thawed=self._thawed,
            over=self.shelf.look,
        )

    def _may_change(self) -> bool:
        """Whether the engine answers, and nothing stands still on this node."""
        return self.engine.ready and not self._quarantined()

    def _thawed(self, uid: str) -> None:
        entry = self.roster.entry(uid)
        if entry is not None:
            self.keeper.look(entry)

    def _snapshots_changed(self) -> None:
        self.taker.look()
        self.shelf.look()

    def _switchboard(self, dial: Dial) -> Switchboard:
        namespaces = Namespaces()
        return Switchboard(
            lambda: self._known.all,
            dial=dial,
            node=self.settings.node,
            doors={
                "forward": Forward(namespaces),
                "files": FileStreams(),
                "terminal": Terminal(self.holders, window=self.windows.of),
                "exec": Command(self.holders),
                "logs": Logs(EngineSocket(self.settings.docker), clock=self._clock),
                "stats": Stats(EngineSocket(self.settings.docker), clock=self._clock),
                "changes": Changes(self.runtime, SnapshotFiles(self.settings.data_dir)),
            },
            find=Placements(self.roster, self.runtime, namespaces).find,
            lend=Lender(Environments(self.watches.environments)).open,
        )

    def _data_dir_changed(self) -> None:
        self.node.look()
        self.keeper.look_at_all()

    def _servers_told(self, urls: Sequence[str]) -> None:
        if self._known.learn(urls):
            self.journal.save_servers(self._known.all)
            if self.switchboard is not None:
                self.switchboard.look()

    def _heard(self, key: ObjectKey) -> None:
        self.keeper.queue.add(key)

    def _image_changed(self, image: str) -> None:
        self.keeper.image_changed(image)

    def _health_changed(self) -> None:
        self.node.look()
        self.tombstones.look()
        self.keeper.look_at_all()
        self._snapshots_changed()

    def _look_at_all(self) -> None:
        self.keeper.look_at_all()

    def _quarantined(self) -> str:
        """Why nothing may be changed here, with what a person can do about it; empty where it may."""
        quarantine = self.watchman.quarantine
        return quarantine.words(self.settings.node) if quarantine is not None else ""

    def _quarantine_changed(self) -> None:
        self.roster.reopen()
        self.node.look()
        self.tombstones.look()
        self.keeper.look_at_all()
        self._snapshots_changed()

    def _environment_changed(self) -> None:
        self.maker.look()
        self._look_at_all()

    def _snapshot_changed(self, key: ObjectKey) -> None:
        self._snapshots_changed()
        for entry in self.roster:
            wanted = entry.desired.snapshot == key.name or aside.is_named_after(entry.desired, key.name)
            if entry.key.namespace == key.namespace and wanted:
                self.keeper.look(entry)

    def _node_changed(self) -> None:
        node = self.watches.nodes.get(ObjectKey("", self.settings.node)) or {}
        self.watchman.accept((node.get("spec") or {}).get("accepts") or "")
        self.node.look()
        if self.surroundings.drained != self._drained:
            self._drained = not self._drained
            self.keeper.look_at_all()

    _drained = False

    def _allocation_changed(self) -> None:
        self.tombstones.look()
        marks = self.surroundings.marks
        if marks != self._marks:
            self._marks = marks
            self.keeper.look_at_all()

    _marks: frozenset[tuple[str, str, bool]] = frozenset()

    async def _after_gaps(self) -> None:
        """This node may have been taken for lost: hear and say everything anew, on connections that live."""
        while True:
            await self._gap.wait()
            self._gap.clear()
            await self._client.reconnect()
            self.reporter.answer_all()
            self.node.look_anew()
