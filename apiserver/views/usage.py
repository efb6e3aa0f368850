"""What VPSes use at this moment, asked of their agents by the stream `stats` when somebody wants to know.

Nothing is measured while nobody asks. One reading of a VPS serves everybody for a while. How many are under
way at once is bounded, in all and for each node, and so is how long anybody waits: what has not come by then
is left out, and is there for the next who asks.
"""

import asyncio
import contextlib
import dataclasses
import datetime
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from aiohttp import web

from kohakuriver import errors
from kohakuriver.clock import Clock

FRESH_FOR: Final = 15.0  # seconds that a reading serves
WITHIN: Final = 5.0  # seconds for all that one request wants to know
READ_WITHIN: Final = 15.0  # seconds for one reading, its turn included; an agent takes one for it
AT_ONCE: Final = 256  # readings under way in this server,
ON_ONE_NODE: Final = 8  # and at one node
IN_ONE_TURN: Final = 50  # VPSes that are looked at in one turn of the event loop

T = TypeVar("T")
Key = tuple[str, int]  # a VPS's uid, and its epoch


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """What one VPS used in the second before `at`."""

    millicores: int
    memory: int  # bytes
    at: datetime.datetime

    @classmethod
    def of(cls, said: Mapping[str, Any], at: datetime.datetime) -> "Reading":
        """Raises Unavailable for an answer that makes no sense: a node may say anything."""
        try:
            cores, memory = float(said["stats"]["cores"]), int(said["stats"]["memory"])
            if not (0 <= cores < 1 << 20 and 0 <= memory < 1 << 63):
                raise ValueError("no machine has so much")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise errors.Unavailable("the node's answer cannot be read") from error
        return cls(round(cores * 1000), memory, at)


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """One VPS that somebody wants to know of, and how its agent is asked."""

    key: Key
    node: str
    ask: Callable[[], Awaitable[Mapping[str, Any]]]


def in_pieces(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many at a time as one turn of the event loop has room for."""
    for start in range(0, len(items), IN_ONE_TURN):
        yield items[start : start + IN_ONE_TURN]


async def _at_once() -> None:
    """Wait for nothing."""


class Usages:
    """The readings there are, and those under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[Key, tuple[float, Reading]] = {}
        self._under_way: dict[Key, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._nodes: dict[str, asyncio.Semaphore] = {}

    async def read(
        self, wanted: Iterable[Wanted], *, turn: Callable[[], Awaitable[object]] = _at_once
    ) -> dict[Key, Reading]:
        """The readings of these; those that did not come in time, or not at all, are left out. Waits for a
        `turn` before each piece of the work."""
        self._forget()
        asked = list(wanted)
        tasks: list[asyncio.Task[None]] = []
        for piece in in_pieces(asked):
            await turn()
            tasks += [task for one in piece if (task := self._reading(one)) is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=WITHIN)
        return {one.key: self._known[one.key][1] for one in asked if one.key in self._known}

    def missing(self, wanted: Iterable[Wanted]) -> int:
        """How many of these have to be asked for anew."""
        self._forget()
        return sum(one.key not in self._known for one in wanted)

    def close(self) -> None:
        """Ask nobody any more."""
        for task in self._under_way.values():
            task.cancel()

    def _reading(self, one: Wanted) -> asyncio.Task[None] | None:
        if one.key in self._known:
            return None
        if one.key not in self._under_way:
            task = self._under_way[one.key] = asyncio.create_task(self._ask(one), name="usage")
            task.add_done_callback(lambda _: self._under_way.pop(one.key, None))
        return self._under_way[one.key]

    async def _ask(self, one: Wanted) -> None:
        """An agent that does not answer, or not in words, is one whose VPS is not shown."""
        room = self._nodes.setdefault(one.node, asyncio.Semaphore(ON_ONE_NODE))
        with contextlib.suppress(errors.KohakuRiverError, TimeoutError, OSError):
            async with asyncio.timeout(READ_WITHIN), room, self._room:
                reading = Reading.of(await one.ask(), self._clock.now())
                self._known[one.key] = (self._clock.monotonic(), reading)

    def _forget(self) -> None:
        now = self._clock.monotonic()
        for key in [key for key, (since, _) in self._known.items() if now - since >= FRESH_FOR]:
            del self._known[key]
        if not self._under_way:
            self._nodes.clear()


USAGES = web.AppKey("usages", Usages)
