"""What each namespace has booked, as the next decision should see it, and what its ResourceQuotas allow.

`fleet.py` tells of each node what is booked there, with what was only asked for so far; the scheduler tells
of quotas. Sums are worked out only where a quota asks for them. Holds state, does no I/O.
"""

from collections.abc import Mapping
from typing import Any

from kohakuriver.client.watch import ObjectKey
from kohakuriver.controller.deciding import quotas
from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.controller.deciding.view import VPSRequest
from kohakuriver.placement.booking import Booking
from kohakuriver.resources import booked
from kohakuriver.resources.booked import NOTHING, Amounts, Limit

Object = dict[str, Any]
Sums = dict[str, Amounts]  # by namespace


class Quotas:
    """The namespaces that may not book as much as they like."""

    def __init__(self) -> None:
        self._limits: dict[str, dict[str, tuple[Limit, ...]]] = {}  # by namespace, then by the quota's name
        self._of_node: dict[str, Sums] = {}
        self._whole: Sums = {}
        self._stale: dict[str, Mapping[str, Booking]] = {}  # nodes whose bookings are not in the sums yet
        self._improved: set[str] = set()

    def set_quota(self, key: ObjectKey, body: Object | None) -> None:
        """The ResourceQuota is now so; None: it is gone."""
        limits = booked.limits_of(key.name, body) if body is not None else ()
        found = self._limits.get(key.namespace, {})
        if found.get(key.name, ()) == limits:
            return
        others = {name: those for name, those in found.items() if name != key.name}
        if limits:
            others[key.name] = limits
        self._limits[key.namespace] = others
        if not others:
            del self._limits[key.namespace]
        self._improved.add(key.namespace)

    def set_node(self, name: str, bookings: Mapping[str, Booking]) -> None:
        """All that is booked on this node now, or asked for."""
        self._stale[name] = bookings

    def limited(self, namespace: str) -> bool:
        """Whether any quota limits what this namespace books."""
        return namespace in self._limits

    def refuse(self, request: VPSRequest, *, is_bound: bool = False) -> Unschedulable | None:
        """Why the namespace of this request may not book it now; None where it may."""
        limits = [limit for limits in self._limits.get(request.account, {}).values() for limit in limits]
        if not limits:
            return None
        self._settle()
        used = self._whole.get(request.account, NOTHING)
        return quotas.refusal(request, used, limits, is_bound=is_bound)

    def take_improved(self) -> set[str]:
        """The namespaces that use less of something, or whose quotas changed, since this was last asked."""
        if self._limits:
            self._settle()
        improved, self._improved = self._improved, set()
        return improved

    def _settle(self) -> None:
        stale, self._stale = self._stale, {}
        for node, bookings in stale.items():
            before, after = self._of_node.pop(node, {}), _sums(bookings)
            if after:
                self._of_node[node] = after
            for namespace in before.keys() | after.keys():
                change = after.get(namespace, NOTHING) - before.get(namespace, NOTHING)
                self._whole[namespace] = self._whole.get(namespace, NOTHING) + change
                if change.falls():
                    self._improved.add(namespace)
                if self._whole[namespace] == NOTHING:
                    del self._whole[namespace]


def _sums(bookings: Mapping[str, Booking]) -> Sums:
    sums: Sums = {}
    for one in bookings.values():
        held = Amounts(one.cores, one.memory, len(one.gpus), one.disk)
        if one.namespace and held != NOTHING:
            sums[one.namespace] = sums.get(one.namespace, NOTHING) + held
    return sums
