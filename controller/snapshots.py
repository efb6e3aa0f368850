"""Has snapshots taken by schedule, and removes those that were kept long enough.

    a VPS or a Snapshot changed, or it is time ─► `snapshots.decide`, `snapshots.expires` ─► create, delete

Every controller listens, so that one that takes over knows what changed before; only the leader writes.
A Snapshot is named after the minute that was due: that it is there already means that the work is done. Many
that are due in one minute are created at a walk. An unchanged world is written to by nobody.
"""

import asyncio
import collections
import contextlib
import dataclasses
import datetime
import heapq
import logging
from collections.abc import Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.client.events import Recorder
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import Clock, in_words, timestamp
from kohakuriver.controller.deciding import snapshot_view, snapshots
from kohakuriver.controller.deciding.snapshots import Kept, Planned, Time
from kohakuriver.controller.world import World
from kohakuriver.controller.writes import Writes
from kohakuriver.readable import UNREADABLE
from kohakuriver.resources.view import VPS, Fields, Object

log = logging.getLogger(__name__)

NOT_TAKEN = "SnapshotNotTaken"
PACE = 0.05  # seconds between two writes
LOOK = 30.0  # seconds at most between two looks at the clock, which may be set
REFUSED = datetime.timedelta(minutes=5)  # until a refused one is tried again: somebody has to make room
FAILED = datetime.timedelta(seconds=5)  # the same, where the server could not be asked
BATCH = 100  # looks before others get a turn

_VPS, _SNAPSHOT = "vps", "snapshot"
Mark = tuple[str, ObjectKey]


@dataclasses.dataclass(slots=True)
class _Note:
    """What is remembered of a VPS with a plan."""

    uid: str
    plan: tuple[str, str]  # the schedule and its zone
    since: Time | None = None  # what was due up to here is done, or was due by another plan
    told: str = ""  # the last complaint, and the minute it was about


