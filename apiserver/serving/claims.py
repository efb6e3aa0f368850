"""Which of a node's agent processes a request is of, and whether it may speak for the node now."""

import contextlib
import dataclasses
from collections.abc import Iterator

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.auth.endpoint import Endpoint
from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.identity.sessions import Claim, Held, check, tells_of_two
from kohakuriver.apiserver.store import codec
from kohakuriver.resources import kinds


def with_claim(request: web.Request, user: User) -> User:
    """Of a node: which of its agent processes it is. Raises BadRequest."""
    if user.role is not Role.NODE:
        return user
    text = request.headers.get(kinds.SESSION_HEADER, "")
    return dataclasses.replace(user, claim=Claim.parse(text, address=request.remote or ""))


async def check_session(server: Server, user: User, endpoint: Endpoint) -> None:
    """A node writes and streams in the session that its Lease has; it reads, and claims the Lease, in any."""
    speaks = endpoint.verb in access.WRITE or (endpoint.lasts and endpoint.verb != "watch")
    if user.role is not Role.NODE or user.node is None or endpoint.resource in (None, kinds.LEASE):
        return
    if not speaks:
        return
    try:
        server.cache.check_ready()
        check(user.node, user.claim, server.cache.sessions.held(user.node))
    except errors.ApiError:  # it may have opened its session at another server, a moment ago
        record = await server.store.get(codec.key(kinds.LEASE, kinds.NODE_LEASE_NAMESPACE, user.node))
        check(user.node, user.claim, Held.in_(record))


@contextlib.contextmanager
def suspecting(server: Server, user: User) -> Iterator[None]:
    """Who is refused because his node's Lease is another's is remembered, wherever that was found."""
    try:
        yield
    except errors.Conflict as error:
        if user.node is not None and user.role is Role.NODE and tells_of_two(error):
            server.cache.sessions.refused(user.node, user.claim)
        raise
