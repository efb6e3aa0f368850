"""The agent put together: what it watches feeds keys, one worker a key makes the engine match, and it tells.

    VPS watch ─┐                              ┌─► apply ─► engine
    engine events ─► keys ─► keeper: learn, decide ┤
    relist ────┘                              └─► reporter ─► …/status
    own Node watch ─► node keeper ─► Node status          heartbeat ─► Lease

Builds the parts and runs them; each of them can be stepped alone. It starts nothing before it has read its
assignments, and never stops a container because it ends itself.
"""

import asyncio
import logging
import random
import uuid

from agent import facts
from agent.access import Access
from agent.apply import Applier
from agent.engine import Engine, Health
from agent.heartbeat import Heartbeat
from agent.images import Images
from agent.journal import Journal, NodeFacts
from agent.keeper import Keeper, Past
from agent.metrics import Metrics
from agent.node import NodeKeeper
from agent.report import Reporter
from agent.roster import Entry, Roster
from agent.runtime.base import EngineInfo, Runtime
from agent.settings import Settings
from agent.ssh import HostKeys
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
        clock: Clock,
        chance: random.Random,
    ) -> None:
        self.settings = settings
        self.session = uuid.uuid4().hex
        self.journal = Journal(settings.data_dir)
        self.facts = self._facts()
        self.vpses = Informer(
            client,
            kinds.VPS,
            clock=clock,
            chance=chance,
            field_selector=f"status.assignment.node={settings.node}",
        )
        self.nodes = Informer(
            client, kinds.NODE, clock=clock, chance=chance, field_selector=f"metadata.name={settings.node}"
        )
        self.roster = Roster()
        self.recorder = Recorder(client, clock=clock, component="agent", host=settings.node)
        self.images = Images(runtime, clock=clock, changed=self._image_changed)
        self.access = Access(runtime, HostKeys(settings.data_dir / "hostkeys"), publishing=settings.ssh)
        self.reporter = Reporter(client, self.vpses, clock=clock, chance=chance)
        self.engine = Engine(
            runtime,
            self.roster,
            clock=clock,
            relist=settings.relist,
            network=settings.network,
            judge=self._judge,
            look_at=self._look_at,
            health_changed=self._health_changed,
        )
        self.keeper = self._keeper(client, runtime, clock=clock, chance=chance)
        self.node = NodeKeeper(client, self.nodes, settings=settings, engine=self.engine, roster=self.roster)
        self.heartbeat = Heartbeat(
            heart,
            node=settings.node,
            holder=self.facts.agent_id,
            period=settings.renew,
            clock=clock,
            chance=chance,
            gap=self._gap,
        )
        self.metrics = Metrics(self)

    async def run(self) -> None:
        """Until cancelled. Raises NodeNameTaken where another agent has this node's name."""
        await self.heartbeat.claim()
        self.vpses.listen(self.keeper.hear)
        self.nodes.listen(lambda _: self.node.look())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.heartbeat.run(), name="heartbeat")
            tasks.create_task(self.vpses.run(), name="watch vpses")
            tasks.create_task(self.nodes.run(), name="watch node")
            tasks.create_task(self.recorder.run(), name="events")
            tasks.create_task(self.node.run(), name="node")
            await self.vpses.wait_synced()
            tasks.create_task(self.images.run(), name="images")
            tasks.create_task(self.reporter.run(), name="reporter")
            tasks.create_task(self.keeper.run(), name="keeper")
            tasks.create_task(self.engine.run(), name="engine")

    def _keeper(self, client: Client, runtime: Runtime, *, clock: Clock, chance: random.Random) -> Keeper:
        applier = Applier(
            settings=self.settings,
            runtime=runtime,
            roster=self.roster,
            images=self.images,
            access=self.access,
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
            applier=applier,
            reporter=self.reporter,
            journal=self.journal,
            past=Past(self.journal.load(), rebooted=bool(self.facts.boot_id) and self.facts.boot_id != boot),
            session=self.session,
            engine_ready=lambda: self.engine.ready,
            engine_suspect=self.engine.suspect,
            clock=clock,
            chance=chance,
        )

    def _facts(self) -> NodeFacts:
        known = self.journal.load_node()
        if known.agent_id:
            return known
        made = NodeFacts(agent_id=uuid.uuid4().hex)
        self.journal.save_node(made)
        return made

    def _judge(self, info: EngineInfo) -> Health | None:
        """Whether this engine is the one that holds this node's containers (CORRECTNESS 7)."""
        now = NodeFacts(self.facts.agent_id, info.id, facts.boot_id())
        known = self.facts.engine_id
        if known not in ("", info.id) and not self.settings.accept_engine and self._expects_containers():
            return Health(
                False,
                "EngineReplaced",
                f"this is another container engine ({info.id}) than the one that holds this node's "
                f"containers ({known}); nothing is created or removed until the agent is started with "
                "--accept-engine",
            )
        if now != self.facts:
            self.facts = now
            self.journal.save_node(now)
        return None

    def _expects_containers(self) -> bool:
        observed = [(vps.get("status") or {}).get("observed") or {} for vps in self.vpses]
        return any(seen.get("container") for seen in observed)

    def _look_at(self, entry: Entry) -> None:
        self.keeper.queue.add(entry.key)

    def _image_changed(self, image: str) -> None:
        self.keeper.image_changed(image)

    def _health_changed(self) -> None:
        self.node.look()
        if self.engine.ready:
            for vps in self.vpses:
                meta = vps["metadata"]
                self.keeper.queue.add(ObjectKey(meta["namespace"], meta["name"]))

    def _gap(self) -> None:
        """The server may have taken this node for lost: say everything again."""
        self.reporter.answer_all()
        self.node.look()
