"""Administrators who look at nodes are told in a Warning header of a certificate that is over within a year.

There, as it is where one looks after the machines; not in every answer, or nobody would read it.
"""

from aiohttp import web

from kohakuriver.apiserver.auth.endpoint import ENDPOINTS
from kohakuriver.apiserver.expiry import Expiry
from kohakuriver.apiserver.identity.identity import Role
from kohakuriver.apiserver.serving.middleware import USER
from kohakuriver.resources import kinds

EXPIRY = web.AppKey("expiry", Expiry)


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Before any answer goes out."""
    user, endpoint = request.get(USER), request.app[ENDPOINTS].get(request.match_info.route)
    if user is None or user.role is not Role.ADMIN or endpoint is None:
        return
    looks = endpoint.resource is kinds.NODE and endpoint.verb in ("get", "list")
    text = request.app[EXPIRY].warning() if looks else ""
    if text:
        response.headers.add("Warning", f'299 - "{text}"')
