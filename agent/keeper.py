"""Keeps each VPS of this node as declared: one worker a key, which looks, learns, decides and applies.

The middle of the loop: loop.py feeds keys into `queue`, judge.py says what follows, containers.py does it,
report.py is told what is so. Only this file waits and backs off.
"""

import asyncio
import dataclasses
import logging
import random
from collections.abc import Callable, Mapping

from kohakuriver import errors
from kohakuriver.agent import notes
from kohakuriver.agent.answers import Answers
from kohakuriver.agent.containers import Containers, forget_login
from kohakuriver.agent.context import Node
from kohakuriver.agent.data_dir import DataDirNotWritable
from kohakuriver.agent.deciding import memory, status
from kohakuriver.agent.deciding.actions import (
    Action,
    Finish,
    Reject,
    Start,
    Tell,
    Update,
)
from kohakuriver.agent.deciding.desired import Desired, read
from kohakuriver.agent.deciding.judge import ON_THE_WAY, Verdict, judge
from kohakuriver.agent.deciding.learn import learn
from kohakuriver.agent.deciding.memory import Durable, Hold, Memory, Trouble
from kohakuriver.agent.deciding.seed import seed
from kohakuriver.agent.deciding.situation import Situation
from kohakuriver.agent.engine import Health
from kohakuriver.agent.journal import Journal
from kohakuriver.agent.login.probes import Probes
from kohakuriver.agent.notes import Notes
from kohakuriver.agent.overtake import Overtaker
from kohakuriver.agent.queue import KeyQueue
from kohakuriver.agent.report import Reporter, Status
from kohakuriver.agent.roster import Entry
from kohakuriver.agent.runtime.base import Container, ContainerState
from kohakuriver.agent.runtime.errors import (
    EngineError,
    NotFound,
    RuntimeTimeout,
    RuntimeUnavailable,
    WrongState,
)
from kohakuriver.agent.runtime.keepalive import may_lack_its_file
from kohakuriver.agent.slowness import told
from kohakuriver.client.rest import Object
from kohakuriver.client.watch import ObjectKey, key_of
from kohakuriver.readable import UNREADABLE

log = logging.getLogger(__name__)

UNHEARD = "ToBeReported"
ROUNDS = 8  # in a row; then there is a pause, so that what never comes to rest takes no more than its share
PAUSE = 1.0  # seconds


@dataclasses.dataclass(frozen=True, slots=True)
class Past:
    """What an earlier agent of this node left behind."""

    durable: Mapping[str, Durable]
    rebooted: bool


