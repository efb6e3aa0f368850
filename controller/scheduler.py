"""Gives pending VPSes to nodes: informers -> queue -> decision -> bind, many at a time.

The loop owns waiting; a decision is `fleet.schedule`, a write is one bind that the server compares and
computes itself. What was asked for counts as booked at once, so that the next decision sees it; what was
refused, or may or may not have happened, is read anew before it is tried again. A VPS that fits nowhere is
told why, once.
"""

import asyncio
import collections
import contextlib
import itertools
import logging
import random
from collections.abc import Callable, Collection
from typing import Any

from kohakuriver import errors
from kohakuriver.client.events import Recorder
from kohakuriver.client.watch import ObjectKey, revision_of
from kohakuriver.controller.deciding import grants, schedule, view
from kohakuriver.controller.deciding.backoff import Backoff
from kohakuriver.controller.deciding.queue import PendingQueue
from kohakuriver.controller.deciding.schedule import Placement, Unschedulable
from kohakuriver.controller.deciding.view import NodeView, VPSRequest
from kohakuriver.controller.deciding.volumes import KeptVolumes
from kohakuriver.controller.explainer import Explainer
from kohakuriver.controller.fleet import Fleet
from kohakuriver.controller.metrics import Metrics
from kohakuriver.controller.world import World
from kohakuriver.controller.writes import Writes
from kohakuriver.placement import origin
from kohakuriver.placement.booking import bookings_of, grant_of
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources import reasons

log = logging.getLogger(__name__)

Object = dict[str, Any]
WIDTH = 64  # binds under way: most of a bind is waiting for the disks of etcd
ON_ONE_NODE = 2  # of them: all change one record, and more would only make each other try again
IN_ONE_ACCOUNT = 1  # the same for a namespace with quotas: it never holds all of a node's
BATCH = 50  # changed objects taken in before others get a turn
OF_ONE_ACCOUNT = 8  # of such a namespace, those that wait with them: the rest is others'
DECISIONS = 8  # the same for decisions,
ASKED = 1_000  # for nodes that these ask: the longest asks every node there is,
WISHES = 20  # and for parked wishes that are held against nodes that got better
MANY = 16  # changed nodes from which on asking each of them costs more than deciding anew


