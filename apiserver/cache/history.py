"""What happened to the objects of one kind, kept for a while so that watches can resume.

Events are kept by age, and bounded in number and bytes beside that; `floor` says from where on the
record is whole. Pure: time is handed in.
"""

import bisect
import datetime
from collections.abc import Sequence

from kohakuriver.apiserver.cache.entry import Entry
from kohakuriver.apiserver.objects.selectors import Selection
from kohakuriver.apiserver.printers.forms import EventType, Form
from kohakuriver.clock import EPOCH
from kohakuriver.errors import Expired

KEPT_SECONDS = 330.0  # CORRECTNESS 20 asks for five minutes
KEPT_EVENTS = 100_000
KEPT_BYTES = 64 * 1024 * 1024


class Event:
    """One change of one object.

    Who is cut behind a removal resumes at the revision that its line has: before its own, where more of the
    same revision follows.
    """

    __slots__ = ("_lines", "at", "entry", "moment", "previous", "resumes_at", "revision")

    def __init__(
        self,
        *,
        revision: int,
        entry: Entry | None,
        previous: Entry | None,
        at: float,
        moment: datetime.datetime,
        resumes_at: int | None = None,
    ) -> None:
        self.revision = revision
        self.entry = entry
        self.previous = previous
        self.at = at
        self.moment = moment
        self.resumes_at = revision if resumes_at is None else resumes_at
        self._lines: dict[tuple[EventType, Form], bytes] = {}

    def type_for(self, selection: Selection) -> EventType | None:
        """What this change is to somebody who sees only a selection; None when it is nothing."""
        is_in = self.entry is not None and self.entry.matches(selection)
        was_in = self.previous is not None and self.previous.matches(selection)
        if is_in:
            return EventType.MODIFIED if was_in else EventType.ADDED
        return EventType.DELETED if was_in else None

    def line(self, type_: EventType, form: Form) -> bytes:
        """The watch event on the wire. What takes work is done once and shared."""
        if type_ is not EventType.DELETED and not form.kept:
            return form.event(type_, self._raw(type_), self.moment)
        made = self._lines.get((type_, form))
        if made is None:
            made = self._lines[type_, form] = form.event(type_, self._raw(type_), self.moment)
        return made

    @property
    def size(self) -> int:
        entry = self.entry or self.previous
        return len(entry.raw) if entry else 0

    def _raw(self, type_: EventType) -> bytes:
        if type_ is EventType.DELETED and self.previous is not None:
            return self.previous.at(self.resumes_at)
        assert self.entry is not None, "only a deletion has no new state"  # noqa: S101
        return self.entry.raw


_FORGOTTEN = Event(revision=0, entry=None, previous=None, at=0.0, moment=EPOCH)


class Missed:
    """What happened after a revision up to now, read piece by piece; the history alone keeps it."""

    def __init__(self, history: "History", at: int, end: int) -> None:
        self._history = history
        self._at = at
        self._end = end

    @property
    def over(self) -> bool:
        return self._at >= self._end

    def read(self, most: int) -> Sequence[Event]:
        """The next ones. Raises Expired when they have been forgotten meanwhile."""
        return self._history.read(self._at, min(self._end, self._at + most))

    def skip(self, number: int) -> None:
        """These have been seen."""
        self._at += number


class History:
    """The events of one kind, oldest first."""

    def __init__(self) -> None:
        self.floor = 0  # events after this revision are all here
        self._events: list[Event] = []
        self._dropped = 0  # entries at the front of the list that are no longer kept
        self._gone = (
            0  # entries that were before the list: places in the history are counted from its beginning
        )
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._events) - self._dropped

    def restart(self, revision: int) -> None:
        """Forget everything: nothing is known of what came before `revision`."""
        self.floor = revision
        self._gone += len(self._events)
        self._events, self._dropped, self._bytes = [], 0, 0

    def append(self, event: Event) -> None:
        self._events.append(event)
        self._bytes += event.size
        self._trim(event.at)

    def after(self, revision: int) -> Missed:
        """What came after `revision`. Raises Expired when part of it is forgotten."""
        if revision < self.floor:
            raise Expired(
                f"too old resource version: {revision} ({self.floor})",
                hint="list again, and watch from the list's resourceVersion",
            )
        first = bisect.bisect_right(self._events, revision, lo=self._dropped, key=lambda e: e.revision)
        return Missed(self, self._gone + first, self._gone + len(self._events))

    def read(self, start: int, end: int) -> Sequence[Event]:
        """The events at these places. Raises Expired when they are forgotten."""
        if start < self._gone + self._dropped:
            raise Expired(
                "this watch read its past more slowly than it is forgotten",
                hint="list again and watch from there",
            )
        return self._events[start - self._gone : end - self._gone]

    def _trim(self, now: float) -> None:
        while self._dropped < len(self._events) - 1 and self._too_much(now):
            oldest = self._events[self._dropped]
            self.floor = oldest.revision
            self._bytes -= oldest.size
            self._events[self._dropped] = _FORGOTTEN  # its objects go now; the list, a thousand at a time
            self._dropped += 1
        if self._dropped >= 1000:
            self._gone += self._dropped
            del self._events[: self._dropped]
            self._dropped = 0

    def _too_much(self, now: float) -> bool:
        too_old = self._events[self._dropped].at < now - KEPT_SECONDS
        return too_old or len(self) > KEPT_EVENTS or self._bytes > KEPT_BYTES
