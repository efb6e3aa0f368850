"""Tells parked VPSes why they wait: the condition Scheduled=False, written only where it differs.

A change of the numbers in a message is worth a write only now and then: five thousand waiting VPSes must
not each be written to whenever one core somewhere is booked. A first word comes at once, later ones at a
walk.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.client.events import Recorder
from kohakuriver.client.watch import ObjectKey
from kohakuriver.controller.deciding import grants
from kohakuriver.controller.deciding.queue import PendingQueue
from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.controller.deciding.view import VPSRequest
from kohakuriver.controller.fleet import Fleet
from kohakuriver.controller.world import World
from kohakuriver.controller.writes import Writes, unscheduled
from kohakuriver.resources import booked, conditions, reasons
from kohakuriver.resources.view import VPS

log = logging.getLogger(__name__)

Object = dict[str, Any]
UNKNOWN_CONTAINER = "ContainerUnknown"  # the server's reason to refuse a bind
WIDTH = 4  # writes at a time
REFRESH = 5.0  # seconds between two looks at messages that were true once
REFRESHED = 50  # VPSes at most whose numbers are brought up to date in one look
WISHES = 200  # different ones that one look decides at most
ASKED = 50_000  # nodes that one look asks at most, of all its wishes together


class Explainer:
    """Writes reasons as long as `run()` runs."""

    def __init__(
        self,
        world: World,
        writes: Writes,
        recorder: Recorder,
        *,
        queue: PendingQueue[ObjectKey],
        fleet: Fleet,
        wake: Callable[[], None],
    ) -> None:
        self._world = world
        self._writes = writes
        self._recorder = recorder
        self._queue = queue
        self._fleet = fleet
        self._wake = wake
        self._due: dict[ObjectKey, None] = {}  # who may need a word, in order
        self._something = asyncio.Event()
        self._round: list[VPSRequest] = []  # the wishes that the next looks decide

    def look(self, key: ObjectKey) -> None:
        """This VPS may be parked and untold."""
        if self._queue.verdict(key) is not None:
            self._due[key] = None
            self._something.set()

    def look_at_all(self, request: VPSRequest) -> None:
        """All that ask for this were parked just now."""
        for key in self._queue.members(request):
            vps, verdict = self._world.vpses.get(key), self._queue.verdict(key)
            if vps is not None and verdict is not None and _is_urgent(vps, verdict):
                self._due[key] = None
        self._something.set()

    async def run(self, is_leading: Callable[[], bool]) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(WIDTH):
                tasks.create_task(self._write_all(is_leading), name=f"explainer {number}")
            while True:
                await asyncio.sleep(REFRESH)
                if is_leading():
                    await self.refresh()

    async def refresh(self) -> None:
        """Decide anew for some of those that are parked: the numbers may have changed, or a word been lost.

        Each look goes on where the last one ended, and others get a turn after every decision.
        """
        if not self._round:
            self._round = self._queue.parked()
        asked, told = self._fleet.asked, len(self._due)
        for _ in range(min(WISHES, len(self._round))):
            self._refresh(self._round.pop())
            if self._fleet.asked - asked > ASKED or len(self._due) - told > REFRESHED:
                break
            await asyncio.sleep(0)
        self._something.set()

    def _refresh(self, request: VPSRequest) -> None:
        keys = self._queue.members(request)
        old = self._queue.verdict(keys[0]) if keys else None
        if old is None:
            return  # nobody asks for it any more, or it is decided anew in a moment
        verdict = self._fleet.schedule(request)
        if not isinstance(verdict, Unschedulable):
            self._queue.wake([request])
            self._wake()
            return
        if verdict != old:
            self._queue.park(request, verdict)
        news = (key for key in keys if self._is_news(key, verdict))
        self._due.update(dict.fromkeys(itertools.islice(news, REFRESHED)))

    def _is_news(self, key: ObjectKey, verdict: Unschedulable) -> bool:
        vps = self._world.vpses.get(key)
        return vps is not None and differs(vps, verdict)

    async def _write_all(self, is_leading: Callable[[], bool]) -> None:
        while True:
            await self._something.wait()
            if not self._due or not is_leading():
                self._something.clear()
                continue
            key = next(iter(self._due))
            del self._due[key]
            await self.step(key)

    async def step(self, key: ObjectKey) -> None:
        """Tell one VPS, if it is still parked and was not told yet."""
        vps, verdict = self._world.vpses.get(key), self._queue.verdict(key)
        if vps is None or verdict is None or not differs(vps, verdict):
            return
        if verdict.reason in reasons.SCHEDULING:
            anew = self._decide_anew(key, vps)
            if anew is None or not differs(vps, anew):
                return
            verdict = anew
        await self._say(key, vps, verdict)

    def _decide_anew(self, key: ObjectKey, vps: Object) -> Unschedulable | None:
        """Whoever waits gives up at such a word: it is said of the spec and the nodes as they are now."""
        is_limited = self._fleet.quotas.limited(key.namespace)
        verdict = self._fleet.schedule(self._world.request_of(vps, is_limited=is_limited))
        return verdict if isinstance(verdict, Unschedulable) else None

    async def _say(self, key: ObjectKey, vps: Object, verdict: Unschedulable) -> None:
        try:
            told = await self._writes.say_unscheduled(vps, reason=verdict.reason, message=verdict.message)
        except (errors.Conflict, errors.NotFound):
            await self._world.look_at_vps(key)
        except errors.KohakuRiverError as error:
            log.warning("a reason was not written", extra={"vps": str(key), "error": str(error)})
        else:
            self._world.vpses.overlay(told)
            if not grants.says_unscheduled(vps):
                self._recorder.warning(vps, "FailedScheduling", verdict.message)

    async def tell_obstacle(self, key: ObjectKey, refusal: errors.Invalid) -> None:
        """What only the server knows: that somewhere there is a container of this VPS already, or that its
        namespace has booked more than has come to be known here."""
        vps = self._world.vpses.get(key)
        for cause in refusal.causes:
            verdict = Unschedulable(cause.reason, cause.message)
            is_told = cause.reason in (UNKNOWN_CONTAINER, booked.EXCEEDED)
            if vps is not None and is_told and differs(vps, verdict):
                await self._say(key, vps, verdict)


def _is_urgent(vps: Object, verdict: Unschedulable) -> bool:
    """Whether it is untold, or told of something to give up at that no longer holds."""
    said = VPS.of(vps).condition(conditions.SCHEDULED)
    if not said.is_false:
        return True
    return said.reason in reasons.SCHEDULING and said.reason != verdict.reason


def differs(vps: Object, verdict: Unschedulable) -> bool:
    """Whether the VPS says something else than this."""
    said = VPS.of(vps).condition(conditions.SCHEDULED).raw
    wanted = unscheduled(verdict.reason, verdict.message, generation=VPS.of(vps).generation)
    return any(said.get(field) != value for field, value in wanted.items())
