"""Wiring: a connection and options in, a running controller out.

Follows the world first; decides only once everything has been listed, so that what has not come in yet is
never mistaken for what is not there. Every part runs as a named task of one group: when one fails, which
none should, the whole controller ends with its error and whoever supervises it starts it again.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from kohakuriver import program
from kohakuriver.client import servers
from kohakuriver.client.config import Connection
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import Clock, SystemClock
from kohakuriver.controller import handlers
from kohakuriver.controller.complaints import Complaints
from kohakuriver.controller.ears import Ears
from kohakuriver.controller.election import Election
from kohakuriver.controller.fleet import Fleet
from kohakuriver.controller.granter import Granter
from kohakuriver.controller.heartbeat import Heartbeat
from kohakuriver.controller.lifecycle import Lifecycle
from kohakuriver.controller.metrics import Metrics
from kohakuriver.controller.options import Options
from kohakuriver.controller.scheduler import Scheduler
from kohakuriver.controller.snapshots import Snapshots
from kohakuriver.controller.world import World
from kohakuriver.controller.writes import Writes

log = logging.getLogger(__name__)

EVENT_PACE = 0.02  # seconds between two Events
FAREWELL = 3.0  # seconds that the last writes of a clean exit may take


class Controller:
    """One controller of one cluster. Make it and run it inside the event loop."""

    def __init__(self, client: Client, connection: Connection, *, options: Options, clock: Clock) -> None:
        chance = random.Random()  # noqa: S311 - jitter, no secret
        self.metrics = Metrics()
        self._connection = connection
        self._client = client
        self._recorder = Recorder(client, clock=clock, component="controller")
        self._world = World(client, clock=clock, chance=chance)
        self._world.leases.listen(self._servers_changed)
        self._election = Election(
            client, clock=clock, identity=options.identity, terms=options.terms, name=options.lease
        )
        self._writes = Writes(client, term=lambda: self._election.term)
        fleet, ears = Fleet(strategy=options.strategy), Ears(options.limits)
        self._heartbeat = Heartbeat(
            client, self._world, ears, clock=clock, identity=options.identity, limits=options.limits
        )
        self._lifecycle = Lifecycle(
            self._world,
            self._writes,
            self._recorder,
            clock=clock,
            ears=ears,
            heartbeat=self._heartbeat,
            limits=options.limits,
            is_leading=self._leads,
        )
        self._granter = Granter(
            self._world, self._writes, self._recorder, fleet=fleet, chance=chance, is_leading=self._leads
        )
        self._complaints = Complaints(self._world, self._writes, self._recorder, is_leading=self._leads)
        self._snapshots = Snapshots(
            self._world, self._writes, self._recorder, clock=clock, is_leading=self._leads
        )
        self._scheduler = Scheduler(
            self._world,
            self._writes,
            self._recorder,
            fleet=fleet,
            chance=chance,
            metrics=self.metrics,
            is_leading=self._leads,
            node_improved=self._granter.node_improved,
            namespace_improved=self._granter.namespace_improved,
        )
        self.metrics.lost_nodes.set_function(lambda: self._lifecycle.lost_nodes)
        self.metrics.leading.set_function(self._leads)

    @property
    def is_leading(self) -> bool:
        """Whether this one of all controllers decides at this moment."""
        return self._election.is_leading

    async def run(self, stop: asyncio.Event, *, started: Callable[[], None] = lambda: None) -> None:
        """Work until `stop` is set, then leave in good order. When cancelled, leave as if killed."""
        work = asyncio.create_task(self._work(started), name="controller")
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            work.cancel()
            stopped.cancel()
            results = await asyncio.gather(work, return_exceptions=True)
        if stop.is_set():
            await self._leave()
        if isinstance(results[0], Exception):
            raise results[0]

    async def _work(self, started: Callable[[], None]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._world.run(), name="world")
            tasks.create_task(self._heartbeat.run(), name="heartbeat")
            tasks.create_task(self._tell(), name="events")
            await self._world.wait_synced()
            await self._scheduler.step()
            log.info("the cluster is known", extra={"nodes": len(self._world.nodes)})
            tasks.create_task(self._election.run(), name="election")
            tasks.create_task(self._when_leading(), name="taking over")
            tasks.create_task(self._scheduler.run(), name="scheduler")
            tasks.create_task(self._granter.run(), name="granter")
            tasks.create_task(self._complaints.run(), name="complaints")
            tasks.create_task(self._lifecycle.run(), name="lifecycle")
            tasks.create_task(self._snapshots.run(), name="snapshots")
            tasks.create_task(handlers.run(self._connected, self._node_event, started), name="kopf")

    async def _tell(self) -> None:
        """Write Events at a walk: in a burst they must not take the place of the bindings they tell of."""
        while True:
            await self._recorder.step()
            await asyncio.sleep(EVENT_PACE)

    async def _when_leading(self) -> None:
        """Take up what only a leader does, each time this controller becomes one."""
        while True:
            await self._election.won.wait()
            self._scheduler.poke()
            self._granter.poke()
            self._complaints.poke()
            self._snapshots.poke()
            await self._election.lost.wait()

    async def _leave(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._election.release()
                await self._heartbeat.close(self._writes)
                await self._recorder.flush()

    def _connected(self) -> Connection:
        """To the server that the client is with now."""
        return self._connection._replace(server=self._client.server)

    def _servers_changed(self, key: ObjectKey) -> None:
        if key.namespace == servers.NAMESPACE:
            self._client.servers.learn(server.url for server in servers.registered(self._world.leases))

    def _leads(self) -> bool:
        return self._election.is_leading

    def _node_event(self, key: ObjectKey, node: Object, is_gone: bool) -> None:
        if not is_gone:
            self._world.nodes.overlay(node)
        self._lifecycle.node_changed(key.name, is_gone=is_gone)


async def serve(options: Options, connection: Connection) -> None:
    """Run one controller until SIGINT or SIGTERM. Raises ConfigError."""
    stop = asyncio.Event()

    def take_signals() -> None:
        program.at_signals(stop.set)

    take_signals()
    named = {"identity": options.identity}
    async with Client(connection, program="controller") as client:
        controller = Controller(client, connection, options=options, clock=SystemClock())
        async with program.metrics_served(controller.metrics.render, options.metrics_listen):
            log.info("controller started", extra={**named, "server": connection.server})
            await controller.run(stop, started=take_signals)
    log.info("controller stopped", extra=named)
