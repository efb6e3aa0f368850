"""Nonsense is contained: what commands show of an object whose fields are not what they should be.

    api.call(…)["items"]  ─►  vps(item)  ─►  whatever shows it

A field of a wrong type is left out, so that nothing that shows objects need expect one, and the object itself
says which: a VPS in its message, a Node as a condition. A program of another version wrote it, or a hand in
the store. What is printed whole, or written back, does not come through here. Pure.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from kohakuriver import cpuset, overcommit, quantity
from kohakuriver.readable import trouble
from kohakuriver.resources import conditions, kinds
from kohakuriver.resources.kinds import ResourceType
from kohakuriver.resources.view import VPS, Node

Object = dict[str, Any]
Shape = Any
"""A type, a check that raises, `[SHAPE]`, or `{field: SHAPE}`: `*` is every field, and without one that ends
in `!` the object is no use."""

Path = tuple[str, ...]  # to a field

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


class _Fields(NamedTuple):
    """The shape of a mapping, taken apart once: thousands of objects are held against it."""

    known: dict[str, Any]
    needed: tuple[str, ...]
    every: Any


def _prepared(shape: Shape) -> Any:
    """The same shape, its mappings taken apart."""
    if isinstance(shape, list):
        return [_prepared(shape[0])]
    if not isinstance(shape, dict):
        return shape
    inner = {field.rstrip("!"): _prepared(one) for field, one in shape.items() if field != "*"}
    needed = tuple(field.rstrip("!") for field in shape if field.endswith("!"))
    return _Fields(inner, needed, _prepared(shape["*"]) if "*" in shape else None)


def _read(body: Object, shape: Shape) -> tuple[Object, str]:
    """What of it can be read, and which fields cannot."""
    bad: list[Path] = []
    found = _kept(body, shape, (), bad) or {}
    if not bad:
        return body, ""
    shown = ", ".join("".join(path).lstrip(".") for path in bad[:_SHOWN])
    more = f" and {len(bad) - _SHOWN} more fields" if len(bad) > _SHOWN else ""
    return found, f"cannot be read: {shown}{more}"


def _kept(value: Any, shape: Any, path: Path, bad: list[Path]) -> Any:
    """The value without what is not of that shape; None where nothing is left."""
    if isinstance(shape, _Fields):
        if isinstance(value, dict):
            return _fields(value, shape, path, bad)
        is_it = False
    elif isinstance(shape, list):
        if isinstance(value, list):
            items = (_kept(one, shape[0], (*path, f"[{place}]"), bad) for place, one in enumerate(value))
            return [one for one in items if one is not None]
        is_it = False
    elif isinstance(shape, type):
        is_it = isinstance(value, shape) and not (shape is int and isinstance(value, bool))
    else:
        is_it = callable(shape) and not trouble(lambda: shape(value))
    if not is_it:
        bad.append(path)
    return value if is_it else None


def _fields(value: Object, shape: _Fields, path: Path, bad: list[Path]) -> Object | None:
    found = value  # a copy as soon as something is left out
    known, needed, every = shape
    for field in (*value, *(one for one in needed if one not in value)):
        inner, is_needed = known.get(field, every), field in needed
        if inner is None:
            continue
        given, kept = value.get(field), None
        if is_needed or field not in known or given is not None:
            kept = _kept(given, inner, (*path, ".", field), bad)
        if kept is None and is_needed:
            return None
        if kept is not given or kept is None:
            found = dict(found) if found is value else found
            if kept is None:
                del found[field]
            else:
                found[field] = kept
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
_ANY = _prepared({"metadata": _META, "spec": {}, "status": {"conditions": _CONDITIONS}})
_VPS = _prepared(
    {
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
)
_NODE = _prepared(
    {
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
)
_BOOKING = {
    **_LIMITS,
    "disk": _SIZE,
    "exclusive": bool,
    "cpuset": cpuset.parse,
    "gpus": [str],
    "tombstone": {},
}
_ALLOCATION = _prepared({"metadata": _META, "bookings": {"*": _BOOKING}})
_MOMENTS = dict.fromkeys(("firstTimestamp", "lastTimestamp", "eventTime"), str)
_EVENT = _prepared(
    {
        "metadata": _META,
        **_MOMENTS,
        "count": int,
        "series": {"count": int, "lastObservedTime": str},
        "source": {"component": str},
        "reportingComponent": str,
    }
)
