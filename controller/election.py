"""Who leads: a Lease that one controller holds and the others watch, as client-go's leader election does it.

Another's hold is judged by how long its record has not changed on this controller's own clock, never by the
times written in it. `decide` is pure; `Election` asks and writes. Losing the lead is harmless to bindings,
which the server compares anyhow; it keeps two controllers from doing the same work.
"""

import asyncio
import dataclasses
import logging
from typing import Any, Protocol

from kohakuriver import errors
from kohakuriver.clock import Clock, micro_timestamp
from kohakuriver.resources import kinds
from kohakuriver.resources.lease import number_in

log = logging.getLogger(__name__)

Object = dict[str, Any]
LEASE_NAME = "controller"


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """In seconds."""

    lease: float = 10.0  # a record unchanged for this long is nobody's
    deadline: float = 7.0  # a leader that could not renew for this long stops leading
    retry: float = 2.0


@dataclasses.dataclass(frozen=True, slots=True)
class Seen:
    """The record as last read, and since when it has been so."""

    spec: Object
    revision: str
    since: float


class Leases(Protocol):
    """The calls this needs of the API's client."""

    async def get(
        self, resource: kinds.ResourceType, name: str, *, namespace: str | None = None
    ) -> Object: ...

    async def create(self, resource: kinds.ResourceType, body: Object) -> Object: ...

    async def update(
        self, resource: kinds.ResourceType, body: Object, *, subresource: str = ""
    ) -> Object: ...


def may_take(seen: Seen, *, me: str, now: float, terms: Terms) -> bool:
    """Whether the record is mine, nobody's, or has not moved for as long as its holder claimed."""
    holder = seen.spec.get("holderIdentity")
    claimed = max(terms.lease, float(seen.spec.get("leaseDurationSeconds") or 0))
    return not holder or holder == me or now - seen.since > claimed


def taken(old: Object | None, *, me: str, time: str, terms: Terms) -> Object:
    """The record as its new, or renewing, holder writes it."""
    old = old or {}
    stays = old.get("holderIdentity") == me
    return {
        "holderIdentity": me,
        "leaseDurationSeconds": max(1, round(terms.lease)),
        "acquireTime": old.get("acquireTime") or time if stays else time,
        "renewTime": time,
        "leaseTransitions": int(old.get("leaseTransitions") or 0) + (0 if stays or not old else 1),
    }


class Election:
    """Stands for leader as long as `run()` runs."""

    def __init__(
        self,
        leases: Leases,
        *,
        clock: Clock,
        identity: str,
        terms: Terms,
        name: str = LEASE_NAME,
    ) -> None:
        self._leases = leases
        self._clock = clock
        self._me = identity
        self._terms = terms
        self._name = name
        self._seen: Seen | None = None
        self._renewed: float | None = (
            None  # when the last renewal that succeeded was begun; None: not leading
        )
        self.won = asyncio.Event()  # set while leading
        self.lost = asyncio.Event()  # set while not
        self.lost.set()

    @property
    def is_leading(self) -> bool:
        """Whether this controller may act as the leader at this moment."""
        return self._renewed is not None and self._clock.monotonic() - self._renewed < self._terms.deadline

    @property
    def term(self) -> str:
        """Under which this controller leads, for writes that the server ties to it."""
        spec = self._seen.spec if self._seen is not None else {}
        return f"{self._name},{self._me},{int(spec.get('leaseTransitions') or 0)}"

    async def run(self) -> None:
        try:
            while True:
                await self.step()
                await asyncio.sleep(self._terms.retry)
        finally:
            self._lose()

    async def step(self) -> None:
        """Renew, or try to take over. An error leaves things as they are until the next try."""
        try:
            async with asyncio.timeout(self._terms.deadline / 2):
                await self._stand()
        except (errors.KohakuRiverError, TimeoutError) as error:
            log.warning("leader election could not reach the API server", extra={"error": str(error)})
        if not self.is_leading:
            self._lose()

    async def release(self) -> None:
        """Give the lead away, so that the next controller need not wait."""
        seen = self._seen
        self._lose()
        if seen is None or seen.spec.get("holderIdentity") != self._me:
            return
        freed = {**seen.spec, "holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._leases.update(kinds.LEASE, _body(self._name, freed, seen.revision))
        except errors.KohakuRiverError as error:
            log.warning("the lead could not be released", extra={"error": str(error)})

    async def _stand(self) -> None:
        if not self.is_leading or self._seen is None:
            await self._look()
        begun = self._clock.monotonic()
        seen = self._seen
        if seen is not None and not may_take(seen, me=self._me, now=begun, terms=self._terms):
            self._renewed = None
            return
        time = micro_timestamp(self._clock.now())
        spec = taken(seen.spec if seen else None, me=self._me, time=time, terms=self._terms)
        try:
            if seen is None:
                written = await self._leases.create(kinds.LEASE, _body(self._name, spec))
            else:
                written = await self._leases.update(kinds.LEASE, _body(self._name, spec, seen.revision))
        except (errors.Conflict, errors.AlreadyExists, errors.NotFound):
            await self._look()  # another wrote first: it may be leading now
            return
        self._remember(written)
        self._win(begun)

    async def _look(self) -> None:
        try:
            found = await self._leases.get(kinds.LEASE, self._name, namespace=kinds.SYSTEM_NAMESPACE)
        except errors.NotFound:
            self._seen = None
            return
        self._remember(found)
        if self._seen is not None and self._seen.spec.get("holderIdentity") != self._me:
            self._renewed = None

    def _remember(self, body: Object) -> None:
        revision = body["metadata"]["resourceVersion"]
        if self._seen is None or self._seen.revision != revision:
            self._seen = Seen(_readable(body.get("spec")), revision, self._clock.monotonic())

    def _win(self, begun: float) -> None:
        if not self.is_leading:
            self._lose()  # the lead may have lapsed meanwhile; who acts on taking it over hears of both
            log.info("leading", extra={"identity": self._me})
        self._renewed = begun
        self.lost.clear()
        self.won.set()

    def _lose(self) -> None:
        if self.won.is_set():
            log.info("no longer leading", extra={"identity": self._me})
        self._renewed = None
        self.won.clear()
        self.lost.set()


def _readable(spec: Any) -> Object:
    """The record without numbers that are none: whoever takes it next writes it anew."""
    numbers = ("leaseTransitions", "leaseDurationSeconds")
    found = spec if isinstance(spec, dict) else {}
    return found | {field: number_in(found[field]) for field in numbers if field in found}


def _body(name: str, spec: Object, revision: str | None = None) -> Object:
    metadata = {"name": name, "namespace": kinds.SYSTEM_NAMESPACE}
    if revision is not None:
        metadata["resourceVersion"] = revision
    return {
        "apiVersion": kinds.LEASE.api_version,
        "kind": kinds.LEASE.kind,
        "metadata": metadata,
        "spec": spec,
    }
