"""Carries out one action on the engine: here, or in create.py, start.py and recreate.py below it. Containers
change nowhere else. Decides and retries nothing.

Each action ends with what the engine has now in the roster, or raises what the runtime raises: keeper.py
waits and looks again. After a time-out, what was asked may have been done or may still be done.
"""

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import assert_never

from kohakuriver import errors
from kohakuriver.agent.commits import Commits
from kohakuriver.agent.create import Creator, remember_login
from kohakuriver.agent.deciding import actions, learn
from kohakuriver.agent.deciding.actions import Action
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Hold
from kohakuriver.agent.images.images import Images
from kohakuriver.agent.login.access import Access
from kohakuriver.agent.machine import facts
from kohakuriver.agent.machine.gpus import Devices
from kohakuriver.agent.machine.staging import Staging
from kohakuriver.agent.recreate import Recreator
from kohakuriver.agent.roster import Entry, Roster
from kohakuriver.agent.runtime.base import Runtime
from kohakuriver.agent.runtime.errors import ContainerSilent, NotFound, RuntimeTimeout, TooManyStops
from kohakuriver.agent.settings import Settings
from kohakuriver.agent.shares import Shares
from kohakuriver.agent.start import Starter
from kohakuriver.agent.volumes import Volumes
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import Informer
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)

SHORT = 10.0  # seconds of grace, Docker's own default: such stops are over soon


