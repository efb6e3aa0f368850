"""The node's container engine as a whole: is it there, what happens in it, how everything looks now.

Follows the engine's events, reads every container again now and then, and tells keys to the keeper. While
the engine is away it reports nothing as stopped or gone; what it finds when the engine is back is judged by
memory.py. Never changes a container, but for those that a create gave birth to after its VPS was finished.
"""

import asyncio
import contextlib
import dataclasses
import functools
import logging
from collections.abc import Awaitable, Callable, Iterable

from kohakuriver import image_name
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.learn import engine_lost
from kohakuriver.agent.looks import Looks
from kohakuriver.agent.machine.isolation import Isolation
from kohakuriver.agent.roster import Entry, Roster
from kohakuriver.agent.runtime.base import (
    SUBSCRIBED,
    Container,
    EngineInfo,
    Image,
    Listing,
    Runtime,
    RuntimeEvent,
    Volumes,
)
from kohakuriver.agent.runtime.errors import EngineError, EngineRefused, EngineUnsuited, RuntimeTimeout
from kohakuriver.backoff import Backoff
from kohakuriver.clock import Clock
from kohakuriver.resources.vps import DEFAULT_IMAGE

log = logging.getLogger(__name__)

LIST_WITHIN = 15.0  # seconds; an engine that takes longer is said to hang
RULES_PAUSE = 0.2  # seconds in which changes gather
IMAGES_EVERY = 6  # lists of containers; images are only to show
MOST_IMAGES = 200
RETRY = Backoff(first=0.2, longest=5.0)
_OUTSIDE = frozenset({"kill", "stop"})
_OURS = frozenset({"create", "start", "update"})  # while a worker is busy with it, these tell it nothing new


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """Whether the engine can be used, and why not."""

    ok: bool
    reason: str
    message: str


STARTING = Health(False, "Starting", "the agent has not looked at the engine yet")


