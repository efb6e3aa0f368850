"""How many VPSes, Snapshots and bytes each namespace has stored, and what its quotas limit; by the cache's
revision.

Counted is what people write: VPSes, Snapshots and Leases. Events, which programs alone write and which go
after an hour, and the quotas themselves, which are the administrators' own, are not. Fed by the cache's one
watch with what is an object at all.
"""

import contextlib
import dataclasses
from typing import Any

from kohakuriver.apiserver.quota import hard
from kohakuriver.apiserver.quota.hard import Hard
from kohakuriver.apiserver.quota.weight import LARGEST
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType
from kohakuriver.resources.snapshot import Phase

Json = dict[str, Any]

COUNTED = (kinds.VPS, kinds.SNAPSHOT, kinds.LEASE)
_COUNTED = {resource.plural: resource for resource in COUNTED}


@dataclasses.dataclass(frozen=True, slots=True)
class Used:
    """What a namespace has stored."""

    vpses: int = 0
    object_bytes: int = 0
    snapshots: int = 0
    files: int = 0  # bytes that Snapshots take on the disks of their nodes

    def __add__(self, other: "Used") -> "Used":
        return Used(
            self.vpses + other.vpses,
            self.object_bytes + other.object_bytes,
            self.snapshots + other.snapshots,
            self.files + other.files,
        )

    def __sub__(self, other: "Used") -> "Used":
        return self + Used(-other.vpses, -other.object_bytes, -other.snapshots, -other.files)


def counted(resource: ResourceType, size: int, *, files: int = 0) -> Used:
    """For what one object of so many bytes counts: for no more than a user may write, so that a node which
    reports too much of a VPS does not fill its namespace."""
    if resource not in COUNTED:
        return Used()
    return Used(int(resource is kinds.VPS), min(size, LARGEST), int(resource is kinds.SNAPSHOT), files)


def files_of(snapshot: Json) -> int:
    """Bytes that a Snapshot takes on its node's disk, as the node says; nothing until it is there."""
    status = snapshot.get("status")
    size = status.get("size") if isinstance(status, dict) and status.get("phase") == Phase.READY else None
    return size if type(size) is int and size > 0 else 0


class Stored:
    """All namespaces."""

    def __init__(self) -> None:
        self._objects: dict[str, Used] = {}  # by key
        self._used: dict[str, Used] = {}  # by namespace
        self._quotas: dict[str, dict[str, Hard]] = {}  # by namespace, then by key

    def used(self, namespace: str) -> Used:
        """What a namespace has stored."""
        return self._used.get(namespace, Used())

    def of(self, key: str) -> Used:
        """For what one object counts; nothing where there is none."""
        return self._objects.get(key, Used())

    def quotas(self, namespace: str) -> list[Hard]:
        """The quotas of a namespace, by name."""
        found = self._quotas.get(namespace)
        return [found[key] for key in sorted(found)] if found else []

    def namespaces(self) -> list[str]:
        """Those that have a quota, by name."""
        return sorted(self._quotas)

    def apply(self, key: str, record: Record | None) -> None:
        """An object has changed, come or gone."""
        plural = codec.plural_of(key)
        if plural == kinds.RESOURCE_QUOTA.plural:
            self._limit(key, record)
        elif plural in _COUNTED:
            self._count(key, _counted(_COUNTED[plural], record) if record is not None else Used())

    def _count(self, key: str, now: Used) -> None:
        namespace = namespace_of(key)
        self._used[namespace] = self.used(namespace) - self.of(key) + now
        self._objects[key] = now
        if now == Used():
            del self._objects[key]
        if self._used[namespace] == Used():
            del self._used[namespace]

    def _limit(self, key: str, record: Record | None) -> None:
        namespace = namespace_of(key)
        quotas = self._quotas.setdefault(namespace, {})
        quotas.pop(key, None)
        if record is not None:
            quotas[key] = hard.of(record)
        if not quotas:
            del self._quotas[namespace]


def _counted(resource: ResourceType, record: Record) -> Used:
    files = 0
    if resource is kinds.SNAPSHOT:
        with contextlib.suppress(*codec.NONSENSE):
            files = files_of(codec.decode(record))
    return counted(resource, len(record.value), files=files)


def namespace_of(key: str) -> str:
    """The namespace in the key of a namespaced object."""
    return key.split("/", 3)[2]
