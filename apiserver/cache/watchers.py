"""Who follows a kind, and who of them an event concerns.

A watcher is a bounded queue between the cache, which never waits, and one HTTP answer, which does. One
that falls behind is cut. Most watchers ask for one node, one name or one namespace: those are found by
that value, so that an event costs nothing for the thousand others.
"""

import asyncio
import collections
from collections.abc import Iterator

from kohakuriver.apiserver.cache.history import Event, Missed
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.limits.shares import Share
from kohakuriver.apiserver.objects.selectors import Selection
from kohakuriver.apiserver.printers.forms import EventType
from kohakuriver.errors import ApiError, Expired

WOKEN_AT_ONCE = 20  # watchers between two turns of everybody else; each then has a line to write
AT_ONCE = 200  # events that one watcher takes between two turns of everybody else,
BYTES_AT_ONCE = 256 * 1024  # or so many bytes of them
QUEUE_LIMIT = 10_000  # events that wait for one watcher
QUEUE_BYTES = 32 * 1024 * 1024  # of these events, which the history may have let go of long ago

LOOKED_AT_ONCE = 5  # requirements that are held against an event at the moment it happens

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

    def __init__(
        self,
        selection: Selection,
        *,
        waker: Waker | None = None,
        limit: int = QUEUE_LIMIT,
        share: Share | None = None,
    ) -> None:
        self.selection = selection
        self._waker = waker or Waker()
        self._share = share
        self.end: ApiError | None = None  # why the watch is over; None while it goes on
        self.ended = False
        self._limit = limit
        self._bytes = 0
        self._missed: Missed | None = None  # not looked at yet
        self._looks_later = selection.requirements > LOOKED_AT_ONCE
        self._queue: collections.deque[tuple[EventType | None, Event]] = collections.deque()
        self._wake: asyncio.Future[None] | None = None

    def offer(self, event: Event) -> None:
        """Queue an event, if it concerns this watcher; too many of them end the watch.

        A long selector is held against it when it is taken, in a turn of the watcher's own.
        """
        if self.ended:
            return
        type_ = None if self._looks_later else event.type_for(self.selection)
        if type_ is None and not self._looks_later:
            return
        full = len(self._queue) >= self._limit or self._bytes + event.size > QUEUE_BYTES
        if full or (self._share is not None and not self._share.keep(event)):
            self.finish(
                Expired(
                    "this watch fell too far behind and was ended", hint="list again and watch from there"
                )
            )
            return
        self._bytes += event.size
        self._queue.append((type_, event))
        self._rouse()

    def preload(self, missed: Missed) -> None:
        """What happened before this watcher came, which it gets first; the history bounds how much."""
        self._missed = missed if not missed.over else None

    def finish(self, error: ApiError | None = None) -> None:
        """End the watch: with an error, what is queued is worthless; without, it is still delivered."""
        if self.ended:
            return
        self.ended, self.end = True, error
        if error is not None:
            self.clear()
        self._rouse()

    def clear(self) -> None:
        """Let go of all that waits."""
        self._missed = None
        while self._queue:
            self._pop()

    @property
    def idle(self) -> bool:
        """Whether everything that happened so far has been taken."""
        return not self._queue and self._missed is None

    async def next(self, timeout: float) -> list[Delivery]:
        """A bounded piece of what is next, waiting for something to come; empty after the timeout or at the
        end."""
        while self._missed is not None:
            await self._turn()
            if taken := self._take_missed():
                return taken
        if self._queue:
            await asyncio.sleep(0)  # this is the rest of what came at once: others first
        elif not self.ended:
            self._wake = wake = asyncio.get_running_loop().create_future()
            await asyncio.wait((wake,), timeout=timeout)
            self._wake = None
        while self._queue:
            if self._looks_later:
                await self._turn()
            if taken := self._take_queued():
                return taken
        return []

    async def _turn(self) -> None:
        if self._share is not None:
            await self._share.turn()
        else:
            await asyncio.sleep(0)

    def _take_missed(self) -> list[Delivery]:
        taken, size, looked_at = list[Delivery](), 0, 0
        missed = self._missed
        if missed is None:  # the watch was ended while it waited
            return taken
        try:
            events = missed.read(weights.at_once(2 * self.selection.requirements, AT_ONCE))
        except Expired as error:
            self.finish(error)
            return taken
        for looked_at, event in enumerate(events, 1):  # noqa: B007 - how far it came
            type_ = event.type_for(self.selection)
            if type_ is not None:
                taken.append((type_, event))
                size += event.size
            if size >= BYTES_AT_ONCE:
                break
        missed.skip(looked_at)
        if missed.over:
            self._missed = None
        self._owe(looked_at, size)
        return taken

    def _take_queued(self) -> list[Delivery]:
        taken, size, looked_at = list[Delivery](), 0, 0
        most = weights.at_once(2 * self.selection.requirements, AT_ONCE) if self._looks_later else AT_ONCE
        while self._queue and looked_at < most and size < BYTES_AT_ONCE:
            type_, event = self._pop()
            looked_at += 1
            if self._looks_later:
                type_ = event.type_for(self.selection)
            if type_ is not None:
                taken.append((type_, event))
                size += event.size
        if self._looks_later:
            self._owe(looked_at, 0)
        return taken

    def _owe(self, looked_at: int, size: int) -> None:
        if self._share is not None:
            comparing = weights.matching(2 * looked_at, self.selection.requirements)
            self._share.owe(comparing + weights.sending(size))

    def _pop(self) -> tuple[EventType | None, Event]:
        type_, event = self._queue.popleft()
        self._bytes -= event.size
        if self._share is not None:
            self._share.let_go(event)
        return type_, event

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
        watcher.clear()
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
