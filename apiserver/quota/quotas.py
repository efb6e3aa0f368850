"""What the ResourceQuotas limit of what is booked, and the turns of their namespaces, one key at a time.

Fed by `cache.py`, so all of it is as of the cache's revision. A quota that makes no sense closes its own
namespace; a key that holds no object at all is passed over.
"""

import dataclasses
from collections.abc import Iterable

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import booked, kinds
from kohakuriver.resources.booked import Limit


@dataclasses.dataclass(slots=True)
class _Namespace:
    limits: dict[str, tuple[Limit, ...]] = dataclasses.field(default_factory=dict)  # by the quota's key
    turn: Record | None = None


class Quotas:
    """Everything that giving something to a VPS of a namespace is compared with."""

    def __init__(self) -> None:
        self._namespaces: dict[str, _Namespace] = {}

    def limits(self, namespace: str) -> tuple[Limit, ...]:
        """What its quotas limit of what is booked; empty where nothing has to be compared."""
        found = self._namespaces.get(namespace)
        return tuple(limit for limits in found.limits.values() for limit in limits) if found else ()

    def turn(self, key: str) -> Record | None:
        """The record of the order in which a namespace's bookings are made."""
        found = self._namespaces.get(_namespace_of(key))
        return found.turn if found else None

    def apply(self, key: str, record: Record | None) -> None:
        """A key under `registry/` has changed, come or gone."""
        if key.startswith(_QUOTAS):
            limits = _limits(record) if record is not None else ()
            found = self._namespaces.setdefault(_namespace_of(key), _Namespace())
            found.limits.pop(key, None)
            if limits:
                found.limits[key] = limits
        elif key.startswith(codec.QUOTA_TURNS):
            self._namespaces.setdefault(_namespace_of(key), _Namespace()).turn = record

    def replace(self, records: Iterable[Record]) -> None:
        """These are all keys there are."""
        self._namespaces = {}
        for record in records:
            self.apply(record.key, record)


_QUOTAS = codec.prefix(kinds.RESOURCE_QUOTA)


def _namespace_of(key: str) -> str:
    """Of a quota's key or of a turn's."""
    if key.startswith(codec.QUOTA_TURNS):
        return key[len(codec.QUOTA_TURNS) :]
    return key[len(_QUOTAS) :].partition("/")[0]


def _limits(record: Record) -> tuple[Limit, ...]:
    try:
        body = codec.decode(record)
    except codec.Unreadable:
        return ()  # nobody could correct or delete it over the API
    return booked.limits_of(record.key.rpartition("/")[2], body)
