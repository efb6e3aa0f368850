"""Carries out one action on the engine. The only place where containers change. Decides and retries nothing.

Each action ends with what the engine has now in the roster, or raises what the runtime raises: keeper.py
waits and looks again. After a time-out, what was asked may have been done or may still be done.
"""

import dataclasses
import logging
from typing import assert_never

from agent import actions, labels
from agent.access import Access
from agent.actions import Action
from agent.desired import Desired
from agent.images import Images
from agent.memory import Memory
from agent.roster import Entry, Roster
from agent.runtime.base import Container, ContainerSpec, ContainerState, Runtime
from agent.runtime.errors import EngineRefused, ImageMissing, NameTaken, NotFound, RuntimeTimeout
from agent.settings import Settings
from kohakuriver import errors
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client, Object
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)


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
        client: Client,
        recorder: Recorder,
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._roster = roster
        self._images = images
        self._access = access
        self._client = client
        self._recorder = recorder

    async def apply(self, action: Action, entry: Entry) -> None:
        """Do it. Raises EngineError, or KohakuRiverError from the API for Finish."""
        match action:
            case actions.PullImage(image):
                self._images.pull(image, entry.desired.uid)
            case actions.Create():
                await self._create(entry)
            case actions.WriteFiles(container_id):
                await self._write_files(entry, container_id)
            case actions.Start(container_id):
                await self._start(entry, container_id)
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
            case actions.Finish():
                await self._finish(entry)
            case actions.Tell():
                self.tell(entry, action)
            case actions.Probe() | actions.Wait():
                pass  # keeper.py has a task for the one and the queue for the other
            case _:
                assert_never(action)

    async def look(self, entry: Entry) -> None:
        """See how the container is now."""
        entry.stale = False
        known = self._roster.container(entry.desired, entry.memory)
        found = await self._runtime.inspect(known.id if known is not None else entry.desired.container_name)
        if found is not None:
            self._roster.put(found)
        elif known is not None:
            self._roster.drop(known.id)

    def tell(self, entry: Entry, event: actions.Tell) -> None:
        """Say it as an Event of the VPS."""
        about = reference(entry.desired)
        say = self._recorder.normal if event.type == "Normal" else self._recorder.warning
        say(about, event.reason, event.message)

    async def _create(self, entry: Entry) -> None:
        desired = entry.desired
        spec = await self._spec(desired)
        try:
            container_id = await self._runtime.create(spec)
        except ImageMissing as error:
            if not self._images.can_be_pulled(desired.image, desired.pull_policy):
                raise EngineRefused(
                    f"{error.message}, and it may not be pulled", hint="build or load it on the node"
                ) from error
            self._images.missing(desired.image)
            return
        except NameTaken as taken:
            await self._adopt(entry, taken)
            return
        except RuntimeTimeout:
            entry.late = True
            await self.look(entry)
            _forget_login(entry)
            if self._roster.container(desired, entry.memory) is None:
                raise
            return
        entry.late = False
        self._images.used(desired.image, desired.uid)
        await self._made(entry, container_id, spec)

    async def _spec(self, desired: Desired) -> ContainerSpec:
        if desired.limits is None:
            raise EngineRefused("nothing is granted to it on this node")
        return ContainerSpec(
            name=desired.container_name,
            image=desired.image,
            hostname=desired.name[:63],
            labels=labels.of(desired, cluster=self._settings.cluster, node=self._settings.node),
            limits=desired.limits,
            network=self._settings.network,
            env=dict(desired.env),
            command=desired.command,
            ports=self._access.ports(desired),
            files=await self._access.files(desired),
        )

    async def _made(self, entry: Entry, container_id: str, spec: ContainerSpec) -> None:
        """Note what was made; only for SSH is it worth a look, to set root's password before the start."""
        made = Container(
            id=container_id,
            name=spec.name,
            image=spec.image,
            image_id="",
            labels=spec.labels,
            state=ContainerState.CREATED,
            created_at="",
            limits=spec.limits,
        )
        if not entry.desired.login.disabled:
            found = await self._runtime.inspect(container_id)
            if found is not None:
                made = found
                await self._access.unlock(entry.desired, found)
        self._roster.put(made)
        _remember_login(entry)
        # Its label says the same, so the journal need not.
        entry.saved = dataclasses.replace(entry.saved, login=entry.memory.durable.login)

    async def _adopt(self, entry: Entry, taken: NameTaken) -> None:
        """An earlier create of ours that nobody heard the answer of; or a stranger, who is left alone."""
        found = await self._runtime.inspect(taken.container_id)
        if found is None or labels.identity(found.labels)[0] != entry.desired.uid:
            raise NameTaken(
                f"the name {entry.desired.container_name} belongs to container {taken.container_id[:12]}, "
                "which is not this VPS's",
                container_id=taken.container_id,
                hint=f"look at it, then: docker rm {taken.container_id[:12]}",
            )
        entry.late = False
        self._roster.put(found)
        _forget_login(entry)
        log.info("adopted a container", extra={"vps": str(entry.key), "container": found.id[:12]})

    async def _write_files(self, entry: Entry, container_id: str) -> None:
        container = self._roster.container(entry.desired, entry.memory)
        if container is None or container.id != container_id:
            raise NotFound("the engine has no such container")
        await self._access.rewrite(entry.desired, container)
        _remember_login(entry)

    async def _start(self, entry: Entry, container_id: str) -> None:
        try:
            await self._runtime.start(container_id)
        except NotFound:
            await self.look(entry)
            return
        await self.look(entry)

    async def _stop(self, entry: Entry, container_id: str, *, grace: float, why: str) -> None:
        log.info("stopping", extra={"vps": str(entry.key), "why": why, "grace": grace})
        entry.ending, entry.grace = True, grace
        try:
            await self._runtime.stop(container_id, grace)
        except NotFound:
            log.info("it was gone already", extra={"vps": str(entry.key)})
        finally:
            entry.ending = False
        await self.look(entry)

    async def _remove(self, entry: Entry, container_id: str, *, why: str) -> None:
        log.info("removing", extra={"vps": str(entry.key), "why": why})
        entry.ending = True
        try:
            await self._runtime.remove(container_id, force=True)
        finally:
            entry.ending = False
        self._roster.drop(container_id)

    async def _finish(self, entry: Entry) -> None:
        desired = entry.desired
        body = {"uid": desired.uid, "epoch": desired.epoch}
        try:
            await self._client.act(kinds.VPS, desired.name, "finish", body, namespace=desired.namespace)
        except errors.NotFound:
            log.info("the object was gone already", extra={"vps": str(entry.key)})


def reference(desired: Desired) -> Object:
    """Enough of the object to say something about it."""
    meta = {"name": desired.name, "namespace": desired.namespace, "uid": desired.uid}
    return {"apiVersion": kinds.VPS.api_version, "kind": kinds.VPS.kind, "metadata": meta}


def _remember_login(entry: Entry) -> None:
    _set_login(entry, labels.login_hash(entry.desired))


def _forget_login(entry: Entry) -> None:
    _set_login(entry, None)


def _set_login(entry: Entry, login: str | None) -> None:
    memory: Memory = entry.memory
    entry.memory = dataclasses.replace(memory, durable=dataclasses.replace(memory.durable, login=login))
