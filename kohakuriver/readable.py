"""Nonsense is contained: how a program reads what it did not write, each object in a try of its own.

    Informer(…, readable=…)  ─►  the object as it is, or what stands in for one that cannot be read

What fails is replaced by as much of it as can be read, and says why under `UNREADABLE`. Which readings an
object must pass, and what is kept of one that fails, each program says for itself. Pure.
"""

import collections.abc
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

Object = dict[str, Any]

UNREADABLE = "unreadable"  # where a stand-in says why it is one
NONSENSE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)  # what reading it raises

_IDENTITY = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")


def trouble(read: Callable[[], object]) -> str:
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


def stand_in(body: Object, why: str) -> Object:
    """Which object it is, and why it cannot be read."""
    metadata = {field: body["metadata"][field] for field in _IDENTITY if field in body["metadata"]}
    texts = {field: value for field, value in metadata.items() if isinstance(value, str)}
    return {
        "apiVersion": body.get("apiVersion"),
        "kind": body.get("kind"),
        "metadata": texts,
        UNREADABLE: why,
    }


def conditions(body: Object) -> list[Object]:
    """Those of its conditions that are any."""
    status = body.get("status")
    found = status.get("conditions") if isinstance(status, dict) else None
    return [
        one
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, dict) and isinstance(one.get("type"), str) and isinstance(one.get("status"), str)
    ]


def checked(kind: Any, value: Any, *more: Callable[[Any], None]) -> Any:
    """The value, if it is of that type. Raises TypeError."""
    if not is_of(value, kind):
        raise TypeError(f"{str(value)[:80]} is not what was expected")
    for check in more:
        check(value)
    return value


def is_of(value: Any, hint: Any) -> bool:
    """Whether a value is what its type says, all the way down; sets are as they were made."""
    origin, inside = typing.get_origin(hint) or hint, typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(is_of(value, one) for one in inside)
    if isinstance(origin, type) and hasattr(origin, "__dataclass_fields__"):
        return isinstance(value, origin) and all(
            is_of(getattr(value, name), of) for name, of in _hints(origin)
        )
    if origin is tuple and inside[1:] == (...,):
        return isinstance(value, tuple) and all(is_of(one, inside[0]) for one in value)
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(inside) and all(map(is_of, value, inside))
    if origin in (dict, collections.abc.Mapping) and inside:
        items = value.items() if isinstance(value, Mapping) else ()
        return isinstance(value, Mapping) and all(
            is_of(a, inside[0]) and is_of(b, inside[1]) for a, b in items
        )
    return isinstance(value, origin) and not (origin is int and isinstance(value, bool))


@functools.cache
def _hints(kind: type) -> tuple[tuple[str, Any], ...]:
    return tuple(typing.get_type_hints(kind).items())
