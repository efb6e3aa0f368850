"""Every node with what is free on it, kept up to date one node at a time, and ranked for the next decision.

The scheduler tells what its informers saw, and what it has just asked for: a booking counts from the moment
it is asked for, until the watch has passed the revision at which it was made. Holds state, does no I/O.
"""

import bisect
import collections
import dataclasses
from collections.abc import Iterator

from controller import schedule
from controller.schedule import Placement, Strategy, Unschedulable
from controller.view import Booking, NodeFacts, NodeView, VPSRequest, view_of

IN_FLIGHT = -1  # the revision of a booking that has been asked for and not yet answered
ANY_PORT = 0  # stands in for the port that the server will choose


@dataclasses.dataclass(slots=True)
class _Assumed:
    booking: Booking
    revision: int = IN_FLIGHT


@dataclasses.dataclass(slots=True)
class _Held:
    """What is booked on one node."""

    revision: int = 0  # of the record that the watch has shown
    bookings: dict[str, Booking] = dataclasses.field(default_factory=dict)
    assumed: dict[str, _Assumed] = dataclasses.field(default_factory=dict)

    def all(self) -> dict[str, Booking]:
        if not self.assumed:
            return self.bookings
        return self.bookings | {uid: assumed.booking for uid, assumed in self.assumed.items()}


class Fleet:
    """The nodes of the cluster, as the next decision should see them."""

    def __init__(self, *, strategy: Strategy = Strategy.SPREAD) -> None:
        self.version = 0  # raised by every change
        self._strategy = strategy
        self._facts: dict[str, NodeFacts] = {}
        self._held: dict[str, _Held] = {}
        self._views: dict[str, NodeView] = {}
        self._ranking: list[tuple[float, str]] = []  # worth, negated, and name: the best first
        self._with_image: collections.Counter[str] = collections.Counter()
        self._improved: set[str] = set()
        self._refusals: dict[VPSRequest, Unschedulable] = {}  # of this version

    def __len__(self) -> int:
        return len(self._views)

    def get(self, name: str) -> NodeView | None:
        return self._views.get(name)

    def set_node(self, name: str, facts: NodeFacts | None) -> None:
        """The Node is now so; None: it is gone."""
        before = self._facts.pop(name, None)
        if before == facts:
            if facts is not None:
                self._facts[name] = facts
            return
        self._with_image.subtract(before.images if before else ())
        if facts is not None:
            self._facts[name] = facts
            self._with_image.update(facts.images)
        self._refresh(name)

    def set_bookings(self, name: str, bookings: dict[str, Booking], *, revision: int) -> None:
        """The node's record is now so, at this revision; what was assumed up to there is in it."""
        held = self._held.setdefault(name, _Held())
        held.revision, held.bookings = revision, bookings
        held.assumed = {
            uid: assumed
            for uid, assumed in held.assumed.items()
            if assumed.revision == IN_FLIGHT or assumed.revision > revision
        }
        self._refresh(name)

    def assume(self, name: str, uid: str, request: VPSRequest) -> None:
        """A booking is being asked for: count it."""
        view = self._views[name]
        port = ANY_PORT if request.needs_port and view.facts.ports else None
        self._held.setdefault(name, _Held()).assumed[uid] = _Assumed(
            Booking(request.cores, request.memory, port)
        )
        self._refresh(name)

    def confirm(self, name: str, uid: str, *, revision: int) -> None:
        """The booking was made at this revision: count it until the watch has shown that."""
        held = self._held.get(name)
        if held is None or uid not in held.assumed:
            return
        held.assumed[uid].revision = revision
        if held.revision >= revision:
            del held.assumed[uid]
            self._refresh(name)

    def withdraw(self, name: str, uid: str) -> None:
        """The booking was not made, or nobody knows: count only what the record says."""
        held = self._held.get(name)
        if held is not None and held.assumed.pop(uid, None) is not None:
            self._refresh(name)

    def schedule(self, request: VPSRequest) -> Placement | Unschedulable:
        """What `schedule.schedule` says of all nodes."""
        refusal = self._refusals.get(request)
        if refusal is not None:
            return refusal
        if request.node is not None:
            named = self._views.get(request.node)
            verdict = schedule.schedule(request, [named] if named else [], strategy=self._strategy)
        else:
            bonus = schedule.IMAGE_BONUS if self._with_image[request.image] > 0 else 0.0
            best = schedule.pick(request, self._best_first(), bonus=bonus)
            nodes = [view for _, view in self._best_first()] if best is None else []
            verdict = Placement(best.name) if best is not None else schedule.explain(request, nodes)
        if isinstance(verdict, Unschedulable):
            self._refusals[request] = verdict
        return verdict

    def take_improved(self) -> list[NodeView]:
        """The nodes that came, or got better in any way, since this was last asked."""
        improved, self._improved = self._improved, set()
        return [self._views[name] for name in sorted(improved) if name in self._views]

    def _best_first(self) -> Iterator[tuple[float, NodeView]]:
        for negated, name in self._ranking:
            yield -negated, self._views[name]

    def _refresh(self, name: str) -> None:
        facts, held = self._facts.get(name), self._held.get(name)
        before = self._views.pop(name, None)
        view = view_of(facts, held.all() if held else {}) if facts is not None else None
        if view is not None:
            self._views[name] = view
        if view == before:
            return
        self.version += 1
        self._refusals.clear()
        self._rank(before, view)
        if view is not None and (before is None or not _only_less(before, view)):
            self._improved.add(name)

    def _rank(self, before: NodeView | None, view: NodeView | None) -> None:
        if before is not None:
            place = (-schedule.worth(before, self._strategy), before.name)
            del self._ranking[bisect.bisect_left(self._ranking, place)]
        if view is not None:
            bisect.insort(self._ranking, (-schedule.worth(view, self._strategy), view.name))


def _only_less(before: NodeView, view: NodeView) -> bool:
    """Whether nothing changed but that less is free."""
    return (
        before.facts is view.facts
        and view.free_cores <= before.free_cores
        and view.free_memory <= before.free_memory
        and view.free_ports <= before.free_ports
    )
