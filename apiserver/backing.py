"""What writes need of the server: the store, what is remembered of it, and the time.

`look` and `read` give what a write is decided from. Decides nothing.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from kohakuriver.apiserver.booking.proofs import Proofs
from kohakuriver.apiserver.policies.held import Policies
from kohakuriver.apiserver.quota.booked import Booked
from kohakuriver.apiserver.quota.ledger import Ledger
from kohakuriver.apiserver.quota.quotas import Quotas
from kohakuriver.apiserver.store.base import Record, Store
from kohakuriver.clock import Clock


class Backing(Protocol):
    """The part of the server that a write uses."""

    @property
    def store(self) -> Store: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def crowded(self) -> str:
        """Why there is no room for what users write; empty where there is."""
        ...

    @property
    def proofs(self) -> Proofs: ...

    @property
    def ledger(self) -> Ledger:
        """What each namespace may still write."""
        ...

    def obstacle(self, namespace: str | None, name: str, uid: str) -> str:
        """Why nothing may be placed under this name, by what agents report; empty if it may."""
        ...

    def stood(self, key: str, revision: int) -> float:
        """For how many seconds a Lease is known to be at this revision, by no clock but our own; 0 if not."""
        ...

    def issuer_of(self, user: str) -> str:
        """Of which issuer somebody of that name would be; empty where it is nobody's who logs in."""
        ...

    def policies(self) -> Policies:
        """The Policies as of a moment ago. Raises Unavailable while they are not known."""
        ...

    @property
    def quotas(self) -> Quotas:
        """What quotas limit of what is booked, as this server knows it."""
        ...

    @property
    def booked(self) -> Booked:
        """What each namespace has booked, as this server knows it."""
        ...

    async def reached(self, revision: int, *, timeout: float = ...) -> bool:
        """Whether this server knows all up to that revision, waiting for it at most so many seconds."""
        ...

    async def fresh(self) -> None:
        """Until this server knows all that was written before this call. Raises Unavailable."""
        ...

    def recall(self, keys: Sequence[str]) -> dict[str, Record | None] | None:
        """The records as they were a moment ago, without asking the store; None if that is not known."""
        ...


async def read(server: Backing, keys: Sequence[str]) -> dict[str, Record | None]:
    """Several keys as of one revision."""
    records, _ = await server.store.get_many(keys)
    return dict(zip(keys, records, strict=True))


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What a write is decided from. Only what is `fresh` may refuse it, or find that it changes nothing."""

    records: dict[str, Record | None]
    fresh: bool


async def look(server: Backing, keys: Sequence[str]) -> Look:
    """Several keys: from memory if possible, which costs nothing, for the commit compares them anyway."""
    recalled = server.recall(keys)
    if recalled is not None:
        return Look(recalled, fresh=False)
    return Look(await read(server, keys), fresh=True)
