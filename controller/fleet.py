"""Every node with what is free on it, kept up to date one node at a time, and ranked for the next decision.

The scheduler tells what its informers saw, and what it has just asked for: a booking counts from the moment
it is asked for, until the watch has passed the revision at which it was made. Holds state, does no I/O.
"""

import bisect
import collections
import dataclasses
from collections.abc import Iterator

from kohakuriver.controller.deciding import schedule
from kohakuriver.controller.deciding.schedule import Placement, Strategy, Unschedulable
from kohakuriver.controller.deciding.view import NodeFacts, NodeView, VPSRequest
from kohakuriver.controller.quotas import Quotas
from kohakuriver.controller.refusals import Refusals
from kohakuriver.placement.booking import Booking
from kohakuriver.placement.room import room_of

IN_FLIGHT = -1  # the revision of a booking that has been asked for and not yet answered
Ranking = list[tuple[float, str]]  # worth, negated, and name: the best first


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
    unreadable: str = ""  # why nobody knows what is booked

    def all(self) -> dict[str, Booking]:
        if not self.assumed:
            return self.bookings
        return self.bookings | {uid: assumed.booking for uid, assumed in self.assumed.items()}


class Fleet:
    """The nodes of the cluster, as the next decision should see them."""

    def __init__(self, *, strategy: Strategy = Strategy.SPREAD, refusals: Refusals | None = None) -> None:
        self.version = 0  # raised by every change
        self.quotas = Quotas()
        self._strategy = strategy
        self._facts: dict[str, NodeFacts] = {}
        self._held: dict[str, _Held] = {}
        self._views: dict[str, NodeView] = {}
        self._ranking: Ranking = []  # for those who ask for no GPUs
        self._with_gpus: Ranking = []  # only nodes that have any, for those who do
        self._with_image: collections.Counter[str] = collections.Counter()
        self._improved: set[str] = set()
        self._refusals = refusals or Refusals()

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

    def set_bookings(
        self, name: str, bookings: dict[str, Booking], *, revision: int, unreadable: str = ""
    ) -> None:
        """The node's record is now so, at this revision; what was assumed up to there is in it."""
        held = self._held.setdefault(name, _Held())
        held.revision, held.bookings, held.unreadable = revision, bookings, unreadable
        held.assumed = {
            uid: assumed
            for uid, assumed in held.assumed.items()
            if assumed.revision == IN_FLIGHT or assumed.revision > revision
        }
        self._refresh(name)

    def assume(self, name: str, uid: str, request: VPSRequest) -> None:
        """A booking is being asked for: count it."""
        booking = schedule.foreseen(request, self._views[name])
        self._held.setdefault(name, _Held()).assumed[uid] = _Assumed(booking)
        self._refresh(name)

    def confirm(self, name: str, uid: str, *, revision: int, booking: Booking | None = None) -> None:
        """The booking was made so at this revision: count it until the watch has shown that."""
        held = self._held.get(name)
        if held is None or uid not in held.assumed:
            return
        assumed = held.assumed[uid]
        if booking is not None:  # a grant says neither whose it is, nor the disk
            kept = assumed.booking
            booking = dataclasses.replace(booking, namespace=kept.namespace, disk=kept.disk)
        is_news = booking is not None and booking.is_special and booking != assumed.booking
        if held.revision >= revision:
            del held.assumed[uid]
        else:
            held.assumed[uid] = _Assumed(booking or assumed.booking, revision)
        if is_news or uid not in held.assumed:
            self._refresh(name)

    def withdraw(self, name: str, uid: str) -> None:
        """The booking was not made, or nobody knows: count only what the record says."""
        held = self._held.get(name)
        if held is not None and held.assumed.pop(uid, None) is not None:
            self._refresh(name)

    def schedule(self, request: VPSRequest) -> Placement | Unschedulable:
        """What `schedule.schedule` says of all nodes, if the request's namespace may book it.

        A node that keeps its volumes comes before all others.
        """
        over = schedule.hindered(request) or self.quotas.refuse(request)
        if over is not None:
            return over
        if request.node is not None:
            named = self._views.get(request.node)
            return schedule.schedule(request, [named] if named else [], strategy=self._strategy)
        for name in request.homes:
            home = self._views.get(name)
            if home is not None and schedule.fits(request, home):
                return Placement(name)
        for_gpus = bool(request.gpus.count)
        bonus = schedule.IMAGE_BONUS if self._with_image[request.image] > 0 else 0.0
        kept = self._refusals.get(request)
        if kept is None:
            refused: dict[str, int] = {}
            ranking = self._with_gpus if for_gpus else self._ranking
            best = schedule.pick(request, self._best_first(ranking), bonus=bonus, refused=refused)
            self._refusals.asked += len(refused) + 1
            if best is None:
                kept = self._refusals.keep(request, refused)
        else:
            places = sorted(
                (self._place(node, for_gpus=for_gpus), node) for node in self._refusals.nodes(kept.fitting)
            )
            best = schedule.pick(request, ((-place[0], node) for place, node in places), bonus=bonus)
        if best is not None:
            return Placement(best.name)
        assert kept is not None  # noqa: S101 - nothing fits, so what refused it is kept
        return self._refusals.words(kept)

    @property
    def asked(self) -> int:
        """How many nodes have been asked about some request so far: what deciding costs."""
        return self._refusals.asked

    def take_improved(self) -> list[NodeView]:
        """The nodes that came, or got better in any way, since this was last asked."""
        improved, self._improved = self._improved, set()
        return [self._views[name] for name in sorted(improved) if name in self._views]

    def _best_first(self, ranking: Ranking) -> Iterator[tuple[float, NodeView]]:
        for negated, name in ranking:
            yield -negated, self._views[name]

    def _refresh(self, name: str) -> None:
        facts, held = self._facts.get(name), self._held.get(name)
        self.quotas.set_node(name, held.all() if held else {})
        before = self._views.pop(name, None)
        if facts is not None and held is not None and held.unreadable:
            facts = dataclasses.replace(facts, unreadable=held.unreadable)
        view = room_of(facts, held.all() if held else {}) if facts is not None else None
        if view is not None:
            self._views[name] = view
        if view == before:
            return
        self.version += 1
        self._refusals.changed(name, view)
        self._rank(before, view)
        if view is not None and (before is None or not view.has_no_more_than(before)):
            self._improved.add(name)

    def _place(self, node: NodeView, *, for_gpus: bool) -> tuple[float, str]:
        return -schedule.worth(node, self._strategy, for_gpus=for_gpus), node.name

    def _rank(self, before: NodeView | None, view: NodeView | None) -> None:
        for ranking, for_gpus in ((self._ranking, False), (self._with_gpus, True)):
            if before is not None and (before.facts.gpus or not for_gpus):
                del ranking[bisect.bisect_left(ranking, self._place(before, for_gpus=for_gpus))]
            if view is not None and (view.facts.gpus or not for_gpus):
                bisect.insort(ranking, self._place(view, for_gpus=for_gpus))
