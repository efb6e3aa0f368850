"""From what a connection and a request carry to who is calling: the first thing that happens to a request.

    Authorization: Bearer … ──► the token file, a Token, or an issuer's ┐
    a browser's session, where no token was sent ───────────────────────┤
    a client certificate, where neither was ────────────────────────────┴─► Caller ──► access.py, limits.py

Of several, the first counts: a certificate cannot be taken back. A session is the credential that it was made
of, under another name: it counts as that one, and is good only as long.
"""

import contextlib
import dataclasses
import datetime
import hashlib
from collections.abc import Mapping
from typing import Any, Protocol

from kohakuriver import errors
from kohakuriver.apiserver.cache.cache import Cache
from kohakuriver.apiserver.identity import access, certificate, cookies, sites
from kohakuriver.apiserver.identity.certificate import Peer
from kohakuriver.apiserver.identity.credentials import By, Credentials
from kohakuriver.apiserver.identity.identity import TokenFile, User, fingerprint
from kohakuriver.apiserver.oidc.issuers import Issuers
from kohakuriver.apiserver.store.base import StoreError
from kohakuriver.clock import Clock


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, and with what."""

    user: User
    credential: str  # the hash of the token or of the certificate; of a session, of what it was made of
    ends: datetime.datetime | None = None  # known beforehand; what a Token says of that, `Credentials` know
    by: By = By.FILE
    session: str = ""  # the hash of the session, where it is one

    @property
    def shown(self) -> str:
        """The hash of what was shown."""
        return self.session or self.credential

    @property
    def held(self) -> tuple[str, ...]:
        """The hashes of all that must go on for its streams to go on."""
        return (self.session, self.credential) if self.session else (self.credential,)


@dataclasses.dataclass(frozen=True, slots=True)
class Asking:
    """What a browser's request is, beside its headers."""

    writes: bool = False  # also whatever is upgraded to a stream
    scheme: str = "https"


READS = Asking()


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


def authenticate(
    server: Known, *, headers: Mapping[str, str], peer: Peer | None, asking: Asking = READS
) -> Caller:
    """Raises Unauthorized, and Forbidden for a credential that was revoked, or that another site uses."""
    if secret := cookies.counts_in(headers):
        sites.check_session(headers, writes=asking.writes, scheme=asking.scheme)
        return _of_session(server, fingerprint(secret))
    authorization = headers.get("Authorization", "")
    token = bearer(authorization)
    if peer is not None and not authorization:
        sites.check(headers)
        user = certificate.user_of(peer, now=server.clock.now())
        return Caller(user, peer.digest, peer.ends, By.CERTIFICATE)
    digest = fingerprint(token)
    found = None
    if token and digest not in server.tokens.users:
        login = server.issuers.find(token, now=server.clock.now())
        if login is not None:
            return Caller(login.user, login.credential, login.ends, By.ISSUER)
        server.cache.check_ready()  # a server that is blind would not see a token deleted
        found = server.credentials.find(digest, now=server.clock.now())
    by = By.FILE if found is None else By.TOKEN
    found = found or server.tokens.authenticate(token)
    server.cache.revocations.check(found, digest)
    return Caller(found, digest, by=by)


def _of_session(server: Known, digest: str) -> Caller:
    """Whose browser it is. What it may do its credential says, where that is still here to be asked."""
    server.cache.check_ready()
    session, of = server.credentials.session(digest, now=server.clock.now())
    user: User | None = session.user
    if of.by is By.FILE:
        user = server.tokens.users.get(of.digest)
    if user is None or user.role not in access.PEOPLE:
        raise errors.Unauthorized(
            f"this session ({session.name}) is over: the token file has no such token of a person any more",
            hint="log in again with another token",
        )
    return Caller(user, of.digest, session.ends, of.by, digest)


async def prepare(server: Known, headers: Mapping[str, str]) -> None:
    """Waits for what `authenticate` needs to know: of the token's issuer, if it has one, and of a session
    that another API server may have made a moment ago."""
    await server.issuers.prepare(bearer(headers.get("Authorization", "")))
    secret = cookies.counts_in(headers)
    if secret and not server.credentials.knows(fingerprint(secret)):
        with contextlib.suppress(errors.ApiError, StoreError):
            await server.cache.glimpse()


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
