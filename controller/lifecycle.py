"""Nodes that fall silent, and their VPSes: judge once a second, mark what is lost, clear what came back.

gather (ears, informers) -> `nodes.judge` -> writes. Every controller listens, so that a standby that takes
over knows the ages already; only the leader writes. An unchanged world is written to by nobody.
"""

import asyncio
import contextlib
import datetime
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from kohakuriver import errors
from kohakuriver.client.events import Recorder
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import Clock, in_words, timestamp
from kohakuriver.controller.deciding import nodes, view
from kohakuriver.controller.deciding.nodes import Limits, Lost
from kohakuriver.controller.ears import Ears
from kohakuriver.controller.heartbeat import LABELS, Heartbeat
from kohakuriver.controller.tenants import Tenants, is_back, is_marked
from kohakuriver.controller.world import World
from kohakuriver.controller.writes import Writes
from kohakuriver.resources.kinds import NODE_LEASE_NAMESPACE, SYSTEM_NAMESPACE
from kohakuriver.resources.view import Lease

log = logging.getLogger(__name__)

Object = dict[str, Any]
WIDTH = 8  # writes at a time
FORGOTTEN = 600.0  # seconds after which the Lease of another controller is litter


class Lifecycle:
    """Marks nodes and VPSes as long as `run()` runs."""

    def __init__(
        self,
        world: World,
        writes: Writes,
        recorder: Recorder,
        *,
        clock: Clock,
        ears: Ears,
        heartbeat: Heartbeat,
        limits: Limits,
        is_leading: Callable[[], bool],
    ) -> None:
        self._world = world
        self._writes = writes
        self._recorder = recorder
        self._clock = clock
        self._ears = ears
        self._heartbeat = heartbeat
        self._limits = limits
        self._is_leading = is_leading
        self._tenants = Tenants()
        self._silent: set[str] = set()  # nodes that were marked when last looked at
        self._judged_marked: set[str] = set()  # nodes that were marked when last judged
        self._orders: dict[str, str] = {}  # what administrators wanted of each node when last looked at
        self._busy: set[ObjectKey] = set()
        self._slots = asyncio.Semaphore(WIDTH)
        self._tasks: asyncio.TaskGroup | None = None
        self._ticked: float | None = None
        self._braking_since: float | None = None
        self._others: dict[str, tuple[str, float]] = {}  # Leases of controllers: revision, and since when
        self._marks: dict[str, bool] = {}  # of every Node, whether it is marked
        world.leases.listen(self._lease_changed)
        world.nodes.listen(self._read_mark)
        world.vpses.listen(self._vps_changed)

    @property
    def lost_nodes(self) -> int:
        """How many nodes are marked silent."""
        return len(self._silent)

    def node_changed(self, name: str, *, is_gone: bool) -> None:
        """A Node came, changed or went: tell of it when it came back, or has other orders."""
        node = self._world.node(name)
        self._tell_orders(name, None if is_gone else node)
        was_silent = name in self._silent
        if is_gone or node is None:
            self._silent.discard(name)
        elif view.is_marked_silent(node):
            self._silent.add(name)
        elif was_silent:
            self._silent.discard(name)
            log.info("node is back", extra={"node": name, "from": "silent", "to": "reporting"})
            if self._is_leading():
                self._recorder.normal(node, "NodeBack", f"node {name} reports again")

    def _tell_orders(self, name: str, node: Object | None) -> None:
        before = self._orders.pop(name, None)
        if node is None:
            return
        now = self._orders[name] = view.orders_of(node)
        if before in (None, now) or not self._is_leading():
            return
        log.info("node has other orders", extra={"node": name, "from": before, "to": now})
        words = {
            "Drained": f"node {name} is being drained: its VPSes stop, and start again at uncordon",
            "Cordoned": f"node {name} is cordoned: it takes no new VPSes",
            "Uncordoned": f"node {name} takes VPSes again",
        }
        self._recorder.normal(node, f"Node{now}", words[now])

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            while True:
                self.step()
                await self._pause()

    def step(self) -> None:
        """Judge all nodes and start the writes that follow. Never waits, so it is never late by itself."""
        now = self._clock.monotonic()
        expected = self._limits.tick if self._ticked is not None else 0.0
        late_by = now - (self._ticked if self._ticked is not None else now) - expected
        if late_by > self._limits.skip:
            log.warning("the controller was held up: all ages are discarded", extra={"late_by": late_by})
        if late_by > self._limits.gap and self._tasks is not None:
            self._tasks.create_task(self._world.reconnect(), name="reconnecting")
        self._ticked = now
        self._ears.listen(now=now, late_by=late_by)
        if self._ears.is_interrupted:
            return
        for lost in self._judge(now):
            self._mark(lost)
        if self._is_leading():
            for key in self._tenants.back():
                self._start(key, self._clear_vps(key))
            self._sweep(now)

    def _judge(self, now: float) -> tuple[Lost, ...]:
        hearings = []
        names = {*self._marks, *self._tenants.nodes()}
        self._judged_marked &= names
        for name in names:
            marked = self._marks.get(name, True)  # nothing to write on what is not there
            if marked:
                self._judged_marked.add(name)
            elif name in self._judged_marked:
                self._judged_marked.discard(name)
                self._ears.answered(name, now=now)
            hearings.append(self._ears.hearing(name, is_marked=marked, now=now))
        if any(nodes.is_suspect(hearing, now) for hearing in hearings):
            self._heartbeat.ask()
        judgement = nodes.judge(
            hearings,
            known_until=self._ears.known_until,
            braking_since=self._braking_since,
            limits=self._limits,
        )
        if judgement.braking_since is not None and self._braking_since is None:
            log.warning(
                "most nodes fell silent at the same moment: waiting before any is marked",
                extra={"nodes": len(judgement.held_back), "wait": self._limits.brake},
            )
        self._braking_since = judgement.braking_since
        return judgement.lost

    def _mark(self, lost: Lost) -> None:
        if not self._is_leading():
            return
        since = self._clock.now() - datetime.timedelta(seconds=lost.silent_for)
        if not lost.is_marked:
            self._start(ObjectKey("", lost.name), self._mark_node(lost.name, timestamp(since)))
        for key in self._tenants.of(lost.name):
            vps = self._world.vpses.get(key)
            if vps is not None and not is_marked(vps):
                self._start(key, self._mark_vps(key, lost.name, timestamp(since)))

    async def _mark_node(self, name: str, since: str) -> None:
        node = self._world.node(name)
        if node is None or view.is_marked_silent(node):
            return
        message = f"its agent has been silent since {in_words(since)}"
        written = await self._writes.mark_silent(node, reason=view.NODE_SILENT, message=message)
        self._world.nodes.overlay(written)
        self._silent.add(name)
        log.warning("node is lost", extra={"node": name, "from": "reporting", "to": "silent", "since": since})
        self._recorder.warning(node, "NodeLost", f"node {name} has been silent since {in_words(since)}")

    async def _mark_vps(self, key: ObjectKey, node: str, since: str) -> None:
        vps = self._world.vpses.get(key)
        if vps is None or is_marked(vps):
            return
        message = f"node {node} has been silent since {in_words(since)}"
        self._world.vpses.overlay(
            await self._writes.mark_unreachable(vps, since=since, reason=view.NODE_SILENT, message=message)
        )
        self._recorder.warning(vps, "NodeLost", message)

    async def _clear_vps(self, key: ObjectKey) -> None:
        vps = self._world.vpses.get(key)
        if vps is None or not is_back(vps):
            return
        message = f"node {vps['status']['assignment']['node']} reports again"
        self._world.vpses.overlay(await self._writes.mark_reachable(vps, message=message))
        self._recorder.normal(vps, "NodeBack", message)

    def _sweep(self, now: float) -> None:
        """Remove the Leases of controllers that were killed, long after."""
        for name, (_, since) in list(self._others.items()):
            if now - since > FORGOTTEN:
                self._start(ObjectKey(SYSTEM_NAMESPACE, name), self._remove_lease(name))

    async def _remove_lease(self, name: str) -> None:
        del self._others[name]
        with contextlib.suppress(errors.NotFound):
            await self._writes.remove_lease(name)

    def _start(self, key: ObjectKey, work: Coroutine[Any, Any, None]) -> None:
        """Do this in the background, once at a time for each object. What fails is seen by the next tick."""
        if key in self._busy or self._tasks is None:
            work.close()
            return
        self._busy.add(key)
        self._tasks.create_task(self._do(key, work), name=f"lifecycle of {key}")

    async def _do(self, key: ObjectKey, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with self._slots:
                await work
        except (errors.Conflict, errors.NotFound):
            if key.namespace:
                await self._world.look_at_vps(key)
            else:
                await self._world.look_at_node(key.name)
        except errors.KohakuRiverError as error:
            log.warning(
                "not written; the next tick tries again", extra={"key": str(key), "error": str(error)}
            )
        finally:
            self._busy.discard(key)

    async def _pause(self) -> None:
        """Until the next tick, or until a proof that was asked for has come in."""
        self._heartbeat.heard.clear()
        try:
            async with asyncio.timeout(self._limits.tick):
                await self._heartbeat.heard.wait()
        except TimeoutError:
            return

    def _read_mark(self, key: ObjectKey) -> None:
        node = self._world.nodes.get(key)
        self._marks.pop(key.name, None)
        if node is not None:
            self._marks[key.name] = view.is_marked_silent(node)

    def _vps_changed(self, key: ObjectKey) -> None:
        answered = self._tenants.update(key, self._world.vpses.get(key))
        if answered is not None:
            self._ears.answered(answered, now=self._clock.monotonic())

    def _lease_changed(self, key: ObjectKey) -> None:
        lease, now = self._world.leases.get(key), self._clock.monotonic()
        if key.namespace == NODE_LEASE_NAMESPACE:
            if lease is None:
                return self._ears.forget(key.name)
            duration = Lease.of(lease).duration
            self._ears.renewal(key.name, revision=Lease.of(lease).version, duration=duration, now=now)
        elif key.namespace == SYSTEM_NAMESPACE and key.name != self._heartbeat.name:
            if lease is None or Lease.of(lease).labels != LABELS:
                self._others.pop(key.name, None)
            else:
                self._others[key.name] = (Lease.of(lease).version, now)
        return None
