"""Whether what the API says can be acted upon: not when the store went back in time (CORRECTNESS 19).

The agent keeps which history of the store it was in and how far that had come. A list from another history,
or from below, is of a store that was restored from a backup: what it does not know may be alive here, and
what it declares may be long over. Then nothing is created, started, stopped, changed or removed on this node
until a person says so (`kohakuriver node accept`), by the id of this very quarantine.

`Watchman` holds it and has it kept on disk; the informers tell it of every list before anybody
sees what is in it. Nothing here waits for a disk: it is called between two renewals of the Lease.
"""

import dataclasses
import logging
import uuid
from collections.abc import Callable

from kohakuriver.clock import Clock, timestamp

log = logging.getLogger(__name__)

SAVE_EVERY = 30.0  # seconds, while nothing but the revision changes


@dataclasses.dataclass(frozen=True, slots=True)
class Quarantine:
    """Since when, and why, nothing is changed here."""

    id: str
    since: str
    why: str

    def words(self, node: str) -> str:
        """With what a person can do."""
        return (
            f"{node} is in quarantine, where nothing is changed: {self.why}; "
            f"look at it with `kohakuriver node status {node}`, then: kohakuriver node accept {node}"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """The history of the store that this node is in, and how far it had come."""

    history: str = ""
    revision: int = 0
    quarantine: Quarantine | None = None


def went_back(seen: Seen, *, history: str, revision: int, mark: int) -> str:
    """In words, if a list of this history and revision is of a store that was restored; empty if it is not.

    `mark` is the revision that was known when the list was asked for.
    """
    if not seen.history or not history:
        return ""  # an agent that starts for the first time, or a server that does not say
    if history != seen.history:
        return "the cluster's store was restored from a backup"
    if revision < mark:
        return f"the cluster's store went back in time, from revision {mark} to {revision}"
    return ""


class Watchman:
    """What one node has seen of the store, and its quarantine."""

    def __init__(
        self, seen: Seen, *, save: Callable[[Seen], None], clock: Clock, changed: Callable[[], None]
    ) -> None:
        self.seen = seen
        self._save = save
        self._clock = clock
        self._changed = changed
        self._saved_at = clock.monotonic()

    @property
    def quarantine(self) -> Quarantine | None:
        return self.seen.quarantine

    def mark(self) -> int:
        """What a list that is asked for now must be at, or above."""
        return self.seen.revision

    def listed(self, history: str, revision: int, *, mark: int) -> None:
        """A list has come in; nobody has looked at it yet."""
        why = went_back(self.seen, history=history, revision=revision, mark=mark)
        if why:
            self._begin(why, history, revision)
        elif history and history != self.seen.history:
            self._set(dataclasses.replace(self.seen, history=history, revision=revision))
        else:
            self.reached(revision)

    def renewed(self, revision: int, *, mark: int) -> None:
        """A write of this node's own has been made at that revision; `mark` was known before."""
        why = went_back(self.seen, history=self.seen.history, revision=revision, mark=mark)
        if why:
            self._begin(why, self.seen.history, revision)
        else:
            self.reached(revision)

    def _begin(self, why: str, history: str, revision: int) -> None:
        quarantine = self.quarantine
        if quarantine is None:
            since = timestamp(self._clock.now())
            quarantine = Quarantine(uuid.uuid4().hex[:12], since, why)
        log.warning("in quarantine: nothing is changed on this node", extra={"because": why})
        self._set(Seen(history, revision, quarantine))

    def reached(self, revision: int) -> None:
        """A watch has come so far."""
        if revision <= self.seen.revision:
            return
        self.seen = dataclasses.replace(self.seen, revision=revision)
        if self._clock.monotonic() - self._saved_at >= SAVE_EVERY:
            self._store()

    def accept(self, token: str) -> None:
        """A person has looked at the node: end the quarantine of this id."""
        if self.quarantine is None or token != self.quarantine.id:
            return
        log.warning("the quarantine is over: what is declared is carried out again", extra={"id": token})
        self._set(dataclasses.replace(self.seen, quarantine=None))

    def note(self) -> None:
        """Take down how far the store has come: this agent ends."""
        self._store()

    def _set(self, seen: Seen) -> None:
        self.seen = seen
        self._store()
        self._changed()

    def _store(self) -> None:
        self._saved_at = self._clock.monotonic()
        self._save(self.seen)
