"""The VPSes that wait for a node: by priority, then by age; parked until something could help.

VPSes that ask for the same lie in one group, for what refuses one refuses all of them: a group is parked and
woken as a whole, which makes five thousand waiting VPSes as cheap as one. Plain data: the scheduler calls it.
"""

import dataclasses
import heapq
import itertools
from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

from kohakuriver.controller.deciding.schedule import Unschedulable
from kohakuriver.controller.deciding.view import VPSRequest

Key = TypeVar("Key", bound=Hashable)


class _Place(NamedTuple):
    """Where in the queue: smaller comes first."""

    rank: int  # priority, negated
    born: str
    sequence: int


@dataclasses.dataclass(slots=True)
class _Group(Generic[Key]):
    members: dict[Key, _Place] = dataclasses.field(default_factory=dict)
    heap: list[tuple[_Place, Key]] = dataclasses.field(default_factory=list)
    verdict: Unschedulable | None = None  # set: parked
    offered: _Place | None = None  # the head as the queue of groups knows it

    def head(self) -> tuple[_Place, Key] | None:
        while self.heap and self.members.get(self.heap[0][1]) is not self.heap[0][0]:
            heapq.heappop(self.heap)  # removed, or moved elsewhere, since it was pushed
        return self.heap[0] if self.heap else None


class PendingQueue(Generic[Key]):
    """Who is next."""

    def __init__(self) -> None:
        self._groups: dict[VPSRequest, _Group[Key]] = {}
        self._group_of: dict[Key, VPSRequest] = {}
        self._ready: list[tuple[_Place, int, VPSRequest]] = []  # heads of groups that are not parked
        self._sequence = itertools.count()
        self._held: set[str] = set()  # accounts
        self._passed_over: dict[str, dict[VPSRequest, None]] = {}  # by account: what had its turn while held

    def __len__(self) -> int:
        return len(self._group_of)

    def __iter__(self) -> Iterator[Key]:
        """Everybody, in no order."""
        return iter(list(self._group_of))

    def __contains__(self, key: Key) -> bool:
        return key in self._group_of

    def put(self, key: Key, request: VPSRequest, *, priority: int, born: str) -> bool:
        """Add a VPS, or take over what changed in it; its turn stays. Whether anything changed."""
        held = self._place_of(key)
        rank = -priority
        if held is not None and self._group_of[key] == request and (held.rank, held.born) == (rank, born):
            return False
        if self._group_of.get(key) != request:
            self.remove(key)
        place = _Place(rank, born, held.sequence if held else next(self._sequence))
        group = self._groups.setdefault(request, _Group())
        group.members[key] = place
        heapq.heappush(group.heap, (place, key))
        self._group_of[key] = request
        self._offer(request)
        return True

    def remove(self, key: Key) -> None:
        """This VPS no longer waits."""
        request = self._group_of.pop(key, None)
        if request is None:
            return
        group = self._groups[request]
        del group.members[key]
        if not group.members:
            del self._groups[request]

    def next(self) -> tuple[Key, VPSRequest] | None:
        """The VPS whose turn it is. It stays until `remove` or `park`."""
        while self._ready:
            place, _, request = self._ready[0]
            group = self._groups.get(request)
            head = group.head() if group is not None and group.verdict is None else None
            is_held = request.account in self._held
            if head is not None and head[0] is place and not is_held:
                return head[1], request
            heapq.heappop(self._ready)
            if group is not None and group.offered is place:
                group.offered = None
            if head is not None and is_held:
                self._passed_over.setdefault(request.account, {})[request] = None
            elif head is not None:
                self._offer(request)
        return None

    def hold(self, account: str) -> None:
        """Pass over all of this account until `let`: as many of it as may be are under way."""
        self._held.add(account)

    def let(self, account: str) -> None:
        """Those of this account have their turns again, each in its place."""
        self._held.discard(account)
        for request in self._passed_over.pop(account, {}):
            if request in self._groups:
                self._offer(request)

    def park(self, request: VPSRequest, verdict: Unschedulable) -> bool:
        """All that ask for this wait until they are woken. Whether the verdict is a new one."""
        group = self._groups.get(request)
        if group is None or group.verdict == verdict:
            return False
        group.verdict = verdict
        return True

    def wake(self, requests: Iterable[VPSRequest]) -> int:
        """Take up again those that ask for one of these. How many groups that were."""
        woken = 0
        for request in requests:
            group = self._groups.get(request)
            if group is not None and group.verdict is not None:
                group.verdict = None
                self._offer(request)
                woken += 1
        return woken

    def verdict(self, key: Key) -> Unschedulable | None:
        """Why this VPS is parked, if it is."""
        request = self._group_of.get(key)
        return self._groups[request].verdict if request is not None else None

    def verdict_on(self, request: VPSRequest) -> Unschedulable | None:
        """Why those that ask for this are parked, if they are."""
        group = self._groups.get(request)
        return group.verdict if group is not None else None

    def members(self, request: VPSRequest) -> list[Key]:
        """All that wait for this."""
        group = self._groups.get(request)
        return list(group.members) if group is not None else []

    def parked(self) -> list[VPSRequest]:
        """What those ask for that are parked, each wish once."""
        return [request for request, group in self._groups.items() if group.verdict is not None]

    def _place_of(self, key: Key) -> _Place | None:
        request = self._group_of.get(key)
        return self._groups[request].members[key] if request is not None else None

    def _offer(self, request: VPSRequest) -> None:
        group = self._groups[request]
        head = group.head() if group.verdict is None else None
        if head is not None and group.offered is not head[0]:
            group.offered = head[0]
            heapq.heappush(self._ready, (head[0], next(self._sequence), request))
