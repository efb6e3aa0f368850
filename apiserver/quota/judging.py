"""Whether a write fits what the quotas of its namespace limit. Pure.

Judged here is what a write itself shows: how many VPSes and bytes there are after it, and whether a VPS alone
asks for more than a quota allows, so that it could never start. What the VPSes have booked together is
compared when they get their nodes.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apiserver.booking.wanted import Wanted
from apiserver.quota import hard
from apiserver.quota.hard import Hard
from apiserver.quota.stored import Used, counted
from apiserver.writing.weight import NOTES
from kohakuriver import errors, quantity
from kohakuriver.resources import kinds, quota
from kohakuriver.resources.kinds import ResourceType

Json = dict[str, Any]
Needs = Mapping[str, int]  # by the resource's full name; without `requests.storage` where nothing is said


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """One write of an object that quotas are about."""

    resource: ResourceType
    namespace: str
    name: str
    key: str
    before: Used  # for what the object counts
    after: Used
    needed: Needs | None = None  # by the VPS as it is; None where there is none yet
    needs: Needs | None = None  # by the VPS as it shall be
    ends: bool = False  # a VPS is stopped, or is on its way out

    @classmethod
    def of(
        cls, resource: ResourceType, key: str, *, old: Json | None, new: Json, before: int, after: int
    ) -> "Asked":
        """`before` and `after` are the object's sizes in bytes."""
        fields, is_vps = new["metadata"], resource is kinds.VPS
        return cls(
            resource,
            fields["namespace"],
            fields["name"],
            key,
            counted(resource, before) if old is not None else Used(),
            counted(resource, after),
            needs_of(old) if is_vps and old is not None else None,
            needs_of(new) if is_vps else None,
            ends=bool(fields.get("deletionTimestamp")) or (is_vps and _is_stopped(old, new)),
        )

    @property
    def takes(self) -> Used:
        """What it takes beyond what the object counts for already; who ends something may note that in it."""
        more = self.after.object_bytes - self.before.object_bytes
        if self.ends and more <= NOTES:
            more = 0
        return Used(max(0, self.after.vpses - self.before.vpses), max(0, more))

    @property
    def raises(self) -> Needs:
        """What the VPS needs more of than before."""
        if self.needs is None:
            return {}
        before = self.needed or {}
        return {name: need for name, need in self.needs.items() if need > before.get(name, 0)}

    @property
    def drops_disk(self) -> bool:
        """Whether it says no more, or not at first, how much disk the VPS may take."""
        if self.needs is None or quota.DISK in self.needs:
            return False
        return self.needed is None or quota.DISK in self.needed


def check(asked: Asked, quotas: Sequence[Hard], used: Used) -> None:
    """Raises Forbidden where a quota stands against it; `used` is without this write."""
    takes, raises = asked.takes, asked.raises
    new: dict[str, tuple[int, int]] = {}
    if takes.vpses:
        new[quota.VPSES] = takes.vpses, used.vpses
    if takes.object_bytes:
        new[quota.OBJECT_BYTES] = takes.object_bytes, used.object_bytes
    for one in quotas:
        if one.unreadable and (new or raises or asked.drops_disk):
            raise _unreadable(asked, one)
        over = [name for name in new if name in one.limits and sum(new[name]) > one.limits[name]]
        if over:
            raise _exceeded(asked, one, over, new)
        if quota.DISK in one.limits and asked.drops_disk:
            raise _unsaid(asked, one)
        never = [name for name in raises if name in one.limits and raises[name] > one.limits[name]]
        if never:
            raise _never(asked, one, never, raises)


def needs_of(vps: Json) -> Needs:
    """What a VPS would book; what cannot be read of a stored one is not needed."""
    try:
        wanted = Wanted.of(vps)
        disk = vps["spec"]["resources"].get("disk")
        needs = {
            quota.CORES: wanted.amount.millicores,
            quota.MEMORY: wanted.amount.memory,
            quota.GPUS: wanted.gpus.count,
        }
        return needs if disk is None else {**needs, quota.DISK: quantity.size(disk)}
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return {}


def _is_stopped(old: Json | None, new: Json) -> bool:
    before = ((old or {}).get("spec") or {}).get("runState")
    return old is not None and new["spec"].get("runState") == "Stopped" != before


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
