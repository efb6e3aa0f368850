"""The controller's own Lease: written every two seconds so that the watch can be seen to bring it back.

What comes back is how `ears.py` knows that silence is silence and no stalled watch. Every controller has a
Lease of its own, standbys too. A beat that fails is left out: the next one proves as much.
"""

import asyncio
import logging
from typing import Any

from kohakuriver import errors
from kohakuriver.client.rest import Client
from kohakuriver.client.watch import ObjectKey
from kohakuriver.clock import Clock, micro_timestamp
from kohakuriver.controller.deciding.nodes import Limits
from kohakuriver.controller.ears import Ears
from kohakuriver.controller.world import World
from kohakuriver.controller.writes import Writes
from kohakuriver.resources.kinds import LEASE, SYSTEM_NAMESPACE
from kohakuriver.resources.view import Lease

log = logging.getLogger(__name__)

BEAT = "kohakuriver.io/beat"  # an annotation: which write this is
LABELS = {"kohakuriver.io/component": "controller"}
SPACING = 0.25  # seconds between two beats at least, however urgent


class Heartbeat:
    """Writes beats as long as `run()` runs, and sooner when somebody asks."""

    def __init__(
        self, client: Client, world: World, ears: Ears, *, clock: Clock, identity: str, limits: Limits
    ) -> None:
        self.name = f"controller-{identity}"
        self._client = client
        self._world = world
        self._ears = ears
        self._clock = clock
        self._identity = identity
        self._limits = limits
        self._key = ObjectKey(SYSTEM_NAMESPACE, self.name)
        self._count = 0
        self._failing = False
        self._asked = asyncio.Event()
        self.heard = asyncio.Event()  # set whenever a beat has come back
        world.leases.listen(self._hear)

    def ask(self) -> None:
        """Beat as soon as possible: a node may be lost."""
        self._asked.set()

    async def run(self) -> None:
        while True:
            await self.step()
            await asyncio.sleep(SPACING)
            await self._pause(self._limits.beat - SPACING)

    async def step(self) -> None:
        """One beat."""
        self._asked.clear()
        self._count += 1
        self._ears.sent(self._count, now=self._clock.monotonic())
        try:
            async with asyncio.timeout(self._limits.gap):
                await self._write()
        except (errors.KohakuRiverError, TimeoutError) as error:
            if not self._failing:
                log.warning("the controller's own lease cannot be written", extra={"error": str(error)})
            self._failing = True
        else:
            self._failing = False

    async def close(self, writes: Writes) -> None:
        """Leave no Lease behind."""
        try:
            await writes.remove_lease(self.name)
        except errors.KohakuRiverError as error:
            log.warning("the controller's own lease was not removed", extra={"error": str(error)})

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        except TimeoutError:
            return

    async def _write(self) -> None:
        body: dict[str, Any] = {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": {
                "name": self.name,
                "namespace": SYSTEM_NAMESPACE,
                "labels": LABELS,
                "annotations": {BEAT: str(self._count)},
            },
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": max(1, round(self._limits.loss)),
                "renewTime": micro_timestamp(self._clock.now()),
            },
        }
        try:
            await self._client.patch(LEASE, self.name, body, namespace=SYSTEM_NAMESPACE)
        except errors.NotFound:
            await self._client.create(LEASE, body)

    def _hear(self, key: ObjectKey) -> None:
        if key != self._key:
            return
        beat = Lease.of(self._world.leases.get(key)).annotations.get(BEAT, "")
        if beat.isdecimal():
            self._ears.echo(int(beat), now=self._clock.monotonic())
            self.heard.set()
