"""A client certificate as a credential: the common name is the user, its organisations say what it may do.

    CN=alice, O=role:user, O=namespace:team-a, O=right:mounts
    CN=ops,   O=role:admin

TLS has checked by then that one of `--client-ca` signed it. Nodes have none: their credentials are revoked
when a node is given up, and a certificate cannot be taken back but with its authority. Pure.
"""

import dataclasses
import datetime
import ssl
from collections.abc import Mapping
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import RIGHTS, Role, User

ROLES = (Role.ADMIN, Role.USER, Role.VIEWER, Role.CONTROLLER)
_HINT = "ask your administrator for another certificate: docs/operations.md, Client certificates"


@dataclasses.dataclass(frozen=True, slots=True)
class Peer:
    """What a connection's TLS has of its client."""

    subject: Mapping[str, tuple[str, ...]]
    ends: datetime.datetime
    digest: str

    @classmethod
    def of(cls, certificate: Mapping[str, Any], digest: str) -> "Peer":
        """From what `SSLObject.getpeercert()` says, and the certificate's SHA-256."""
        subject: dict[str, tuple[str, ...]] = {}
        for part in certificate.get("subject", ()):
            for name, value in part:
                subject[name] = (*subject.get(name, ()), value)
        seconds = ssl.cert_time_to_seconds(certificate["notAfter"])
        return cls(subject, datetime.datetime.fromtimestamp(seconds, datetime.UTC), digest)


def user_of(peer: Peer, *, now: datetime.datetime) -> User:
    """Whom the certificate names. Raises Unauthorized."""
    names = peer.subject.get("commonName", ())
    if len(names) != 1 or not names[0]:
        raise _unfit("it names no user: it needs one common name")
    if now >= peer.ends:
        raise _unfit(f"it expired at {peer.ends}")  # the connection is older than that
    said = _said(peer.subject.get("organizationName", ()))
    role = _role(said.get("role", ()))
    namespaces, rights = said.get("namespace", ()), said.get("right", ())
    if role is Role.USER and not namespaces:
        raise _unfit("it is of role user and names no namespace: it needs O=namespace:NAME")
    if role not in (Role.USER, Role.VIEWER) and namespaces:
        raise _unfit(f"it is of role {role}, which has no namespaces of its own")
    if rights and (role is not Role.USER or not set(rights) <= set(RIGHTS)):
        raise _unfit(f"its rights can be {' and '.join(RIGHTS)}, of role user alone")
    return User(names[0], role, namespaces=namespaces, rights=rights)


def _said(organisations: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """`key:value` by key; other organisations are no business of ours."""
    said: dict[str, tuple[str, ...]] = {}
    for organisation in organisations:
        key, colon, value = organisation.partition(":")
        if colon and value and key in ("role", "namespace", "right"):
            said[key] = (*said.get(key, ()), value)
    return said


def _role(named: tuple[str, ...]) -> Role:
    if len(named) != 1 or named[0] not in ROLES:
        raise _unfit(f"it needs one O=role:ROLE, of {', '.join(ROLES)}")
    return Role(named[0])


def _unfit(why: str) -> errors.Unauthorized:
    return errors.Unauthorized(f"the client certificate opens nothing here: {why}", hint=_HINT)
