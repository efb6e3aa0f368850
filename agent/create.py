"""Makes containers, or takes up what an earlier try has made. Below apply.py; recreate.py makes successors.

After a time-out the container may have been born, or may yet be.
"""

import dataclasses
import logging
from collections.abc import Awaitable, Callable

from kohakuriver import image_name
from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.actions import Tell
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.deciding.memory import Memory, Recreation
from kohakuriver.agent.images import whose
from kohakuriver.agent.images.images import Images
from kohakuriver.agent.login.access import Access
from kohakuriver.agent.machine.gpus import Devices
from kohakuriver.agent.machine.staging import Staging
from kohakuriver.agent.recreate import as_before, carry_over
from kohakuriver.agent.roster import Entry, Roster
from kohakuriver.agent.runtime import inherited
from kohakuriver.agent.runtime.base import (
    Bind,
    Container,
    ContainerSpec,
    ContainerState,
    Runtime,
    VolumeMount,
)
from kohakuriver.agent.runtime.errors import (
    EngineRefused,
    ImageMissing,
    ImageNotOnNode,
    NameTaken,
    RuntimeTimeout,
    bring,
)
from kohakuriver.agent.settings import Settings
from kohakuriver.agent.volumes import Volumes

log = logging.getLogger(__name__)


class Creator:
    """The creates of a node."""

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
        look: Callable[[Entry], Awaitable[None]],
        tell: Callable[[Entry, Tell], None],
    ) -> None:
        self._settings = settings
        self._runtime = runtime
        self._roster = roster
        self._images = images
        self._access = access
        self._staging = staging
        self._devices = devices
        self._volumes = Volumes(runtime, cluster=settings.cluster, node=settings.node)
        self._look = look
        self._tell = tell

    async def create(self, entry: Entry, kept: Recreation | None = None) -> None:
        """Make the container; `kept` is what is carried over from the one before it."""
        carried = kept if kept is not None and kept.image else None
        desired = as_before(entry.desired, carried) if carried else entry.desired
        spec = await self._spec(desired)
        if carried is not None:
            spec = carry_over(spec, carried)
        whose.check(spec.image, entry.desired)
        await self._volumes.claim(entry.desired)
        try:
            container_id = await self._runtime.create(
                spec, warned=lambda words: self._tell(entry, Tell("Warning", "EngineWarned", words))
            )
        except ImageMissing:
            self.image_missing(desired)
            return
        except NameTaken as taken:
            await self._adopt(entry, taken)
            return
        except RuntimeTimeout:
            entry.late = True
            await self._look(entry)
            forget_login(entry)
            if self._roster.container(desired, entry.memory) is None:
                raise
            return
        entry.late = False
        self._say_what_is_ignored(entry, spec)
        self._images.used(desired.image, desired.uid)
        await self._made(entry, container_id, spec)

    def image_missing(self, desired: Desired) -> None:
        """See to it that it is fetched. Raises ImageNotOnNode where it cannot be."""
        if not self._images.can_be_pulled(desired.image, desired.pull_policy):
            error = ImageMissing(desired.image)
            if image_name.own(desired.image):
                raise ImageNotOnNode(error.message, hint=bring(desired.image)) from error
            raise ImageNotOnNode(
                f"{error.message}, and it may not be pulled", hint="load it on the node: docker load"
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
            env=dict(desired.env),
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
            cap_add=desired.security.added,
            cap_drop=desired.security.dropped,
            no_new_privileges=desired.security.no_new_privileges,
        )

    def _say_what_is_ignored(self, entry: Entry, spec: ContainerSpec) -> None:
        names = inherited.ignored(spec.env)
        if names:
            said = f"not set in its container: {', '.join(names)}; GPUs are asked for in spec.placement.gpus"
            self._tell(entry, Tell("Warning", "VariablesIgnored", said))

    async def _places(self, desired: Desired) -> tuple[Bind, ...]:
        """What is to be mounted, once it is found to be there; a create needs no more than the places."""
        if not desired.mounts:
            return ()
        binds = await self._staging.bring(desired.uid, desired.mounts)
        await self._staging.take_away(desired.uid)
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
            found = await self._runtime.inspect(container_id)
            if found is not None:
                made = found
                await self._access.unlock(entry.desired, found)
        self._roster.put(made)
        remember_login(entry)
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
        forget_login(entry)
        log.info("adopted a container", extra={"vps": str(entry.key), "container": found.id[:12]})


def remember_login(entry: Entry) -> None:
    _set_login(entry, labels.login_hash(entry.desired))


def forget_login(entry: Entry) -> None:
    _set_login(entry, None)


def _set_login(entry: Entry, login: str | None) -> None:
    memory: Memory = entry.memory
    entry.memory = dataclasses.replace(memory, durable=dataclasses.replace(memory.durable, login=login))