class Scheduler:
    """Places VPSes as long as `run()` runs."""

    def __init__(
        self,
        world: World,
        writes: Writes,
        recorder: Recorder,
        *,
        fleet: Fleet,
        chance: random.Random,
        metrics: Metrics,
        is_leading: Callable[[], bool],
        node_improved: Callable[[str], None],
        namespace_improved: Callable[[str], None],
    ) -> None:
        self._world = world
        self._writes = writes
        self._recorder = recorder
        self._fleet = fleet
        self._metrics = metrics
        self._is_leading = is_leading
        self._node_improved = node_improved
        self._namespace_improved = namespace_improved
        self._queue: PendingQueue[ObjectKey] = PendingQueue()
        self._explainer = Explainer(world, writes, recorder, queue=self._queue, fleet=fleet, wake=self.poke)
        self._backoff: Backoff[ObjectKey] = Backoff(chance)
        self._changed: dict[tuple[str, ObjectKey], None] = {}  # kinds and keys, in order
        self._busy: set[ObjectKey] = set()  # being bound, or left alone for a moment after a failure
        self._under_way = 0
        self._of_account: collections.Counter[str] = collections.Counter()  # of those under way
        self._volumes = KeptVolumes()
        self._doors: dict[str, asyncio.Semaphore] = {}
        self._wakeup = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        world.nodes.listen(lambda key: self._touch("node", key))
        world.allocations.listen(lambda key: self._touch("allocation", key))
        world.vpses.listen(lambda key: self._touch("vps", key))
        world.quotas.listen(lambda key: self._touch("quota", key))
        world.environments.listen(self._environment_changed)
        world.snapshots.listen(self._snapshot_changed)

    @property
    def pending(self) -> int:
        """How many VPSes wait for a node."""
        return len(self._queue)

    def poke(self) -> None:
        """Something other than an object changed: look again."""
        self._wakeup.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._explainer.run(self._is_leading), name="explainer")
            while True:
                await self._wakeup.wait()
                self._wakeup.clear()
                await self.step()

    async def step(self) -> None:
        """Take in what changed, then decide until nobody is left or all hands are full."""
        while self._changed:
            self._absorb(BATCH)
            await asyncio.sleep(0)
        await self._wake(self._fleet.take_improved())
        self._wake_namespaces(self._fleet.quotas.take_improved())
        while self._is_leading() and self._decide(DECISIONS):  # noqa: ASYNC110 - gives others a turn
            await asyncio.sleep(0)
        self._metrics.pending.set(len(self._queue))

    def _touch(self, kind: str, key: ObjectKey) -> None:
        self._changed[kind, key] = None
        self._wakeup.set()

    def _environment_changed(self, key: ObjectKey) -> None:
        """Those that wait for this image may now prefer other nodes."""
        for waiting in self._queue:
            vps = self._world.vpses.get(waiting)
            if vps is not None and vps["spec"].get("environment") == key.name:
                self._touch("vps", waiting)

    def _snapshot_changed(self, key: ObjectKey) -> None:
        """Those that wait for it may begin now, or wait for another reason."""
        for waiting in self._queue:
            vps = self._world.vpses.get(waiting) if waiting.namespace == key.namespace else None
            if vps is not None and origin.named_by(vps) == key.name:
                self._touch("vps", waiting)

    def _absorb(self, count: int) -> None:
        for kind, key in list(itertools.islice(self._changed, count)):
            del self._changed[kind, key]
            match kind:
                case "node":
                    self._take_node(key)
                case "allocation":
                    self._take_allocation(key)
                case "quota":
                    self._take_quota(key)
                case _:
                    self._take_vps(key)

    def _take_node(self, key: ObjectKey) -> None:
        """Those that wait may now have volumes there, or no more."""
        node = self._world.nodes.get(key)
        self._fleet.set_node(key.name, view.facts_of(node) if node is not None else None)
        for namespace, name in self._volumes.set_node(key.name, node):
            waiting = ObjectKey(namespace, name)
            if waiting in self._queue:
                self._touch("vps", waiting)

    def _take_allocation(self, key: ObjectKey) -> None:
        record = self._world.allocations.get(key)
        if record is None:
            self._fleet.set_bookings(key.name, {}, revision=0)
        else:
            self._fleet.set_bookings(
                key.name,
                bookings_of(record),
                revision=revision_of(record),
                unreadable=record.get(UNREADABLE) or "",
            )

    def _take_quota(self, key: ObjectKey) -> None:
        """Those that wait are asked for their namespace from now on, or no more."""
        was_limited = self._fleet.quotas.limited(key.namespace)
        self._fleet.quotas.set_quota(key, self._world.quotas.get(key))
        if self._fleet.quotas.limited(key.namespace) != was_limited:
            for waiting in self._queue:
                if waiting.namespace == key.namespace:
                    self._touch("vps", waiting)

    def _take_vps(self, key: ObjectKey) -> None:
        if key in self._busy:
            return  # looked at when that is over
        vps = self._world.vpses.get(key)
        if vps is None or not grants.is_pending(vps):
            self._queue.remove(key)
            return
        born = vps["metadata"].get("creationTimestamp") or ""
        request = self._world.request_of(
            vps,
            is_limited=self._fleet.quotas.limited(key.namespace),
            homes=self._volumes.nodes_for(vps),
        )
        self._queue.put(key, request, priority=vps["spec"].get("priority") or 0, born=born)
        self._explainer.look(key)

    async def _wake(self, improved: list[NodeView]) -> None:
        for node in improved:
            self._node_improved(node.name)
        wishes = self._queue.parked() if improved else []
        if len(improved) >= MANY:
            self._queue.wake(wishes)
            return
        for number, request in enumerate(wishes, 1):
            verdict = self._queue.verdict_on(request)
            is_vain = verdict is not None and verdict.reason in reasons.SCHEDULING
            helps = schedule.is_hopeful if is_vain else schedule.fits
            if any(helps(request, node) for node in improved):
                self._queue.wake([request])
            if number % WISHES == 0:
                await asyncio.sleep(0)

    def _wake_namespaces(self, improved: Collection[str]) -> None:
        """Those that wait for their namespace to use less, by priority and age as ever."""
        for namespace in improved:
            self._namespace_improved(namespace)
        if improved:
            self._queue.wake(
                request
                for request in self._queue.parked()
                if request.account in improved and self._fleet.quotas.refuse(request) is None
            )

    def _decide(self, count: int) -> bool:
        """Decide for some. Whether there may be more to decide now."""
        asked = self._fleet.asked
        for _ in range(count):
            turn = self._queue.next() if self._under_way < WIDTH else None
            if turn is None:
                return False
            key, request = turn
            match self._fleet.schedule(request):
                case Placement(node):
                    self._start(key, request, node)
                case Unschedulable() as verdict:
                    self._queue.park(request, verdict)
                    self._explainer.look_at_all(request)
            if self._fleet.asked - asked > ASKED:
                break
        return True

    def _start(self, key: ObjectKey, request: VPSRequest, node: str) -> None:
        self._queue.remove(key)
        vps = self._world.vpses.get(key)
        if vps is None or self._tasks is None:
            return
        self._busy.add(key)
        self._begin(request.account)
        self._fleet.assume(node, vps["metadata"]["uid"], request)
        self._tasks.create_task(self._bind(key, vps, node, request), name=f"bind {key}")

    async def _bind(self, key: ObjectKey, vps: Object, node: str, request: VPSRequest) -> None:
        uid, account = vps["metadata"]["uid"], request.account
        try:
            async with self._turn_of(account), self._door(node, ON_ONE_NODE):
                bound = await self._writes.bind(vps, node)
        except errors.KohakuRiverError as error:
            self._fleet.withdraw(node, uid)
            self._end(account)
            await self._look_again(key, node, error)
        else:
            granted = grant_of(bound["status"]["assignment"]["grant"])
            self._fleet.confirm(node, uid, revision=revision_of(bound), booking=granted)
            self._world.vpses.overlay(bound)
            self._end(account)
            self._backoff.forget(key)
            self._metrics.bound.inc()
            self._recorder.normal(bound, "Scheduled", f"assigned to {node}")
            if request.homes and node not in request.homes:
                self._recorder.warning(bound, "VolumesElsewhere", _elsewhere(key, node, request.homes))
        self._busy.discard(key)
        self._touch("vps", key)

    def _turn_of(self, account: str) -> contextlib.AbstractAsyncContextManager[None]:
        """Of a namespace with quotas; nothing to wait for where there are none."""
        return self._door(f"quotas of {account}", IN_ONE_ACCOUNT) if account else contextlib.nullcontext()

    def _door(self, name: str, width: int) -> contextlib.AbstractAsyncContextManager[None]:
        """Lets few at a time through: all that change one record."""
        return self._doors.setdefault(name, asyncio.Semaphore(width))

    def _begin(self, account: str) -> None:
        self._under_way += 1
        self._of_account[account] += 1
        if account and self._of_account[account] >= OF_ONE_ACCOUNT:
            self._queue.hold(account)

    def _end(self, account: str) -> None:
        self._under_way -= 1
        self._of_account[account] -= 1
        if not self._of_account[account]:
            del self._of_account[account]
        self._queue.let(account)
        self._wakeup.set()

    async def _look_again(self, key: ObjectKey, node: str, error: errors.KohakuRiverError) -> None:
        """The world was not as it seemed, or nobody knows what became of it: read it before the next try."""
        self._metrics.refused.labels(reason=type(error).__name__).inc()
        delay = self._backoff.failed(key)
        level = logging.INFO if isinstance(error, errors.Conflict | errors.Invalid) else logging.WARNING
        log.log(level, "bind failed", extra={"vps": str(key), "node": node, "error": str(error)})
        if isinstance(error, errors.Invalid):
            await self._explainer.tell_obstacle(key, error)
        await asyncio.sleep(delay)
        await self._world.look_at_vps(key)
        await self._world.look_at_node(node)
        if self._world.vpses.get(key) is None:
            self._backoff.forget(key)


def _elsewhere(key: ObjectKey, node: str, homes: tuple[str, ...]) -> str:
    kept = ", ".join(homes[:3])
    return (
        f"volumes of an earlier {key.name} are kept on {kept}, where it did not fit: on {node} it starts "
        f"with empty ones; to have those files, delete it and create it with --target {homes[0]}"
    )
