"""What every request of one API server process works with; made once, in `app.py`, and handed down."""

import dataclasses
from collections.abc import Sequence

from aiohttp import web

from kohakuriver.apiserver.booking.proofs import Proofs
from kohakuriver.apiserver.cache.cache import FRESH_WITHIN, Cache
from kohakuriver.apiserver.identity.credentials import Credentials
from kohakuriver.apiserver.identity.identity import TokenFile
from kohakuriver.apiserver.limits.limits import Limiter
from kohakuriver.apiserver.node_streams.nodes import NodeStreams
from kohakuriver.apiserver.oidc.issuers import Issuers
from kohakuriver.apiserver.policies.held import Policies
from kohakuriver.apiserver.quota.booked import Booked
from kohakuriver.apiserver.quota.ledger import Ledger
from kohakuriver.apiserver.quota.quotas import Quotas
from kohakuriver.apiserver.store.base import Record, Store
from kohakuriver.apiserver.store.fullness import Fullness
from kohakuriver.apiserver.store.lineage import History, Lineage
from kohakuriver.clock import Clock


@dataclasses.dataclass(frozen=True)
class Server:
    """One API server: its doors to the store, to time, and to who may come in."""

    store: Store
    cache: Cache
    clock: Clock
    lineage: Lineage
    tokens: TokenFile
    limiter: Limiter
    fullness: Fullness
    proofs: Proofs
    ledger: Ledger
    issuers: Issuers
    id: str = ""  # this run of this server, by which it is registered
    streams: NodeStreams = dataclasses.field(default_factory=NodeStreams)
    authority: bytes | None = None  # PEM: who signed what the server shows, for machines that join

    @property
    def credentials(self) -> Credentials:
        """The tokens that are objects, beside those of the file."""
        return self.cache.credentials

    @property
    def history(self) -> History:
        """The cluster, and the history of its store that this server is in."""
        return self.lineage.current

    @property
    def crowded(self) -> str:
        """Why there is no room for what users write; empty where there is."""
        return self.fullness.why

    def obstacle(self, namespace: str | None, name: str, uid: str) -> str:
        """Why nothing may be placed under this name; empty if it may."""
        return self.cache.strays.obstacle(self.history, self.proofs, namespace=namespace, name=name, uid=uid)

    @property
    def quotas(self) -> Quotas:
        """What quotas limit of what is booked, as of the cache's revision."""
        return self.cache.quotas

    @property
    def booked(self) -> Booked:
        """What each namespace has booked, as of the cache's revision."""
        return self.cache.booked

    async def reached(self, revision: int, *, timeout: float = FRESH_WITHIN) -> bool:
        """Whether the cache has come to that revision, waiting for it at most so many seconds."""
        return await self.cache.wait_for(revision, timeout=timeout)

    async def fresh(self) -> None:
        """Until the cache has all that was written before this call. Raises Unavailable."""
        await self.cache.fresh()

    def stood(self, key: str, revision: int) -> float:
        """For how long this server knows a Lease to be at this revision."""
        return self.cache.standing.seconds(key, revision)

    def issuer_of(self, user: str) -> str:
        """Of which issuer somebody of that name would be; empty where it is nobody's who logs in."""
        return self.issuers.of_name(user)

    def policies(self) -> Policies:
        """The Policies as the cache has them. Raises Unavailable while it is not current."""
        self.cache.check_ready()
        return self.cache.policies

    def recall(self, keys: Sequence[str]) -> dict[str, Record | None] | None:
        """The records as the cache has them; None while it is not current."""
        return self.cache.recall(keys)


SERVER = web.AppKey("server", Server)
