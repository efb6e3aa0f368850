"""How much one credential may ask for at a time, and keep open: a bucket of tokens each, and a second one for
signs of life.

    middleware.py, once who is calling is known ──► Limiter.turn ──► 429 with Retry-After, or the request

Renewals of Leases and the status that agents report draw from a bucket of their own, so that whatever else a
credential does, its node is not taken for lost. Controllers are not limited: they are the cluster itself.
"""

import collections
import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from apiserver.admitting.access import Attributes
from apiserver.admitting.identity import Role, User
from kohakuriver import errors
from kohakuriver.resources import kinds

FULL_FOR = 5.0  # seconds after which to try again where watches or streams have to end first
KEPT = 10_000  # credentials remembered; the one not seen for longest is forgotten, and starts afresh


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Per credential."""

    rate: float = 500.0  # requests a second, in the long run; 0 for no limit of any kind
    burst: int = 1000  # requests at once, after a silence
    inflight: int = 200  # requests under way at the same time, watches and streams not counted
    lasting: int = 2000  # watches and streams open at the same time; an agent serves 1,000 streams at most


UNLIMITED = Limits(rate=0.0)


@dataclasses.dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    inflight: int = 0
    lasting: int = 0


class Limiter:
    """Counts requests by credential."""

    def __init__(self, limits: Limits, *, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now  # monotonic
        self._buckets: collections.OrderedDict[tuple[str, bool], _Bucket] = collections.OrderedDict()

    @contextlib.contextmanager
    def turn(self, credential: str, user: User, wanted: Attributes, *, lasting: bool) -> Iterator[None]:
        """While one request is under way; `lasting` for one that goes on. Raises TooManyRequests."""
        if not self._limits.rate or user.role is Role.CONTROLLER:
            yield
            return
        bucket = self._bucket((credential, is_sign_of_life(user, wanted)))
        self._take(bucket, user)
        if not lasting:
            bucket.inflight += 1
            try:
                yield
            finally:
                bucket.inflight -= 1
            return
        if bucket.lasting >= self._limits.lasting:
            raise _too_many_open(user, self._limits.lasting)
        bucket.lasting += 1
        try:
            yield
        finally:
            bucket.lasting -= 1

    def _bucket(self, key: tuple[str, bool]) -> _Bucket:
        found = self._buckets.get(key)
        if found is None:
            found = self._buckets[key] = _Bucket(float(self._limits.burst), self._now())
            if len(self._buckets) > KEPT:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return found

    def _take(self, bucket: _Bucket, user: User) -> None:
        now, limits = self._now(), self._limits
        bucket.tokens = min(float(limits.burst), bucket.tokens + (now - bucket.at) * limits.rate)
        bucket.at = now
        if bucket.inflight >= limits.inflight:
            raise _refused(user, f"has {limits.inflight} requests under way", 1.0)
        if bucket.tokens < 1.0:
            wait = (1.0 - bucket.tokens) / limits.rate
            raise _refused(user, f"asks for more than {limits.rate:g} requests a second", wait)
        bucket.tokens -= 1.0


def is_sign_of_life(user: User, wanted: Attributes) -> bool:
    """What tells that a node lives, and how its VPSes are."""
    if user.role is not Role.NODE or wanted.verb in ("list", "watch"):
        return False
    return wanted.resource is kinds.LEASE or wanted.subresource == "status"


def _refused(user: User, why: str, wait: float) -> errors.TooManyRequests:
    return errors.TooManyRequests(
        f"too many requests: the credential of {user.name} {why}",
        hint="wait as long as Retry-After says, and ask less often: a watch tells of every change",
        retry_after=wait,
    )


def _too_many_open(user: User, most: int) -> errors.TooManyRequests:
    return errors.TooManyRequests(
        f"too many requests: the credential of {user.name} has {most} watches and streams open",
        hint="end some of them first: terminals, forwarded connections, whatever watches",
        retry_after=FULL_FOR,
    )
