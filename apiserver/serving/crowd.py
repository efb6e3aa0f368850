"""How many connections there may be on which no credential has been shown yet, and how many idle ones of each
credential. Pure, and without a clock.

    accepting.py, at each connection ──► Crowd.enter ──► who has to go for it
    middleware.py, once who is calling is known ──► Crowd.knows: from then on it counts only while it is idle

Nobody is turned away at the door. The one that has been there for longest goes: of many that only hold a
connection it is one of them, while somebody who has a credential shows it within milliseconds.
"""

import collections
import dataclasses
from collections.abc import Callable, Hashable
from typing import Final

# What browsers, probes and commands of one place have open between a handshake and their first request.
EACH: Final = 50
# From where somebody has come who is known: a thousand agents or people behind one address, a load balancer's
# or a router's, come back at once after a restart.
EACH_BEHIND_ONE: Final = 1000
# Connections of one credential on which nothing is under way; a client keeps two, or a hundred at most.
IDLE: Final = 200


@dataclasses.dataclass(eq=False, slots=True)
class Visitor:
    """One connection, from the moment it is taken."""

    place: str
    turn_away: Callable[[], object] = lambda: None
    is_known: bool = False
    rests_for: Hashable = None  # whose idle connection it is, while it is one


class Crowd:
    """All connections of one server; `most` of them may be strangers."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._strangers: dict[Visitor, None] = {}  # those that came first are first, here and below
        self._by_place: dict[str, dict[Visitor, None]] = {}
        self._known: collections.Counter[str] = collections.Counter()
        self._idle: dict[Hashable, dict[Visitor, None]] = {}

    def enter(self, visitor: Visitor) -> Visitor | None:
        """Count it; whose place it takes, if there is none left."""
        self._strangers[visitor] = None
        here = self._by_place.setdefault(visitor.place, {})
        here[visitor] = None
        goes = None
        if len(here) > self.most_of(visitor.place):
            goes = next(iter(here))
        elif len(self._strangers) > self._most:
            goes = next(iter(self._strangers))
        if goes is not None:
            self._forget(goes)
        return goes

    def knows(self, visitor: Visitor) -> None:
        """It has shown a credential."""
        if not visitor.is_known:
            self._forget(visitor)
            visitor.is_known = True
            self._known[visitor.place] += 1

    def left(self, visitor: Visitor) -> None:
        """It is over."""
        self._forget(visitor)
        self.works(visitor)
        if visitor.is_known:
            visitor.is_known = False
            self._known[visitor.place] -= 1
            if not self._known[visitor.place]:
                del self._known[visitor.place]

    def rests(self, visitor: Visitor, whose: Hashable) -> Visitor | None:
        """Nothing is under way on it; which of that credential's has to go, if there are too many."""
        self.works(visitor)
        visitor.rests_for = whose
        idle = self._idle.setdefault(whose, {})
        idle[visitor] = None
        return next(iter(idle)) if len(idle) > IDLE else None

    def works(self, visitor: Visitor) -> None:
        """It rests no more."""
        idle = self._idle.get(visitor.rests_for)
        if idle is not None:
            idle.pop(visitor, None)
            if not idle:
                del self._idle[visitor.rests_for]
        visitor.rests_for = None

    def most_of(self, place: str) -> int:
        """How many strangers may be connected from there."""
        return EACH_BEHIND_ONE if place in self._known else EACH

    def _forget(self, visitor: Visitor) -> None:
        self._strangers.pop(visitor, None)
        here = self._by_place.get(visitor.place)
        if here is not None:
            here.pop(visitor, None)
            if not here:
                del self._by_place[visitor.place]
