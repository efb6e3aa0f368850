"""From what a connection and a request carry to who is calling: the first thing that happens to a request.

    Authorization: Bearer … ──► the token file, a Token, or an issuer's ┐
    a client certificate, where no token was sent ──────────────────────┴─► Caller ──► access.py, limits.py

Of both, the token counts: it is the one that can be taken back.
"""

import dataclasses
import datetime
import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

from kohakuriver.apiserver.cache.cache import Cache
from kohakuriver.apiserver.identity import certificate, sites
from kohakuriver.apiserver.identity.certificate import Peer
from kohakuriver.apiserver.identity.credentials import Credentials
from kohakuriver.apiserver.identity.identity import TokenFile, User, fingerprint
from kohakuriver.apiserver.oidc.issuers import Issuers
from kohakuriver.clock import Clock


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, and with what."""

    user: User
    credential: str  # the hash of the token or of the certificate
    ends: datetime.datetime | None = None  # known beforehand; what a Token says of that, `Credentials` know


class Known(Protocol):
    """What it needs of the server."""

    @property
    def tokens(self) -> TokenFile: ...

    @property
    def credentials(self) -> Credentials: ...

    @property
    def issuers(self) -> Issuers: ...

    @property
    def cache(self) -> Cache: ...

    @property
    def clock(self) -> Clock: ...


def authenticate(server: Known, *, headers: Mapping[str, str], peer: Peer | None) -> Caller:
    """Raises Unauthorized, and Forbidden for a credential that was revoked, or that another site uses."""
    authorization = headers.get("Authorization", "")
    token = bearer(authorization)
    if peer is not None and not authorization:
        sites.check(headers)
        user = certificate.user_of(peer, now=server.clock.now())
        return Caller(user, peer.digest, peer.ends)
    digest = fingerprint(token)
    found = None
    if token and digest not in server.tokens.users:
        login = server.issuers.find(token, now=server.clock.now())
        if login is not None:
            return Caller(login.user, login.credential, login.ends)
        server.cache.check_ready()  # a server that is blind would not see a token deleted
        found = server.credentials.find(digest, now=server.clock.now())
    found = found or server.tokens.authenticate(token)
    server.cache.revocations.check(found, digest)
    return Caller(found, digest)


async def prepare(server: Known, headers: Mapping[str, str]) -> None:
    """Waits for what `authenticate` needs to know of the token's issuer, if it has one."""
    await server.issuers.prepare(bearer(headers.get("Authorization", "")))


def bearer(authorization: str) -> str:
    """The bearer token of the header; empty if there is none."""
    scheme, _, rest = authorization.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""


def peer_of(transport: Any) -> Peer | None:
    """The certificate that a connection's client has shown, if it has. It was checked in the handshake."""
    tls = transport.get_extra_info("ssl_object") if transport is not None else None
    if tls is None:
        return None
    shown = tls.getpeercert()
    if not shown:
        return None
    return Peer.of(shown, hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest())
