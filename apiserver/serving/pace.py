"""What a node hears with the answer to each renewal of its Lease: how soon to renew again, and who serves.

Every node renews all the time, so what every node has to know rides on that: a watch of each of them would
have a line written for each renewal of each API server's own Lease, to thousands of nodes.
"""

import dataclasses

from aiohttp import web

from kohakuriver.apiserver.auth.endpoint import endpoint_of
from kohakuriver.apiserver.context import SERVER, Server
from kohakuriver.apiserver.registration import registered_servers
from kohakuriver.resources import kinds

RENEWALS = 350  # a second, of all nodes together: with more, one API server has time for little else
PERIOD = 3.0  # seconds between two renewals of a node where that is few enough
NEWS_AFTER = 1.0  # seconds in which the servers are not looked up again


def period(nodes: int) -> float:
    """Seconds between two renewals of each of so many nodes."""
    return max(PERIOD, round(nodes / RENEWALS, 1))


@dataclasses.dataclass(slots=True)
class Pace:
    """The servers, as of a moment ago."""

    urls: str = ""
    looked_at: float = float("-inf")

    def servers(self, server: Server) -> str:
        now = server.clock.monotonic()
        if now - self.looked_at >= NEWS_AFTER:
            self.urls = " ".join(found.url for found in registered_servers(server.cache))
            self.looked_at = now
        return self.urls


PACE = web.AppKey("pace", Pace)


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Before any answer goes out."""
    if response.status != 200 or request.match_info.get("namespace") != kinds.NODE_LEASE_NAMESPACE:
        return
    endpoint, server = endpoint_of(request), request.app[SERVER]
    if endpoint.verb == "update" and endpoint.resource is kinds.LEASE and server.cache.ready:
        response.headers[kinds.RENEW_HEADER] = f"{period(len(server.cache.kinds[kinds.NODE])):g}"
        response.headers[kinds.SERVERS_HEADER] = request.app[PACE].servers(server)
