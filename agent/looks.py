"""Looks at those containers of a list that may be otherwise than known. Below engine.py, which lists.

A list says of each container what it is called and whether it runs, whatever hangs at one of them; the rest
is asked of each by itself, and only where it may have changed. One that does not answer stays in the roster
as it was last known, or as much of it as the list says, and is named there as silent; it is asked again with
each list, and its answer is taken in whenever it comes. Decides nothing.
"""

import asyncio
import logging
from collections.abc import Callable

from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Container, Listed, Listing, Runtime
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.clock import Clock

log = logging.getLogger(__name__)

WITHIN = 2.0  # seconds without any answer after which a list no longer waits for what it asks of containers
AGAIN = 50.0  # seconds after which a container is looked at again; what the list calls old is older than that
AT_LEAST = 25  # looks with each list, or a quarter of all of them, even where nothing speaks for a change


class Looks:
    """The looks at the containers of one engine."""

    def __init__(
        self, runtime: Runtime, roster: Roster, *, clock: Clock, heard: Callable[[Container], None]
    ) -> None:
        self._runtime = runtime
        self._roster = roster
        self._clock = clock
        self._heard = heard
        self._asked: dict[str, tuple[asyncio.Task[None], int]] = {}  # and what the roster's mark was then
        self._answered = asyncio.Event()
        self._looked_at: dict[str, float] = {}  # when the last answer was asked for

    def changed(self, container_id: str) -> None:
        """Something happened to it: it is looked at with the next list."""
        self._looked_at.pop(container_id, None)

    def close(self) -> None:
        """No answer is wanted any more."""
        for task, _ in self._asked.values():
            task.cancel()

    async def take(self, rows: Listing, *, mark: int) -> set[str]:
        """Bring the roster up to a list that was begun at `mark`; the uids whose containers have changed."""
        there = {row.id for row in rows}
        self._looked_at = {id_: at for id_, at in self._looked_at.items() if id_ in there}
        oldest = min([mark, *(begun for _, begun in self._asked.values())])
        changed = self._roster.keep_only(there, mark=mark, oldest=oldest)
        asked = [(row, self._ask(row, changed)) for row in self._due(rows) if row.id not in self._asked]
        await self._wait([task for row, task in asked if row.id not in self._roster.silent])
        for row, task in asked:
            if not task.done():
                self._silent(row, mark=mark)
        return changed

    async def _wait(self, tasks: list[asyncio.Task[None]]) -> None:
        """Until all have ended, or none of them has for a while: what is slow is not what hangs."""
        while not all(task.done() for task in tasks):
            self._answered.clear()
            try:
                async with asyncio.timeout(WITHIN):
                    await self._answered.wait()
            except TimeoutError:
                return

    def _due(self, rows: Listing) -> list[Listed]:
        """Those that may have changed, and of the others those that were not looked at for the longest."""
        due = [row for row in rows if self._may_have_changed(row)]
        chosen = {row.id for row in due}
        others = sorted(
            (row for row in rows if row.id not in chosen), key=lambda row: self._looked_at[row.id]
        )
        return due + others[: max(AT_LEAST, len(rows) // 4)]

    def _may_have_changed(self, row: Listed) -> bool:
        """One that was started again since the last look says that this was less than a minute ago."""
        known, looked_at = self._roster.known(row.id), self._looked_at.get(row.id)
        return (
            known is None
            or looked_at is None
            or self._clock.monotonic() - looked_at >= AGAIN
            or not row.is_old
            or (row.state, row.name) != (known.state, known.name)
        )

    def _ask(self, row: Listed, changed: set[str]) -> asyncio.Task[None]:
        mark = self._roster.mark()
        task = asyncio.create_task(self._look(row, changed, mark), name=f"look at {row.name}")
        self._asked[row.id] = task, mark
        task.add_done_callback(lambda _: self._asked.pop(row.id))
        return task

    async def _look(self, row: Listed, changed: set[str], mark: int) -> None:
        now = self._clock.monotonic()
        try:
            found = await self._runtime.inspect(row.id)
        except EngineError as error:
            log.info("no answer", extra={"container": row.name, "error": error.message})
            self._silent(row, mark=mark)
            return
        except Exception:
            log.exception("a container makes no sense", extra={"container": row.name})
            self._silent(row, mark=mark)
            return
        was_silent = row.id in self._roster.silent
        self._looked_at[row.id] = now
        self._answered.set()
        changed |= self._roster.take(row.id, found, mark=mark)
        if was_silent:
            log.info("a container answers again", extra={"container": row.name})
            self._heard(found or row.partly())

    def _silent(self, row: Listed, *, mark: int) -> None:
        if self._roster.be_silent(row, mark=mark):
            log.warning("the engine does not answer for a container", extra={"container": row.name})
            self._heard(row.partly())
