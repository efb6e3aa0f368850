"""Everybody whose tokens are good here, and the one question about a token: whose is it, and until when.

    prepare(token)   waits for the issuer's keys where they are not known; the door asks it first
    find(token)      decides, with the keys that are known now, and does no I/O

All tokens of one user are one credential, so that whoever logs in often has no larger share of the server.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.oidc import configuration, mapping, verification
from kohakuriver.apiserver.oidc.configuration import Authenticator, Configuration
from kohakuriver.apiserver.oidc.keys import KeyRing
from kohakuriver.apiserver.oidc.provider import Provider, WebProvider
from kohakuriver.apiserver.oidc.verification import Token

SEEN: Final = 10_000  # users remembered; the one that came first is forgotten


@dataclasses.dataclass(frozen=True, slots=True)
class Login:
    """Somebody who showed a good token."""

    user: User
    credential: str  # the same for all tokens of the user
    ends: datetime.datetime


class Issuers:
    """The issuers of one configuration; none without one."""

    def __init__(
        self,
        configured: Configuration | None = None,
        *,
        now: Callable[[], float],
        provider: Callable[[Authenticator], Provider] = lambda one: WebProvider(one.issuer),
    ) -> None:
        listed = configured.jwt if configured is not None else []
        self._rules = {one.issuer.url: one for one in listed}
        self._rings = {url: KeyRing(url, provider(one), now=now) for url, one in self._rules.items()}
        self._seen: dict[str, Login] = {}

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """While the block runs, questions may be under way."""
        try:
            yield
        finally:
            await asyncio.gather(*(ring.close() for ring in self._rings.values()))

    async def prepare(self, text: str) -> None:
        """Waits, for a bounded time, until what a token needs is here. Decides nothing and raises nothing."""
        with contextlib.suppress(errors.Unauthorized):
            token = self._ours(text)
            if token is not None:
                verification.check_algorithm(token)
                ring = self._rings[token.issuer]
                await ring.wait_for(lambda: verification.key_for(token, ring.keys) is not None)

    def find(self, text: str, *, now: datetime.datetime) -> Login | None:
        """Whose token it is; None for what is no token of these issuers. Raises Unauthorized for one that is
        not good, Forbidden for a person whom no rule maps, Unavailable before the issuer's keys are known."""
        token = self._ours(text)
        if token is None:
            return None
        verification.check_algorithm(token)
        rules, ring = self._rules[token.issuer], self._rings[token.issuer]
        key = verification.key_for(token, ring.keys)
        if key is None and not ring.keys:
            raise errors.Unavailable(
                f"the keys of {token.issuer} are not known yet: {ring.trouble or 'it was not asked yet'}",
                hint="try again in a moment; if it lasts, ask your administrator",
                retry_after=1,
            )
        if key is None:
            raise verification.refused(f"{token.issuer} has no such key")
        proved = verification.verify(
            token, key, issuer=rules.issuer.url, audiences=rules.issuer.audiences, now=now
        )
        user = mapping.user_of(proved.claims, rules)
        login = Login(user, _credential(user), proved.ends)
        self._remember(login)
        return login

    def users(self, *, now: datetime.datetime) -> Iterator[User]:
        """Who has shown this server a token that is still good."""
        for login in self._seen.values():
            if now < login.ends:
                yield login.user

    def of_name(self, name: str) -> str:
        """The issuer whose users have names that begin like this one; empty where there is none."""
        return next((url for url, one in self._rules.items() if configuration.gives(one, name)), "")

    def _ours(self, text: str) -> Token | None:
        if not self._rules:
            return None
        token = verification.read(text)
        return token if token is not None and token.issuer in self._rules else None

    def _remember(self, login: Login) -> None:
        self._seen.pop(login.credential, None)
        self._seen[login.credential] = login
        if len(self._seen) > SEEN:
            del self._seen[next(iter(self._seen))]


def _credential(user: User) -> str:
    """No token has this hash, as no user's name is a token. Names are apart by their issuers' prefixes."""
    return hashlib.sha256(f"oidc\0{user.name}".encode()).hexdigest()
