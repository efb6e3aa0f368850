"""Which agent process speaks for a node: the one whose session the node's Lease has (CORRECTNESS 21, 34).

Whoever copied a node's token is not that node yet. An agent makes a secret of its own, which never leaves its
machine but to API servers, and names it with each request. Its Lease has the secret's hash, put there by the
server, and the number of the session. What anybody may read of a Lease tells nobody the secret. Pure.
"""

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from kohakuriver import errors
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import kinds
from kohakuriver.resources.lease import number_in

Json = dict[str, Any]

DIGEST = "kohakuriver.io/session"  # on the Lease of a node: the hash of its holder's secret
ADDRESS = "kohakuriver.io/session-from"  # there too: where the holder was last heard from
TAKEN = "NodeSessionTaken"  # the cause of a refusal that tells of two who are one node

_HEADER = re.compile(r"([0-9]{0,10}),([0-9a-f]{64})")


@dataclasses.dataclass(frozen=True, slots=True)
class Claim:
    """What a request of a node says of the agent process that made it."""

    digest: str = ""  # of its secret; empty from an agent that is too old to have one
    number: int | None = None  # of its session, once it has opened one
    address: str = ""  # where it came from

    @classmethod
    def parse(cls, text: str, *, address: str) -> "Claim":
        """Raises BadRequest."""
        if not text:
            return cls(address=address)
        found = _HEADER.fullmatch(text)
        if found is None:
            raise errors.BadRequest(
                f"{kinds.SESSION_HEADER}: expected NUMBER,SECRET", hint="the secret is 64 hexadecimal digits"
            )
        number, secret = found.groups()
        return cls(hashlib.sha256(secret.encode()).hexdigest(), int(number) if number else None, address)


NO_CLAIM = Claim()


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """What a node's Lease says of who holds it."""

    holder: str
    number: int
    digest: str  # empty where an older agent holds it
    address: str

    @classmethod
    def of(cls, lease: Mapping[str, Any]) -> "Held":
        """What cannot be read is as if it were not there."""
        spec, metadata = _mapping(lease.get("spec")), _mapping(lease.get("metadata"))
        notes = _mapping(metadata.get("annotations"))
        return cls(
            holder=str(spec.get("holderIdentity") or ""),
            number=number_in(spec.get("leaseTransitions")),
            digest=str(notes.get(DIGEST) or ""),
            address=str(notes.get(ADDRESS) or ""),
        )

    @classmethod
    def in_(cls, record: Record | None) -> "Held | None":
        """None where there is no Lease, or none that can be read."""
        try:
            return cls.of(orjson.loads(record.value)) if record is not None else None
        except codec.NONSENSE:
            return None

    def is_by(self, claim: Claim) -> bool:
        """Whether the claim is of this holder; of an older agent anybody's is, as ever."""
        return not self.digest or claim.digest == self.digest


def check(node: str, claim: Claim, held: Held | None) -> None:
    """Raise Conflict, or Unavailable for a while, unless the claim is of the session that the Lease has."""
    if held is None:
        return
    if not held.is_by(claim):
        raise not_the_holder(node, held)
    if claim.digest and held.digest and claim.number is None:
        raise errors.Unavailable(
            f"the agent of node {node} has not opened its session yet",
            hint="it does so with the next renewal of its Lease",
            retry_after=1,
        )
    if claim.number is not None and claim.number < held.number:
        raise errors.Conflict(
            f"a later agent process of node {node} has opened session {held.number}, "
            f"and this is {claim.number}",
            hint="end this one: it is not the node any more",
            details=_reference(node),
        )


def not_the_holder(node: str, held: Held) -> errors.Conflict:
    """Somebody else than who holds the Lease has this node's token."""
    where = f" at {held.address}" if held.address else ""
    words = f"another agent ({held.holder}){where} is node {node}, and this one does not hold its Lease"
    return errors.Conflict(
        words,
        hint=f"stop one of the two; if this node's token was stolen: kohakuriver node revoke {node}",
        causes=(errors.Cause("", words, TAKEN),),
        details=_reference(node),
    )


def tells_of_two(error: errors.ApiError) -> bool:
    """Whether this refusal was met by one who is not the Lease's holder."""
    return any(cause.reason == TAKEN for cause in error.causes)


def sign(lease: Json, claim: Claim) -> None:
    """Have the Lease say who wrote it; whatever its writer put there itself does not count."""
    metadata = lease["metadata"]
    kept = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if key not in (DIGEST, ADDRESS)
    }
    if claim.digest:
        kept |= {DIGEST: claim.digest, ADDRESS: claim.address}
    if kept:
        metadata["annotations"] = kept
    else:
        metadata.pop("annotations", None)


def _reference(node: str) -> Json:
    return {"name": node, "group": kinds.NODE.group, "kind": kinds.NODE.plural}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
