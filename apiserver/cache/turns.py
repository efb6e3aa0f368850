"""In which order pending VPSes get their turn: by priority, then by age, as the controller's queue has it.

Kept up to date change by change, so that a place costs a look-up and no write: every VPS that is bound moves
all behind it, and five thousand that wait must not be written to for that. Other kinds have no turns.
"""

import bisect
from collections.abc import Mapping
from typing import Any, NamedTuple

from kohakuriver.resources import kinds, reasons
from kohakuriver.resources.kinds import ResourceType


class Turn(NamedTuple):
    """Smaller comes first."""

    rank: int  # priority, negated
    born: str
    created: int  # the revision, for those of one second
    key: str


def turn_of(resource: ResourceType, obj: Mapping[str, Any], *, key: str, created: int) -> Turn | None:
    """The turn of a VPS that waits for a node, and not in vain; None for everything else."""
    if resource is not kinds.VPS:
        return None
    metadata, status = obj["metadata"], _mapping(obj.get("status"))
    if status.get("phase") != "pending" or status.get("assignment") or metadata.get("deletionTimestamp"):
        return None
    if status.get("reason") in reasons.SCHEDULING:
        return None  # no turn of its ever comes before somebody changes something
    priority = _mapping(obj.get("spec")).get("priority")
    return Turn(
        -priority if isinstance(priority, int) else 0,
        str(metadata.get("creationTimestamp") or ""),
        created,
        key,
    )


class Turns:
    """All turns, in order."""

    def __init__(self) -> None:
        self._order: list[Turn] = []

    def move(self, before: Turn | None, after: Turn | None) -> None:
        """A VPS has begun to wait, no longer waits, or waits at another place."""
        if before == after:
            return
        if before is not None:
            del self._order[bisect.bisect_left(self._order, before)]
        if after is not None:
            bisect.insort(self._order, after)

    def place(self, turn: Turn) -> tuple[int, int]:
        """Which one it is, counted from 1, and of how many."""
        at = bisect.bisect_left(self._order, turn)
        is_known = at < len(self._order) and self._order[at] == turn
        return at + 1, len(self._order) + (not is_known)


def words(place: int, of: int) -> str:
    """`3rd of 12 waiting`; nothing for who waits alone."""
    if of < 2:
        return ""
    tens = place % 100 // 10
    ending = "th" if tens == 1 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending} of {of} waiting"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
