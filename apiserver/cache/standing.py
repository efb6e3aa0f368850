"""For how long each Lease of a node has stood unchanged, by this server's own monotonic clock.

By this `admission.LeaseRules` judges whether a second machine may be that node. No time that is written in a
Lease counts, for another server's clock wrote it: a revision is stamped when the watch brings it here. So a
server that has just started finds every Lease new, and whoever judges by this commits on condition that the
revision is still the same. Time in which this server heard nothing from the store is nobody's silence:
holders may not have been able to renew.
"""

from collections.abc import Iterable

from kohakuriver.apiserver.cache.tick import SILENCE, STEP
from kohakuriver.apiserver.store.base import Record
from kohakuriver.clock import Clock

GAP = SILENCE + STEP + 1.0  # seconds; while all is well the watch brings something sooner, if only a tick


class Standing:
    """The revisions, and since when each is known."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[str, tuple[int, float]] = {}
        self._heard_at = clock.monotonic()

    def seconds(self, key: str, revision: int) -> float:
        """How long the object is known to have been at this revision; 0 while that is not known."""
        now = self._clock.monotonic()
        known, since = self._since.get(key, (0, now))
        return now - since if known == revision and now - self._heard_at <= GAP else 0.0

    def apply(self, key: str, record: Record | None) -> None:
        """Take over one change."""
        if record is None:
            self._since.pop(key, None)
        else:
            self._since[key] = (record.revision, self._clock.monotonic())

    def replace(self, records: Iterable[Record]) -> None:
        """Take over a whole new listing; what was read over a broken watch has just been heard."""
        self._since = {}
        for record in records:
            self.apply(record.key, record)

    def heard(self) -> None:
        """The store has said something. After too long a silence all starts anew."""
        now = self._clock.monotonic()
        if now - self._heard_at > GAP:
            self._since = {key: (revision, now) for key, (revision, _) in self._since.items()}
        self._heard_at = now
