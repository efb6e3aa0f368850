"""Sees to it that no VPS takes more of the node's disk than it may, before the node suffers.

    disk's free space ─► deciding/room.py: whose files next? ─► gauge: one walk at a time ─► over its limit?
                                                              held back: keeper.py stops it ◄─┘

One that was stopped so is left as it is until its spec is changed or somebody asks for a restart: then its
files are counted again, and where that fails several times it may run. Stops and starts nothing itself.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from kohakuriver.agent.deciding import labels, room
from kohakuriver.agent.deciding.actions import Tell
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import replaces_files
from kohakuriver.agent.deciding.room import Free, Held, Limit, Reading, Standing
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.machine.facts import Disk
from kohakuriver.agent.room.gauge import CannotMeasure, Gauge
from kohakuriver.agent.roster import Entry, Roster
from kohakuriver.agent.runtime.base import Container, Runtime
from kohakuriver.agent.runtime.errors import EngineError, NotFound
from kohakuriver.client.watch import Informer
from kohakuriver.clock import Clock

log = logging.getLogger(__name__)

EVERY: Final = 5.0  # seconds between looks at the free space
WITHIN: Final = 120.0  # seconds of one walk
AGAIN: Final = 60.0  # seconds after one that failed; twice as long after each further one
UNKNOWN: Final = 3  # tries that fail in a row: nobody stays stopped for what cannot be counted any more


class Watch:
    """The watch over one node's disk."""

    def __init__(
        self,
        *,
        runtime: Runtime,
        roster: Roster,
        vpses: Informer,
        journal: Journal,
        gauge: Gauge,
        default: float | None,
        clock: Clock,
        look: Callable[[], Awaitable[Disk | None]],
        ready: Callable[[], bool],
        changed: Callable[[Entry], None],
        tell: Callable[[Entry, Tell], None],
    ) -> None:
        self._runtime = runtime
        self._roster = roster
        self._vpses = vpses
        self._journal = journal
        self._gauge = gauge
        self._default = default
        self._clock = clock
        self._look = look
        self._ready = ready
        self._changed = changed
        self._tell = tell
        self._held = journal.load_held()
        self._readings: dict[str, Reading] = {}
        self._not_before: dict[str, float] = {}
        self._failed: dict[str, int] = {}  # tries in a row, by uid
        self._near: set[str] = set()
        self._said: dict[str, str] = {}  # why files could not be counted, by uid
        self._wake = asyncio.Event()

    def why(self, uid: str) -> str:
        """Why this VPS was stopped for its disk; empty where it was not."""
        held = self._held.get(uid)
        return held.why if held is not None else ""

    def look(self) -> None:
        """A VPS has changed: it may have another limit."""
        self._wake.set()

    async def run(self) -> None:
        while True:
            self._wake.clear()
            if not await self.step():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EVERY):
                        await self._wake.wait()

    async def step(self) -> bool:
        """Count the files of one VPS, where that is due; whether it was."""
        if not self._ready():
            return False
        disk = await self._look()
        if disk is None:
            return False
        self._forget_who_is_gone()
        free = Free(disk.free, disk.free_files if disk.files else 0, is_short=disk.is_short)
        due = room.next_to_measure(self._standings(disk.total), free, self._clock.monotonic())
        entry = self._roster.entry(due.uid) if due is not None else None
        container = self._container(entry) if entry is not None else None
        if due is None or entry is None or container is None:
            return False
        reading = await self._measure(entry, container, due.limit, free)
        again = self._roster.entry(due.uid)
        limit = self._limit(again.desired, disk.total) if again is not None else None
        if again is not None and limit is not None and reading is not None:
            self._readings[due.uid] = reading
            self._judge(again, limit, reading)
        elif again is not None and due.uid in self._held and self._failed.get(due.uid, 0) >= UNKNOWN:
            self._release(again)
        return True

    def _standings(self, total: int) -> Iterator[Standing]:
        for entry in self._roster:
            uid, container = entry.desired.uid, self._container(entry)
            limit, held = self._limit(entry.desired, total), self._held.get(uid)
            if held is not None and (limit is None or container is None or _gives_up(entry, container)):
                self._release(entry)
                continue
            is_asked = held is not None and held.asked != _asked(entry.desired)
            if limit is None or container is None or entry.desired.deleting:
                continue
            if is_asked or (held is None and container.is_up):
                yield Standing(uid, limit, self._readings.get(uid), is_asked, self._not_before.get(uid, 0.0))

    async def _measure(self, entry: Entry, container: Container, limit: Limit, free: Free) -> Reading | None:
        uid = entry.desired.uid
        try:
            folders = await self._runtime.folders(container.id, carried=labels.commit_number(container))
            amount = await self._gauge.measure(folders, within=WITHIN, most=2 * limit.files)
        except NotFound:
            self._not_before[uid] = self._clock.monotonic() + EVERY
            return None
        except (EngineError, CannotMeasure) as error:
            failed = self._failed[uid] = self._failed.get(uid, 0) + 1
            pause = min(room.LONGEST, AGAIN * 2 ** min(failed - 1, 9))
            self._not_before[uid] = self._clock.monotonic() + pause
            if self._said.get(uid) != str(error):
                self._said[uid] = str(error)
                log.warning("its disk is not watched", extra={"vps": str(entry.key), "error": str(error)})
            return None
        self._said.pop(uid, None)
        self._failed.pop(uid, None)
        return Reading(
            at=self._clock.monotonic(),
            took=amount.seconds,
            size=amount.size,
            files=amount.files,
            free=free,
            is_whole=amount.is_whole,
            is_too_deep=amount.is_too_deep,
            is_carried=labels.commit_number(container) > 0,
        )

    def _judge(self, entry: Entry, limit: Limit, reading: Reading) -> None:
        uid, was_held = entry.desired.uid, entry.desired.uid in self._held
        if room.is_over(limit, reading):
            self._hold(entry, limit, reading, is_new=not was_held)
        elif was_held:
            self._release(entry)
        elif room.share(limit, reading) < room.FAR:
            self._near.discard(uid)
        elif room.share(limit, reading) >= room.NEAR and uid not in self._near:
            self._near.add(uid)
            self._tell(entry, Tell("Warning", "DiskNearLimit", room.near_words(limit, reading)))

    def _hold(self, entry: Entry, limit: Limit, reading: Reading, *, is_new: bool) -> None:
        desired = entry.desired
        why = room.why_stopped(limit, reading, name=desired.name, namespace=desired.namespace)
        self._held[desired.uid] = Held(why, _asked(desired))
        self._journal.save_held(self._held)
        if is_new:
            log.warning("it has more on the disk than it may", extra={"vps": str(entry.key), "why": why})
            self._tell(entry, Tell("Warning", "DiskLimitExceeded", why))
        self._changed(entry)

    def _release(self, entry: Entry) -> None:
        log.info("it may run again", extra={"vps": str(entry.key)})
        del self._held[entry.desired.uid]
        self._readings.pop(entry.desired.uid, None)
        self._journal.save_held(self._held)
        self._changed(entry)

    def _forget_who_is_gone(self) -> None:
        known = {vps["metadata"].get("uid") for vps in self._vpses}
        for kept in (self._readings, self._not_before, self._said, self._failed):
            for uid in [uid for uid in kept if uid not in known]:
                del kept[uid]
        self._near &= known
        gone = [uid for uid in self._held if uid not in known]
        for uid in gone:
            del self._held[uid]
        if gone:
            self._journal.save_held(self._held)

    def _limit(self, desired: Desired, total: int) -> Limit | None:
        return room.limit(desired.disk, self._default, total)

    def _container(self, entry: Entry) -> Container | None:
        return self._roster.of(entry)


def _asked(desired: Desired) -> tuple[int, str]:
    return desired.generation, desired.restart_request


def _gives_up(entry: Entry, container: Container) -> bool:
    """Whether its owner has given its files up: they go when it is started."""
    return replaces_files(entry.memory, entry.desired, container)
