"""How much one credential may ask for at a time, and keep open: a bucket of tokens each, and a second one for
signs of life.

    middleware.py, once who is calling is known ──► Limiter.turn ──► 429 with Retry-After, or a Share

A request takes one token when it comes in; what it costs beyond that (weights.py) is taken from its Share.
Renewals of Leases and the status that agents report draw from a bucket of their own, so that whatever else a
credential does, its node is not taken for lost. Controllers are not limited: they are the cluster itself.
"""

import collections
import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from kohakuriver import errors
from kohakuriver.apiserver.identity.access import Attributes
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.limits.lanes import Lane
from kohakuriver.apiserver.limits.shares import Share, pools
from kohakuriver.apiserver.limits.turns import Turns
from kohakuriver.resources import kinds

FULL_FOR = 5.0  # seconds after which to try again where watches or streams have to end first
KEPT = 10_000  # credentials remembered; the one not seen for longest is forgotten, and starts afresh
PEOPLE = (Role.USER, Role.VIEWER)


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Per credential."""

    rate: float = 500.0  # tokens a second, in the long run; 0 for no limit of any kind
    burst: int = 1000  # tokens at once, after a silence
    inflight: int = 200  # requests under way at the same time, watches and streams not counted
    lasting: int = 2000  # watches and streams open at the same time; an agent serves 1,000 streams at most
    watches: int = 100  # of these, watches that a user or viewer has open: each looks at every change


UNLIMITED = Limits(rate=0.0)


class Limiter:
    """Counts requests by credential."""

    def __init__(self, limits: Limits, *, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now  # monotonic
        self._turns = Turns()
        self._pools = pools()
        self._shares: collections.OrderedDict[tuple[str, bool], Share] = collections.OrderedDict()

    @contextlib.contextmanager
    def turn(self, credential: str, user: User, wanted: Attributes, *, lasting: bool) -> Iterator[Share]:
        """While one request is under way; `lasting` for one that goes on. Raises TooManyRequests."""
        share = self.share_of(credential, user, wanted)
        if not self._limits.rate or user.role is Role.CONTROLLER:
            yield share
            return
        self._take(share, user)
        if not lasting:
            share.inflight += 1
            share.pool.under_way += 1
            try:
                yield share
            finally:
                share.inflight -= 1
                share.pool.under_way -= 1
            return
        watches = wanted.verb == "watch"
        if share.lasting >= self._limits.lasting:
            raise _too_many_open(user, f"{self._limits.lasting} watches and streams")
        if watches and user.role in PEOPLE and share.watches >= self._limits.watches:
            raise _too_many_open(user, f"{self._limits.watches} watches")
        share.lasting += 1
        share.watches += watches
        try:
            yield share
        finally:
            share.lasting -= 1
            share.watches -= watches

    def share_of(self, credential: str, user: User, wanted: Attributes) -> Share:
        """What such a request of this credential draws from."""
        key = (credential, is_sign_of_life(user, wanted))
        found = self._shares.get(key)
        if found is None:
            limits = self._limits
            rate = 0.0 if user.role is Role.CONTROLLER else limits.rate
            found = self._shares[key] = Share(
                user.name,
                self._pools[user.role],
                rate=rate,
                burst=limits.burst,
                turns=self._turns,
                now=self._now,
                lane=Lane(user.name, now=self._now) if rate and user.role is Role.USER else None,
            )
            if len(self._shares) > KEPT:
                self._shares.popitem(last=False)
        self._shares.move_to_end(key)
        return found

    def _take(self, share: Share, user: User) -> None:
        limits, pool = self._limits, share.pool
        if share.inflight >= limits.inflight:
            raise _refused(user, f"has {limits.inflight} requests under way")
        if share.inflight >= pool.inflight - pool.under_way:  # there is a place for who has none yet
            raise _refused(
                user, f"has {share.inflight} requests under way, and all {pool.name} {pool.under_way}"
            )
        share.charge(1.0)


def is_sign_of_life(user: User, wanted: Attributes) -> bool:
    """What tells that a node lives, and how its VPSes are."""
    if user.role is not Role.NODE or wanted.verb in ("list", "watch"):
        return False
    return wanted.resource is kinds.LEASE or wanted.subresource == "status"


def _refused(user: User, why: str) -> errors.TooManyRequests:
    return errors.TooManyRequests(
        f"too many requests: the credential of {user.name} {why}",
        hint="wait as long as Retry-After says, and ask less often: a watch tells of every change",
        retry_after=1.0,
    )


def _too_many_open(user: User, most: str) -> errors.TooManyRequests:
    return errors.TooManyRequests(
        f"too many requests: the credential of {user.name} has {most} open",
        hint="end some of them first: terminals, forwarded connections, whatever watches",
        retry_after=FULL_FOR,
    )
