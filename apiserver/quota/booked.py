"""What the VPSes of each namespace have booked on all nodes together, out of the NodeAllocations.

A booking of a VPS that is gone counts until its agent has confirmed that the container is removed. Fed by the
cache's one watch, a change at a time; asking costs nothing. Pure.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources.booked import NOTHING, Amounts

__all__ = ["NOTHING", "Amounts", "Booked", "by_namespace"]

Json = dict[str, Any]


class Booked:
    """The sums by namespace, over all nodes."""

    def __init__(self) -> None:
        self._shares: dict[str, dict[str, Amounts]] = {}  # by key of the NodeAllocation, then by namespace
        self._sums: dict[str, Amounts] = {}

    def of(self, namespace: str) -> Amounts:
        """What the VPSes of a namespace hold on all nodes."""
        return self._sums.get(namespace, NOTHING)

    def on(self, key: str, namespace: str) -> Amounts:
        """What of it they hold by one NodeAllocation, named by its key in the store."""
        return self._shares.get(key, {}).get(namespace, NOTHING)

    def apply(self, key: str, record: Record | None) -> None:
        """Take over one change of a NodeAllocation; None where it is gone."""
        before = self._shares.pop(key, {})
        after = by_namespace(record) if record is not None else {}
        if after:
            self._shares[key] = after
        for namespace in before.keys() | after.keys():
            change = after.get(namespace, NOTHING) - before.get(namespace, NOTHING)
            total = self.of(namespace) + change
            if total == NOTHING:
                self._sums.pop(namespace, None)
            else:
                self._sums[namespace] = total

    def replace(self, records: Iterable[Record]) -> None:
        """Take over a whole new listing."""
        self._shares, self._sums = {}, {}
        for record in records:
            self.apply(record.key, record)


def by_namespace(record: Record) -> dict[str, Amounts]:
    """What each namespace holds by one NodeAllocation as it is stored; nonsense in it holds nothing."""
    sums: dict[str, Amounts] = {}
    for booking in _bookings(record):
        namespace = booking.get("namespace")
        if isinstance(namespace, str):
            sums[namespace] = sums.get(namespace, NOTHING) + Amounts.of(booking)
    return sums


def _bookings(record: Record) -> list[Json]:
    try:
        found = orjson.loads(record.value)["bookings"]
        return [booking for booking in found.values() if isinstance(booking, dict)]
    except codec.NONSENSE:
        return []
