"""A stream to a node that is connected to another API server of the cluster: asked for there.

With the caller's own token or session, and as whom he asks to act, so that the other server judges for
itself. It does not pass the request on.
"""

import asyncio

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.auth.authentication import bearer
from kohakuriver.apiserver.auth.impersonation import asked_for
from kohakuriver.apiserver.context import Server
from kohakuriver.apiserver.identity import cookies
from kohakuriver.apiserver.registration import registered_servers
from kohakuriver.client.config import Connection
from kohakuriver.streams.dial import Dialer, Params

RELAYED = "X-Kohakuriver-Relayed"  # by which server
WITHIN = 12.0  # seconds; an agent has ten to answer


def is_relayed(request: web.Request) -> bool:
    return RELAYED in request.headers


async def relay(
    server: Server, request: web.Request, path: str, query: Params, nowhere: errors.Unavailable
) -> tuple[asyncio.Transport, bytes]:
    """The connection to the first server that has what stands at that path. Raises what that one answers, and
    `nowhere` where none has it."""
    others = [other for other in registered_servers(server.cache) if other.id != server.id]
    token = bearer(request.headers.get("Authorization", ""))
    session = cookies.counts_in(request.headers)
    if others and not token and not session:
        raise errors.Unavailable(
            f"{nowhere.message}, and a client certificate cannot be passed on to another",
            hint=f"name that one in the config file: {' or '.join(other.url for other in others)}",
        )
    headers = [*asked_for(request.headers), (RELAYED, server.id)]
    if session:  # that one of our pages asks has been seen here
        headers += [*cookies.shown(session).items(), ("Sec-Fetch-Site", "same-origin")]
    for other in others:
        dialer = Dialer(
            Connection(server=other.url, token=token, ca=server.authority),
            program="kohakuriver-apiserver",
            timeout=WITHIN,
        )
        try:
            return await dialer.transport(path, query, headers=headers)
        except (errors.Unavailable, errors.Unreachable):
            continue
    raise nowhere
