"""Whose a volume of the engine is: files that outlive a VPS stay in the namespace that they were written in.

A volume's name has the name of a namespace, and names come back: whoever makes a namespace that is called as
one that was deleted is somebody else. So a volume carries the namespace's uid in a label. The engine changes
no labels, so of a volume that an earlier version made a mark says it: an empty volume beside it, written when
the volume is next given to a VPS or kept for one that is deleted. Until then it is whose the name is.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from kohakuriver.agent.deciding import labels
from kohakuriver.agent.deciding.desired import Desired
from kohakuriver.agent.runtime.base import EngineVolume, Runtime
from kohakuriver.agent.runtime.errors import EngineRefused

log = logging.getLogger(__name__)

_MARK: Final = "_owner"  # "_" stands in no part of a volume's name
Found = Mapping[str, Mapping[str, str]]


class VolumeOfAnother(EngineRefused):
    """The volume holds files of another namespace that had the same name."""


class Volumes:
    """The volumes of a node's VPSes, looked at before they are given, kept or removed."""

    def __init__(self, runtime: Runtime, *, cluster: str, node: str) -> None:
        self._runtime = runtime
        self._cluster = cluster
        self._node = node

    async def claim(self, desired: Desired) -> None:
        """See to it that this VPS may have its volumes. Raises VolumeOfAnother before any is touched."""
        if not desired.volumes or not desired.namespace_uid:
            return
        found = await self._found()
        names = [self._name(desired, volume.name) for volume in desired.volumes]
        for name in names:
            if is_anothers(found, name, desired.namespace_uid):
                raise self._refusal(desired, name)
        await self._mark(desired, names, found)

    async def keep(self, desired: Desired) -> None:
        """Write down whose those are that outlive this VPS."""
        names = [self._name(desired, volume.name) for volume in desired.volumes if volume.kept]
        if names and desired.namespace_uid:
            await self._mark(desired, names, await self._found())

    async def remove(
        self, vps: tuple[str, str], names: Sequence[str], *, namespace_uid: str, why: str
    ) -> None:
        """Remove these volumes of a VPS, by namespace and name; another namespace's are left."""
        found = await self._found() if names and namespace_uid else {}
        for one in names:
            name = labels.volume_name(vps, one, cluster=self._cluster)
            more = {"volume": name, "why": why}
            if is_anothers(found, name, namespace_uid):
                log.warning("a volume is another namespace's, and is left", extra=more)
                continue
            log.info("removing", extra=more)
            await self._runtime.remove_volume(name)
            await self._runtime.remove_volume(name + _MARK)

    async def _mark(self, desired: Desired, names: list[str], found: Found) -> None:
        said = {labels.CLUSTER: self._cluster, labels.NAMESPACE_UID: desired.namespace_uid}
        for name in names:
            if name in found and not owner(found, name):
                await self._runtime.make_volume(EngineVolume(name + _MARK, said))

    async def _found(self) -> Found:
        return {volume.name: volume.labels for volume in await self._runtime.volumes()}

    def _name(self, desired: Desired, name: str) -> str:
        vps = (desired.namespace, desired.name)
        return labels.volume_name(vps, name, cluster=self._cluster)

    def _refusal(self, desired: Desired, name: str) -> VolumeOfAnother:
        mark, where = name + _MARK, self._node
        says = f"{labels.CLUSTER}={self._cluster} --label {labels.NAMESPACE_UID}={desired.namespace_uid}"
        return VolumeOfAnother(
            f"the volume {name.rpartition('_')[2]} that {where} has kept under this name holds files of an "
            f'earlier namespace "{desired.namespace}", which was deleted: give the volume another name in '
            f"spec.volumes, or ask your administrator. On {where}, this hands the files over: "
            f"docker volume rm -f {mark}; docker volume create --label {says} {mark}; "
            f"and this removes them: docker volume rm {name}"
        )


def owner(found: Found, name: str) -> str:
    """The uid of the namespace whose volume it is; empty where nobody has written that down. A mark comes
    before the volume's own label, so that an administrator can hand a volume over."""
    for one in (name + _MARK, name):
        uid = found.get(one, {}).get(labels.NAMESPACE_UID)
        if uid:
            return uid
    return ""


def is_anothers(found: Found, name: str, namespace_uid: str) -> bool:
    """Whether the volume is there, and is known to be another namespace's."""
    return name in found and owner(found, name) not in ("", namespace_uid)
