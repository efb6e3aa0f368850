"""Renews the node's Lease, on a connection of its own, so that nothing else can hold a renewal up.

The controller calls a node silent when its Lease has not changed for too long. Each try ends within a
third of the period, and after a failure the next one goes to another API server, if there is one. A gap is
told, so that everything is reported anew. Another agent of the same node name is found by the Lease's
holder, and then this one ends.
"""

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from kohakuriver import errors
from kohakuriver.client.rest import Client, Object
from kohakuriver.client.watch import revision_of
from kohakuriver.clock import Clock, micro_timestamp
from kohakuriver.resources import kinds
from kohakuriver.resources.lease import MOST_PATIENCE, number_in

log = logging.getLogger(__name__)

LOST_AFTER = 10.0  # seconds of silence that the controller allows, at a period of 3
JITTER = 0.1
ANOTHERS = "NodeSessionTaken"  # the cause of a refusal: the Lease is of an agent with another secret
LONGEST = 60.0  # seconds between two renewals, whatever a server says


def attempt_timeout(period: float) -> float:
    """How long one renewal may take."""
    return min(1.0, period / 3)


def holder(host: str, agent_id: str, boot_id: str) -> str:
    """Who holds the Lease. A copy of the machine's disk elsewhere is another, and so is this one rebooted."""
    return "/".join(part for part in (host, agent_id[:12], boot_id[:8]) if part)


class Witness(Protocol):
    """Follows how far the store has come: each renewal says so, and a node hears of little else."""

    def mark(self) -> int: ...

    def renewed(self, revision: int, *, mark: int) -> None: ...


class NodeNameTaken(errors.ConfigError):
    """Another agent renews the Lease of this node."""


