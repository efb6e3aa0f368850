"""Whether a write fits what the quotas of its namespace limit. Pure.

Judged here is what a write itself shows: how many VPSes, Snapshots and bytes there are after it, and whether
a VPS alone asks for more than a quota allows, so that it could never start. What the VPSes have booked
together is compared when they get their nodes. How large a Snapshot becomes nobody knows before it is taken:
another is refused where VPSes and Snapshots have all the disk of a quota already.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kohakuriver import errors, quantity
from kohakuriver.apiserver.quota import hard
from kohakuriver.apiserver.quota.hard import Hard
from kohakuriver.apiserver.quota.stored import Used, counted, files_of
from kohakuriver.apiserver.quota.weight import NOTES
from kohakuriver.apiserver.store import codec
from kohakuriver.placement.request import asked_by
from kohakuriver.resources import kinds, quota
from kohakuriver.resources.kinds import ResourceType

Json = dict[str, Any]
SMALL = 2 * NOTES  # bytes of an object that may grow by what ends it
_NOTED = ("generation", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "managedFields")
Needs = Mapping[str, int]  # by the resource's full name; without `requests.storage` where nothing is said


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """One write that quotas are about: what it takes, and the object as it is and as it shall be."""

    resource: ResourceType
    key: str
    after: Used  # for what the object counts then
    takes: Used  # beyond what the object counts for already
    old: Json | None
    new: Json

    @classmethod
    def of(
        cls, resource: ResourceType, key: str, *, old: Json | None, new: Json, before: int, after: int
    ) -> "Asked":
        """`before` and `after` are the object's sizes in bytes.

        What the server notes about an end, or about another run state, counts for nothing.
        """
        there = counted(resource, before, files=_files(resource, old)) if old is not None else Used()
        then = counted(resource, after, files=_files(resource, new))
        more = max(0, then.object_bytes - there.object_bytes)
        if more <= NOTES and _is_noted(resource, old, new, size=after):
            more = 0
        takes = Used(
            max(0, then.vpses - there.vpses),
            more,
            max(0, then.snapshots - there.snapshots),
            max(0, then.files - there.files),
        )
        return cls(resource, key, then, takes, old, new)

    @property
    def namespace(self) -> str:
        return str(self.new["metadata"]["namespace"])

    @property
    def name(self) -> str:
        return str(self.new["metadata"]["name"])


def _files(resource: ResourceType, obj: Json | None) -> int:
    return files_of(obj) if resource is kinds.SNAPSHOT and obj is not None else 0


def check(asked: Asked, quotas: Sequence[Hard], used: Used, *, disk: int = 0) -> None:
    """Raises Forbidden where a quota stands against it; `used` is without this write, and `disk` what the
    VPSes of the namespace have booked."""
    takes = asked.takes
    new: dict[str, tuple[int, int]] = {}
    if takes.vpses:
        new[quota.VPSES] = takes.vpses, used.vpses
    if takes.snapshots:
        new[quota.SNAPSHOTS] = takes.snapshots, used.snapshots
    if takes.object_bytes:
        new[quota.OBJECT_BYTES] = takes.object_bytes, used.object_bytes
    for one in quotas:
        over = [name for name in new if name in one.limits and sum(new[name]) > one.limits[name]]
        if over:
            raise _exceeded(asked, one, over, new)
        if takes.snapshots and one.limits.get(quota.DISK, disk + used.files + 1) <= disk + used.files:
            raise _full(asked, one, disk + used.files)
        if asked.resource is kinds.VPS and (one.unreadable or not one.limits.keys().isdisjoint(quota.BOOKED)):
            _check_needs(asked, one)
        if one.unreadable and new:
            raise _unreadable(asked, one)


def _check_needs(asked: Asked, one: Hard) -> None:
    """What a VPS asks for alone, where it is more than before."""
    needs = needs_of(asked.new)
    needed = needs_of(asked.old) if asked.old is not None else None
    raises = {name: need for name, need in needs.items() if need > (needed or {}).get(name, 0)}
    unsaid = quota.DISK not in needs and (needed is None or quota.DISK in needed)
    if one.unreadable and (raises or unsaid):
        raise _unreadable(asked, one)
    if quota.DISK in one.limits and unsaid:
        raise _unsaid(asked, one)
    never = [name for name in raises if name in one.limits and raises[name] > one.limits[name]]
    if never:
        raise _never(asked, one, never, raises)


def needs_of(vps: Json) -> Needs:
    """What a VPS would book; what cannot be read of a stored one is not needed."""
    try:
        wanted = asked_by(vps)
        disk = vps["spec"]["resources"].get("disk")
        needs = {
            quota.CORES: wanted.cores,
            quota.MEMORY: wanted.memory,
            quota.GPUS: wanted.gpus.count,
        }
        return needs if disk is None else {**needs, quota.DISK: quantity.size(disk)}
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return {}


def _is_noted(resource: ResourceType, old: Json | None, new: Json, *, size: int) -> bool:
    """Whether it may grow by what the server notes in it: a small object that ends by more than that."""
    if _ends(resource, old, new) and size <= SMALL:
        return True
    return (_ends(resource, old, new) or _changes_state(resource, old, new)) and _only_notes(old, new)


def _changes_state(resource: ResourceType, old: Json | None, new: Json) -> bool:
    """Whether a VPS is started, paused or resumed by this."""
    if resource is not kinds.VPS or old is None:
        return False
    return bool((old.get("spec") or {}).get("runState") != new["spec"].get("runState"))


def _ends(resource: ResourceType, old: Json | None, new: Json) -> bool:
    """Whether a VPS is stopped by this, or the object is on its way out."""
    if new["metadata"].get("deletionTimestamp"):
        return True
    if resource is not kinds.VPS or old is None:
        return False
    before = (old.get("spec") or {}).get("runState")
    return bool(before != "Stopped" and new["spec"].get("runState") == "Stopped")


def _only_notes(old: Json | None, new: Json) -> bool:
    """Whether nothing that users write has become longer: repeated stops must not fill the store."""
    return old is not None and len(codec.encode(_said(new))) <= len(codec.encode(_said(old)))


def _said(obj: Json) -> Json:
    """All but what the server notes."""
    spec = obj.get("spec")
    said = {field: value for field, value in obj["metadata"].items() if field not in _NOTED}
    kept = (
        {field: value for field, value in spec.items() if field != "runState"}
        if isinstance(spec, dict)
        else spec
    )
    return {"metadata": said, "spec": kept}


def _exceeded(
    asked: Asked, one: Hard, over: Iterable[str], new: Mapping[str, tuple[int, int]]
) -> errors.Forbidden:
    parts = (
        f"{what}: " + ",".join(f"{name}={hard.written(name, of[name])}" for name in over)
        for what, of in (
            ("requested", {name: more for name, (more, _) in new.items()}),
            ("used", {name: there for name, (_, there) in new.items()}),
            ("limited", one.limits),
        )
    )
    return _forbidden(
        asked,
        f"exceeded quota: {_called(one)}, {', '.join(parts)}",
        f"delete what is not needed in namespace {asked.namespace}, {_or_raise(one)}",
    )


def _full(asked: Asked, one: Hard, taken: int) -> errors.Forbidden:
    used, limited = (hard.written(quota.DISK, amount) for amount in (taken, one.limits[quota.DISK]))
    return _forbidden(
        asked,
        f"exceeded quota: {_called(one)}, used: {quota.DISK}={used}, limited: {quota.DISK}={limited}: "
        "no disk is left for another Snapshot",
        f"delete Snapshots or VPSes that are not needed in namespace {asked.namespace}, {_or_raise(one)}",
    )


def _never(asked: Asked, one: Hard, never: Iterable[str], raises: Needs) -> errors.Forbidden:
    requested = ",".join(f"{name}={hard.written(name, raises[name])}" for name in never)
    limited = ",".join(f"{name}={hard.written(name, one.limits[name])}" for name in never)
    return _forbidden(
        asked,
        f"exceeded quota: {_called(one)}, requested: {requested}, limited: {limited}: it could never start",
        f"ask for less, {_or_raise(one)}",
    )


def _unsaid(asked: Asked, one: Hard) -> errors.Forbidden:
    return _forbidden(
        asked,
        f"failed quota: {_called(one)}: must specify {quota.DISK}",
        "set spec.resources.disk, such as 20Gi: the quota limits how much disk the VPSes of "
        f"namespace {asked.namespace} may take together",
    )


def _unreadable(asked: Asked, one: Hard) -> errors.Forbidden:
    return _forbidden(
        asked,
        f"quota {one.name} cannot be read, so nothing is added to its namespace: {one.unreadable}",
        f"an administrator corrects it, or deletes it: kubectl edit quota {one.name} -n {asked.namespace}",
    )


def _called(one: Hard) -> str:
    return "the API server's default" if one.by_default else one.name


def _or_raise(one: Hard) -> str:
    if one.by_default:
        return "or ask an administrator for a ResourceQuota there that allows more"
    return f"or ask an administrator to raise quota {one.name}"


def _forbidden(asked: Asked, why: str, hint: str) -> errors.Forbidden:
    resource = asked.resource
    return errors.Forbidden(
        f'{resource.plural}.{resource.group} "{asked.name}" is forbidden: {why}',
        hint=hint,
        details={"name": asked.name, "group": resource.group, "kind": resource.plural},
    )
