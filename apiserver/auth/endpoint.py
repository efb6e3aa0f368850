"""What a route stands for, beside its path: the verb, the kind and the part of it that are asked for.

Every route is entered here by `routes.py`; `middleware.py` looks a request up and asks `access.py` about
it, so that no handler can forget to. A route without an endpoint is closed.
"""

import dataclasses
from collections.abc import Callable

from aiohttp import web

from kohakuriver.apiserver.identity.access import Attributes
from kohakuriver.apiserver.objects.query import flag
from kohakuriver.resources.kinds import ResourceType

STREAMS = "streams"  # of a node: what its agent connects to


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """One route. `open` ones answer without a credential, others to requests that `opens` is true of."""

    verb: str
    resource: ResourceType | None = None
    subresource: str = ""
    open: bool = False
    opens: Callable[[web.Request], bool] | None = None

    @property
    def lasts(self) -> bool:
        """Whether its answer goes on: a watch or a stream, which end when their credential does."""
        streams = self.resource.streams if self.resource is not None else ()
        return self.verb == "watch" or self.subresource in streams or self.subresource == STREAMS


ENDPOINTS = web.AppKey("endpoints", dict[web.AbstractRoute, Endpoint])
UNKNOWN = Endpoint(verb="get")

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


def endpoint_of(request: web.Request) -> Endpoint:
    """The endpoint that a request has come to; a path that is not served is a resource of no kind."""
    found = request.app[ENDPOINTS].get(request.match_info.route)
    if found is None:
        return Endpoint(verb=_VERBS.get(request.method, request.method.lower()))
    if found.opens is not None and found.opens(request):
        return dataclasses.replace(found, open=True)
    if found.verb == "list" and "watch" in request.query and flag(request.query, "watch"):
        return dataclasses.replace(found, verb="watch")
    return found


def attributes_of(request: web.Request, endpoint: Endpoint) -> Attributes:
    """What a request wants, as `access.py` judges it."""
    return Attributes(
        verb=endpoint.verb,
        resource=endpoint.resource,
        subresource=endpoint.subresource,
        namespace=request.match_info.get("namespace"),
        name=request.match_info.get("name"),
        path=request.path,
    )
