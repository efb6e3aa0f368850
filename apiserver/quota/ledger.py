"""What each namespace may still write: judged before a write is committed, and counted from then on.

    write ── judged by what is stored and what is on its way ── commit ── counted until the cache has it

Between the judgement and the counting nothing else runs. So one server lets in exactly what fits, however
many writes come at once. Writes of other servers are known once the watch has brought them: what those had
under way at that moment may come on top. In return no write compares a key that its whole namespace shares.
"""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from apiserver import codec
from apiserver.admitting.identity import Role, User
from apiserver.quota import hard, judging
from apiserver.quota.hard import Hard
from apiserver.quota.judging import Asked
from apiserver.quota.stored import COUNTED, Stored, Used
from apiserver.store.base import Delete, Put, StoreError, StoreTimeout
from kohakuriver.clock import Clock
from kohakuriver.errors import Forbidden
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

Json = dict[str, Any]

PEOPLE = (Role.USER, Role.ADMIN)  # who is judged; nodes, the controller and the server itself are not
DOUBTFUL = 30.0  # seconds for which a write without an answer is counted, unless the watch brings it
_PROGRAMS_OWN = (kinds.SYSTEM_NAMESPACE, kinds.NODE_LEASE_NAMESPACE)  # where the default does not hold


class Known(Protocol):
    """What the ledger asks of the cache."""

    stored: Stored
    revision: int

    async def fresh(self) -> int:
        """Until everything that was written before this call is known. Raises Unavailable."""
        ...


@dataclasses.dataclass(slots=True)
class Reservation:
    """A write that was judged and may not be in the cache yet."""

    key: str
    after: Used
    revision: int | None = None  # at which it was committed; None while nobody knows
    until: float | None = None  # on the clock, where nobody will ever know

    def committed(self, revision: int) -> None:
        """The store has it, at this revision."""
        self.revision = revision


class Ledger:
    """All namespaces of one API server."""

    def __init__(self, known: Known, clock: Clock, default: Mapping[str, int]) -> None:
        self._known = known
        self._clock = clock
        self._default = default
        self._reserved: dict[str, list[Reservation]] = {}

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
        if user.role not in PEOPLE or resource not in COUNTED or not isinstance(write, Put):
            return None
        before = len(codec.encode(old)) if old is not None else 0
        return Asked.of(resource, write.key, old=old, new=new, before=before, after=len(write.value))

    async def check(self, asked: Asked | None) -> None:
        """Raises Forbidden where a quota stands against this write."""
        if asked is None or self._fits(asked):
            return
        await self._known.fresh()
        judging.check(asked, self.quotas(asked.namespace), self._used(asked))

    @contextlib.asynccontextmanager
    async def room(self, asked: Asked | None) -> AsyncIterator[Reservation]:
        """A place for this write while it is committed. Raises Forbidden where there is none."""
        await self.check(asked)
        if asked is None or asked.takes == Used():
            yield Reservation("", Used())
            return
        mine = Reservation(asked.key, asked.after)
        self._reserved.setdefault(asked.namespace, []).append(mine)
        try:
            yield mine
        except StoreTimeout:
            mine.until = self._clock.monotonic() + DOUBTFUL
            raise
        except StoreError:
            self._drop(asked.namespace, mine)
            raise
        except BaseException:  # nobody waits for the answer any more
            mine.until = self._clock.monotonic() + DOUBTFUL
            raise

    def quotas(self, namespace: str) -> Sequence[Hard]:
        """What holds in a namespace: its quotas, and the default of what they do not name."""
        own = self._known.stored.quotas(namespace)
        if not self._default or namespace in _PROGRAMS_OWN:
            return own
        return [*own, hard.default(self._default, own)]

    def _fits(self, asked: Asked) -> bool:
        try:
            judging.check(asked, self.quotas(asked.namespace), self._used(asked))
        except Forbidden:
            return False
        return True

    def _used(self, asked: Asked) -> Used:
        """What the namespace uses, with what is on its way there, and without the object itself as it was."""
        stored = self._known.stored
        total = stored.used(asked.namespace)
        vpses, size = total.vpses, total.object_bytes
        ahead: dict[str, Used] = {}
        for one in self._pending(asked.namespace):
            largest = ahead.get(one.key, stored.of(one.key))
            ahead[one.key] = Used(
                max(largest.vpses, one.after.vpses), max(largest.object_bytes, one.after.object_bytes)
            )
        for key, after in ahead.items():
            before = stored.of(key)
            vpses += after.vpses - before.vpses
            size += after.object_bytes - before.object_bytes
        return Used(vpses, size)

    def _pending(self, namespace: str) -> Sequence[Reservation]:
        """The reservations that still count."""
        found = self._reserved.get(namespace)
        if not found:
            return ()
        now, revision = self._clock.monotonic(), self._known.revision
        kept = [
            one
            for one in found
            if (one.revision is None or one.revision > revision) and (one.until is None or one.until > now)
        ]
        if kept:
            self._reserved[namespace] = kept
        else:
            del self._reserved[namespace]
        return kept

    def _drop(self, namespace: str, mine: Reservation) -> None:
        kept = [one for one in self._reserved.get(namespace, ()) if one is not mine]
        if kept:
            self._reserved[namespace] = kept
        else:
            self._reserved.pop(namespace, None)
