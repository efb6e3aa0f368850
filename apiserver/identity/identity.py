"""Who is calling: bearer token -> `User`. The first thing that happens to every request.

Tokens are kept as SHA-256 hashes only, and looked up by hash, so neither the file nor the time an answer
takes says anything about a token. What a user may do is `access.py`'s business, not this file's.
"""

import dataclasses
import enum
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.identity.sessions import NO_CLAIM, Claim

RIGHTS = (
    "privileged",
    "mounts",
    "capabilities",
)  # what admins may put into the spec of a VPS, and whoever is given the right

_FIELDS = frozenset({"sha256", "user", "role", "node", "namespaces", "rights"})
_HASH = re.compile(r"[0-9a-f]{64}")


class Role(enum.StrEnum):
    """What kind of caller a credential belongs to."""

    ADMIN = "admin"
    USER = "user"
    VIEWER = "viewer"
    NODE = "node"
    CONTROLLER = "controller"
    AUTHENTICATOR = (
        "authenticator"  # may ask whose a token is, as a proxy or another service does, and no more
    )
    JOIN = "join"  # may make a machine a node, and nothing else; never in the token file: it has an end


_ROLES = tuple(role.value for role in Role if role is not Role.JOIN)


@dataclasses.dataclass(frozen=True, slots=True)
class User:
    """One caller. `node` is set for nodes, and for those who may join as that one alone; `namespaces` are a
    user's own, or narrow a viewer.

    `rights` are those that a user has beyond its role, and `claim` is what a request of a node says of the
    agent process behind it.
    """

    name: str
    role: Role
    node: str | None = None
    namespaces: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    claim: Claim = NO_CLAIM


def fingerprint(token: str) -> str:
    """The form in which a token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class TokenFile:
    """The users that a file of hashed tokens names, by hash."""

    users: Mapping[str, User]

    @classmethod
    def load(cls, path: Path) -> "TokenFile":
        """Read one JSON object per line. Raises ConfigError with the file and the line."""
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise errors.ConfigError(
                f"cannot read the token file {path}: {error}",
                hint='it holds one {"sha256": …, "user": …, "role": …} per line',
            ) from error
        users: dict[str, User] = {}
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            digest, user = _entry(line, place=f"{path}:{number}")
            if digest in users:
                raise errors.ConfigError(
                    f"{path}:{number}: this token is already given to {users[digest].name}",
                    hint="remove one of the two lines",
                )
            users[digest] = user
        return cls(users)

    def authenticate(self, token: str) -> User:
        """The user whose token this is. Raises Unauthorized."""
        user = self.users.get(fingerprint(token)) if token else None
        if user is None:
            raise errors.Unauthorized(
                "the bearer token is not known to this server" if token else "no bearer token was sent",
                hint="use the config file that kohakuriver up wrote, or ask your administrator for a token",
            )
        return user

    def of_node(self, node: str) -> tuple[str, ...]:
        """The hashes of a node's credentials."""
        return tuple(digest for digest, user in self.users.items() if user.node == node)


def _entry(line: str, *, place: str) -> tuple[str, User]:
    """One line of the file."""
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise errors.ConfigError(
            f"{place}: not JSON: {error}", hint="write one JSON object per line"
        ) from error
    problem = _problem(entry)
    if problem:
        raise errors.ConfigError(
            f"{place}: {problem}", hint="correct the line, then start the API server again"
        )
    user = User(
        name=entry["user"],
        role=Role(entry["role"]),
        node=entry.get("node"),
        namespaces=tuple(entry.get("namespaces") or ()),
        rights=tuple(entry.get("rights") or ()),
    )
    return entry["sha256"], user


def _problem(entry: Any) -> str:
    """What is wrong with an entry, in words; empty if nothing is."""
    if not isinstance(entry, dict):
        return "expected a JSON object"
    unknown = sorted(set(entry) - _FIELDS)
    if unknown:
        return f'unknown field "{unknown[0]}": the fields are {", ".join(sorted(_FIELDS))}'
    if not isinstance(entry.get("sha256"), str) or not _HASH.fullmatch(entry["sha256"]):
        return '"sha256" must be 64 hexadecimal digits in lower case'
    if not isinstance(entry.get("user"), str) or not entry["user"]:
        return '"user" must be a name'
    if entry.get("role") not in _ROLES:
        return f'"role" must be one of {", ".join(_ROLES)}'
    if not isinstance(entry.get("node"), str | None) or not _names(entry.get("namespaces")):
        return '"node" must be a name and "namespaces" a list of names'
    if (entry["role"] == Role.NODE.value) != bool(entry.get("node")):
        return 'a credential of role "node", and no other, names its "node"'
    if entry["role"] == Role.USER.value and not entry.get("namespaces"):
        return 'a credential of role "user" names its "namespaces"'
    if not _names(entry.get("rights")) or not set(entry.get("rights") or ()) <= set(RIGHTS):
        return f'"rights" must be a list of {" and ".join(RIGHTS)}'
    if entry.get("rights") and entry["role"] != Role.USER.value:
        return 'only a credential of role "user" has "rights": an admin has all, and others set no spec'
    return ""


def _names(value: Any) -> bool:
    return value is None or (
        isinstance(value, list) and all(isinstance(name, str) and name for name in value)
    )