class Heartbeat:
    """The Lease of one node."""

    def __init__(
        self,
        client: Client,
        *,
        node: str,
        holder: str,
        period: float,
        clock: Clock,
        chance: random.Random,
        gap: Callable[[], None],
        witness: Witness | None = None,
        servers: Callable[[Sequence[str]], None] = lambda urls: None,
        opened: Callable[[int], None] = lambda number: None,
    ) -> None:
        self.renewed = 0
        self.failed = 0
        self._client = client
        self._node = node
        self._holder = holder
        self._period = period
        self._clock = clock
        self._chance = chance
        self._gap = gap
        self._witness = witness
        self._servers = servers  # hears the URLs of the API servers
        self._session_opened = opened  # hears the session's number
        self._refused_at: float | None = None  # since when the Lease is somebody's who bears our name
        self._told = 0.0  # seconds between two renewals at least, as the server wants it
        self._granted = period  # what the Lease that was written last allows for
        self._lease: Object | None = None
        self._last: float | None = None
        self._session: int | None = None  # its number: each process opens one, and the latest counts

    @property
    def period(self) -> float:
        """Seconds between two renewals: longer where so many nodes renew that the server asks for it."""
        return max(self._period, self._told)

    @property
    def pause(self) -> float:
        """Seconds to the next try. Longer only once the Lease says so: who judges this node goes by that."""
        return min(self.period, self._granted) if self._last_succeeded else attempt_timeout(self._period)

    @property
    def duration(self) -> float:
        """Seconds a renewal is good for."""
        return self.period * LOST_AFTER / 3.0

    async def claim(self) -> None:
        """Take the Lease. Raises NodeNameTaken while another agent keeps renewing it."""
        seen: str | None = None
        patience = self.duration
        while True:
            with contextlib.suppress(errors.NotFound, *errors.RETRYABLE):
                self._lease = await self._client.get(
                    kinds.LEASE, self._node, namespace=kinds.NODE_LEASE_NAMESPACE
                )
                holder = (self._lease.get("spec") or {}).get("holderIdentity")
                if not holder or holder == self._holder:
                    return
                revision = self._lease["metadata"]["resourceVersion"]
                if seen is not None and revision != seen:
                    raise self._taken(holder)
                seen = revision
                if await self._take(self._lease):
                    return
                if patience <= 0:
                    return
                log.info("waiting for the lease to run out", extra={"holder": holder, "for": patience})
            if seen is None:
                return  # there is none, or no server answers: renewing will show
            await asyncio.sleep(self._period)
            patience -= self._period

    async def _take(self, lease: Object) -> bool:
        """Whether the server gives it to us: it does once the Lease is over by its own clock."""
        try:
            self._lease = await self._client.update(kinds.LEASE, self._body(lease))
        except errors.Conflict:
            return False
        self._opened()
        return True

    async def run(self) -> None:
        while True:
            await self.step()
            await asyncio.sleep(self.pause * self._chance.uniform(1 - JITTER, 1 + JITTER))

    async def step(self) -> None:
        """One try to renew. Raises NodeNameTaken when somebody else holds it now."""
        self._last_succeeded = False
        mark, period = self._witness.mark() if self._witness is not None else 0, self.period
        try:
            written = await self._renew()
        except NodeNameTaken:
            if self._last is not None or self._refused_at is not None:
                raise
            await (
                self.claim()
            )  # no server answered the first: one that has just started tells nobody's silence
            return
        except errors.KohakuRiverError as error:
            self.failed += 1
            self._lease = None
            log.warning("lease not renewed", extra={"node": self._node, "error": error.message})
            return
        self._last_succeeded, self._granted, self._refused_at = True, period, None
        self._opened()
        if self._witness is not None and written is not None:
            self._witness.renewed(written, mark=mark)
        self.renewed += 1
        now, last = self._clock.monotonic(), self._last
        self._last = now
        if last is not None and now - last > self.duration:
            log.warning("renewals had a gap", extra={"seconds": now - last})
            self._gap()

    _last_succeeded = False

    async def _renew(self) -> int | None:
        """The revision of the write; None if nothing was written, which tells nothing of the store."""
        if self._lease is None:
            self._lease = await self._read()
        if self._lease is None:
            self._lease = await self._client.create(kinds.LEASE, self._body(None))
            return revision_of(self._lease)
        try:
            return await self._update(self._lease)
        except errors.Conflict:
            self._lease = await self._read()
            return await self._insist(self._lease) if self._lease is not None else None

    async def _update(self, lease: Object) -> int | None:
        """What changes nothing is answered with the revision of the Lease, however old that is."""
        body = self._body(lease)
        self._lease, headers = await self._client.renew(body)
        self.hear(headers)
        revision = revision_of(self._lease)
        return revision if revision != revision_of(lease) else None

    async def _insist(self, lease: Object) -> int | None:
        try:
            return await self._update(lease)
        except errors.Conflict as error:
            holder = (lease.get("spec") or {}).get("holderIdentity")
            if holder and (holder != self._holder or self._is_for_good(error, lease)):
                raise self._taken(holder) from None
            raise

    def _is_for_good(self, refusal: errors.Conflict, lease: Object) -> bool:
        """Whether one who bears our name renews the Lease: it is his for longer than it is good for.

        One of our own, whose secret was lost with its disk, is over by then.
        """
        if not any(cause.reason == ANOTHERS for cause in refusal.causes):
            return False
        now = self._clock.monotonic()
        self._refused_at = now if self._refused_at is None else self._refused_at
        says = number_in((lease.get("spec") or {}).get("leaseDurationSeconds"))
        over = min(says, MOST_PATIENCE) + self.period  # more than ours, where a server wanted fewer renewals
        return now - self._refused_at > max(2 * self.duration, over)

    def hear(self, headers: Mapping[str, str]) -> None:
        """What the server says with its answer; one of another version may say nothing."""
        with contextlib.suppress(KeyError, ValueError):
            told = float(headers[kinds.RENEW_HEADER])
            self._told = min(told, LONGEST) if told > 0 else 0.0
        with contextlib.suppress(KeyError):
            self._servers(headers[kinds.SERVERS_HEADER].split())

    def _opened(self) -> None:
        spec = (self._lease or {}).get("spec") or {}
        self._session = number_in(spec.get("leaseTransitions"))
        self._session_opened(self._session)

    async def _read(self) -> Object | None:
        try:
            lease = await self._client.get(kinds.LEASE, self._node, namespace=kinds.NODE_LEASE_NAMESPACE)
        except errors.NotFound:
            return None
        spec = lease.get("spec") or {}
        holder, number = spec.get("holderIdentity"), number_in(spec.get("leaseTransitions"))
        superseded = self._session is not None and number > self._session
        if self._last is not None and holder and (holder != self._holder or superseded):
            raise self._taken(holder)
        return lease

    def _body(self, lease: Object | None) -> Object:
        now = micro_timestamp(self._clock.now())
        before = (lease or {}).get("spec") or {}
        mine = before.get("holderIdentity") == self._holder
        spec = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": max(1, math.ceil(self.duration)),
            "acquireTime": before.get("acquireTime", now) if mine else now,
            "renewTime": now,
            "leaseTransitions": self._number(before),
        }
        meta = {"name": self._node, "namespace": kinds.NODE_LEASE_NAMESPACE}
        if lease is not None:
            meta = lease["metadata"]
        return {
            "apiVersion": kinds.LEASE.api_version,
            "kind": kinds.LEASE.kind,
            "metadata": meta,
            "spec": spec,
        }

    def _number(self, before: Object) -> int:
        """The session's; a new one is opened by the first renewal, and by taking the Lease over.

        It is taken over from one who bears our name too: an API server that knows no secrets leaves the proof
        of before the boot in it.
        """
        known = number_in(before.get("leaseTransitions"))
        ours = self._refused_at is None and before.get("holderIdentity") in (None, self._holder)
        stays = self._session is not None and ours
        return max(self._session or 0, known) if stays or not before else known + 1

    def _taken(self, holder: str) -> NodeNameTaken:
        return NodeNameTaken(
            f"another agent ({holder}) is node {self._node}; this one ends and touches no container",
            hint="stop the other agent, or give this machine another name with --node",
        )
