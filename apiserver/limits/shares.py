"""What one credential may use of this API server, and what all of its pool may: tokens, memory, turns.

    Limiter.turn ──► Share ──► reading, watching, writing: what did it cost, what waits to be sent

People, admins and machines are pools of their own: what people use together leaves room for the others, so no
user's credential, and no number of them, takes renewals or an admin's requests their part.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Protocol

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import Role
from kohakuriver.apiserver.limits.lanes import Lane, Passage
from kohakuriver.apiserver.limits.turns import Turns

MIB = 1024 * 1024
SMALL = 256 * 1024  # bytes that each credential may hold, whatever the others of its pool do
AGAIN_AFTER = 5.0  # seconds after which to try again where answers have to be read first
LATE = 1.0  # seconds that a refusal is kept back from whoever did not wait as long as the last one said
UNWANTED = 4 * MIB  # bytes a second of bodies that were refused and come nevertheless
UNWANTED_WAITS = 10.0  # seconds of it that may wait
MOST_LATE = 200  # refusals of one credential that are kept back; the others are told at once, and closed


@dataclasses.dataclass(eq=False, slots=True)
class Pool:
    """Those of one kind together. `memory` is for answers that are not read yet: of one, and of all."""

    name: str
    inflight: int  # requests under way
    memory_of_one: int
    memory: int
    small: int = SMALL
    under_way: int = 0
    held: int = 0
    waiting: dict["Sized", int] = dataclasses.field(default_factory=dict)  # for how many of them


def pools() -> dict[Role, Pool]:
    """By role. An empty API server takes 90 MB, so with all of this held it stays below 600."""
    people = Pool("users and viewers", inflight=400, memory_of_one=64 * MIB, memory=128 * MIB)
    admins = Pool("admins", inflight=400, memory_of_one=128 * MIB, memory=128 * MIB)
    machines = Pool("nodes", inflight=10_000, memory_of_one=64 * MIB, memory=192 * MIB)
    return {
        Role.USER: people,
        Role.VIEWER: people,
        Role.AUTHENTICATOR: people,
        Role.JOIN: people,
        Role.ADMIN: admins,
        Role.NODE: machines,
        Role.CONTROLLER: machines,
    }


class Sized(Protocol):
    """What waits to be sent; the same thing for several watches is in memory once."""

    @property
    def size(self) -> int: ...


class Holding:
    """The bytes of one answer, from when they are there until it is sent."""

    def __init__(self, share: "Share") -> None:
        self._share = share
        self._size = 0

    def add(self, size: int, *, refuse: bool = True) -> None:
        """Raises TooManyRequests where too much is held already; not for the only answer there is."""
        share = self._share
        if refuse and not share.has_room(size):
            raise share.full()
        share.hold(size)
        self._size += size

    def clear(self) -> None:
        self._share.hold(-self._size)
        self._size = 0


class Share:
    """One credential's."""

    def __init__(
        self,
        name: str,
        pool: Pool,
        *,
        rate: float,
        burst: int,
        turns: Turns,
        now: Callable[[], float],
        lane: Lane | None = None,
    ) -> None:
        self.pool = pool
        self.lasting = 0
        self.watches = 0
        self.inflight = 0
        self.held = 0
        self._answers = 0  # of these bytes; the others are events, which a pool has once
        self._name = name
        self._rate = rate  # 0 where nothing is limited
        self._burst = float(burst)
        self._turns = turns
        self._now = now
        self._tokens, self._at = self._burst, now()
        self._waiting: dict[Sized, int] = {}
        self._lane = lane
        self._again_at = float("-inf")  # before this moment nothing was to be asked for
        self._late = 0
        self._passes_at = float("-inf")  # when the next part of what nobody wants is taken

    @property
    def tokens(self) -> float:
        """What is left of the bucket; below zero once something has cost more than there was."""
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return self._tokens

    @property
    def _wait(self) -> float:
        return max(0.0, 1.0 - self.tokens) / self._rate if self._rate else 0.0

    def charge(self, cost: float) -> None:
        """Before something is done. Raises TooManyRequests where a token is due and none is left."""
        if self._rate and cost >= 1.0 > self.tokens:
            raise self.spent()
        self.owe(cost)

    def owe(self, cost: float) -> None:
        """After what cost more: whoever asks next may have to wait for it."""
        if self._rate:
            self._tokens = self.tokens - cost

    async def turn(self) -> None:
        """Before each piece of long work; also until what it has cost so far is paid."""
        if (wait := self._wait) > 0:
            await asyncio.sleep(wait)
        await self._turns.take(self.pool, self)

    @contextlib.contextmanager
    def passage(self) -> Iterator[Passage]:
        """While one request is handled, which may turn out to be a large write."""
        with Passage(self._lane).open() as found:
            yield found

    def check_lane(self) -> None:
        """Before a large body is read. Raises TooManyRequests."""
        if self._lane is not None:
            self._lane.check()

    async def refuse(self, retry_after: float) -> bool:
        """Before a refusal goes out. It is kept back where the one before it was not heeded, so that nobody
        gets hundreds a second; False where too many are, and the connection had better be closed."""
        now = self._now()
        heeded = now >= self._again_at
        self._again_at = now + max(1.0, retry_after)
        if heeded or not self._rate:
            return True
        if self._late >= MOST_LATE:
            return False
        self._late += 1
        try:
            await asyncio.sleep(LATE)
        finally:
            self._late -= 1
        return True

    async def let_pass(self, size: int) -> bool:
        """After so many bytes of a body that was refused; False where the rest had better not come at all."""
        now = self._now()
        at = max(now, self._passes_at)
        if at - now > UNWANTED_WAITS:
            return False
        if self._rate:
            self._passes_at = at + size / UNWANTED
            await asyncio.sleep(at - now)
        return True

    @contextlib.contextmanager
    def holding(self) -> Iterator[Holding]:
        """While an answer is made and sent."""
        found = Holding(self)
        try:
            yield found
        finally:
            found.clear()

    def has_room(self, size: int, *, new: bool = True) -> bool:
        if not self._rate or self.held + size <= self.pool.small:
            return True
        pool = self.pool
        alone = not self.held or self.held + size <= pool.memory_of_one
        return alone and (not new or not pool.held or pool.held + size <= pool.memory)

    def hold(self, size: int) -> None:
        before = min(self._answers, self.pool.memory_of_one)
        self._answers += size
        self.held += size
        self.pool.held += min(self._answers, self.pool.memory_of_one) - before

    def keep(self, waiting: Sized) -> bool:
        """Whether there is room for what waits for a watch; it counts once however many wait for it."""
        times = self._waiting.get(waiting, 0)
        if not times:
            others = self.pool.waiting.get(waiting, 0)
            if not self.has_room(waiting.size, new=not others):
                return False
            self.held += waiting.size
            self.pool.held += 0 if others else waiting.size
            self.pool.waiting[waiting] = others + 1
        self._waiting[waiting] = times + 1
        return True

    def let_go(self, waiting: Sized) -> None:
        times = self._waiting.pop(waiting) - 1
        if times:
            self._waiting[waiting] = times
            return
        self.held -= waiting.size
        others = self.pool.waiting.pop(waiting) - 1
        if others:
            self.pool.waiting[waiting] = others
        else:
            self.pool.held -= waiting.size

    def spent(self) -> errors.TooManyRequests:
        return errors.TooManyRequests(
            f"too many requests: the credential of {self._name} asks for more than {self._rate:g} requests a "
            "second, where long selectors, long answers and large objects count as several",
            hint="wait as long as Retry-After says, and ask less often: a watch tells of every change",
            retry_after=self._wait,
        )

    def full(self) -> errors.TooManyRequests:
        pool = self.pool
        return errors.TooManyRequests(
            f"too many requests: answers to {self._name} wait to be read, {self.held // MIB} of at most "
            f"{pool.memory_of_one // MIB} MiB; those to all {pool.name}, {pool.held // MIB} of at most "
            f"{pool.memory // MIB} MiB",
            hint="read what was asked for before asking for more, and list in pages: limit=500",
            retry_after=AGAIN_AFTER,
        )
