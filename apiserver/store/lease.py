"""Leases for keys that go away by themselves, shared between puts.

A lease costs etcd a timer, a raft entry and later a deletion; one for each Event would cost more
than the Event. So puts of one lifetime share a lease for a while (a minute for an hour's
lifetime), and the lease is granted that much longer: a key never goes early. What shares a
lease is deleted in one revision. Leases are never renewed and never revoked here.
"""

import asyncio
import dataclasses
import math

from aetcd import rpc

from kohakuriver.apiserver.store.base import StoreTimeout, StoreUnavailable
from kohakuriver.apiserver.store.channel import Wire

SHARED_FOR = 60.0  # seconds, at most
SHARED_PART = 0.25  # of the lifetime, at most


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    lease: int
    until: float  # loop time after which new puts take another


class SharedLeases:
    """Hands out a lease that lasts at least `ttl` from now."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._held: dict[float, Held] = {}
        self._granting = asyncio.Lock()

    async def lasting(self, ttl: float) -> int:
        async with self._granting:
            now = asyncio.get_running_loop().time()
            held = self._held.get(ttl)
            if held is None or now >= held.until:
                shared_for = min(SHARED_FOR, ttl * SHARED_PART)
                lease = await self._grant(math.ceil(ttl + shared_for))
                held = self._held[ttl] = Held(lease=lease, until=now + shared_for)
            return held.lease

    def forget(self) -> None:
        """After one was lost, as when etcd was restored or this process slept."""
        self._held.clear()

    async def _grant(self, seconds: int) -> int:
        request = rpc.LeaseGrantRequest(TTL=seconds)
        try:
            reply = await self._wire.call(lambda link: link.lease.LeaseGrant, request, writes=True)
        except StoreTimeout as error:
            # The lease may exist and will run out unused; the put it was for was not done.
            raise StoreUnavailable(f"no lease could be had: {error}") from error
        return int(reply.ID)
