"""Gives back and takes again what is booked for VPSes that are stopped and started, or drained.

keys -> `grants.decide` -> release, regrant, or a word why not. A VPS whose node is full waits for that
node: it is tried again when something there becomes free. Each VPS is worked on by one task at a time.
"""

import asyncio
import collections
import logging
import random
from collections.abc import Callable
from typing import Any, assert_never

from kohakuriver import errors
from kohakuriver.client.events import Recorder
from kohakuriver.client.watch import ObjectKey, revision_of
from kohakuriver.controller import explainer
from kohakuriver.controller.deciding import grants, view
from kohakuriver.controller.deciding.backoff import Backoff
from kohakuriver.controller.deciding.grants import Action, OverQuota, Regrant, Release, Rest, Wait
from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.controller.deciding.view import VPSRequest
from kohakuriver.controller.fleet import Fleet
from kohakuriver.controller.world import World
from kohakuriver.controller.writes import Writes
from kohakuriver.placement.booking import grant_of
from kohakuriver.resources import booked
from kohakuriver.resources.view import VPS

log = logging.getLogger(__name__)

Object = dict[str, Any]
WIDTH = 8  # steps at a time
BATCH = 200  # VPSes that are looked at before others get a turn


class Granter:
    """Keeps grants as declared as long as `run()` runs."""

    def __init__(
        self,
        world: World,
        writes: Writes,
        recorder: Recorder,
        *,
        fleet: Fleet,
        chance: random.Random,
        is_leading: Callable[[], bool],
    ) -> None:
        self._world = world
        self._writes = writes
        self._recorder = recorder
        self._fleet = fleet
        self._is_leading = is_leading
        self._backoff: Backoff[ObjectKey] = Backoff(chance)
        self._due: dict[ObjectKey, None] = {}
        self._busy: set[ObjectKey] = set()
        self._waiting: dict[str, set[ObjectKey]] = collections.defaultdict(set)
        self._over_quota: dict[str, set[ObjectKey]] = collections.defaultdict(set)  # by namespace
        self._wakeup = asyncio.Event()
        self._slots = asyncio.Semaphore(WIDTH)
        world.vpses.listen(self.touch)

    def touch(self, key: ObjectKey) -> None:
        """This VPS may need a step."""
        self._due[key] = None
        self._wakeup.set()

    def node_improved(self, name: str) -> None:
        """Something became free on this node."""
        for key in self._waiting.pop(name, ()):
            self.touch(key)

    def namespace_improved(self, name: str) -> None:
        """This namespace uses less, or another quota holds."""
        for key in self._over_quota.pop(name, ()):
            self.touch(key)

    def poke(self) -> None:
        """This controller leads now: look at everything."""
        self._due |= dict.fromkeys(self._world.vpses.keys())
        self._wakeup.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wakeup.wait()
                self._wakeup.clear()
                due, self._due = self._due, {}
                for number, key in enumerate(due, 1):
                    if self._take(key):
                        tasks.create_task(self.step(key), name=f"grant of {key}")
                    if number % BATCH == 0:
                        await asyncio.sleep(0)

    def _take(self, key: ObjectKey) -> bool:
        """Whether it needs a step and nobody works on it. What a standby hears of it leaves to `poke`."""
        if not self._is_leading():
            return False
        if key in self._busy:
            self._due[key] = None
        elif self._decide(key) is not None:
            self._busy.add(key)
            return True
        return False

    async def step(self, key: ObjectKey) -> None:
        """One step for one VPS; its outcome is on the watch, which touches it again."""
        try:
            async with self._slots:
                await self._act(key)
            self._backoff.forget(key)
        except errors.KohakuRiverError as error:
            await self._look_again(key, error)
        finally:
            self._busy.discard(key)
            if key in self._due:
                self._wakeup.set()

    def _decide(self, key: ObjectKey) -> Action | None:
        vps = self._world.vpses.get(key)
        if vps is None:
            self._backoff.forget(key)
            return None
        node = VPS.of(vps).node
        return grants.decide(vps, self._fleet.get(node), refuse=self._refuse) if node else None

    def _refuse(self, vps: view.Object) -> Unschedulable | None:
        return self._fleet.quotas.refuse(self._request_of(vps), is_bound=True)

    def _request_of(self, vps: view.Object) -> VPSRequest:
        is_limited = self._fleet.quotas.limited(vps["metadata"]["namespace"])
        return self._world.request_of(vps, is_limited=is_limited)

    async def _act(self, key: ObjectKey) -> None:
        vps, action = self._world.vpses.get(key), self._decide(key)
        if vps is None or action is None:
            return
        match action:
            case Release(epoch, why):
                released = await self._writes.release(vps, epoch=epoch)
                self._world.vpses.overlay(released)
                freed = f"{why}; it gave back its cores, memory and GPUs, and keeps its SSH port"
                self._recorder.normal(released, "GaveBack", freed)
            case Regrant(epoch, node):
                await self._regrant(vps, epoch=epoch, node=node)
            case Wait(node, verdict):
                self._waiting[node].add(key)
                await self._say(vps, verdict)
            case OverQuota(namespace, verdict):
                self._over_quota[namespace].add(key)
                await self._say(vps, verdict)
            case Rest(node):
                self._waiting[node].add(key)
            case _:
                assert_never(action)

    async def _regrant(self, vps: Object, *, epoch: int, node: str) -> None:
        uid = vps["metadata"]["uid"]
        self._fleet.assume(node, uid, self._request_of(vps))
        try:
            granted = await self._writes.regrant(vps, epoch=epoch)
        except errors.Invalid as refusal:
            self._fleet.withdraw(node, uid)
            for cause in refusal.causes:
                # Of all else `grants.decide` will say why, once it is known here.
                if cause.reason == "NoRoom":
                    message = f"its files are on {node}: {cause.message}"
                    await self._say(vps, Unschedulable(grants.NO_ROOM, message))
                elif cause.reason == booked.EXCEEDED:
                    await self._say(vps, Unschedulable(booked.EXCEEDED, cause.message))
            raise
        except errors.KohakuRiverError:
            self._fleet.withdraw(node, uid)
            raise
        held = grant_of(granted["status"]["assignment"]["grant"])
        self._fleet.confirm(node, uid, revision=revision_of(granted), booking=held)
        self._world.vpses.overlay(granted)
        self._recorder.normal(granted, "HasRoom", f"has room on {node} again")

    async def _say(self, vps: Object, verdict: Unschedulable) -> None:
        if explainer.differs(vps, verdict):
            told = await self._writes.say_unscheduled(vps, reason=verdict.reason, message=verdict.message)
            self._world.vpses.overlay(told)
            if not grants.says_unscheduled(vps):
                self._recorder.warning(vps, "FailedScheduling", verdict.message)

    async def _look_again(self, key: ObjectKey, error: errors.KohakuRiverError) -> None:
        log.info("grant not changed", extra={"vps": str(key), "error": str(error)})
        await asyncio.sleep(self._backoff.failed(key))
        await self._world.look_at_vps(key)
        node = VPS.of(self._world.vpses.get(key)).node
        if node:
            await self._world.look_at_node(node)
        self.touch(key)
