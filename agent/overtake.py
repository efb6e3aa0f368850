"""Ends at once what is under way for a VPS that is not wanted up any more. Below keeper.py, whose worker of
that VPS waits for the engine meanwhile, perhaps for minutes."""

import asyncio
import logging
from collections.abc import Callable

from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.learn import overtaken
from kohakuriver.agent.deciding.memory import Starting
from kohakuriver.agent.roster import Entry, Roster
from kohakuriver.agent.runtime.base import Runtime
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.clock import Clock

log = logging.getLogger(__name__)


class Overtaker:
    """What is ended beside the workers of this node."""

    def __init__(
        self, runtime: Runtime, roster: Roster, *, clock: Clock, ended: Callable[[Entry], None]
    ) -> None:
        self._runtime = runtime
        self._roster = roster
        self._clock = clock
        self._ended = ended
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Holds the tasks, until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            await asyncio.Event().wait()

    def hear(self, entry: Entry, desired: Desired) -> None:
        """This is declared now. Only who asks to have it killed does not wait for a stop's end."""
        if self._tasks is None:
            return
        if not entry.ending and (desired.deleting or not desired.wants_up):
            entry.ending, entry.grace = True, desired.stop_grace
            self._tasks.create_task(self._overtake(entry, desired), name=f"overtake {entry.key}")
        if desired.deleting and desired.stop_grace == 0 and entry.grace > 0:
            entry.grace = 0.0
            self._tasks.create_task(self._kill(entry), name=f"kill {entry.key}")

    async def _overtake(self, entry: Entry, desired: Desired) -> None:
        """A start is under way that is not wanted any more, and may hang: the engine is told at once."""
        asked_for = entry.memory.starting
        if asked_for is None:
            return
        log.info("stopping beside its start", extra={"vps": str(entry.key)})
        try:
            try:
                await self._runtime.stop(asked_for.container, desired.stop_grace)
            except EngineError as error:  # it may have been done all the same
                log.warning("not stopped", extra={"vps": str(entry.key), "error": error.message})
            await self._note(entry, asked_for)
        finally:
            entry.ending = False
            entry.stale = True
            self._ended(entry)

    async def _note(self, entry: Entry, asked_for: Starting) -> None:
        """Whose doing the end of that run was, though it may be wanted again by now. That the start is over
        only its own answer says, or a later stop: it may have been on its way to the engine still."""
        try:
            found = await self._runtime.inspect(asked_for.container)
        except EngineError:
            return
        entry.memory = overtaken(entry.memory, asked_for, found, self._clock.monotonic())

    async def _kill(self, entry: Entry) -> None:
        container = self._roster.of(entry)
        if container is None:
            return
        log.info("killing", extra={"vps": str(entry.key), "why": "it was deleted with no grace period"})
        try:
            await self._runtime.kill(container.id)
        except EngineError as error:
            log.warning("not killed", extra={"vps": str(entry.key), "error": error.message})