class Engine:
    """One engine and the roster of what is in it."""

    def __init__(
        self,
        runtime: Runtime,
        roster: Roster,
        *,
        clock: Clock,
        relist: float,
        network: str,
        isolation: Isolation,
        judge: Callable[[Listing], Awaitable[Health | None]],
        look_at: Callable[[Entry], None],
        health_changed: Callable[[], None],
        rules_changed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`rules_changed` waits until the rules may have to be others."""
        self.health = STARTING
        self.info: EngineInfo | None = None
        self.remaps_users: bool | None = None  # as it said last; None until it has
        self.images: list[str] = []
        self.default_image: Image | None = None
        self.volumes: Volumes = ()
        self.blind = ""  # why what still runs of a container cannot be seen
        self.isolation = isolation
        self.lists = 0
        self._runtime = runtime
        self._roster = roster
        self._clock = clock
        self._relist = relist
        self._network = network
        self._judge = judge
        self._bridge = ""  # until the engine has been judged and its network is there
        self._look_at = look_at
        self._health_changed = health_changed
        self._rules_changed = rules_changed
        self._looks = Looks(runtime, roster, clock=clock, heard=self._heard_of)
        self._removals: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()

    @property
    def ready(self) -> bool:
        return self.health.ok

    @property
    def looked_at(self) -> bool:
        """Whether this agent knows yet if it answers."""
        return self.health is not STARTING

    def suspect(self, error: EngineError) -> None:
        """A call failed in a way that speaks against the whole engine: look at once."""
        log.info("the engine is suspected", extra={"error": error.message})
        self._wake.set()

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(), name="engine events")
                tasks.create_task(self._list_forever(), name="engine list")
                if self._rules_changed is not None:
                    tasks.create_task(self._isolate_forever(self._rules_changed), name="network rules")
        finally:
            self._looks.close()
            for task in self._removals.values():
                task.cancel()

    async def step(self) -> bool:
        """Read everything once. Whether the engine answered."""
        mark = self._roster.mark()
        try:
            async with asyncio.timeout(LIST_WITHIN):
                rows = await self._runtime.list()
                refused = await self._prepare(rows)
                await self._see_images()
                self.volumes = await self._runtime.volumes()
        except TimeoutError:
            self._away(RuntimeTimeout(f"the container engine did not answer within {LIST_WITHIN:g} s"))
            return False
        except EngineError as error:
            self._away(error)
            return False
        expected = {entry.desired.uid for entry in self._roster if entry.stale or entry.working}
        changed = await self._looks.take(rows, mark=mark)
        if self._bridge:
            await self._isolate()  # who runs is known by now
        self.lists += 1
        if any(self._roster.entry(uid) is None for uid in changed):
            self._health_changed()  # whoever waited for an answer about it learns that there will be none
        if (blind := self._runtime.blind()) != self.blind:
            self.blind = blind
            self._health_changed()
        if self.health.ok:
            self._roster.missed += len(changed - expected)
        self._remove_late_births()
        self._set_health(refused or Health(True, "EngineAnswers", ""))
        for entry in self._roster:
            self._look_at(entry)
        return True

    async def _see_images(self) -> None:
        """They are only to show: where the engine cannot tell of one, what was seen last stays."""
        try:
            self.default_image = await self._runtime.image(DEFAULT_IMAGE)
            if self.lists % IMAGES_EVERY == 0:
                self.images = _of_use(await self._runtime.images())
        except EngineUnsuited:
            raise
        except EngineRefused as error:
            if self.lists % IMAGES_EVERY == 0:
                log.warning("the engine does not tell which images it has", extra={"error": error.message})

    async def _prepare(self, rows: Listing) -> Health | None:
        """Who it is and whether it may be used, once for each time that it comes back; its network, always:
        `docker network prune` takes one where nothing runs just now."""
        if self.info is None:
            self.info = await self._runtime.info()
            self.remaps_users = self.info.remaps_users
        if not self._bridge:
            refused = await self._judge(rows)
            if refused is not None:
                return refused
        try:
            self._bridge = await self._runtime.ensure_network(self._network)
        except EngineRefused as error:
            return Health(False, "NetworkRefused", error.message)
        return None

    async def _isolate(self) -> None:
        """Before anything is started, and again with every list: others change the machine's rules too."""
        before = self.isolation.verdict
        await self.isolation.step(self._bridge)
        if self.isolation.verdict != before:
            self._health_changed()

    async def _isolate_forever(self, changed: Callable[[], Awaitable[None]]) -> None:
        """The rules as soon as they may have to be others, and not only with the next list."""
        while True:
            await changed()
            if self._bridge and self.lists:
                await self._isolate()
            await asyncio.sleep(RULES_PAUSE)

    async def _list_forever(self) -> None:
        failures = 0
        while True:
            failures = 0 if await self.step() else failures + 1
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY.pause(failures) or self._relist):
                    await self._wake.wait()

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                async for event in self._runtime.events():
                    failures = 0
                    self._heard(event)
            except EngineError as error:
                self._lost(error)
            failures += 1
            await asyncio.sleep(RETRY.pause(failures))

    def _heard(self, event: RuntimeEvent) -> None:
        if event.action == SUBSCRIBED:
            self._wake.set()  # what happened before is found by a list
            return
        self._looks.changed(event.container_id)
        entry = self._roster.entry(labels.identity(event.labels)[0])
        if entry is None or (entry.working and event.action in _OURS):
            return
        if event.action in _OUTSIDE and not entry.ending:
            entry.memory = dataclasses.replace(entry.memory, touched_from_outside=True)
        entry.stale = True
        self._look_at(entry)

    def _heard_of(self, container: Container) -> None:
        """The engine answers for it no more, or again."""
        entry = self._roster.entry(labels.identity(container.labels)[0])
        if entry is not None:
            entry.stale = True
            self._look_at(entry)
        else:
            self._health_changed()

    def _lost(self, error: EngineError) -> None:
        """The event stream ended: perhaps the engine did, with everything in it."""
        log.warning("the engine's events ended", extra={"error": error.message})
        now = self._clock.monotonic()
        for entry in self._roster:
            entry.memory = engine_lost(entry.memory, now)
        self._bridge = ""  # what answers next may be another engine
        self._wake.set()

    def _away(self, error: EngineError) -> None:
        match error:
            case EngineUnsuited():
                reason = "EngineUnsuited"
            case RuntimeTimeout():
                reason = "EngineHangs"
            case _:
                reason = "EngineAway"
        self.info, self._bridge = None, ""
        if self.health.ok:
            now = self._clock.monotonic()
            for entry in self._roster:
                entry.memory = engine_lost(entry.memory, now)
        self._set_health(Health(False, reason, error.message))

    def _set_health(self, health: Health) -> None:
        if health == self.health:
            return
        log.info(
            "the engine's health changed",
            extra={"from": self.health.reason, "to": health.reason, "why": health.message},
        )
        self.health = health
        self._health_changed()

    def _remove_late_births(self) -> None:
        """A create that timed out was done after all, when its VPS was already finished: it never ran."""
        for container in self._roster.born_late():
            if container.id not in self._removals:
                task = asyncio.create_task(self._remove(container), name=f"remove {container.name}")
                self._removals[container.id] = task
                task.add_done_callback(functools.partial(self._removed, container.id))

    def _removed(self, container_id: str, task: asyncio.Task[None]) -> None:
        del self._removals[container_id]

    async def _remove(self, container: Container) -> None:
        log.info("removing", extra={"container": container.name, "why": "it was born after its VPS was gone"})
        try:
            await self._runtime.remove(container.id)
        except EngineError as error:
            log.warning("not removed", extra={"container": container.name, "error": error.message})
        else:
            self._roster.drop(container.id)


def _of_use(images: Iterable[str]) -> list[str]:
    """Those that VPSes may be made of."""
    return [name for name in images if not name.startswith(image_name.COMMITS)][:MOST_IMAGES]
