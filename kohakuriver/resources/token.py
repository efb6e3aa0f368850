"""Token: a credential without its secret. Whoever makes one keeps the secret, and sends its SHA-256 alone."""

from typing import Annotated, Literal

import pydantic

from kohakuriver.resources import meta

EXPIRED = "expired"
"""What the server's table says, by its own clock, in the column `Expires` of a token that it refuses."""

Name = Annotated[str, pydantic.Field(pattern=meta.SUBDOMAIN_PATTERN, max_length=240)]


class SessionOf(meta.Model):
    """The credential that a browser's session was made of."""

    credential: Literal["token", "file", "issuer", "certificate"]
    """Which sort: a Token, a line of the token file, a provider's token, or a client certificate."""
    sha256: Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]
    """Its hash; for an identity provider's tokens one that stands for the user."""
    uid: str | None = None
    """Of the Token, if it was one: with that Token the session ends."""


class TokenSpec(meta.Model):
    """Whose credential it is, and what it opens. It does not change: delete it, and create another."""

    sha256: Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]
    """The SHA-256 of the bearer token, 64 hexadecimal digits."""
    role: Literal["admin", "user", "viewer", "node", "controller", "authenticator", "join"]
    """What its holder may do; `authenticator` may ask whose a token is, `join` may make a machine a node, and
    both nothing else."""
    user: Annotated[str, pydantic.Field(min_length=1, max_length=253)] | None = None
    """The name its holder goes by."""
    node: Name | None = None
    """The node whose credential it is; of a join token, the only name that may be joined with it."""
    namespaces: list[str] | None = None
    """A user's own namespaces; what a viewer is narrowed to."""
    rights: list[Literal["privileged", "mounts", "capabilities"]] | None = None
    """What a user may set beyond its role."""
    ttl: meta.Duration | None = None
    """How long it is good for; without it, until it is deleted."""
    session: SessionOf | None = None
    """Of a browser's session, which is not a bearer token, what it was made of. The server makes it."""

    @pydantic.model_validator(mode="after")
    def _agrees_with_its_role(self) -> "TokenSpec":
        if self.role not in ("node", "join") and self.user is None:
            raise ValueError(f'a token of role "{self.role}" names its user')
        if self.role == "node" and self.node is None:
            raise ValueError('a token of role "node" names its node')
        if self.role not in ("node", "join") and self.node is not None:
            raise ValueError(f'a token of role "{self.role}" is no node\'s: leave node out')
        if self.role == "user" and not self.namespaces:
            raise ValueError('a token of role "user" names its namespaces')
        if self.role not in ("user", "viewer") and self.namespaces:
            raise ValueError(f'a token of role "{self.role}" has no namespaces of its own: leave them out')
        if self.role != "user" and self.rights:
            raise ValueError('only a token of role "user" has rights: an admin has all, others set no spec')
        if self.role == "join" and self.ttl is None:
            raise ValueError("a join token names its ttl, such as 1h")
        return self


class TokenStatus(meta.Model):
    """Until when it is good."""

    expires_at: meta.Timestamp | None = None
    """The server refuses it from then on, by its own clock."""


class Token(meta.Object):
    """A credential that can be taken back by deleting it. The secret is in no object."""

    spec: TokenSpec
    """Whose credential it is, and what it opens."""
    status: TokenStatus | None = None
    """Until when it is good."""
