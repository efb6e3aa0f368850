"""Nonsense is contained: what stands in for an object that the controller cannot read.

Every object is read in a try of its own, once, where it comes in (`world.py`), and what `view.py` makes of it
is of the types that it says. What fails is replaced by as much of it as can be read, and says why under
`UNREADABLE`: such a node takes nothing new, such a VPS is left as it is, and all others are served as ever.
Pure.
"""

import collections.abc
import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from controller.deciding import view
from kohakuriver import cpuset

Object = dict[str, Any]

UNREADABLE = view.UNREADABLE
NONSENSE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)  # what reading it raises

_LEAST = {"apiVersion", "kind"}
_IDENTITY = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
_PORTS = range(1, 65536)


def vps(body: Object) -> Object:
    """A VPS, or what can be read of one. Without a spec it is left as it is, as if it were stopped."""
    why = _trouble(lambda: _read_vps(body))
    if not why:
        return body
    kept = {**_kept_status(body, ("assignment", "unreachableSince")), "conditions": _conditions(body)}
    return {**_stand_in(body, why), "spec": {"runState": "Stopped"}, "status": kept}


def node(body: Object) -> Object:
    """A Node, or what can be read of one: what an administrator wants of it, and whether it is ready."""
    why = _trouble(lambda: _read_node(body))
    if not why:
        return body
    spec = body.get("spec")
    ordered = (
        {field: bool(spec.get(field)) for field in ("unschedulable", "drain")}
        if isinstance(spec, dict)
        else {}
    )
    return {**_stand_in(body, why), "spec": ordered, "status": {"conditions": _conditions(body)}}


def allocation(body: Object) -> Object:
    """A NodeAllocation; nobody knows what is free where it cannot be read."""
    why = _trouble(lambda: _checked(dict[str, view.Booking], view.bookings_of(body), _is_booking))
    return {**_stand_in(body, why), "bookings": {}} if why else body


def lease(body: Object) -> Object:
    """A Lease. That it was renewed is told by its revision, whatever it holds."""
    why = _trouble(lambda: _read_lease(body))
    return {**_stand_in(body, why), "spec": {}} if why else body


def environment(body: Object) -> Object:
    """An Environment; one that cannot be read stands for no image."""
    name = body["metadata"]["name"]
    why = _trouble(lambda: _checked(str, view.environment_image(name, body)))
    return {**_stand_in(body, why), "spec": {}} if why else body


def _read_vps(body: Object) -> None:
    _checked(view.VPSRequest, view.request_of(body))
    spec, status = body["spec"], body.get("status") or {}
    _checked(int, spec.get("priority") or 0)
    _checked(str, spec["runState"])
    _checked(str, spec.get("environment") or "")
    _check_status(body)
    assignment = status.get("assignment")
    if assignment:
        _checked(str, assignment["node"])
        _checked(int, assignment["epoch"])
        _checked(view.Booking, view.booking_of(assignment["grant"]), _is_booking)
    observed = status.get("observed") or {}
    _checked(str, observed.get("state") or "")
    _checked(int, observed.get("epoch") or 0)
    _checked(str, status.get("unreachableSince") or "")


def _read_node(body: Object) -> None:
    facts = _checked(view.NodeFacts, view.facts_of(body))
    _check_status(body)
    if facts.cores < 0 or facts.memory < 0 or facts.cores > cpuset.MOST * 1000 or facts.memory >= 2**63:
        raise ValueError(f"no machine has {facts.cores} millicores and {facts.memory} bytes of memory")
    if facts.ports and not (facts.ports[0] in _PORTS and facts.ports[-1] in _PORTS):
        raise ValueError(f"there are no ports from {facts.ports[0]} to {facts.ports[-1]}")
    for _, stray in facts.strays:
        _is_booking(stray)


def _read_lease(body: Object) -> None:
    spec, metadata = body.get("spec") or {}, body["metadata"]
    duration = spec.get("leaseDurationSeconds")
    _checked(int | float, duration or 0)
    _checked(str, spec.get("holderIdentity") or "")
    for field in ("labels", "annotations"):
        _checked(dict[str, str], metadata.get(field) or {})


def _check_status(body: Object) -> None:
    for one in (body.get("status") or {}).get("conditions") or ():
        _checked(dict[str, Any], one)
        _checked(str, one["type"])
        _checked(str, one["status"])
    for field in ("uid", "creationTimestamp", "deletionTimestamp"):
        _checked(str, body["metadata"].get(field) or "")
    _checked(dict[str, str], body["metadata"].get("labels") or {})


def _is_booking(booking: view.Booking | Mapping[str, view.Booking]) -> None:
    for one in booking.values() if isinstance(booking, Mapping) else (booking,):
        if one.cores < 0 or one.memory < 0:
            raise ValueError("something is booked that is less than nothing")


def _trouble(read: Callable[[], object]) -> str:
    """Why this cannot be read, in words; empty if it can."""
    try:
        read()
    except KeyError as error:
        return f"{error.args[0]} is missing"
    except ValueError as error:
        return str(error)[:200]
    except NONSENSE as error:
        return f"a value is of the wrong type ({str(error)[:200]})"
    return ""


def _stand_in(body: Object, why: str) -> Object:
    metadata = {field: body["metadata"][field] for field in _IDENTITY if field in body["metadata"]}
    texts = {field: value for field, value in metadata.items() if isinstance(value, str)}
    return {**{field: body.get(field) for field in _LEAST}, "metadata": texts, UNREADABLE: why}


def _kept_status(body: Object, fields: tuple[str, ...]) -> Object:
    """Those fields of a VPS's status that say where it is, where they can be read."""
    status = body.get("status")
    found = status if isinstance(status, dict) else {}
    kept = {field: found[field] for field in fields if field in found}
    placed = {"metadata": {}, "spec": _NOTHING_ASKED, "status": kept}
    return {} if _trouble(lambda: _read_vps(placed)) else kept


def _conditions(body: Object) -> list[Object]:
    status = body.get("status")
    found = status.get("conditions") if isinstance(status, dict) else None
    return [
        one
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, dict) and isinstance(one.get("type"), str) and isinstance(one.get("status"), str)
    ]


_NOTHING_ASKED = {"runState": "Stopped", "resources": {"cores": 1, "memory": "1Gi"}}


def _checked(kind: Any, value: Any, *more: Callable[[Any], None]) -> Any:
    if not _is(value, kind):
        raise TypeError(f"{str(value)[:80]} is not what was expected")
    for check in more:
        check(value)
    return value


def _is(value: Any, hint: Any) -> bool:
    """Whether a value is what its type says, all the way down; sets are as they were made."""
    origin, inside = typing.get_origin(hint) or hint, typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_is(value, one) for one in inside)
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
        return isinstance(value, origin) and all(_is(getattr(value, name), of) for name, of in _hints(origin))
    if origin is tuple and inside[1:] == (...,):
        return isinstance(value, tuple) and all(_is(one, inside[0]) for one in value)
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(inside) and all(map(_is, value, inside))
    if origin in (dict, collections.abc.Mapping) and inside:
        items = value.items() if isinstance(value, Mapping) else ()
        return isinstance(value, Mapping) and all(_is(a, inside[0]) and _is(b, inside[1]) for a, b in items)
    return isinstance(value, origin) and not (origin is int and isinstance(value, bool))


@functools.cache
def _hints(kind: type) -> tuple[tuple[str, Any], ...]:
    return tuple(typing.get_type_hints(kind).items())