class Keeper:
    """All VPSes of this node."""

    def __init__(
        self,
        node: Node,
        *,
        containers: Containers,
        reporter: Reporter,
        journal: Journal,
        past: Past,
        session: str,  # of this agent process, as reports name it
        engine_ready: Callable[[], bool],
        quarantined: Callable[[], str],  # why nothing may be changed here; "" where it may
        engine_health: Callable[[], Health],
        engine_suspect: Callable[[EngineError], None],  # hears what makes the engine look away or hung
        chance: random.Random,
    ) -> None:
        self.queue = KeyQueue(clock=node.clock, chance=chance)
        self._node = node
        self._containers = containers
        self._reporter = reporter
        self._journal = journal
        self._notes = Notes(journal, node.access, settings=node.settings)
        self._past = past
        self._session = session
        self._engine_ready = engine_ready
        self._quarantined = quarantined
        self._engine_suspect = engine_suspect
        self._answers = Answers(reporter, session=session, rebooted=past.rebooted, health=engine_health)
        self._overtaker = Overtaker(node.runtime, node.roster, clock=node.clock, ended=self.look)
        self.probes = Probes(node.access, node.roster, heard=self.look)
        self._uids: dict[ObjectKey, str] = {}
        self._unreadable: dict[ObjectKey, str] = {}  # what was said of it

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.probes.run(), name="probes")
            tasks.create_task(self._overtaker.run(), name="overtaker")
            await self.queue.serve(self.step, name="vps")

    def hear(self, key: ObjectKey) -> None:
        """The object changed: look at it, and end at once what is under way and not wanted any more."""
        self.queue.add(key)
        entry = self._node.roster.entry(self._uids.get(key, ""))
        vps = self._node.vpses.get(key)
        busy = entry is not None and (entry.ending or (entry.working and entry.memory.starting is not None))
        desired = self._read(vps) if busy and vps is not None else None
        if entry is not None and desired is not None and desired.uid == entry.desired.uid:
            self._overtaker.hear(entry, desired)

    async def step(self, key: ObjectKey) -> None:
        """One round: gather, learn, judge, report, apply. What has more to do is due again at once."""
        vps, known = self._node.vpses.get(key), self._node.roster.entry(self._uids.get(key, ""))
        if known is not None:
            known.working = False
        if vps is not None and UNREADABLE in vps:
            self._say_unreadable(key, vps[UNREADABLE])
            return
        self._unreadable.pop(key, None)
        entry = await self._gather(key, vps)
        if entry is not None and await self._round(entry):
            self.queue.add(key, at=self._next_round(entry))
            if entry.working:  # else there is a pause, in which its node is there all the same
                return
        self._answers.answer(key, vps)

    def _next_round(self, entry: Entry) -> float:
        """At once, but for what has had so many rounds that others have a turn."""
        entry.rounds += 1
        now = self._node.clock.monotonic()
        if entry.rounds < ROUNDS:
            return now
        entry.working, entry.rounds = False, 0
        return now + PAUSE

    async def _gather(self, key: ObjectKey, vps: Object | None) -> Entry | None:
        """What is to be worked on, with what is declared of it now; None where nothing can be done."""
        desired = self._read(vps) if vps is not None else None
        before = self._uids.get(key)
        if before is not None and (desired is None or desired.uid != before):
            await self._leave(key, before, vps)
        if vps is None or desired is None:
            return None
        if not self._engine_ready():
            self._answers.unusable(key, desired, vps)
        elif self._is_unseen(desired):
            self._answers.unseen(key, desired, vps)
        else:
            return self._enter(key, desired, vps)
        return None

    async def _round(self, entry: Entry) -> bool:
        """Whether more is to be done at once: then it counts as worked on until that is done."""
        more, entry.working = False, True
        try:
            if entry.stale:
                await self._node.look(entry)
                entry.memory = memory.answered(entry.memory)
            more = await self._carry_out(entry, await self._judge(entry))
        except EngineError as error:
            self._failed(entry, error, action=None)
        finally:
            entry.working = more
            entry.rounds = entry.rounds if more else 0
        return more

    def image_changed(self, image: str) -> None:
        """A pull went on or ended: look at those who wait for it."""
        for entry in self._node.roster:
            if entry.desired.image == image:
                self.queue.add(entry.key)

    def _read(self, vps: Object) -> Desired | None:
        if UNREADABLE in vps:
            return None
        try:
            desired = read(vps, node=self._node.settings.node)
            if desired is None or self._node.surroundings.is_given_up(desired):
                return None
            return self._node.surroundings.complete(desired)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("an object makes no sense", extra={"vps": str(key_of(vps)), "error": str(error)})
            return None

    def _say_unreadable(self, key: ObjectKey, why: str) -> None:
        if self._unreadable.get(key) != why:
            self._unreadable[key] = why
            log.warning("a VPS cannot be read, and is left as it is", extra={"vps": str(key), "because": why})

    def _enter(self, key: ObjectKey, desired: Desired, vps: Object) -> Entry:
        entry = self._node.roster.entry(desired.uid)
        if entry is not None and entry.desired.epoch == desired.epoch:
            entry.desired = desired
            return entry
        memory = seed(
            desired,
            self._node.roster.container(desired, Memory()),
            reported=(vps.get("status") or {}).get("observed") or {},
            durable=self._past.durable.get(desired.uid) if entry is None else None,
            rebooted=self._past.rebooted,
            now=self._node.clock.monotonic(),
        )
        entry = Entry(key, desired, memory, saved=memory.durable)
        self._node.roster.enter(entry)
        self._uids[key] = desired.uid
        return entry

    def _is_unseen(self, desired: Desired) -> bool:
        """Whether there is no knowing yet how its container is that an earlier agent has made."""
        entry = self._node.roster.entry(desired.uid)
        is_met = entry is not None and entry.desired.epoch == desired.epoch
        return not is_met and self._node.roster.is_unseen(desired.uid)

    async def _leave(self, key: ObjectKey, uid: str, vps: Object | None) -> None:
        """The VPS is no longer this node's. Its container, if there still is one, is left alone."""
        gone = vps is None or vps["metadata"]["uid"] != uid
        self.probes.end(uid)
        self._node.images.leave(uid)
        self._node.jobs.forget(uid)
        self._node.roster.leave(uid)
        self._reporter.forget(key)
        self._uids.pop(key, None)
        if gone and not self._node.roster.has_container(uid):
            await self.forget(uid)
        elif not self._quarantined():  # whoever is adopted again goes on from what is known of it
            self._journal.remove(uid)

    async def forget(self, uid: str) -> None:
        """Nothing of this VPS is to be kept here. Who waits for it to be gone waits for no disk."""
        self._journal.remove(uid)
        self._node.access.forget(uid)
        try:
            await self._node.staging.leave(uid)
        except (EngineError, OSError) as error:
            log.warning("what was mounted is not taken away", extra={"uid": uid, "error": str(error)})

    def look(self, entry: Entry) -> None:
        """Something about it has changed."""
        self.queue.add(entry.key)

    def look_at_all(self) -> None:
        """What all of them depend on has changed."""
        for vps in self._node.vpses:
            self.queue.add(key_of(vps))

    def _rest(self, entry: Entry, *, is_told: bool) -> None:
        """What failed last was done after all, or is wanted no more. What was just done is told once it has
        been learned: until then what is known of the run before would be said of the new one."""
        self.queue.succeeded(entry.key)
        if entry.memory.trouble is not None:
            entry.memory = dataclasses.replace(entry.memory, trouble=None)
            if is_told:
                self._report(entry)

    async def _judge(self, entry: Entry) -> Verdict:
        """What follows from a look: noted, told and reported."""
        before = await self._learn(entry)
        it = dataclasses.replace(self._situation(entry), before=before)
        verdict = judge(it)
        for event in verdict.events:
            self._node.tell(entry, event)
        self._put(it, verdict, key=entry.key)
        return verdict

    def _situation(self, entry: Entry) -> Situation:
        container = self._node.roster.of(entry)
        return Situation(entry.desired, container, entry.memory, self._node.clock.monotonic())

    async def _carry_out(self, entry: Entry, verdict: Verdict) -> bool:
        """Whether to look again at once."""
        for action in verdict.actions:
            try:
                with told(action, entry, now=self._node.clock.monotonic(), report=self._report):
                    await self._containers.perform(action, entry)
            except EngineError as error:
                self._failed(entry, error, action=action)
                return False
            except OSError as error:
                self._failed(entry, DataDirNotWritable(self._notes.words(error)), action=action)
                return False
            except errors.KohakuRiverError as error:
                pause = self.queue.backoff(entry.key)
                log.warning("the API did not take it", extra={"vps": str(entry.key), "error": error.message})
                self.queue.add(entry.key, at=self._node.clock.monotonic() + pause)
                return False
            if isinstance(action, Start):
                self._started(entry)
            if isinstance(action, Finish | Reject):
                return False  # the watch brings the rest
        container = self._node.roster.of(entry)
        if verdict.probe is not None and container is not None:
            self.probes.begin(entry, container, verdict.probe)
        if verdict.again is not None:
            self.queue.add(entry.key, at=verdict.again)
            return False
        self._rest(entry, is_told=not verdict.actions)
        return bool(verdict.actions)

    async def _learn(self, entry: Entry) -> Memory:
        """Bring the memory up to what is seen; what it was before.

        Between reading and writing it nothing is awaited: events of the engine and probes write to it too.
        """
        host_key, why = await self._notes.host_key(entry)
        container = self._node.roster.of(entry)
        image = self._node.images.view(
            entry.desired.image, policy=entry.desired.pull_policy, uid=entry.desired.uid
        )
        before = entry.memory
        hold = self._node.surroundings.hold(entry) or self._unheard(entry, container)
        known = dataclasses.replace(before, image=image, host_key=host_key, hold=hold)
        it = Situation(entry.desired, container, known, self._node.clock.monotonic())
        after = entry.memory = learn(it)
        if container is None or container.state is not ContainerState.RUNNING:
            self.probes.end(entry.desired.uid)
        if container is not None:
            await self._containers.explain(entry, container)
        if container is not None and after.exit != before.exit and after.failures:
            code, command = container.exit_code, entry.desired.command
            if may_lack_its_file(command=command, exit_code=code):
                forget_login(entry)  # what is written for the login has that file beside it
                after = entry.memory
        why = await self._notes.save(entry, after.durable) or why
        if why and entry.memory.hold is None and (container is None or not container.is_up):
            entry.memory = dataclasses.replace(entry.memory, hold=notes.hold(why))
        return before

    def _unheard(self, entry: Entry, container: Container | None) -> Hold | None:
        """Nothing starts while the API may hold that it is stopped: its GPUs could be somebody else's."""
        grant = (entry.desired.uid, entry.desired.epoch, entry.desired.grant)
        if self._reporter.may_start(grant) or not entry.desired.wants_up:
            return None
        if container is not None and container.is_up:
            return None
        return Hold(UNHEARD, "the API is told that it is to run, before it is started", unheard=True)

    def _report(self, entry: Entry) -> None:
        it = self._situation(entry)
        self._put(it, judge(it), key=entry.key)

    def _put(self, it: Situation, verdict: Verdict, *, key: ObjectKey) -> None:
        observed = status.observed_status(it, verdict, session=self._session)
        said = Status(it.desired.uid, it.desired.generation, observed, status.conditions(it))
        waits = it.memory.hold is not None and it.memory.hold.reason == UNHEARD
        self._reporter.put(key, said, passing=verdict.state in ON_THE_WAY and not waits)

    def _started(self, entry: Entry) -> None:
        container = self._node.roster.of(entry)
        if container is not None and container.is_up:
            said = f"container {container.name} runs on {self._node.settings.node}"
            self._node.tell(entry, Tell("Normal", "Started", said))

    def _failed(self, entry: Entry, error: EngineError, *, action: Action | None) -> None:
        """The engine did not do it: say so, and come back later. An absent engine is nobody's trouble."""
        if isinstance(error, RuntimeUnavailable):
            self._engine_suspect(error)
            self.queue.add(entry.key, at=self._node.clock.monotonic() + 1.0)
            return
        entry.stale = True
        if isinstance(error, RuntimeTimeout) and not self._node.roster.is_silent(entry.desired.uid):
            self._engine_suspect(error)
        is_first = entry.key not in self.queue.failing
        pause = self.queue.backoff(entry.key)
        if is_first and isinstance(error, NotFound | WrongState):
            self.queue.add(entry.key)  # it was changed behind our back: look, and decide anew
            return
        failures = (entry.memory.trouble.failures if entry.memory.trouble else 0) + 1
        trouble = Trouble(
            reason="ResizePending" if isinstance(action, Update) else type(error).__name__,
            message=f"{error.message} ({error.hint})" if error.hint else error.message,
            failures=failures,
            retry_at=self._node.clock.monotonic() + pause,
            asked=memory.asked(entry.desired),
        )
        entry.memory = dataclasses.replace(entry.memory, trouble=trouble)
        log.warning(
            "the engine did not do it",
            extra={"vps": str(entry.key), "action": type(action).__name__, "error": error.message},
        )
        self._report(entry)
        self.queue.add(entry.key, at=trouble.retry_at)