class Applier:
    """What all workers share to act with."""

    def __init__(
        self,
        *,
        settings: Settings,
        runtime: Runtime,
        roster: Roster,
        images: Images,
        access: Access,
        staging: Staging,
        devices: Devices,
        vpses: Informer,
        client: Client,
        recorder: Recorder,
        hold: Callable[[Entry], Hold | None],
        commits: Commits,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._volumes = Volumes(runtime, cluster=settings.cluster, node=settings.node)
        self._roster = roster
        self._images = images
        self._access = access
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._stops = Shares(settings.stops)
        self._creator = Creator(
            settings=settings,
            runtime=runtime,
            roster=roster,
            images=images,
            access=access,
            staging=staging,
            devices=devices,
            look=self.look,
            tell=self.tell,
        )
        self._starter = Starter(
            settings=settings,
            runtime=runtime,
            roster=roster,
            staging=staging,
            vpses=vpses,
            act=self._act,
            look=self.look,
            tell=self.tell,
            hold=hold,
        )
        self._recreator = Recreator(
            runtime=runtime,
            roster=roster,
            cluster=settings.cluster,
            create=self._creator.create,
            image_missing=self._creator.image_missing,
            tell=self.tell,
            commits=commits,
            clock=clock,
            engine_run=functools.partial(facts.engine_run, settings.docker),
        )

    async def apply(self, action: Action, entry: Entry) -> None:
        """Do it. Raises EngineError, or KohakuRiverError from the API for Finish."""
        match action:
            case actions.PullImage(image):
                self._images.pull(image, entry.desired.uid, entry.desired.namespace)
            case actions.Create(lost):
                if lost:
                    await self._starter.end_leftovers(entry, lost)
                await self._creator.create(entry)
            case actions.WriteFiles(container_id):
                await self._write_files(entry, container_id)
            case actions.Start(container_id):
                await self._starter.start(entry, container_id)
            case actions.Update(container_id, limits):
                await self._runtime.update(container_id, limits)
                await self.look(entry)
            case actions.Stop(container_id, grace, why):
                await self._stop(entry, container_id, grace=grace, why=why)
            case actions.Pause(container_id, why):
                log.info("pausing", extra={"vps": str(entry.key), "why": why})
                await self._runtime.pause(container_id)
                await self.look(entry)
            case actions.Unpause(container_id, why):
                log.info("unpausing", extra={"vps": str(entry.key), "why": why})
                await self._runtime.unpause(container_id)
                await self.look(entry)
            case actions.Remove(container_id, why):
                await self._remove(entry, container_id, why=why)
            case actions.SetAside(container_id):
                await self._recreator.set_aside(entry, container_id)
            case actions.MakeAnew():
                await self._recreator.make_anew(entry)
            case actions.Retire(container_id, why):
                log.info(
                    "retiring", extra={"vps": str(entry.key), "container": container_id[:12], "why": why}
                )
                await self._recreator.retire(entry, container_id)
            case actions.Clean(why):
                log.info("cleaning", extra={"vps": str(entry.key), "why": why})
                await self._recreator.clean(entry)
            case actions.RemoveVolumes(names, why):
                await self._remove_volumes(entry, names, why=why)
            case actions.Reject(reason, message):
                await self._act(entry, "reject", reason=reason, message=message)
            case actions.Finish():
                await self._finish(entry)
            case actions.Tell():
                self.tell(entry, action)
            case _:
                assert_never(action)

    async def look(self, entry: Entry) -> None:
        """See how the container is now."""
        entry.stale = False
        known = self._roster.container(entry.desired, entry.memory)
        asked = known.id if known is not None else entry.desired.container_name
        try:
            found = await self._runtime.inspect(asked)
        except RuntimeTimeout as error:
            raise ContainerSilent(entry.desired.container_name) from error
        if found is not None:
            self._roster.put(found)
        elif known is not None:
            self._roster.drop(known.id)

    def tell(self, entry: Entry, event: actions.Tell) -> None:
        """Say it as an Event of the VPS."""
        about = reference(entry.desired)
        say = self._recorder.normal if event.type == "Normal" else self._recorder.warning
        say(about, event.reason, event.message)

    async def _write_files(self, entry: Entry, container_id: str) -> None:
        container = self._roster.container(entry.desired, entry.memory)
        if container is None or container.id != container_id:
            raise NotFound("the engine has no such container")
        await self._access.rewrite(entry.desired, container)
        remember_login(entry)

    async def _act(self, entry: Entry, verb: str, **more: object) -> Object:
        """A named transaction about this placement."""
        desired = entry.desired
        body = {"uid": desired.uid, "epoch": desired.epoch, **more}
        return await self._client.act(kinds.VPS, desired.name, verb, body, namespace=desired.namespace)

    async def _stop(self, entry: Entry, container_id: str, *, grace: float, why: str) -> None:
        log.info("stopping", extra={"vps": str(entry.key), "why": why, "grace": grace})
        entry.ending, entry.grace = True, grace
        start = entry.memory.starting
        try:
            with self._place(entry.desired.namespace, grace):
                await self._runtime.stop(container_id, grace)
            entry.memory = dataclasses.replace(entry.memory, starting=None)  # whatever was before is over
        except NotFound:
            log.info("it was gone already", extra={"vps": str(entry.key)})
        finally:
            entry.ending = False
        await self.look(entry)
        if start is not None:
            found = self._roster.container(entry.desired, entry.memory)
            entry.memory = learn.overtaken(entry.memory, start, found, self._clock.monotonic())

    @contextlib.contextmanager
    def _place(self, namespace: str, grace: float) -> Iterator[None]:
        """Stops that may last long share the engine's attention. Raises TooManyStops."""
        if grace <= SHORT:
            yield
            return
        if not self._stops.take(namespace):
            raise TooManyStops(namespace, self._stops.held(namespace))
        try:
            yield
        finally:
            self._stops.give_back(namespace)

    async def _remove(self, entry: Entry, container_id: str, *, why: str) -> None:
        log.info("removing", extra={"vps": str(entry.key), "why": why})
        entry.ending = True
        try:
            await self._runtime.remove(container_id, force=True)
        finally:
            entry.ending = False
        self._roster.drop(container_id)
        # What this agent removed itself is not missed.
        entry.memory = dataclasses.replace(entry.memory, container_id=None, run=None)

    async def _remove_volumes(self, entry: Entry, names: Sequence[str], *, why: str) -> None:
        vps, uid = (entry.desired.namespace, entry.desired.name), entry.desired.namespace_uid
        await self._volumes.remove(vps, names, namespace_uid=uid, why=why)

    async def _finish(self, entry: Entry) -> None:
        if entry.memory.container_id:  # somebody else removed it
            await self._runtime.end_leftovers(entry.memory.container_id)
        await self._volumes.keep(entry.desired)
        try:
            await self._act(entry, "finish")
        except errors.NotFound:
            log.info("the object was gone already", extra={"vps": str(entry.key)})


def reference(desired: Desired) -> Object:
    """Enough of the object to say something about it."""
    meta = {"name": desired.name, "namespace": desired.namespace, "uid": desired.uid}
    return {"apiVersion": kinds.VPS.api_version, "kind": kinds.VPS.kind, "metadata": meta}
