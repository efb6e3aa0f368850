"""Says of an object that nobody can read what is wrong with it: once in the log and as an Event, and a VPS
that waits for a node says it as the reason.

What stands in for such an object is `deciding/readable.py`'s; here it is only told. It mends nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.client.events import Recorder
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.controller import explainer
from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.controller.world import World
from kohakuriver.controller.writes import Writes
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources.view import Fields

log = logging.getLogger(__name__)

Object = dict[str, Any]
REASON = "Unreadable"


class Complaints:
    """Tells as long as `run()` runs. Only the leader writes."""

    def __init__(
        self, world: World, writes: Writes, recorder: Recorder, *, is_leading: Callable[[], bool]
    ) -> None:
        self._world = world
        self._writes = writes
        self._recorder = recorder
        self._is_leading = is_leading
        self._logged: dict[tuple[str, ObjectKey], str] = {}  # kind and key: what was said last
        self._told: dict[tuple[str, ObjectKey], str] = {}
        self._wakeup = asyncio.Event()
        for informer in world.all:
            self._listen(informer)

    def poke(self) -> None:
        """This controller leads now: what another has not told is told."""
        self._wakeup.set()

    async def run(self) -> None:
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            await self.step()

    async def step(self) -> None:
        """Tell what was not told yet."""
        if not self._is_leading():
            return
        for mark, why in list(self._logged.items()):
            if self._told.get(mark) != why:
                self._told[mark] = why
                await self._tell(*mark)

    def _listen(self, informer: Informer) -> None:
        informer.listen(lambda key: self._hear(informer, key))

    def _hear(self, informer: Informer, key: ObjectKey) -> None:
        mark, body = (informer.resource.kind, key), informer.get(key)
        why = Fields.of(body).text(UNREADABLE)
        if not why:
            self._logged.pop(mark, None)
            self._told.pop(mark, None)
        elif self._logged.get(mark) != why:
            self._logged[mark] = why
            log.warning("cannot be read", extra={"kind": mark[0], "key": str(key), "because": why})
            self._wakeup.set()

    async def _tell(self, kind: str, key: ObjectKey) -> None:
        informer = next(one for one in self._world.all if one.resource.kind == kind)
        body = informer.get(key)
        why = Fields.of(body).text(UNREADABLE)
        if body is None or not why:
            return
        message = f"it cannot be read, and is left as it is: {why}"
        self._recorder.warning(body, REASON, message)
        is_waiting = informer is self._world.vpses and "assignment" not in body["status"]
        if is_waiting and explainer.differs(body, Unschedulable(REASON, message)):
            try:
                self._world.vpses.overlay(
                    await self._writes.say_unscheduled(body, reason=REASON, message=message)
                )
            except errors.KohakuRiverError as error:
                log.info("it could not be told", extra={"vps": str(key), "error": str(error)})
