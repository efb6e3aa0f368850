"""What a node says, it says in the session that its Lease has at that very moment (CORRECTNESS 34).

The Lease is read with what is written and compared in its commit, so that what was held up in a frozen server
is refused once another agent process has taken over. Pure.
"""

from collections.abc import Mapping

from kohakuriver.apiserver.identity import sessions
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import kinds


def keys(user: User) -> tuple[str, ...]:
    """Where the Lease lies that a write of this caller has to compare; of nobody but nodes is there one."""
    if user.role is not Role.NODE or user.node is None:
        return ()
    return (codec.key(kinds.LEASE, kinds.NODE_LEASE_NAMESPACE, user.node),)


def expect(user: User, records: Mapping[str, Record | None]) -> dict[str, int]:
    """What the commit compares, if the caller may speak as far as these records tell. Raises Conflict."""
    compared = {}
    for key in keys(user):
        record = records[key]
        compared[key] = record.revision if record is not None else 0
        sessions.check(str(user.node), user.claim, sessions.Held.in_(record))
    return compared
