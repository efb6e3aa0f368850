"""Which writes of Leases say nothing new: the holder, as it was, holds it still. Pure.

Thousands of them come by in a minute. That somebody else holds a Lease, or one was made, is no renewal. What
a Lease was before is remembered here, so that no write has to be read for it.
"""

import collections
from typing import Any, Final

from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.resources import kinds

KEPT: Final = 20_000  # Leases; of one that was forgotten the next renewal by anybody but its node has a line

_Holding = tuple[str, str, int]


class Renewals:
    """The holders as this server saw them last."""

    def __init__(self) -> None:
        self._seen: collections.OrderedDict[tuple[str, str], _Holding] = collections.OrderedDict()

    def is_plain(self, user: User | None, verb: str, lease: dict[str, Any]) -> bool:
        """Whether the write that left this Lease behind was a renewal and no more."""
        metadata, spec = lease.get("metadata") or {}, lease.get("spec") or {}
        key = (str(metadata.get("namespace", "")), str(metadata.get("name", "")))
        now = (
            str(metadata.get("uid", "")),
            str(spec.get("holderIdentity") or ""),
            spec.get("leaseTransitions") or 0,
        )
        before = self._seen.pop(key, None)
        self._seen[key] = now
        if len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        if verb not in ("update", "patch"):
            return False
        return before == now if before is not None else _is_its_own(user, key)


def _is_its_own(user: User | None, key: tuple[str, str]) -> bool:
    return user is not None and user.role is Role.NODE and key == (kinds.NODE_LEASE_NAMESPACE, user.node)
