"""Who follows a kind, and who of them an event concerns.

A watcher is a bounded queue between the cache, which never waits, and one HTTP answer, which does. One
that falls behind is cut. Most watchers ask for one node, one name or one namespace: those are found by
that value, so that an event costs nothing for the thousand others.
"""

import asyncio
import collections
from collections.abc import Iterator, Sequence

from apiserver.caching.history import Event
from apiserver.reading.selectors import Selection
from apiserver.serving.forms import EventType
from kohakuriver.errors import ApiError, Expired

WOKEN_AT_ONCE = 20  # watchers between two turns of everybody else; each then has a line to write
AT_ONCE = 200  # events that one watcher takes between two turns of everybody else,
BYTES_AT_ONCE = 256 * 1024  # or so many bytes of them
QUEUE_LIMIT = 10_000  # events that wait for one watcher
QUEUE_BYTES = 32 * 1024 * 1024  # of these events, which the history may have let go of long ago

Delivery = tuple[EventType, Event]


class Waker:
    """Wakes whoever waits, a few in each turn of the loop: a thousand at once would hold up all others."""

    def __init__(self) -> None:
        self._due: collections.deque[asyncio.Future[None]] = collections.deque()

    def wake(self, waiting: asyncio.Future[None]) -> None:
        if not self._due:
            asyncio.get_running_loop().call_soon(self._some)
        self._due.append(waiting)

    def _some(self) -> None:
        for _ in range(min(WOKEN_AT_ONCE, len(self._due))):
            waiting = self._due.popleft()
            if not waiting.done():
                waiting.set_result(None)
        if self._due:
            asyncio.get_running_loop().call_soon(self._some)


class Watcher:
    """One open watch of one kind."""

    def __init__(self, selection: Selection, *, waker: Waker | None = None, limit: int = QUEUE_LIMIT) -> None:
        self.selection = selection
        self._waker = waker or Waker()
        self.end: ApiError | None = None  # why the watch is over; None while it goes on
        self.ended = False
        self._limit = limit
        self._bytes = 0
        self._missed: Iterator[Event] | None = None  # not looked at yet
        self._queue: collections.deque[Delivery] = collections.deque()
        self._wake: asyncio.Future[None] | None = None

    def offer(self, event: Event) -> None:
        """Queue an event, if it concerns this watcher; too many of them end the watch."""
        type_ = event.type_for(self.selection)
        if type_ is None or self.ended:
            return
        self._bytes += event.size
        if len(self._queue) >= self._limit or self._bytes > QUEUE_BYTES:
            self.finish(
                Expired(
                    "this watch fell too far behind and was ended", hint="list again and watch from there"
                )
            )
            return
        self._queue.append((type_, event))
        self._rouse()

    def preload(self, events: Sequence[Event]) -> None:
        """What happened before this watcher came, which it gets first; the history bounds how much."""
        self._missed = iter(events) if events else None

    def finish(self, error: ApiError | None = None) -> None:
        """End the watch: with an error, what is queued is worthless; without, it is still delivered."""
        if self.ended:
            return
        self.ended, self.end = True, error
        if error is not None:
            self._missed = None
            self._queue.clear()
            self._bytes = 0
        self._rouse()

    @property
    def idle(self) -> bool:
        """Whether everything that happened so far has been taken."""
        return not self._queue and self._missed is None

    async def next(self, timeout: float) -> list[Delivery]:
        """A bounded piece of what is next, waiting for something to come; empty after the timeout or at the
        end."""
        while self._missed is not None:
            await asyncio.sleep(0)
            if taken := self._take_missed():
                return taken
        if self._queue:
            await asyncio.sleep(0)  # this is the rest of what came at once: others first
        elif not self.ended:
            self._wake = wake = asyncio.get_running_loop().create_future()
            await asyncio.wait((wake,), timeout=timeout)
            self._wake = None
        taken, size = [], 0
        while self._queue and len(taken) < AT_ONCE and size < BYTES_AT_ONCE:
            taken.append(self._queue.popleft())
            size += taken[-1][1].size
        self._bytes -= size
        return taken

    def _take_missed(self) -> list[Delivery]:
        taken, size = list[Delivery](), 0
        for looked_at, event in enumerate(self._missed or (), 1):
            type_ = event.type_for(self.selection)
            if type_ is not None:
                taken.append((type_, event))
                size += event.size
            if looked_at >= AT_ONCE or size >= BYTES_AT_ONCE:
                return taken
        self._missed = None
        return taken

    def _rouse(self) -> None:
        if self._wake is not None:
            wake, self._wake = self._wake, None
            self._waker.wake(wake)


class Watchers:
    """The open watches of one kind, filed by the value that their selection pins."""

    def __init__(self) -> None:
        self.waker = Waker()
        self._all: dict[Watcher, None] = {}
        self._unpinned: dict[Watcher, None] = {}
        self._pinned: dict[str, dict[str, dict[Watcher, None]]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Watcher]:
        return iter(tuple(self._all))

    def add(self, watcher: Watcher) -> None:
        self._all[watcher] = None
        pin = watcher.selection.pin()
        if pin is None:
            self._unpinned[watcher] = None
        else:
            self._pinned.setdefault(pin[0], {}).setdefault(pin[1], {})[watcher] = None

    def remove(self, watcher: Watcher) -> None:
        self._all.pop(watcher, None)
        self._unpinned.pop(watcher, None)
        pin = watcher.selection.pin()
        by_value = self._pinned.get(pin[0], {}) if pin else {}
        if pin and pin[1] in by_value:
            by_value[pin[1]].pop(watcher, None)
            if not by_value[pin[1]]:
                del by_value[pin[1]]

    def dispatch(self, event: Event) -> None:
        """Offer an event to everybody it may concern."""
        for watcher in self._unpinned:
            watcher.offer(event)
        for field, by_value in self._pinned.items():
            sides = (event.entry, event.previous)
            for value in {side.fields.get(field, "") for side in sides if side is not None}:
                for watcher in by_value.get(value, ()):
                    watcher.offer(event)
