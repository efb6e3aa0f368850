"""Carries out one action on the engine: containers change here, in start.py and in recreate.py, and nowhere
else. Decides and retries nothing.

Each action ends with what the engine has now in the roster, or raises what the runtime raises: keeper.py
waits and looks again. After a time-out, what was asked may have been done or may still be done: a container
may have been born, or may yet be.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from typing import Final, assert_never

from kohakuriver import errors
from kohakuriver.agent.context import Node
from kohakuriver.agent.deciding import actions, labels
from kohakuriver.agent.deciding.actions import Action, Tell
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.learn import overtaken
from kohakuriver.agent.deciding.memory import Recreation
from kohakuriver.agent.deciding.restart import NOTHING_TO_RUN
from kohakuriver.agent.filling import Filler, SnapshotUnusable, anonymous, pass_over
from kohakuriver.agent.images import whose
from kohakuriver.agent.recreate import Recreator, as_before, carry_over
from kohakuriver.agent.roster import Entry
from kohakuriver.agent.runtime import inherited
from kohakuriver.agent.runtime.base import Bind, Container, ContainerSpec, ContainerState, VolumeMount
from kohakuriver.agent.runtime.errors import (
    EngineError,
    EngineRefused,
    ImageMissing,
    NameTaken,
    NotFound,
    RuntimeTimeout,
    TooManyStops,
)
from kohakuriver.agent.runtime.keepalive import SHELL, why_it_ended
from kohakuriver.agent.shares import Shares
from kohakuriver.agent.start import Starter
from kohakuriver.agent.volumes import Volumes

log = logging.getLogger(__name__)

SHORT: Final = 10.0  # seconds of grace, Docker's own default: such stops are over soon


class Containers:
    """What all workers act with."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._volumes = Volumes(node.runtime, cluster=node.settings.cluster, node=node.settings.node)
        self._stops = Shares(node.settings.stops)
        self._starter = Starter(node)
        self._recreator = Recreator(node)
        self._filler = Filler(node)

    async def perform(self, action: Action, entry: Entry) -> None:
        """Do it. Raises EngineError, or KohakuRiverError from the API for Finish."""
        self._make_way(action, entry)
        match action:
            case actions.PullImage(image):
                self._node.images.pull(image, entry.desired.uid, entry.desired.namespace)
            case actions.Create(lost):
                if lost:
                    await self._starter.end_leftovers(entry, lost)
                await self.create(entry)
            case actions.WriteFiles(container_id):
                await self._write_files(entry, container_id)
            case actions.Start(container_id):
                await self._starter.start(entry, container_id)
            case actions.Update(container_id, limits):
                await self._node.runtime.update(container_id, limits)
                await self._node.look(entry)
            case actions.Stop(container_id, grace, why):
                await self._stop(entry, container_id, grace=grace, why=why)
            case actions.Pause(container_id, why):
                log.info("pausing", extra={"vps": str(entry.key), "why": why})
                await self._node.runtime.pause(container_id)
                await self._node.look(entry)
            case actions.Unpause(container_id, why):
                log.info("unpausing", extra={"vps": str(entry.key), "why": why})
                await self._node.runtime.unpause(container_id)
                await self._node.look(entry)
            case actions.Remove(container_id, why):
                await self._remove(entry, container_id, why=why)
            case actions.SetAside(container_id):
                await self._recreator.set_aside(entry, container_id)
            case actions.Fill():
                await self._filler.fill(entry)
            case actions.PutBack(why):
                log.info("putting volumes back", extra={"vps": str(entry.key), "why": why})
                await self._filler.put_back(entry)
            case actions.Settle(why):
                log.info("removing what volumes held", extra={"vps": str(entry.key), "why": why})
                await self._filler.settle(entry)
            case actions.MakeAnew():
                kept = await self._recreator.make_room(entry)
                if kept is not None:
                    await self.create(entry, kept)
            case actions.Retire(container_id, why):
                log.info(
                    "retiring", extra={"vps": str(entry.key), "container": container_id[:12], "why": why}
                )
                await self._recreator.retire(entry, container_id)
            case actions.Clean(why):
                log.info("cleaning", extra={"vps": str(entry.key), "why": why})
                await self._recreator.clean(entry)
            case actions.RemoveVolumes(names, why):
                vps, uid = (entry.desired.namespace, entry.desired.name), entry.desired.namespace_uid
                await self._volumes.remove(vps, names, namespace_uid=uid, why=why)
            case actions.Reject(reason, message):
                await self._node.act(entry, "reject", reason=reason, message=message)
            case actions.Finish():
                await self._finish(entry)
            case actions.Tell():
                self._node.tell(entry, action)
            case _:
                assert_never(action)

    def _make_way(self, action: Action, entry: Entry) -> None:
        """A snapshot that is being taken of what is ended, frozen or started now comes to nothing."""
        takes, uid = self._node.takes, entry.desired.uid
        match action:
            case actions.Stop(id_, _, why) | actions.Remove(id_, why) | actions.Retire(id_, why):
                takes.make_way(uid, id_, why)
            case actions.Unpause(id_, why):
                takes.make_way(uid, id_, why)
            case actions.Pause(id_, why):
                takes.make_way(uid, id_, why, stays_frozen=True)
            case actions.Start():
                takes.make_way(uid, "", "the VPS is started")
            case actions.Fill() | actions.PutBack():
                takes.make_way(uid, "", "what is in its volumes is replaced")
            case actions.Clean(why) | actions.RemoveVolumes(_, why):
                takes.make_way(uid, "", why)

    async def explain(self, entry: Entry, container: Container) -> None:
        """Note what the end of its last run means, beyond the exit code."""
        last, code = entry.memory.exit, container.exit_code
        if last is None or last.hint or code not in NOTHING_TO_RUN:
            return
        try:
            has_shell = await self._node.runtime.has_file(container.id, SHELL)
        except EngineError:
            return
        command = entry.desired.command
        why = why_it_ended(image=container.image, command=command, exit_code=code, has_shell=has_shell)
        last = entry.memory.exit
        if why is not None and last is not None:
            told = dataclasses.replace(last, hint=f"{why['message']} ({why['hint']})")
            entry.memory = dataclasses.replace(entry.memory, exit=told)

    async def _write_files(self, entry: Entry, container_id: str) -> None:
        container = self._node.roster.of(entry)
        if container is None or container.id != container_id:
            raise NotFound("the engine has no such container")
        await self._node.access.rewrite(entry.desired, container)
        remember_login(entry)

    async def _stop(self, entry: Entry, container_id: str, *, grace: float, why: str) -> None:
        log.info("stopping", extra={"vps": str(entry.key), "why": why, "grace": grace})
        entry.ending, entry.grace = True, grace
        start = entry.memory.starting
        try:
            with self._place(entry.desired.namespace, grace):
                await self._node.runtime.stop(container_id, grace)
            entry.memory = dataclasses.replace(entry.memory, starting=None)  # whatever was before is over
        except NotFound:
            log.info("it was gone already", extra={"vps": str(entry.key)})
        finally:
            entry.ending = False
        await self._node.look(entry)
        if start is not None:
            found = self._node.roster.of(entry)
            entry.memory = overtaken(entry.memory, start, found, self._node.clock.monotonic())

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
            await self._node.runtime.remove(container_id, force=True)
        finally:
            entry.ending = False
        self._node.roster.drop(container_id)
        # What this agent removed itself is not missed.
        entry.memory = dataclasses.replace(entry.memory, container_id=None, run=None)

    async def _finish(self, entry: Entry) -> None:
        if entry.memory.container_id:  # somebody else removed it
            await self._node.runtime.end_leftovers(entry.memory.container_id)
        await self._volumes.keep(entry.desired)
        try:
            await self._node.act(entry, "finish")
        except errors.NotFound:
            log.info("the object was gone already", extra={"vps": str(entry.key)})

    async def create(self, entry: Entry, kept: Recreation | None = None) -> None:
        """Make the container; `kept` is what is carried over from the one before it."""
        carried = kept if kept is not None and kept.image else None
        desired = as_before(entry.desired, carried) if carried else entry.desired
        spec = await self._spec(desired)
        if carried is not None:
            spec = carry_over(spec, carried)
        whose.check(spec.image, entry.desired)
        if carried is None and desired.snapshot:
            number = await self._layers(desired.image)
            if not number:
                self._gone(entry, kept)
                return
            if not await self._filler.is_whole(entry):
                return
            volumes = anonymous(entry.memory.durable.filling, kept.volumes if kept is not None else ())
            spec = dataclasses.replace(spec, labels={**spec.labels, labels.COMMIT: number}, anonymous=volumes)
        await self._volumes.claim(entry.desired)
        try:
            container_id = await self._node.runtime.create(
                spec, warned=lambda words: self._node.tell(entry, Tell("Warning", "EngineWarned", words))
            )
        except ImageMissing:
            self._node.images.demand(desired)
            return
        except NameTaken as taken:
            await self._adopt(entry, taken)
            return
        except RuntimeTimeout:
            entry.late = True
            await self._node.look(entry)
            forget_login(entry)
            if self._node.roster.container(desired, entry.memory) is None:
                raise
            return
        entry.late = False
        self._say_what_is_ignored(entry, spec)
        self._node.images.used(desired.image, desired.uid)
        await self._made(entry, container_id, spec)

    async def _layers(self, image: str) -> str:
        """How many layers of a Snapshot's image were written in containers; empty where it is not there."""
        found = await self._node.runtime.image(image)
        return (found.labels.get(labels.COMMIT) or "1") if found is not None else ""

    def _gone(self, entry: Entry, kept: Recreation | None) -> None:
        """The image of its Snapshot is not there. Raises SnapshotUnusable where it has no other files."""
        name, node = entry.desired.snapshot, self._node.settings.node
        why = f"the image of Snapshot {name} is gone from {node}"
        if kept is None:
            raise SnapshotUnusable(why, hint="name another Snapshot in spec.filesFrom, or an image")
        pass_over(self._node, entry, why)

    async def _spec(self, desired: Desired) -> ContainerSpec:
        if desired.limits is None:
            raise EngineRefused("nothing is granted to it on this node")
        cluster = self._node.settings.cluster
        limits = desired.limits
        if limits.cpuset == desired.around.machine:
            limits = dataclasses.replace(limits, cpuset="")
        return ContainerSpec(
            name=desired.container_name,
            image=desired.image,
            hostname=desired.name[:63],
            labels=labels.of(desired, cluster=cluster, node=self._node.settings.node),
            limits=limits,
            network=self._node.settings.network,
            env=dict(desired.env),
            command=desired.command,
            ports=self._node.access.ports(desired),
            files=await self._node.access.files(desired),
            binds=await self._places(desired),
            volumes=tuple(
                VolumeMount(
                    labels.volume_name((desired.namespace, desired.name), volume.name, cluster=cluster),
                    volume.target,
                    labels.of_volume(desired, volume.name, cluster=cluster),
                )
                for volume in desired.volumes
            ),
            gpus=desired.gpus if self._node.devices.are_real else (),
            privileged=desired.privileged,
            cap_add=desired.security.added,
            cap_drop=desired.security.dropped,
            no_new_privileges=desired.security.no_new_privileges,
        )

    def _say_what_is_ignored(self, entry: Entry, spec: ContainerSpec) -> None:
        names = inherited.ignored(spec.env)
        if names:
            said = f"not set in its container: {', '.join(names)}; GPUs are asked for in spec.placement.gpus"
            self._node.tell(entry, Tell("Warning", "VariablesIgnored", said))

    async def _places(self, desired: Desired) -> tuple[Bind, ...]:
        """What is to be mounted, once it is found to be there; a create needs no more than the places."""
        if not desired.mounts:
            return ()
        binds = await self._node.staging.bring(desired.uid, desired.mounts)
        await self._node.staging.take_away(desired.uid)
        return binds

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
            found = await self._node.runtime.inspect(container_id)
            if found is not None:
                made = found
                await self._node.access.unlock(entry.desired, found)
        self._node.roster.put(made)
        remember_login(entry)
        # Its label says the same, so the journal need not.
        entry.saved = dataclasses.replace(entry.saved, login=entry.memory.durable.login)

    async def _adopt(self, entry: Entry, taken: NameTaken) -> None:
        """An earlier create of ours that nobody heard the answer of; or a stranger, who is left alone."""
        found = await self._node.runtime.inspect(taken.container_id)
        if found is None or labels.identity(found.labels)[0] != entry.desired.uid:
            raise NameTaken(
                f"the name {entry.desired.container_name} belongs to container {taken.container_id[:12]}, "
                "which is not this VPS's",
                container_id=taken.container_id,
                hint=f"look at it, then: docker rm {taken.container_id[:12]}",
            )
        entry.late = False
        self._node.roster.put(found)
        forget_login(entry)
        log.info("adopted a container", extra={"vps": str(entry.key), "container": found.id[:12]})


def remember_login(entry: Entry) -> None:
    """The container holds the login files that are declared now."""
    entry.memory = entry.memory.noting(login=labels.login_hash(entry.desired))


def forget_login(entry: Entry) -> None:
    """Nobody knows which login files the container holds: they are written before it is started again."""
    entry.memory = entry.memory.noting(login=None)