class Snapshots:
    """Keeps to the schedules as long as `run()` runs."""

    def __init__(
        self,
        world: World,
        writes: Writes,
        recorder: Recorder,
        *,
        clock: Clock,
        is_leading: Callable[[], bool],
    ) -> None:
        self._world = world
        self._writes = writes
        self._recorder = recorder
        self._clock = clock
        self._is_leading = is_leading
        self._due: dict[Mark, None] = {}
        self._timers: list[tuple[Time, Mark]] = []
        self._rings: dict[Mark, Time] = {}  # what of the timers holds
        self._notes: dict[ObjectKey, _Note] = {}
        self._uid_of: dict[ObjectKey, str] = {}  # of the VPS of each Snapshot
        self._of_uid: dict[str, set[ObjectKey]] = collections.defaultdict(set)
        self._awaited_by: dict[ObjectKey, ObjectKey] = {}  # the Snapshot that a VPS waits for
        self._waiting: dict[ObjectKey, set[ObjectKey]] = collections.defaultdict(set)
        self._going: dict[ObjectKey, str] = {}  # uids of Snapshots whose deletion was asked for
        self._wakeup = asyncio.Event()
        world.vpses.listen(self._vps_changed)
        world.snapshots.listen(self._snapshot_changed)

    def poke(self) -> None:
        """This controller leads now: look at everything."""
        for key in self._notes:
            self._touch(_VPS, key)
        for key in self._uid_of:
            self._touch(_SNAPSHOT, key)

    async def run(self) -> None:
        while True:
            await self.step()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._wakeup.wait()

    async def step(self) -> None:
        """Look at whatever changed, and at what was to be looked at by now."""
        self._wakeup.clear()
        self._ring()
        looks = 0
        while self._due:
            kind, key = mark = next(iter(self._due))
            del self._due[mark]
            if not self._is_leading():
                continue  # whoever leads has heard of it too
            await (self._look_at_vps(key) if kind == _VPS else self._look_at_snapshot(key))
            looks += 1
            if looks % BATCH == 0:
                await asyncio.sleep(0)

    def _pause(self) -> float:
        if not self._timers:
            return LOOK
        left = (self._timers[0][0] - self._clock.now()).total_seconds()
        return min(max(left, PACE), LOOK)

    def _ring(self) -> None:
        now = self._clock.now()
        while self._timers and self._timers[0][0] <= now:
            at, mark = heapq.heappop(self._timers)
            if self._rings.get(mark) == at:
                del self._rings[mark]
                self._due[mark] = None

    def _set(self, mark: Mark, at: Time | None) -> None:
        """Look at this then, and not at another time that was meant before."""
        if at is None:
            self._rings.pop(mark, None)
        elif self._rings.get(mark) != at:
            self._rings[mark] = at
            heapq.heappush(self._timers, (at, mark))

    def _touch(self, kind: str, key: ObjectKey) -> None:
        self._due[kind, key] = None
        self._wakeup.set()

    def _vps_changed(self, key: ObjectKey) -> None:
        vps = self._world.vpses.get(key)
        if vps is not None and vps.get(UNREADABLE):
            return  # it is left as it is, and so is what it waits for
        self._note_waiting(key, snapshot_view.awaits(vps) if vps is not None else "")
        found = VPS.of(vps)
        said = Fields(found.spec.raw.get("snapshots"))
        if not said:
            self._notes.pop(key, None)
            self._set((_VPS, key), None)
            return
        note, plan = self._notes.get(key), (said.text("schedule"), said.text("timeZone"))
        if note is None or note.uid != found.uid or note.plan != plan:
            # What was due before the plan was made is not made up for, where that was seen.
            is_seen = note is not None or self._world.vpses.synced
            self._notes[key] = _Note(found.uid, plan, self._clock.now() if is_seen else None)
        self._touch(_VPS, key)

    def _note_waiting(self, key: ObjectKey, name: str) -> None:
        before, after = self._awaited_by.get(key), ObjectKey(key.namespace, name) if name else None
        if before == after:
            return
        if before is not None:
            self._waiting[before].discard(key)
            if not self._waiting[before]:
                del self._waiting[before]
                self._touch_with_its_vps(before)
        if after is None:
            del self._awaited_by[key]
        else:
            self._awaited_by[key] = after
            self._waiting[after].add(key)

    def _snapshot_changed(self, key: ObjectKey) -> None:
        body = self._world.snapshots.get(key)
        uid = Fields(Object.of(body).spec.raw.get("vps")).text("uid")
        before = self._uid_of.pop(key, None)
        if before is not None:
            self._of_uid[before].discard(key)
            if not self._of_uid[before]:
                del self._of_uid[before]
        if body is None or self._going.get(key) != body["metadata"]["uid"]:
            self._going.pop(key, None)
        if body is None:
            self._set((_SNAPSHOT, key), None)
        else:
            self._uid_of[key] = uid
            self._of_uid[uid].add(key)
        self._touch_with_its_vps(key)

    def _touch_with_its_vps(self, key: ObjectKey) -> None:
        body = self._world.snapshots.get(key)
        if body is None:
            return
        self._touch(_SNAPSHOT, key)
        of = ObjectKey(key.namespace, Fields(Object.of(body).spec.raw.get("vps")).text("name"))
        if of in self._notes:
            self._touch(_VPS, of)

    async def _look_at_vps(self, key: ObjectKey) -> None:
        vps, note = self._world.vpses.get(key), self._notes.get(key)
        if vps is None or note is None or vps.get(UNREADABLE):
            return
        plan = snapshot_view.planned_of(vps)
        if plan is None:
            return
        if note.since is not None:
            plan = dataclasses.replace(plan, since=max(note.since, plan.since or note.since))
        kept = [one for each in self._of_uid.get(note.uid, ()) if (one := self._kept(each)) is not None]
        awaited = frozenset(one.name for one in self._waiting if one.namespace == key.namespace)
        try:
            step = snapshots.decide(plan, kept, self._clock.now(), awaited=awaited)
        except ValueError as error:
            self._complain(vps, note, f"its schedule of snapshots cannot be read: {error}")
            return
        self._set((_VPS, key), step.again)
        for removal in step.removals:
            await self._remove(ObjectKey(key.namespace, removal.name), uid=removal.uid, why=removal.why)
        if step.skipped is not None:
            note.since = step.skipped
        if step.due is not None and self._is_leading():
            await self._create(key, vps, plan, note, due=step.due)

    def _kept(self, key: ObjectKey) -> Kept | None:
        body = self._world.snapshots.get(key)
        if body is None or body.get(UNREADABLE) or self._going.get(key) == body["metadata"]["uid"]:
            return None
        return snapshot_view.kept_of(body)

    async def _create(
        self, key: ObjectKey, vps: dict[str, Any], plan: Planned, note: _Note, *, due: Time
    ) -> None:
        name, again = snapshots.name_of(plan.name, due, uid=note.uid), (_VPS, key)
        try:
            created = await self._writes.create_snapshot(vps, name)
        except errors.AlreadyExists:
            note.since = due
        except (errors.Forbidden, errors.Invalid) as error:
            moment = in_words(timestamp(due))
            self._complain(
                vps, note, f"the snapshot that was due at {moment} was not taken: {error}", due=due
            )
            self._set(again, self._sooner(again, REFUSED))
        except errors.KohakuRiverError as error:
            log.info("a snapshot was not created", extra={"vps": str(key), "error": str(error)})
            self._set(again, self._sooner(again, FAILED))
        else:
            note.since = due
            log.info("a snapshot was due", extra={"vps": str(key), "snapshot": name})
            self._world.snapshots.overlay(created)
        await asyncio.sleep(PACE)

    async def _look_at_snapshot(self, key: ObjectKey) -> None:
        one = self._kept(key)
        at = snapshots.expires(one) if one is not None else None
        if one is None or at is None:
            self._set((_SNAPSHOT, key), None)
        elif at > self._clock.now():
            self._set((_SNAPSHOT, key), at)
        elif key not in self._waiting:
            await self._remove(key, uid=one.uid, why="its keepFor is over")

    async def _remove(self, key: ObjectKey, *, uid: str, why: str) -> None:
        if self._going.get(key) == uid or not self._is_leading():
            return
        try:
            await self._writes.remove_snapshot(key.namespace, key.name, uid=uid)
        except (errors.NotFound, errors.Conflict):
            pass  # it is gone, or a namesake has come: the watch tells
        except errors.KohakuRiverError as error:
            log.info("a snapshot was not removed", extra={"snapshot": str(key), "error": str(error)})
            self._set((_SNAPSHOT, key), self._clock.now() + FAILED)
        else:
            self._going[key] = uid
            log.info("a snapshot was removed", extra={"snapshot": str(key), "why": why})
        await asyncio.sleep(PACE)

    def _sooner(self, mark: Mark, pause: datetime.timedelta) -> Time:
        then = self._clock.now() + pause
        return min(then, self._rings.get(mark, then))

    def _complain(self, vps: dict[str, Any], note: _Note, words: str, *, due: Time | None = None) -> None:
        """Once for each minute that was due, however often it is tried."""
        mark = f"{due}" if due is not None else words
        if note.told != mark:
            note.told = mark
            self._recorder.warning(vps, NOT_TAKEN, words)
