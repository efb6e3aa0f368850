"""The agent put together: what it watches feeds keys, one worker a key makes the engine match, and it tells.

    VPS watch ─┐                              ┌─► apply ─► engine
    engine events ─► keys ─► keeper: learn, decide ┤
    relist ────┘                              └─► reporter ─► …/status
    own Node watch ─► node keeper ─► Node status          heartbeat ─► Lease
    own NodeAllocation watch ─► surroundings, tombstones

Builds the parts and runs them; each of them can be stepped alone. It starts nothing before it has read its
assignments, and never stops a container because it ends itself.
"""

import asyncio
import logging
import random
import socket
import uuid

from agent.apply import Applier
from agent.deciding import labels
from agent.engine import Engine, Health
from agent.heartbeat import Heartbeat, holder
from agent.images.environments import Environments
from agent.images.images import Images
from agent.images.lending import Borrower, Lender
from agent.images.making import Maker
from agent.images.tarballs import Tarballs
from agent.journal import Journal, NodeFacts
from agent.keeper import Keeper, Past
from agent.login.access import Access
from agent.login.ssh import HostKeys
from agent.machine import facts, topology
from agent.machine.beneath import KernelMounter, Mounter
from agent.machine.gpus import Devices
from agent.machine.inventory import inventory
from agent.machine.isolation import Isolation
from agent.machine.sentinel import Sentinel, Verdict
from agent.machine.staging import Staging
from agent.machine.surroundings import Surroundings
from agent.metrics import Metrics
from agent.node import NodeKeeper
from agent.quarantine import Watchman
from agent.report import Reporter
from agent.roster import Entry, Roster
from agent.runtime.base import Container, Containers, Runtime
from agent.runtime.engine_socket import EngineSocket
from agent.runtime.firewall import Firewall
from agent.settings import Settings
from agent.streams.files.door import Files
from agent.streams.forward import Forward
from agent.streams.holders import Holders
from agent.streams.inside import Namespaces
from agent.streams.logs import Logs
from agent.streams.stats import Stats
from agent.streams.switchboard import Dial, Switchboard
from agent.streams.terminal import Command, Terminal
from agent.streams.windows import Windows
from agent.tombstones import Tombstones
from kohakuriver.client import servers
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)


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
        dial: Dial | None = None,
    ) -> None:
        self.settings = settings
        self.runtime = runtime
        self._clock = clock
        self.session = uuid.uuid4().hex
        self.journal = Journal(settings.data_dir)
        self.facts = self._facts()
        self.watchman = Watchman(
            self.journal.load_seen(),
            save=self.journal.save_seen,
            clock=clock,
            changed=self._quarantine_changed,
        )
        self.vpses = Informer(
            client,
            kinds.VPS,
            clock=clock,
            chance=chance,
            field_selector=f"status.assignment.node={settings.node}",
            witness=self.watchman,
        )
        self.nodes = Informer(
            client,
            kinds.NODE,
            clock=clock,
            chance=chance,
            field_selector=f"metadata.name={settings.node}",
            witness=self.watchman,
        )
        self.allocations = Informer(
            client,
            kinds.NODE_ALLOCATION,
            clock=clock,
            chance=chance,
            field_selector=f"metadata.name={settings.node}",
            witness=self.watchman,
        )
        self.environments = Informer(client, kinds.ENVIRONMENT, clock=clock, chance=chance)
        self.servers = Informer(
            client,
            kinds.LEASE,
            clock=clock,
            chance=chance,
            namespace=servers.NAMESPACE,
            label_selector=servers.SELECTOR,
            witness=self.watchman,
        )
        self._known = client.servers
        self.roster = Roster()
        self.topology = topology.read(settings.sysfs)
        self.devices = Devices(
            inventory(settings.gpu_inventory, sysfs=settings.sysfs),
            simulated=settings.gpu_inventory is not None,
            changed=self._look_at_all,
        )
        self.surroundings = self._surroundings()
        self.staging = Staging(
            settings.data_dir / "mounts",
            mounter=mounter or KernelMounter(),
            permitted=settings.allow_mounts,
            node=settings.node,
        )
        self.recorder = Recorder(client, clock=clock, component="agent", host=settings.node)
        environments = Environments(self.environments)
        neighbours = Borrower(lambda: dial(client.server)) if dial is not None else None
        tarballs = Tarballs(runtime, environments, settings.data_dir / "tarballs", neighbours)
        self.images = Images(runtime, tarballs, clock=clock, changed=self._image_changed)
        self.maker = Maker(client, self.environments, runtime=runtime, roster=self.roster, settings=settings)
        self.access = Access(runtime, HostKeys(settings.data_dir / "hostkeys"), publishing=settings.ssh)
        self.reporter = Reporter(client, self.vpses, clock=clock, chance=chance)
        self.sentinel = Sentinel(
            runtime, cluster=settings.cluster, node=settings.node, agent_id=self.facts.agent_id
        )
        self.engine = Engine(
            runtime,
            self.roster,
            clock=clock,
            relist=settings.relist,
            network=settings.network,
            isolation=Isolation(firewall, cluster=settings.cluster),
            judge=self._judge,
            look_at=self._look_at,
            health_changed=self._health_changed,
        )
        self.keeper = self._keeper(client, runtime, clock=clock, chance=chance)
        self.tombstones = Tombstones(
            settings=settings,
            allocations=self.allocations,
            vpses=self.vpses,
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
            self.nodes,
            settings=settings,
            vpses=self.vpses,
            surroundings=self.surroundings,
            watchman=self.watchman,
            engine=self.engine,
            roster=self.roster,
            devices=self.devices,
            topology=self.topology,
        )
        self.heartbeat = Heartbeat(
            heart,
            node=settings.node,
            holder=holder(socket.gethostname(), self.facts.agent_id, facts.boot_id()),
            period=settings.renew,
            clock=clock,
            chance=chance,
            gap=self._gap,
            witness=self.watchman,
        )
        self.metrics = Metrics(self)
        self.namespaces = Namespaces()
        self.holders = Holders(settings.data_dir / "sessions", docker=settings.docker)
        self.windows = Windows(self.vpses, self.holders)
        self.switchboard = self._switchboard(dial) if dial is not None else None

    async def run(self) -> None:
        """Until cancelled. Raises NodeNameTaken where another agent has this node's name."""
        try:
            await self._run()
        finally:
            self.watchman.note()

    async def _run(self) -> None:
        await self.heartbeat.claim()
        self.vpses.listen(self.keeper.hear)
        self.vpses.listen(self.windows.hear)
        self.nodes.listen(lambda _: self._node_changed())
        self.allocations.listen(lambda _: self._allocation_changed())
        self.environments.listen(lambda _: self._environment_changed())
        self.servers.listen(lambda _: self._servers_changed())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.heartbeat.run(), name="heartbeat")
            tasks.create_task(self.vpses.run(), name="watch vpses")
            tasks.create_task(self.nodes.run(), name="watch node")
            tasks.create_task(self.allocations.run(), name="watch bookings")
            tasks.create_task(self.environments.run(), name="watch environments")
            tasks.create_task(self.servers.run(), name="watch servers")
            tasks.create_task(self.recorder.run(), name="events")
            await self.devices.refresh()
            tasks.create_task(self.node.run(), name="node")
            for informer in (self.vpses, self.nodes, self.allocations):
                await informer.wait_synced()
            tasks.create_task(self.images.run(), name="images")
            tasks.create_task(self.reporter.run(), name="reporter")
            tasks.create_task(self.keeper.run(), name="keeper")
            tasks.create_task(self.engine.run(), name="engine")
            tasks.create_task(self.maker.run(), name="environments")
            tasks.create_task(self.tombstones.run(), name="tombstones")
            if self.switchboard is not None:
                tasks.create_task(self.switchboard.run(), name="streams")
                tasks.create_task(self.windows.run(), name="session windows")

    def _keeper(self, client: Client, runtime: Runtime, *, clock: Clock, chance: random.Random) -> Keeper:
        applier = Applier(
            settings=self.settings,
            runtime=runtime,
            roster=self.roster,
            images=self.images,
            access=self.access,
            staging=self.staging,
            devices=self.devices,
            vpses=self.vpses,
            client=client,
            recorder=self.recorder,
        )
        boot = facts.boot_id()
        return Keeper(
            settings=self.settings,
            vpses=self.vpses,
            runtime=runtime,
            roster=self.roster,
            images=self.images,
            access=self.access,
            surroundings=self.surroundings,
            staging=self.staging,
            applier=applier,
            reporter=self.reporter,
            journal=self.journal,
            past=Past(self.journal.load(), rebooted=bool(self.facts.boot_id) and self.facts.boot_id != boot),
            session=self.session,
            engine_ready=lambda: self.engine.ready and (self.tombstones.settled or bool(self._quarantined())),
            quarantined=self._quarantined,
            engine_looked_at=lambda: self.engine.looked_at,
            engine_suspect=self.engine.suspect,
            clock=clock,
            chance=chance,
        )

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            settings=self.settings,
            nodes=self.nodes,
            allocations=self.allocations,
            environments=Environments(self.environments),
            devices=self.devices,
            roster=self.roster,
            topology=self.topology,
            quarantined=self._quarantined,
        )

    def _switchboard(self, dial: Dial) -> Switchboard:
        return Switchboard(
            lambda: self._known.all,
            dial=dial,
            node=self.settings.node,
            doors={
                "forward": Forward(self.namespaces),
                "files": Files(),
                "terminal": Terminal(self.holders, window=self.windows.of),
                "exec": Command(self.holders),
                "logs": Logs(EngineSocket(self.settings.docker), clock=self._clock),
                "stats": Stats(EngineSocket(self.settings.docker), clock=self._clock),
            },
            find=self._find,
            lend=Lender(Environments(self.environments)).open,
        )

    async def _find(self, uid: str, epoch: int) -> Container | None:
        """The container of a placement on this node, as the engine has it now."""
        entry = self.roster.entry(uid)
        if entry is None or entry.desired.epoch != epoch:
            return None
        known = self.roster.container(entry.desired, entry.memory)
        if known is None or not labels.is_for(known, entry.desired):
            return None
        if not known.is_up or known.pid is None:
            known = await self.runtime.inspect(known.id)
        self.namespaces.keep_only(container for container in self.roster.containers() if container.is_up)
        return known

    def _facts(self) -> NodeFacts:
        known = self.journal.load_node()
        if known.agent_id:
            return known
        made = NodeFacts(agent_id=uuid.uuid4().hex)
        self.journal.save_node(made)
        return made

    async def _judge(self, containers: Containers) -> Health | None:
        """Whether this engine is the one that holds this node's containers. Raises EngineError."""
        verdict = await self.sentinel.look(
            made_before=self.facts.has_sentinel,
            expected=self._expected(),
            found=frozenset(container.id for container in containers),
            accepted=self.settings.accept_engine,
        )
        if verdict is Verdict.REPLACED:
            return Health(
                False,
                "EngineReplaced",
                "this container engine is not the one that holds this node's containers, or its data root "
                "is not mounted: the volume that the agent left in it is missing; nothing is created, "
                "started or confirmed until it is back, or the agent is started with --accept-engine",
            )
        now = NodeFacts(self.facts.agent_id, has_sentinel=True, boot_id=facts.boot_id())
        if now != self.facts:
            self.facts = now
            self.journal.save_node(now)
        return None

    def _expected(self) -> frozenset[str]:
        """The containers here that the API has been told of, by id."""
        observed = [(vps.get("status") or {}).get("observed") or {} for vps in self.vpses]
        return frozenset(seen["container"]["id"] for seen in observed if seen.get("container"))

    def _servers_changed(self) -> None:
        if self._known.learn(server.url for server in servers.registered(self.servers)):
            self.journal.save_servers(self._known.all)
            if self.switchboard is not None:
                self.switchboard.look()

    def _look_at(self, entry: Entry) -> None:
        self.keeper.queue.add(entry.key)

    def _image_changed(self, image: str) -> None:
        self.keeper.image_changed(image)

    def _health_changed(self) -> None:
        self.node.look()
        self.tombstones.look()
        self.keeper.look_at_all()

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

    def _environment_changed(self) -> None:
        self.maker.look()
        self._look_at_all()

    def _node_changed(self) -> None:
        node = self.nodes.get(ObjectKey("", self.settings.node)) or {}
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

    def _gap(self) -> None:
        """The server may have taken this node for lost: say everything again."""
        self.reporter.answer_all()
        self.node.look()
