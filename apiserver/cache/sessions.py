"""Who holds the Lease of each node, as the cache's one watch tells; and who else says that it is that node.

Somebody who is refused because the Lease is another's may be a machine that was started anew, with the Lease
of its last boot not over yet. That there are two at once is known when the holder renews after that, twice:
what was on its way already proves nothing. `twice.py` then tells of it. Writes nothing.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Iterable

from kohakuriver.apiserver.identity.sessions import Claim, Held
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.clock import Clock
from kohakuriver.resources import kinds

LOG = logging.getLogger(__name__)

SAID_FOR = 600.0  # seconds between two Events about one node: they are kept an hour, and a thief tries on
RENEWALS = 2  # after a refusal, before the holder counts as alive

_LEASES = codec.prefix(kinds.LEASE, kinds.NODE_LEASE_NAMESPACE)


@dataclasses.dataclass(frozen=True, slots=True)
class Twice:
    """One node's credential in two places."""

    node: str
    held: Held
    refused: Claim


@dataclasses.dataclass(slots=True)
class _Suspect:
    claim: Claim
    renewals: int = 0  # of the holder, since this one was refused


class Sessions:
    """One of each node that has a Lease."""

    def __init__(self, clock: Clock) -> None:
        self.changed: Callable[[str, Held], None] = lambda node, held: None
        self.wake = asyncio.Event()
        self._clock = clock
        self._held: dict[str, Held] = {}
        self._suspects: dict[str, _Suspect] = {}
        self._found: dict[str, Twice] = {}
        self._said: dict[str, float] = {}
        self._old: set[str] = set()  # nodes whose agent was said to be too old for a session of its own

    def held(self, node: str) -> Held | None:
        """Who holds that node's Lease."""
        return self._held.get(node)

    def refused(self, node: str, claim: Claim) -> None:
        """Somebody with this node's token does not hold its Lease. One at a time is remembered."""
        if node in self._held:
            self._suspects.setdefault(node, _Suspect(claim))

    def taken(self) -> list[Twice]:
        """What was found, and nobody was told of."""
        self.wake.clear()
        found, self._found = self._found, {}
        return list(found.values())

    def apply(self, key: str, record: Record | None) -> None:
        """Take over one change."""
        node = key.removeprefix(_LEASES)
        if node == key:
            return
        held = Held.in_(record)
        if held is None:
            self._held.pop(node, None)
            self._suspects.pop(node, None)
            self._old.discard(node)
            return
        before, self._held[node] = self._held.get(node), held
        self._note_age(node, held)
        self._judge(node, held)
        if before is not None and (before.digest, before.number) != (held.digest, held.number):
            self.changed(node, held)

    def replace(self, records: Iterable[Record]) -> None:
        """Take over a whole new listing."""
        listed = {record.key: record for record in records}
        for node in [node for node in self._held if _LEASES + node not in listed]:
            self.apply(_LEASES + node, None)
        for key, record in listed.items():
            self.apply(key, record)

    def _note_age(self, node: str, held: Held) -> None:
        if held.digest or not held.holder:
            self._old.discard(node)
        elif node not in self._old:
            self._old.add(node)
            LOG.warning(
                "the agent of a node is of before and has no session of its own: whoever has its "
                "token is taken for it; upgrade the agent",
                extra={"node": node, "holder": held.holder},
            )

    def _judge(self, node: str, held: Held) -> None:
        suspect = self._suspects.get(node)
        if suspect is None:
            return
        suspect.renewals += 1
        if held.is_by(suspect.claim):
            del self._suspects[node]  # it was the next, and waited for its turn
        elif suspect.renewals >= RENEWALS:
            del self._suspects[node]
            now = self._clock.monotonic()
            if now - self._said.get(node, -SAID_FOR) >= SAID_FOR:
                self._said[node] = now
                self._found[node] = Twice(node, held, suspect.claim)
                self.wake.set()
