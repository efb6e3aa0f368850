"""`metadata.managedFields`: who set which field of an object, and when they last set another one. Pure.

One manager is a name, a way of writing (Apply or Update) and a door (status or the rest). An update takes
over what it changes; an apply is in `applying.py`. The rules are those of Kubernetes' fieldmanager.
"""

import dataclasses
import functools
from collections.abc import Mapping, Set
from typing import Any

import orjson

from kohakuriver.apiserver.fields import paths
from kohakuriver.apiserver.fields.layout import Layout, Path

Json = dict[str, Any]

APPLY, UPDATE = "Apply", "Update"
BEFORE_APPLY = "before-first-apply"
MOST_UPDATERS = 10  # as in Kubernetes; older ones are taken together
ANCIENT = "ancient-changes"
REMEMBERED = 512  # sets of fields, and none that is too large to be anybody's manifest
WORTH_REMEMBERING, MOST_REMEMBERED = 32 * 1024, 1000  # bytes of one, and fields in it

# What no client manages: the server's own, and what makes the object this object.
_METADATA = frozenset(
    {
        "name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
        "generation", "managedFields", "resourceVersion", "selfLink",
    }
)  # fmt: skip
OUTER: frozenset[Path] = frozenset({("f:metadata",), ("f:apiVersion",), ("f:kind",)})
# Derived by the server, or written by its named transactions alone.
_SERVERS_STATUS = frozenset(
    {"phase", "reason", "message", "epoch", "assignment", "rejectedBy", "rejectedUnder"}
)


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Manager:
    """Who writes, and how."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Share:
    """The fields of one manager, and when it last came to have these."""

    fields: paths.Paths
    time: str


Managers = Mapping[Manager, Share]


def decoded(entries: Any) -> dict[Manager, Share]:
    """Raises ValueError for what are no managed fields."""
    found: dict[Manager, Share] = {}
    for entry in entries or ():
        if not isinstance(entry, dict) or entry.get("fieldsType") != "FieldsV1":
            raise ValueError("managedFields are objects with fieldsType FieldsV1")
        words = [entry.get(word) or "" for word in ("manager", "operation", "apiVersion", "subresource")]
        if not all(isinstance(word, str) for word in words) or words[1] not in (APPLY, UPDATE):
            raise ValueError('each entry has a manager, an apiVersion, and the operation "Apply" or "Update"')
        fields = _fields(orjson.dumps(entry.get("fieldsV1") or {}))
        found[Manager(*words)] = Share(fields, str(entry.get("time") or ""))
    return found


def _fields(encoded_fields: bytes) -> paths.Paths:
    return (_read if len(encoded_fields) <= WORTH_REMEMBERING else _read.__wrapped__)(encoded_fields)


# Objects made from one manifest have the same fields, and a program reports the same ones again and again.
@functools.lru_cache(maxsize=REMEMBERED)
def _read(fields: bytes) -> paths.Paths:
    return frozenset(paths.from_fields(orjson.loads(fields)))


@functools.lru_cache(maxsize=REMEMBERED)
def _written(fields: paths.Paths) -> Json:
    """Shared by all who have these fields: nobody changes it."""
    return paths.to_fields(fields)


def stored(entries: Any) -> dict[Manager, Share]:
    """What an object has; nothing where somebody has written nonsense."""
    try:
        return decoded(entries)
    except ValueError:
        return {}


def encoded(managers: Managers) -> list[Json]:
    """As an object has them: appliers first, then by time and name."""
    order = sorted(managers.items(), key=lambda item: (item[0].operation, item[1].time, item[0]))
    return [_entry(manager, share) for manager, share in order if share.fields]


def _entry(manager: Manager, share: Share) -> Json:
    entry = {
        "manager": manager.name,
        "operation": manager.operation,
        "apiVersion": manager.api_version,
        "time": share.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": (_written if len(share.fields) <= MOST_REMEMBERED else paths.to_fields)(share.fields),
    }
    return {**entry, "subresource": manager.subresource} if manager.subresource else entry


def managed_part(obj: Json, subresource: str) -> Json:
    """What of an object can have managers behind one door."""
    if subresource:
        status = obj.get(subresource) or {}
        return {subresource: {key: value for key, value in status.items() if key not in _SERVERS_STATUS}}
    fields = {key: value for key, value in obj["metadata"].items() if key not in _METADATA}
    part = {key: value for key, value in obj.items() if key not in ("status", "apiVersion", "kind")}
    return {**part, "metadata": fields}


def updated(layout: Layout, managers: Managers, old: Json, new: Json, *, by: Manager, now: str) -> Managers:
    """Who manages what after an update: who made it, what it changed."""
    difference = paths.between(layout, old, new)
    written = difference.written - OUTER
    if not written and not difference.removed:
        return managers
    after = taken(managers, written | difference.removed, by=by)
    mine = after[by].fields if by in after else paths.NOTHING
    share = frozenset((mine | written) - difference.removed)
    if by not in after or share != mine:
        after[by] = Share(share, now)
    return _capped({manager: left for manager, left in after.items() if left.fields}, now=now)


def taken(managers: Managers, fields: Set[Path], *, by: Manager) -> dict[Manager, Share]:
    """The managers without these fields, but for one of them."""
    return {
        manager: share
        if manager == by or share.fields.isdisjoint(fields)
        else Share(share.fields - fields, share.time)
        for manager, share in managers.items()
    }


def _capped(managers: dict[Manager, Share], *, now: str) -> dict[Manager, Share]:
    """At most so many who update: the oldest become one."""
    updaters = [manager for manager in managers if manager.operation == UPDATE]
    if len(updaters) <= MOST_UPDATERS:
        return managers
    updaters.sort(key=lambda manager: (managers[manager].time, manager))
    for manager in updaters[: len(updaters) - MOST_UPDATERS + 1]:
        share = managers.pop(manager)
        bucket = dataclasses.replace(manager, name=ANCIENT)
        before = managers.get(bucket)
        fields = share.fields | before.fields if before else share.fields
        managers[bucket] = Share(fields, share.time)
    return managers
