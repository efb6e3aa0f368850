"""Tells people when the credential of a node is used in two places: an Event on the Node, a line in the log.

a refusal ─► Sessions, and the Lease's next renewals ─► here ─► Event NodeCredentialTwice
"""

import logging

from kohakuriver.apiserver.binding import notices
from kohakuriver.apiserver.cache.sessions import Sessions, Twice
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Store, StoreError
from kohakuriver.clock import Clock, timestamp
from kohakuriver.resources import kinds

LOG = logging.getLogger("kohakuriver.apiserver.audit")

REASON = "NodeCredentialTwice"


class Telling:
    """One server's part in it: it tells of those whom it refused itself."""

    def __init__(self, sessions: Sessions, store: Store, clock: Clock) -> None:
        self._sessions = sessions
        self._store = store
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._sessions.wake.wait()
            await self.step()

    async def step(self) -> None:
        """Tell what was found. The log has it even where the store takes nothing."""
        for found in self._sessions.taken():
            LOG.warning(
                "the credential of a node is used in two places",
                extra={
                    "node": found.node,
                    "holder": found.held.holder,
                    "holder_from": found.held.address or "-",
                    "refused_from": found.refused.address or "-",
                },
            )
            try:
                await self._write(found)
            except (StoreError, codec.Unreadable) as error:
                LOG.warning("event not written", extra={"reason": REASON, "error": str(error)})

    async def _write(self, found: Twice) -> None:
        record = await self._store.get(codec.key(kinds.NODE, None, found.node))
        node = codec.decode(record) if record is not None else {"metadata": {"name": found.node}}
        now = timestamp(self._clock.now())
        notice = notices.warning(node, reason=REASON, message=words(found), now=now, kind=kinds.NODE)
        await self._store.commit(expect={}, writes=[notice])


def words(found: Twice) -> str:
    """Which two there are; which of them is the right one only a person can say."""
    unknown = "an address that is not known"
    return (
        f"the credential of {found.node} is used in two places: by the agent that holds its Lease "
        f"({found.held.holder}, from {found.held.address or unknown}), and from "
        f"{found.refused.address or unknown}, which was refused; stop one of the two, or, if the token was "
        f"stolen: kohakuriver node revoke {found.node}"
    )
