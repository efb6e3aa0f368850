"""Takes Snapshots of VPSes of this node: one at a time, in turn by namespace.

    watch of Snapshots ─► due.py: which next? ─► work.py ─► status, Events
    containers.py: it is stopped, paused, deleted … ─► takes.py ─► work.py is cancelled, and it fails

What is due follows from the objects alone: an agent that died in the middle begins again, and removes first
what it has left. What it cannot do it says in the Snapshot's status, for good; only when the API is away does
it try again to say so.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from kohakuriver import durations, errors
from kohakuriver.agent.commits import Commits as Recreations
from kohakuriver.agent.deciding.memory import Filling
from kohakuriver.agent.machine import facts
from kohakuriver.agent.room.gauge import CannotMeasure
from kohakuriver.agent.runtime.base import Container
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.agent.snapshots import due, hooks, late
from kohakuriver.agent.snapshots.hooks import Outcome
from kohakuriver.agent.snapshots.takes import Take, Takes
from kohakuriver.agent.snapshots.work import Tools, Work, clear
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.resources import kinds
from kohakuriver.resources.snapshot import Cause, Phase

log = logging.getLogger(__name__)

AGAIN: Final = 5.0  # seconds, when the API did not take what was said
BUSY: Final = 1.0  # seconds between looks at what keeps one from being taken
_CLEARED: Final = (
    "takenAt",
    "pausedMilliseconds",
    "image",
    "base",
    "size",
    "volumes",
    "leftOut",
    "before",
    "after",
)
_TROUBLE: Final = (errors.KohakuRiverError, CannotMeasure, OSError, ValueError)

Json = dict[str, Any]


class Taker:
    """What is to be taken here. `look` says that something may have changed."""

    def __init__(
        self,
        client: Client,
        informer: Informer,
        *,
        tools: Tools,
        takes: Takes,
        vpses: Informer,
        recorder: Recorder,
        recreations: Recreations,
        ready: Callable[[], bool],
        thawed: Callable[[str], None],
        over: Callable[[], None],
    ) -> None:
        self._client = client
        self._informer = informer
        self._tools = tools
        self._takes = takes
        self._vpses = vpses
        self._recorder = recorder
        self._recreations = recreations
        self._ready = ready
        self._thawed = thawed
        self._over = over
        self._changed = asyncio.Event()
        self._served: dict[str, int] = {}  # namespaces, by when it was their turn last
        self._turns = itertools.count(1)
        self._unsaid: dict[str, Json] = {}  # what became of one that the API has not taken, by uid
        self._awaited: dict[str, float] = {}  # until when a commit of an earlier agent may yet come, by uid

    def look(self) -> None:
        """Something may have changed: also, whether what is under way is still wanted."""
        self._changed.set()
        for snapshot in self._informer:
            take = self._takes.of_snapshot(snapshot["metadata"].get("uid") or "")
            if take is not None and due.is_deleted(snapshot):
                take.interrupt("the Snapshot is deleted", is_unwanted=True)

    async def run(self) -> None:
        try:
            while True:
                self._changed.clear()
                pause = await self.step()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._changed.wait()
        finally:
            await self._tools.commits.aclose()

    async def step(self) -> float | None:
        """Take the next one; in how many seconds to look again, where nothing says so by itself."""
        if not self._ready() or not self._informer.synced:
            return None
        waiting = False
        turn = due.in_turn(self._informer, served=self._served)
        self._forget(turn)
        for snapshot in turn:
            try:
                if await self._is_waiting(snapshot):
                    waiting = True
                    continue
                self._served[snapshot["metadata"]["namespace"]] = next(self._turns)
                await self._take(snapshot)
            except errors.KohakuRiverError as error:
                log.warning("a snapshot is not told of", extra={"error": error.message})
                return AGAIN
            return 0.0
        return BUSY if waiting else None

    def _forget(self, turn: list[Json]) -> None:
        uids = {snapshot["metadata"]["uid"] for snapshot in turn}
        for kept in (self._unsaid, self._awaited):
            for uid in [uid for uid in kept if uid not in uids]:
                del kept[uid]

    async def _is_waiting(self, snapshot: Json) -> bool:
        """Whether something else has to come to its end first."""
        uid, vps = snapshot["metadata"]["uid"], snapshot["spec"]["vps"]["uid"]
        if uid in self._unsaid:
            return False
        entry, container = self._tools.roster.entry(vps), self._container(vps)
        if entry is None and self._declared(snapshot["metadata"]["namespace"], snapshot["spec"]["vps"]):
            return True  # its worker knows what an earlier agent has left under way
        if entry is not None and (entry.ending or entry.memory.starting is not None):
            return True
        if self._tools.roster.is_unseen(vps) or self._tools.roster.is_silent(vps):
            return True
        if container is None:
            return False
        copying = self._recreations.of(container.id)
        if entry is not None and _is_exchanged(entry.memory.durable.filling, snapshot):
            return True
        if self._tools.commits.is_at(container.id) or (copying is not None and not copying.is_over):
            return True
        return await self._may_yet_come(uid)

    async def _may_yet_come(self, uid: str) -> bool:
        """Whether the engine may still be at a commit that an earlier agent has begun for this Snapshot."""
        tools = self._tools
        note = await asyncio.to_thread(late.read, tools.files.note(uid))
        if note is None or not note.engine or note.engine != facts.engine_run(tools.settings.docker):
            return False
        now = tools.clock.monotonic()
        until = self._awaited.setdefault(uid, now + note.patience)
        if now >= until:
            return False
        try:
            return await tools.runtime.image(note.reference) is None
        except EngineError:
            return True

    async def _take(self, snapshot: Json) -> None:
        """Take it, and say what became of it. Raises KohakuRiverError where the API does not take that."""
        metadata, vps = snapshot["metadata"], snapshot["spec"]["vps"]
        said = self._unsaid.get(metadata["uid"])
        if said is None:
            container = self._container(vps["uid"])
            if container is None:
                words = f"VPS {vps['name']} has no container on node {vps['node']}"
                said = {"phase": Phase.FAILED.value, "message": words}
                self._tell(snapshot, "SnapshotFailed", f"snapshot {metadata['name']} was not taken: {words}")
            else:
                nothing = dict.fromkeys(_CLEARED)
                await self._say(snapshot, phase=Phase.TAKING.value, message="it is being prepared", **nothing)
                said = await self._taken(snapshot, container)
        if said:
            self._unsaid[metadata["uid"]] = said
            await self._say(snapshot, **said)
        self._unsaid.pop(metadata["uid"], None)

    async def _taken(self, snapshot: Json, container: Container) -> Json:
        """Its status; empty where nobody wants it any more."""
        metadata, vps = snapshot["metadata"], snapshot["spec"]["vps"]
        take = Take(metadata["name"], uid=metadata["uid"], vps=vps["uid"], container=container.id)

        async def say(message: str) -> None:
            try:
                await self._say(snapshot, phase=Phase.TAKING.value, message=message)
            except errors.KohakuRiverError as error:  # how it ends is said again and again
                log.info("a step of a snapshot is not told of", extra={"error": error.message})

        work = Work(
            self._tools,
            take,
            snapshot,
            container,
            vps=self._declared(metadata["namespace"], vps),
            say=say,
            thawed=lambda: self._is_thawed(take),
        )
        self._takes.begin(take)
        try:
            try:
                patience = self._tools.settings.commit_patience
                status = {**await _unless_interrupted(work, take, patience), "phase": Phase.READY.value}
            except _TROUBLE as error:
                status = {"phase": Phase.FAILED.value, "message": _words(error)[:2048]}
            finally:
                self._is_thawed(take)
            after = await work.after()
        finally:
            self._takes.end(take)
        if status["phase"] == Phase.FAILED:
            with contextlib.suppress(*_TROUBLE):
                await clear(self._tools, metadata["uid"])
        if self._is_unwanted(snapshot):
            self._over()
            return {}
        for what, outcome in (("before", work.before), ("after", after)):
            if outcome is not None:
                status[what] = outcome.status()
        self._tell_all(snapshot, status, work.before, after)
        return status

    def _is_thawed(self, take: Take) -> None:
        """The VPS is looked at with other eyes."""
        self._takes.thawed(take)
        self._thawed(take.vps)

    def _is_unwanted(self, snapshot: Json) -> bool:
        metadata = snapshot["metadata"]
        now = self._informer.get(ObjectKey(metadata["namespace"], metadata["name"]))
        return now is None or now["metadata"].get("uid") != metadata["uid"] or due.is_deleted(now)

    def _container(self, vps: str) -> Container | None:
        """The one that runs, where a re-creation has left two; else the VPS's own."""
        found = self._tools.roster.containers_of(vps)
        up = next((one for one in found if one.is_up), None)
        entry = self._tools.roster.entry(vps)
        own = self._tools.roster.of(entry) if entry is not None else None
        return up or own or (found[-1] if found else None)

    def _declared(self, namespace: str, vps: Mapping[str, Any]) -> Mapping[str, Any]:
        """The spec of the VPS, as far as it is known here."""
        found = self._vpses.get(ObjectKey(namespace, vps["name"])) or {}
        is_it = (found.get("metadata") or {}).get("uid") == vps["uid"]
        return (found.get("spec") or {}) if is_it else {}

    def _tell_all(self, snapshot: Json, status: Json, before: Outcome | None, after: Outcome | None) -> None:
        name = snapshot["metadata"]["name"]
        for what, outcome in (("before", before), ("after", after)):
            if words := hooks.failed(f"{what}", outcome):
                self._tell(snapshot, "SnapshotHookFailed", f"{words} (snapshot {name})")
        if status["phase"] == Phase.READY:
            paused = status["pausedMilliseconds"]
            how = f", paused for {paused} ms" if paused else ""
            self._tell(snapshot, "SnapshotTaken", f"snapshot {name} was taken: {due.size_of(status)}{how}")
            log.info("snapshot taken", extra={"snapshot": name, "paused_ms": paused})
        else:
            self._tell(snapshot, "SnapshotFailed", f"snapshot {name} was not taken: {status['message']}")
            log.warning("snapshot not taken", extra={"snapshot": name, "why": status["message"]})

    def _tell(self, snapshot: Json, reason: str, message: str) -> None:
        """Say it as an Event of the VPS."""
        vps = snapshot["spec"]["vps"]
        meta = {"name": vps["name"], "namespace": snapshot["metadata"]["namespace"], "uid": vps["uid"]}
        about = {"apiVersion": kinds.VPS.api_version, "kind": kinds.VPS.kind, "metadata": meta}
        say = self._recorder.normal if reason == "SnapshotTaken" else self._recorder.warning
        say(about, reason, message[:1024])

    async def _say(self, snapshot: Json, **status: Any) -> None:
        metadata = snapshot["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "status": status}
        with contextlib.suppress(errors.NotFound):  # it was deleted meanwhile
            answer = await self._client.patch(
                kinds.SNAPSHOT,
                metadata["name"],
                body,
                namespace=metadata["namespace"],
                subresource="status",
            )
            self._informer.overlay(answer)  # else the watch's older news would have it taken again


async def _unless_interrupted(work: Work, take: Take, patience: float) -> Json:
    """What comes of the work. Raises what it raises, and KohakuRiverError where it had to make way, or was
    not done within so many seconds: others of the node wait for it."""
    doing = asyncio.create_task(work.run(), name=f"snapshot {take.snapshot}")
    waiting = asyncio.create_task(take.interrupted.wait(), name="interruption")
    try:
        ended, _ = await asyncio.wait({doing, waiting}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})
        if not ended and doing.cancelled():
            raise errors.KohakuRiverError(f"its files were not taken within {durations.age(patience)}")
        if take.why_not and (doing.cancelled() or doing.exception() is not None):
            raise errors.KohakuRiverError(f"it had to make way: {take.why_not}")
        return doing.result()
    finally:
        waiting.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})


def _is_exchanged(filling: Filling | None, snapshot: Json) -> bool:
    """Whether volumes hold, or are getting, other files than the container that is there belongs to. What a
    VPS waits for with that is not kept waiting in turn."""
    if filling is None or filling.has_run or not filling.volumes:
        return False
    return bool(snapshot["spec"].get("cause") != Cause.REPLACED)


def _words(error: Exception) -> str:
    if isinstance(error, errors.KohakuRiverError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
