"""What each namespace may still write: judged before a write is committed, and counted from then on.

    write ── judged by what is stored and what is on its way ── commit ── counted until the cache has it

Between the judgement and the counting nothing else runs. So one server lets in exactly what fits, however
many writes come at once. Writes of other servers are known once the watch has brought them: what those had
under way at that moment may come on top. In return no write compares a key that its whole namespace shares.
"""

import contextlib
import dataclasses
import heapq
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.quota import hard, judging
from kohakuriver.apiserver.quota.booked import Booked
from kohakuriver.apiserver.quota.hard import Hard
from kohakuriver.apiserver.quota.judging import Asked
from kohakuriver.apiserver.quota.stored import COUNTED, Stored, Used
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, StoreError, StoreTimeout
from kohakuriver.clock import Clock
from kohakuriver.errors import Forbidden
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

Json = dict[str, Any]

PEOPLE = (Role.USER, Role.ADMIN)  # who is judged; nodes and the controller are where they make a Snapshot
DOUBTFUL = 30.0  # seconds for which a write without an answer is counted, unless the watch brings it
MOST_DOUBTFUL = 250  # of one namespace: each is looked at with every write there
_PROGRAMS_OWN = (kinds.SYSTEM_NAMESPACE, kinds.NODE_LEASE_NAMESPACE)  # where the default does not hold


_NUMBER = itertools.count()  # tells writes of one moment apart


class Known(Protocol):
    """What the ledger asks of the cache."""

    stored: Stored
    booked: Booked
    revision: int

    async def fresh(self) -> int:
        """Until everything that was written before this call is known. Raises Unavailable."""
        ...


@dataclasses.dataclass(slots=True)
class Reservation:
    """A write that was judged and is on its way to the store."""

    takes: Used
    revision: int | None = None  # at which it was committed; None while nobody knows

    def committed(self, revision: int) -> None:
        """The store has it, at this revision."""
        self.revision = revision


class _Ahead:
    """What one namespace takes beyond what the cache has heard of."""

    def __init__(self) -> None:
        self.takes = Used()
        self._writes = 0
        self._committed: list[tuple[int, int, float, Used]] = []  # a heap, by revision; with a time as below
        self._doubtful: list[tuple[float, Asked]] = []  # with the time at which it would have come

    def add(self, takes: Used) -> None:
        self.takes = self.takes + takes
        self._writes += 1

    def take_back(self, takes: Used) -> None:
        self.takes = self.takes - takes
        self._writes -= 1

    def until_heard(self, takes: Used, revision: int, moment: float) -> None:
        heapq.heappush(self._committed, (revision, next(_NUMBER), moment, takes))

    def until(self, asked: Asked, moment: float) -> None:
        self._doubtful.append((moment, asked))
        if len(self._doubtful) > MOST_DOUBTFUL:
            self.take_back(self._doubtful.pop(0)[1].takes)

    def settle(self, known: Known, now: float) -> bool:
        """Let go of what the cache has by now, and of what will never come; whether anything is left."""
        while self._committed:  # a restored store may never come to such a revision
            revision, _, moment, takes = self._committed[0]
            if revision > known.revision and moment > now:
                break
            heapq.heappop(self._committed)
            self.take_back(takes)
        for moment, asked in tuple(self._doubtful):
            if moment <= now or known.stored.of(asked.key) == asked.after:
                self._doubtful.remove((moment, asked))
                self.take_back(asked.takes)
        return self._writes > 0

    def doubtful(self, key: str) -> Used:
        """What writes of this key take of which nobody knows whether they were done."""
        return sum((asked.takes for _, asked in self._doubtful if asked.key == key), Used())


class Ledger:
    """All namespaces of one API server."""

    def __init__(self, known: Known, clock: Clock, default: Mapping[str, int]) -> None:
        self._known = known
        self._clock = clock
        self._default = default
        self._unnamed = [hard.default(default, ())]  # of a namespace without quotas
        self._ahead: dict[str, _Ahead] = {}

    def asked(
        self,
        user: User,
        resource: ResourceType,
        write: Put | Delete | None,
        *,
        old: Json | None,
        new: Json,
    ) -> Asked | None:
        """What quotas are asked about a write; None where they are not."""
        if resource not in COUNTED or not isinstance(write, Put):
            return None
        if user.role not in PEOPLE and not (resource is kinds.SNAPSHOT and old is None):
            return None
        if not self.quotas(new["metadata"]["namespace"]):
            return None
        before = len(codec.encode(old)) if old is not None else 0
        return Asked.of(resource, write.key, old=old, new=new, before=before, after=len(write.value))

    async def check(self, asked: Asked | None) -> None:
        """Raises Forbidden where a quota stands against this write."""
        if asked is None or self._fits(asked):
            return
        await self._known.fresh()
        self._judge(asked)

    @contextlib.asynccontextmanager
    async def room(self, asked: Asked | None) -> AsyncIterator[Reservation]:
        """A place for this write while it is committed. Raises Forbidden where there is none."""
        await self.check(asked)
        if asked is None or asked.takes == Used():
            yield Reservation(Used())
            return
        mine = Reservation(asked.takes)
        ahead = self._ahead.setdefault(asked.namespace, _Ahead())
        ahead.add(mine.takes)
        try:
            yield mine
        except StoreError as error:
            if isinstance(error, StoreTimeout):
                ahead.until(asked, self._clock.monotonic() + DOUBTFUL)
            else:
                ahead.take_back(mine.takes)
            raise
        except BaseException:  # nobody waits for the answer any more
            ahead.until(asked, self._clock.monotonic() + DOUBTFUL)
            raise
        ahead.until_heard(mine.takes, mine.revision or 0, self._clock.monotonic() + DOUBTFUL)

    def quotas(self, namespace: str) -> Sequence[Hard]:
        """What holds in a namespace: its quotas, and the default of what they do not name."""
        own = self._known.stored.quotas(namespace)
        if not self._default or namespace in _PROGRAMS_OWN:
            return own
        return [*own, hard.default(self._default, own)] if own else self._unnamed

    def _fits(self, asked: Asked) -> bool:
        try:
            self._judge(asked)
        except Forbidden:
            return False
        return True

    def _judge(self, asked: Asked) -> None:
        disk = self._known.booked.of(asked.namespace).disk
        judging.check(asked, self.quotas(asked.namespace), self._used(asked), disk=disk)

    def _used(self, asked: Asked) -> Used:
        """What its namespace has stored, and what is on its way there. A create that is tried again is not
        held up by its first try: of the two at most one is done."""
        namespace = asked.namespace
        stored, ahead = self._known.stored.used(namespace), self._ahead.get(namespace)
        if ahead is None:
            return stored
        if not ahead.settle(self._known, self._clock.monotonic()):
            del self._ahead[namespace]
        return stored + ahead.takes - (ahead.doubtful(asked.key) if asked.old is None else Used())
