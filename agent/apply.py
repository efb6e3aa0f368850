"""Carries out one action on the engine. The only place where containers change. Decides and retries nothing.

Each action ends with what the engine has now in the roster, or raises what the runtime raises: keeper.py
waits and looks again. After a time-out, what was asked may have been done or may still be done.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Sequence
from typing import Final, assert_never

from agent.deciding import actions, labels
from agent.deciding.actions import Action
from agent.deciding.desired import Desired, Mount
from agent.deciding.memory import Memory, Recreation
from agent.images.images import Images
from agent.login.access import Access
from agent.machine.gpus import Devices
from agent.machine.staging import Staging
from agent.recreate import Recreator, carry_over
from agent.roster import Entry, Roster
from agent.runtime.base import Bind, Container, ContainerSpec, ContainerState, Runtime, VolumeMount
from agent.runtime.errors import (
    EngineRefused,
    ImageMissing,
    NameTaken,
    NotFound,
    PortTaken,
    RunLeftBehind,
    RuntimeTimeout,
)
from agent.settings import Settings
from kohakuriver import errors
from kohakuriver.client.events import Recorder
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import Informer
from kohakuriver.resources import kinds

log = logging.getLogger(__name__)

TRIES_FOR_A_PORT: Final = 5  # over some 15 seconds, where what has it is the engine's own
GPUS_VISIBLE: Final = "NVIDIA_VISIBLE_DEVICES"


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
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._roster = roster
        self._images = images
        self._access = access
        self._staging = staging
        self._devices = devices
        self._vpses = vpses
        self._client = client
        self._recorder = recorder
        self._recreator = Recreator(
            runtime=runtime,
            roster=roster,
            cluster=settings.cluster,
            create=self._create,
            image_missing=self._image_missing,
            tell=self.tell,
        )

    async def apply(self, action: Action, entry: Entry) -> None:
        """Do it. Raises EngineError, or KohakuRiverError from the API for Finish."""
        match action:
            case actions.PullImage(image):
                self._images.pull(image, entry.desired.uid)
            case actions.Create(lost):
                if lost:
                    await self._end_leftovers(entry, lost)
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

    async def _create(self, entry: Entry, kept: Recreation | None = None) -> None:
        """Make the container; `kept` is what is carried over from the one before it."""
        desired = entry.desired
        spec = await self._spec(desired)
        if kept is not None and kept.image:
            spec = carry_over(spec, kept)
        try:
            container_id = await self._runtime.create(spec)
        except ImageMissing:
            self._image_missing(desired)
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

    def _image_missing(self, desired: Desired) -> None:
        """See to it that it is fetched. Raises EngineRefused where it cannot be."""
        if not self._images.can_be_pulled(desired.image, desired.pull_policy):
            error = ImageMissing(desired.image)
            raise EngineRefused(
                f"{error.message}, and it may not be pulled", hint="build or load it on the node"
            ) from error
        self._images.missing(desired.image)

    async def _spec(self, desired: Desired) -> ContainerSpec:
        if desired.limits is None:
            raise EngineRefused("nothing is granted to it on this node")
        cluster = self._settings.cluster
        limits = desired.limits
        if limits.cpuset == desired.around.machine:
            limits = dataclasses.replace(limits, cpuset="")
        return ContainerSpec(
            name=desired.container_name,
            image=desired.image,
            hostname=desired.name[:63],
            labels=labels.of(desired, cluster=cluster, node=self._settings.node),
            limits=limits,
            network=self._settings.network,
            env=self._env(desired),
            command=desired.command,
            ports=self._access.ports(desired),
            files=await self._access.files(desired),
            binds=await self._places(desired),
            volumes=tuple(
                VolumeMount(
                    labels.volume_name((desired.namespace, desired.name), volume.name, cluster=cluster),
                    volume.target,
                    labels.of_volume(desired, volume.name, cluster=cluster),
                )
                for volume in desired.volumes
            ),
            gpus=desired.gpus if self._devices.are_real else (),
            privileged=desired.privileged,
        )

    def _env(self, desired: Desired) -> dict[str, str]:
        """Where NVIDIA's runtime is the default one, this variable alone gives GPUs: it is always ours."""
        visible = {GPUS_VISIBLE: ",".join(desired.gpus) or "void"} if self._devices.are_real else {}
        return {**dict(desired.env), **visible}

    async def _places(self, desired: Desired) -> tuple[Bind, ...]:
        """What is to be mounted, once it is found to be there; a create needs no more than the places."""
        binds = await self._stage(desired.uid, desired.mounts)
        if binds:
            await asyncio.to_thread(self._staging.unstage, desired.uid)
        return binds

    async def _stage(self, uid: str, mounts: Sequence[Mount]) -> tuple[Bind, ...]:
        return await asyncio.to_thread(self._staging.stage, uid, mounts) if mounts else ()

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
            ports=spec.ports,
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
        known = self._roster.container(entry.desired, entry.memory)
        mounts = labels.mounts(known) if known is not None else ()
        if known is not None and labels.is_privileged(known) and not self._settings.allow_privileged:
            raise EngineRefused("its container is privileged, which this node no longer allows")
        await self._stage(entry.desired.uid, mounts)
        try:
            await self._runtime.start(container_id)
        except RuntimeTimeout:
            mounts = ()  # it may still be on its way, and need them
            raise
        except NotFound:
            log.info("it was gone when it was to start", extra={"vps": str(entry.key)})
        except RunLeftBehind as left:
            await self._run_left_behind(entry, container_id, left)
        except PortTaken as taken:
            await self._other_port(entry, taken)
        else:
            entry.memory = dataclasses.replace(entry.memory, taken_ports=())
        finally:
            if mounts:
                await asyncio.to_thread(self._staging.unstage, entry.desired.uid)
        await self.look(entry)

    async def _run_left_behind(self, entry: Entry, container_id: str, left: RunLeftBehind) -> None:
        """End what lives of it; where nothing does, and the engine keeps to it, another container has to do.
        Raises `left` for the engine to be asked once more."""
        if await self._end_leftovers(entry, container_id) or entry.memory.trouble is None:
            raise left
        said = (
            f"the engine will not start container {container_id[:12]} again; another is made: {left.message}"
        )
        self.tell(entry, actions.Tell("Warning", "RunLeftBehind", said))
        entry.memory = dataclasses.replace(entry.memory, unstartable=container_id)

    async def _end_leftovers(self, entry: Entry, container_id: str) -> int:
        """End processes that the engine has lost sight of, and say so. Raises EngineRefused."""
        ended = await self._runtime.end_leftovers(container_id)
        if ended:
            what = "a process" if ended == 1 else f"{ended} processes"
            said = (
                f"{what} of container {container_id[:12]} ran on, though it was over for the engine: ended "
                "before it is started again"
            )
            self.tell(entry, actions.Tell("Warning", "LeftoversEnded", said))
        return ended

    async def _other_port(self, entry: Entry, taken: PortTaken) -> None:
        """A stranger has its SSH port: say who, and ask for another. Raises PortTaken where there is none,
        and while it may be free again by itself: people have written the port down."""
        desired, trouble = entry.desired, entry.memory.trouble
        if taken.port is None or taken.port != desired.ssh_port:
            raise taken
        if taken.is_left_behind and (trouble is None or trouble.failures < TRIES_FOR_A_PORT):
            raise taken
        self.tell(entry, actions.Tell("Warning", "PortTaken", f"{taken.message}; another one is asked for"))
        ports = sorted({*entry.memory.taken_ports, taken.port})
        entry.memory = dataclasses.replace(entry.memory, taken_ports=tuple(ports))
        try:
            answer = await self._act(entry, "newport", taken=ports)
        except errors.KohakuRiverError as error:
            why = f"{taken.message}, and no other could be had: {error.message}"
            raise PortTaken(why, port=taken.port, holder=taken.holder) from error
        self._vpses.overlay(answer)

    async def _act(self, entry: Entry, verb: str, **more: object) -> Object:
        """A named transaction about this placement."""
        desired = entry.desired
        body = {"uid": desired.uid, "epoch": desired.epoch, **more}
        return await self._client.act(kinds.VPS, desired.name, verb, body, namespace=desired.namespace)

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
        # What this agent removed itself is not missed.
        entry.memory = dataclasses.replace(entry.memory, container_id=None, run=None)

    async def _remove_volumes(self, entry: Entry, names: Sequence[str], *, why: str) -> None:
        for name in names:
            vps = (entry.desired.namespace, entry.desired.name)
            volume = labels.volume_name(vps, name, cluster=self._settings.cluster)
            log.info("removing", extra={"vps": str(entry.key), "volume": volume, "why": why})
            await self._runtime.remove_volume(volume)

    async def _finish(self, entry: Entry) -> None:
        if entry.memory.container_id:  # somebody else removed it
            await self._runtime.end_leftovers(entry.memory.container_id)
        try:
            await self._act(entry, "finish")
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
