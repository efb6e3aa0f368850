"""Acting as somebody else, which administrators may: what `kubectl --as` asks for with its headers. Pure.

    Impersonate-User: bob          as whom: somebody who has a token
    Impersonate-Group: …           chooses among bob's tokens by role (`kohakuriver:viewer`)

The request is then judged, answered and carried out as bob's, while it counts as the administrator's and the
audit log names both. No header of this sort is ever passed over: who may not, or what is not served, is told.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from multidict import CIMultiDictProxy

from kohakuriver import errors
from kohakuriver.apiserver.auth.authentication import Known
from kohakuriver.apiserver.identity.identity import Role, User

PREFIX: Final = "impersonate-"
AS_USER: Final = "Impersonate-User"
AS_GROUP: Final = "Impersonate-Group"
EVERYBODY: Final = frozenset({"system:authenticated"})  # groups that choose nobody
_PEOPLE: Final = (Role.ADMIN, Role.USER, Role.VIEWER)  # the others' requests are true of their programs alone

Headers = CIMultiDictProxy[str]


def acting(server: Known, headers: Headers, user: User) -> User:
    """As whom the request is to be carried out. Raises Forbidden and BadRequest."""
    asked = named_in(headers)
    if not asked:
        return user
    if user.role is not Role.ADMIN:
        raise errors.Forbidden(
            f'user "{user.name}" of role {user.role} may not act as somebody else, which {asked[0]} asks for',
            hint="leave out --as and --as-group, or ask an administrator",
        )
    unserved = [name for name in asked if name.lower() not in (AS_USER.lower(), AS_GROUP.lower())]
    if unserved:
        raise errors.BadRequest(f"{unserved[0]} is not served", hint="name the user alone: --as NAME")
    names = headers.getall(AS_USER, [])
    if len(names) != 1 or not names[0]:
        raise errors.BadRequest(f"{AS_USER} must name one user", hint="use --as NAME")
    found = of_name(server, names[0], headers.getall(AS_GROUP, []))
    if found.role not in _PEOPLE:
        raise errors.Forbidden(f'"{found.name}" is of role {found.role}, as which nobody else may act')
    return found


def named_in(headers: Headers) -> tuple[str, ...]:
    """The headers of this sort, as they are written."""
    return tuple(dict.fromkeys(name for name, _ in asked_for(headers)))


def asked_for(headers: Headers) -> tuple[tuple[str, str], ...]:
    """The headers of this sort with what they say, each as often as it is there: groups are several."""
    return tuple((name, value) for name, value in headers.items() if name.lower().startswith(PREFIX))


def of_name(
    server: Known, name: str, groups: Iterable[str] = (), namespaces: Sequence[str] | None = None
) -> User:
    """The user whose tokens have this name, or who has logged in here with one that is still good; groups
    choose by role, and namespaces by theirs. Raises Forbidden where there is none, or several that differ in
    what they may do."""
    server.cache.check_ready()
    now = server.clock.now()
    everybody = (
        *server.tokens.users.values(),
        *server.credentials.users(now=now),
        *server.issuers.users(now=now),
    )
    found = list(dict.fromkeys(user for user in everybody if user.name == name))
    if not found:
        raise errors.Forbidden(
            f'no token is of a user "{name}"', hint="see who has one: kohakuriver get tokens"
        )
    for group in groups:
        if group not in EVERYBODY:
            found = [user for user in found if group == group_of(user)]
    if namespaces is not None:
        found = [user for user in found if user.namespaces == tuple(namespaces)]
    if not found:
        raise errors.Forbidden(f'no token of user "{name}" is of such a group, which stands for a role')
    if len(found) > 1:
        told = ", ".join(
            f"{group_of(user)} in {','.join(user.namespaces) or 'all namespaces'}" for user in found
        )
        raise errors.Forbidden(
            f'the tokens of user "{name}" differ in what they may do: {told}', hint="choose by --as-group"
        )
    return found[0]


def group_of(user: User) -> str:
    """The group that Kubernetes' clients see for a role."""
    return f"kohakuriver:{user.role}"
