"""When each node was last heard, and up to when everything has been heard.

Fed by the watch on Leases and by the controller's own heartbeat; read by `lifecycle.py` for `nodes.judge`.
All times are this controller's own monotonic clock: no time in a Lease is ever compared. Holds state, does
no I/O.
"""

import dataclasses

from kohakuriver.controller.deciding.nodes import Hearing, Limits
from kohakuriver.resources.lease import MOST_PATIENCE

MOST_BEATS = 100  # that are remembered while none comes back: minutes


@dataclasses.dataclass(slots=True)
class _Node:
    revision: str
    heard: float | None
    excused_until: float
    patience: float


class Ears:
    """Stamps renewals as they come in."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._nodes: dict[str, _Node] = {}
        self._sent: dict[int, float] = {}  # own beats under way, and when they were sent
        self._known_until = float("-inf")
        self._interrupted = True  # nothing has come back yet: a cold view

    @property
    def known_until(self) -> float:
        """Every renewal made before this moment has been stamped."""
        return self._known_until

    @property
    def is_interrupted(self) -> bool:
        """Whether the view is cold or has had a gap that no beat of ours has closed yet."""
        return self._interrupted

    def renewal(self, name: str, *, revision: str, duration: float | None, now: float) -> None:
        """The watch showed this node's Lease. Only a change of its revision says that the node lives."""
        patience = max(self._limits.loss, min(duration or 0.0, MOST_PATIENCE))
        node = self._nodes.get(name)
        if node is None:
            self._nodes[name] = self._first_seen(revision, patience, now)
        elif node.revision != revision:
            self._nodes[name] = _Node(revision, now, now + patience, patience)

    def answered(self, name: str, *, now: float) -> None:
        """The node wrote something after it had been called silent.

        It answers what its watch tells within milliseconds, and may renew up to a period later: until then it
        would be called silent again.
        """
        node = self._nodes.get(name)
        if node is not None:
            self._nodes[name] = _Node(node.revision, now, now + node.patience, node.patience)

    def forget(self, name: str) -> None:
        """The node is gone."""
        self._nodes.pop(name, None)

    def sent(self, beat: int, *, now: float) -> None:
        """The controller's own Lease is being written."""
        self._sent[beat] = now
        self._sent = dict(list(self._sent.items())[-MOST_BEATS:])

    def echo(self, beat: int, *, now: float) -> None:
        """The watch brought that write back: what was written before it has been heard."""
        sent = self._sent.get(beat)
        self._sent = {number: at for number, at in self._sent.items() if number > beat}
        if sent is None or sent <= self._known_until:
            return
        deaf_since, self._known_until = self._known_until, sent
        if self._interrupted:
            self._interrupted = False
            self._discard(now, deaf_for=now - deaf_since)

    def listen(self, *, now: float, late_by: float = 0.0) -> None:
        """Once per tick: notice a view that has gone stale, or a loop that was stopped."""
        if late_by > self._limits.skip:
            self._discard(now, deaf_for=0.0)
        if now - self._known_until > self._limits.gap:
            self._interrupted = True

    def hearing(self, name: str, *, is_marked: bool, now: float) -> Hearing:
        """What is known of this node; a node without a Lease starts counting now."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = self._first_seen("", self._limits.loss, now)
        return Hearing(name, node.heard, node.excused_until, node.patience, is_marked)

    def _first_seen(self, revision: str, patience: float, now: float) -> _Node:
        """In a live view a node that appears is heard by that; in a cold one nothing is known of it."""
        if self._interrupted:
            return _Node(revision, None, now + max(self._limits.hold, patience), patience)
        return _Node(revision, now, now + patience, patience)

    def _discard(self, now: float, *, deaf_for: float) -> None:
        """Trust no age: every node is excused until its next renewal, or for the hold.

        Once: what has not been heard since the last time keeps what is left of its hold, which stood still
        while nothing could be heard. Excused anew each time, a dead node would never be found.
        """
        for node in self._nodes.values():
            whole = now + max(self._limits.hold, node.patience)
            left = whole if node.heard is not None else min(whole, node.excused_until + deaf_for)
            node.heard, node.excused_until = None, left
