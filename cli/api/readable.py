"""Nonsense is contained: what commands show of an object whose fields are not what they should be.

    api.call(…)["items"]  ─►  vps(item)  ─►  whatever shows it

A field of a wrong type is left out, so that nothing that shows objects need expect one, and the object itself
says which: a VPS in its message, a Node as a condition. A program of another version wrote it, or a hand in
the store. What is printed whole, or written back, does not come through here. Pure.
"""

from collections.abc import Callable
from typing import Any

from kohakuriver import cpuset, overcommit, quantity
from kohakuriver.readable import trouble
from kohakuriver.resources import conditions, kinds
from kohakuriver.resources.kinds import ResourceType
from kohakuriver.resources.view import VPS, Node

Object = dict[str, Any]
Shape = Any
"""A type, a check that raises, `[SHAPE]`, or `{field: SHAPE}`: `*` is every field, and without one that ends
in `!` the object is no use."""

_SHOWN = 5  # fields that are named


def of(resource: ResourceType, body: Object) -> Object:
    """An object of any kind."""
    readers: dict[ResourceType, Callable[[Object], Object]] = {
        kinds.VPS: vps,
        kinds.NODE: node,
        kinds.NODE_ALLOCATION: allocation,
        kinds.EVENT: event,
    }
    return readers[resource](body) if resource in readers else _read(body, _ANY)[0]


def vps(body: Object) -> Object:
    """A VPS; what of it cannot be read stands in its message."""
    found, why = _read(body, _VPS)
    if why:
        message = VPS.of(found).message
        found["status"] = {**VPS.of(found).status.raw, "message": f"{why}; {message}" if message else why}
    return found


def node(body: Object) -> Object:
    """A Node; what of it cannot be read is a condition."""
    found, why = _read(body, _NODE)
    if why:
        said = {"type": conditions.READABLE, "status": "False", "reason": "WrongType", "message": why}
        held = (one.raw for one in Node.of(found).conditions)
        found["status"] = {**Node.of(found).status.raw, "conditions": [*held, said]}
    return found


def allocation(body: Object) -> Object:
    """What is booked on a node."""
    return _read(body, _ALLOCATION)[0]


def event(body: Object) -> Object:
    """An Event, without the fields that cannot be read."""
    return _read(body, _EVENT)[0]


def _read(body: Object, shape: Shape) -> tuple[Object, str]:
    """What of it can be read, and which fields cannot."""
    bad: list[str] = []
    found = _kept(body, shape, "", bad) or {}
    if not bad:
        return body, ""
    more = f" and {len(bad) - _SHOWN} more fields" if len(bad) > _SHOWN else ""
    return found, f"cannot be read: {', '.join(bad[:_SHOWN])}{more}"


def _kept(value: Any, shape: Shape, path: str, bad: list[str]) -> Any:
    """The value without what is not of that shape; None where nothing is left."""
    if isinstance(shape, dict) and isinstance(value, dict):
        return _fields(value, shape, path, bad)
    if isinstance(shape, list) and isinstance(value, list):
        items = (_kept(one, shape[0], f"{path}[{place}]", bad) for place, one in enumerate(value))
        return [one for one in items if one is not None]
    if isinstance(shape, type):
        is_it = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    else:
        is_it = callable(shape) and not trouble(lambda: shape(value))
    if not is_it:
        bad.append(path)
    return value if is_it else None


def _fields(value: Object, shape: Shape, path: str, bad: list[str]) -> Object | None:
    found = dict(value)
    needed = {field.rstrip("!"): inner for field, inner in shape.items() if field != "*"}
    every = shape.get("*")
    missing = (field for field in needed if f"{field}!" in shape and field not in value)
    for field in (*value, *missing):
        inner, is_needed = needed.get(field, every), f"{field}!" in shape
        if inner is None:
            continue
        kept = None
        if is_needed or field not in needed or value[field] is not None:
            kept = _kept(value.get(field), inner, f"{path}.{field}".lstrip("."), bad)
        if kept is not None:
            found[field] = kept
        elif is_needed:
            return None
        else:
            del found[field]
    return found


_CORES, _SIZE = quantity.millicores, quantity.size
_LIMITS = {"cores": _CORES, "memory": _SIZE}
_META = {
    **dict.fromkeys(("namespace", "uid", "creationTimestamp", "deletionTimestamp"), str),
    "labels": {"*": str},
    "annotations": {"*": str},
}
_CONDITIONS = [
    {"type!": str, "status!": str, **dict.fromkeys(("reason", "message", "lastTransitionTime"), str)}
]
_ANY = {"metadata": _META, "spec": {}, "status": {"conditions": _CONDITIONS}}
_VPS = {
    "metadata": _META,
    "spec": {
        "resources": _LIMITS,
        "placement": {"gpus": {"ids": [object], "count": int}},
        "ssh": {},
    },
    "status": {
        **dict.fromkeys(("phase", "reason", "message", "unreachableSince"), str),
        "conditions": _CONDITIONS,
        "assignment": {
            "node": str,
            "boundAt": str,
            "grant": {**_LIMITS, "gpus": [object], "sshPort": int, "cpuset": str, "numa": int},
        },
        "observed": {
            "ssh": {"state": str, "message": str},
            "container": {"name": str, "restarts": int, "startedAt": str, "finishedAt": str},
        },
    },
}
_NODE = {
    "metadata": _META,
    "spec": {"taints": [{"key!": str, "effect!": str}]},
    "status": {
        "conditions": _CONDITIONS,
        "allocatable": _LIMITS,
        "capacity": _LIMITS,
        "cpuOvercommit": overcommit.parse,
        "nodeInfo": {"*": str},
        "sshPorts": {"address!": str, "first!": int, "last!": int},
        "gpus": [{"index!": int, "uuid!": str}],
        "numa": [{"id!": int, "cpuset!": str}],
        "allowMounts": [{"prefix!": str}],
        "quarantine": {"since!": str, "why!": str},
        "unknown": [{"container!": str, "uid": str, **_LIMITS, "cpuset": cpuset.parse, "gpus": [object]}],
    },
}
_BOOKING = {
    **_LIMITS,
    "disk": _SIZE,
    "exclusive": bool,
    "cpuset": cpuset.parse,
    "gpus": [str],
    "tombstone": {},
}
_ALLOCATION = {"metadata": _META, "bookings": {"*": _BOOKING}}
_MOMENTS = dict.fromkeys(("firstTimestamp", "lastTimestamp", "eventTime"), str)
_EVENT = {
    "metadata": _META,
    **_MOMENTS,
    "count": int,
    "series": {"count": int, "lastObservedTime": str},
    "source": {"component": str},
    "reportingComponent": str,
}
