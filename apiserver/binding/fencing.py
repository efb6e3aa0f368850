"""Writes that rest on silence: only who leads at that very moment may make them (CORRECTNESS 15).

A PATCH with `?leader=LEASE,HOLDER,TRANSITIONS` compares that Lease in its own transaction: a controller that
was frozen, and wakes up with old ages in its memory, is refused. Pure.
"""

import dataclasses
from collections.abc import Mapping

from kohakuriver import errors
from kohakuriver.apiserver.binding import grants
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import kinds


@dataclasses.dataclass(frozen=True, slots=True)
class Leader:
    """Who takes itself for the leader, and since which change of leaders."""

    lease: str
    holder: str
    transitions: int

    @classmethod
    def parse(cls, text: str) -> "Leader":
        """Raises BadRequest."""
        lease, _, rest = text.partition(",")
        holder, _, transitions = rest.rpartition(",")
        if not (lease and holder and transitions.isascii() and transitions.isdigit()):
            raise errors.BadRequest(
                f'leader: "{text[:100]}" does not name a leader', hint="write LEASE,HOLDER,TRANSITIONS"
            )
        return cls(lease, holder, int(transitions))

    @property
    def key(self) -> str:
        """Where its Lease lies."""
        return codec.key(kinds.LEASE, kinds.SYSTEM_NAMESPACE, self.lease)

    def expect(self, records: Mapping[str, Record | None]) -> dict[str, int]:
        """What the commit compares, if it leads as far as these records tell. Raises Conflict."""
        record = records[self.key]
        spec = (codec.decode(record).get("spec") or {}) if record else {}
        holder, transitions = spec.get("holderIdentity"), int(spec.get("leaseTransitions") or 0)
        if (holder, transitions) != (self.holder, self.transitions):
            raise objects.conflict(
                kinds.LEASE,
                self.lease,
                f"{self.holder} does not lead any more; {holder or 'nobody'} does",
                hint="leave this write to the leader",
            )
        return {self.key: grants.revision_of(record)}
