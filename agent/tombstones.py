"""Removes the containers of VPSes that were given up while this node could not be asked (CORRECTNESS 4).

The node's NodeAllocation names them by uid and epoch; once their container is gone the API is told, and only
then is free what they had booked. At the start of the agent this comes before anything is started. A
container that carries the right labels under another name may be a person's own, made from an image of the
VPS: it is left alone, and so is the tombstone. What was confirmed stays over: the watch of the VPSes, another
than that of the bookings, may tell of the VPS only then.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from kohakuriver import errors
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.desired import container_name
from kohakuriver.agent.images import whose
from kohakuriver.agent.roster import Roster
from kohakuriver.agent.runtime.base import Container, Runtime
from kohakuriver.agent.runtime.errors import EngineError
from kohakuriver.agent.settings import Settings
from kohakuriver.agent.volumes import Volumes
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import Informer, ObjectKey
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)

EVERY = 10.0  # seconds between looks without a cause
AGAIN = 1.0  # seconds after a look that left something to do
PATIENCE = 30.0  # seconds for one try at one of them
FIRST = 4.0  # seconds that nothing is started for, while those that were there at the start are worked off


class Tombstones:
    """Works off the tombstones of this node."""

    def __init__(
        self,
        *,
        settings: Settings,
        allocations: Informer,
        vpses: Informer,
        runtime: Runtime,
        roster: Roster,
        client: Client,
        recorder: Recorder,
        engine_ready: Callable[[], bool],
        forget: Callable[[str], Awaitable[None]],
        settled: Callable[[], None],
        leave: Callable[[ObjectKey], None],
    ) -> None:
        self.settled = (
            False  # whether those that were there at the start are worked off, or are kept by something
        )
        self.removed = 0
        self._node = settings.node
        self._settings = settings
        self._allocations = allocations
        self._vpses = vpses
        self._runtime = runtime
        self._volumes = Volumes(runtime, cluster=settings.cluster, node=settings.node)
        self._roster = roster
        self._client = client
        self._recorder = recorder
        self._engine_ready = engine_ready
        self._forget = forget
        self._tell_settled = settled
        self._leave = leave
        self._wake = asyncio.Event()
        self._works: dict[str, asyncio.Task[bool]] = {}
        self._first: float | None = None  # when the engine could first be used

    def look(self) -> None:
        """Something may have changed."""
        self._wake.set()

    async def run(self) -> None:
        await self._allocations.wait_synced()
        try:
            while True:
                self._wake.clear()
                pause = EVERY if await self.step() else AGAIN
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
        finally:
            for work in self._works.values():
                work.cancel()

    async def step(self) -> bool:
        """Work off what can be, each by itself. Whether nothing is left."""
        if not self._engine_ready():
            return True  # it wakes us when it is back
        now = asyncio.get_running_loop().time()
        self._first = now if self._first is None else self._first
        due = {uid: booking for uid, booking in self._bookings().items() if booking.get("tombstone")}
        for uid, booking in due.items():
            if uid not in self._works:
                self._works[uid] = asyncio.create_task(self._one(uid, booking), name=f"tombstone {uid}")
        if self._works:
            await asyncio.wait(self._works.values(), timeout=AGAIN)
        results = [work.result() for work in self._works.values() if work.done()]
        self._works = {uid: work for uid, work in self._works.items() if not work.done()}
        is_done = not self._works and all(results)
        if not self.settled and (is_done or now - self._first >= FIRST):
            self.settled = True
            self._tell_settled()
        return is_done

    def _bookings(self) -> dict[str, Object]:
        record = self._allocations.get(ObjectKey("", self._node)) or {}
        return record.get("bookings") or {}

    async def _one(self, uid: str, booking: Object) -> bool:
        entry = self._roster.entry(uid)
        if entry is not None and entry.desired.epoch == booking["epoch"]:
            self._leave(entry.key)  # its worker lets go of it first
            return False
        try:
            async with asyncio.timeout(PATIENCE):
                if not await self._remove(uid, booking):
                    return False
                await self._remove_volumes(booking)
                self._roster.end(uid, booking["epoch"])
                await self._confirm(uid, booking)
        except TimeoutError:  # what it waits for goes on, and the next try waits for that
            log.warning("a tombstone is not worked off yet", extra={"uid": uid, "after": PATIENCE})
            return False
        except (EngineError, errors.KohakuRiverError) as error:
            log.warning("a tombstone is not worked off", extra={"uid": uid, "error": error.message})
            return False
        return True

    async def _remove(self, uid: str, booking: Object) -> bool:
        name = container_name(booking["namespace"], booking["name"], uid)
        identity = (uid, str(booking["epoch"]))
        found = {one.id: one for one in self._roster.containers_of(uid)}
        named = await self._runtime.inspect(name)
        if named is not None:
            found[named.id] = named
        stale = [one for one in found.values() if labels.identity(one.labels) == identity]
        for container in stale:
            if not container.name.startswith(name):
                self._say_left(uid, booking, container)
                return False
        for container in stale:
            log.info("removing", extra={"container": container.name, "why": booking["tombstone"]["why"]})
            await self._runtime.remove(container.id, force=True)
            self._roster.drop(container.id)
            self.removed += 1
            self._say_removed(booking, container)
        mine = f"{whose.commits(uid)}:"
        for reference in await self._runtime.images():
            if reference.startswith(mine):
                await self._runtime.remove_image(reference)
        return True

    async def _remove_volumes(self, booking: Object) -> None:
        """Those that were not to outlive the deleted VPS. A namesake that is bound here has them by now."""
        key = ObjectKey(booking["namespace"], booking["name"])
        if self._vpses.get(key) is not None:
            return
        tombstone = booking["tombstone"]
        await self._volumes.remove(
            (key.namespace, key.name),
            tombstone.get("volumes") or (),
            namespace_uid=tombstone.get("namespaceUid") or "",
            why=tombstone["why"],
        )

    async def _confirm(self, uid: str, booking: Object) -> None:
        await self._forget(uid)
        body = {"uid": uid, "epoch": booking["epoch"]}
        answer = await self._client.act(kinds.NODE_ALLOCATION, self._node, "confirm", body)
        if answer.get("kind") == kinds.NODE_ALLOCATION.kind:
            self._allocations.overlay(answer)

    def _say_removed(self, booking: Object, container: Container) -> None:
        who = f"VPS {booking['namespace']}/{booking['name']} (placement {booking['epoch']})"
        said = f"removed stale container {container.name} of {who}: {booking['tombstone']['why']}"
        self._recorder.normal(self._node_reference(), "RemovedStaleContainer", said)

    def _say_left(self, uid: str, booking: Object, container: Container) -> None:
        said = (
            f"container {container.name} carries the labels of VPS {booking['namespace']}/{booking['name']}, "
            "which was given up, under another name: it is left alone, and what was booked stays; "
            f"if nobody needs it: docker rm -f {container.name}"
        )
        self._recorder.warning(self._node_reference(), "StaleContainerLeft", said)

    def _node_reference(self) -> Object:
        return {
            "apiVersion": kinds.NODE.api_version,
            "kind": kinds.NODE.kind,
            "metadata": {"name": self._node},
        }
