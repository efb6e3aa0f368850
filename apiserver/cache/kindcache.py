"""The objects of one kind as of the cache's revision, their recent history, and who follows them.

Filled by `cache.py` alone, one complete revision after the other; nothing in here waits, so whoever reads
between two awaits sees one consistent state.
"""

from collections.abc import Iterator, Mapping

from kohakuriver.apiserver.cache.entry import Entry
from kohakuriver.apiserver.cache.history import Event, History
from kohakuriver.apiserver.cache.index import Index
from kohakuriver.apiserver.cache.turns import Turns
from kohakuriver.apiserver.cache.watchers import Watcher, Watchers
from kohakuriver.apiserver.limits.shares import Share
from kohakuriver.apiserver.objects.selectors import Selection
from kohakuriver.apiserver.store.base import Record
from kohakuriver.clock import Clock
from kohakuriver.errors import ApiError
from kohakuriver.resources.kinds import ResourceType


class KindCache:
    """One kind."""

    def __init__(self, resource: ResourceType, clock: Clock) -> None:
        self.resource = resource
        self.history = History()
        self.watchers = Watchers()
        self.turns = Turns()
        self._clock = clock
        self._entries: dict[str, Entry] = {}
        self._index = Index(resource)
        self._order: list[str] | None = None  # the keys sorted; None when they have changed

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def recall(self, key: str) -> Record | None:
        """The object's record, but for its resourceVersion, which reading puts in anyway."""
        entry = self._entries.get(key)
        return Record(key, entry.raw, entry.revision, entry.revision) if entry is not None else None

    def select(self, selection: Selection) -> Iterator[Entry]:
        """The objects meant, in key order."""
        return (entry for entry in self.candidates(selection) if entry.matches(selection))

    def candidates(self, selection: Selection) -> list[Entry]:
        """All that may be meant as of now, in key order; none of them is looked at, which may take long."""
        keys = self._index.find(selection.pin())
        if keys is None:
            if self._order is None:
                self._order = sorted(self._entries)
            keys = self._order
        return [self._entries[key] for key in keys]

    def follow(self, selection: Selection, *, since: int, share: Share | None = None) -> Watcher:
        """A watcher that gets everything after `since`. Raises Expired when that is too long ago."""
        watcher = Watcher(selection, waker=self.watchers.waker, share=share)
        watcher.preload(self.history.after(since))
        self.watchers.add(watcher)
        return watcher

    def apply(self, key: str, entry: Entry | None, *, revision: int) -> None:
        """Take over one change, a removal when there is no entry, and tell the watchers."""
        previous = self._entries.pop(key, None) if entry is None else self._entries.get(key)
        if entry is not None:
            self._entries[key] = entry
        self._index.move(key, previous, entry)
        self.turns.move(previous.turn if previous else None, entry.turn if entry else None)
        if (entry is None) != (previous is None):
            self._order = None
        if entry is not None and previous is not None and entry.uid != previous.uid:
            # Adopted: another object under the same name, which a watch that is cut here is not to miss.
            self._happened(self._event(revision, None, previous, followed=True))
            previous = None
        if entry is not None or previous is not None:
            self._happened(self._event(revision, entry, previous))

    def replace(self, entries: Mapping[str, Entry], revision: int) -> None:
        """Take over a whole new listing: watchers get the differences, nobody resumes from before it."""
        before, self._entries, self._order = self._entries, dict(entries), None
        self._index, self.turns = Index(self.resource), Turns()
        for key, entry in entries.items():
            self._index.move(key, None, entry)
            self.turns.move(None, entry.turn)
        for key, entry in before.items():
            if key not in entries:
                self.watchers.dispatch(self._event(revision, None, entry, followed=True))
        changed = (entry for key, entry in entries.items() if before.get(key) != entry)
        for entry in sorted(changed, key=lambda entry: entry.revision):
            known = before.get(entry.key)
            if known is not None and known.uid != entry.uid:
                self.watchers.dispatch(self._event(entry.revision, None, known, followed=True))
                known = None
            self.watchers.dispatch(self._event(entry.revision, entry, known))
        self.history.restart(revision)

    def end_watches(self, error: ApiError | None = None) -> None:
        for watcher in self.watchers:
            watcher.finish(error)

    def _happened(self, event: Event) -> None:
        self.history.append(event)
        self.watchers.dispatch(event)

    def _event(
        self, revision: int, entry: Entry | None, previous: Entry | None, *, followed: bool = False
    ) -> Event:
        """`followed` by others of the same revision."""
        return Event(
            revision=revision,
            entry=entry,
            previous=previous,
            at=self._clock.monotonic(),
            moment=self._clock.now(),
            resumes_at=revision - 1 if followed else revision,
        )
