"""The URLs of the web page: its files, for everybody, since nothing in them is anybody's.

GET, HEAD /ui/…     a file, or the page for what is none
GET, HEAD /ui       to /ui/, as browsers are sent that ask for / (documents.py)

Whoever asks costs all visitors together, and no credential, so they cannot take the server's time from those
who have one.
"""

import secrets
from pathlib import Path
from typing import Final

from aiohttp import web

from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.context import SERVER
from kohakuriver.apiserver.identity import cookies
from kohakuriver.apiserver.identity.access import Attributes
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.pages import headers, sessions
from kohakuriver.apiserver.pages.files import FILES, File, Files
from kohakuriver.apiserver.serving import pieces

OPEN: Final = Endpoint("get", open=True)
FOR_EVER: Final = "public, max-age=31536000, immutable"
_VISITORS: Final = User("visitors", Role.VIEWER)  # who nobody is; by this name they share what they cost
_CREDENTIAL: Final = "visitors"  # no hash is this
_LOOKING: Final = Attributes("get")


async def show(request: web.Request) -> web.StreamResponse:
    """A file of the page, or the page."""
    found = await request.app[FILES].find(request.match_info.get("path", ""))
    response = _page(request, found) if found.is_index else _file(request, found)
    if request.method == "HEAD" or not isinstance(response.body, bytes):
        return response
    server = request.app[SERVER]
    share = server.limiter.share_of(_CREDENTIAL, _VISITORS, _LOOKING)
    share.owe(weights.sending(len(response.body)))
    await share.turn()
    return await pieces.resend(server, request, share, response)


async def to_the_page(request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": f"{headers.PREFIX}/"})


async def tell(request: web.Request, response: web.StreamResponse) -> None:
    """Before any answer goes out: what a browser may do with it, if it is for one."""
    if headers.is_ours(request.path):
        for name, value in headers.ALL.items():
            response.headers.setdefault(name, value)
    elif cookies.session_in(request.headers):
        response.headers.update(headers.OF_SESSIONS)


def _page(request: web.Request, found: File) -> web.Response:
    """With a nonce of its own, so it is never the one that a browser has."""
    nonce, site = secrets.token_urlsafe(16), headers.came_from(request.headers)
    return web.Response(
        body=found.content.replace(headers.NONCE, nonce.encode()).replace(headers.CAME_FROM, site.encode()),
        headers={
            "Content-Type": found.media_type,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": headers.policy(nonce),
        },
    )


def _file(request: web.Request, found: File) -> web.Response:
    packed = found.packed if _takes_packed(request.headers.get("Accept-Encoding", "")) else None
    tag = f"{found.tag}-gz" if packed is not None else found.tag
    about = {
        "ETag": f'"{tag}"',
        "Cache-Control": FOR_EVER if found.is_kept else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if any(known.value in (tag, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=about)
    about["Content-Type"] = found.media_type
    if packed is not None:
        about["Content-Encoding"] = "gzip"
    return web.Response(body=found.content if packed is None else packed, headers=about)


def _takes_packed(accepted: str) -> bool:
    for one in accepted.lower().split(","):
        name, _, quality = one.replace(" ", "").partition(";")
        if name == "gzip":
            return quality.removeprefix("q=").strip("0.") != "" or not quality
    return False


def add(app: web.Application, folder: Path) -> None:
    """Routes and endpoints."""
    app[FILES] = Files(folder)
    app.on_response_prepare.append(tell)
    sessions.add(app)
    table = (
        (headers.PREFIX, to_the_page),
        (f"{headers.PREFIX}/", show),
        (f"{headers.PREFIX}/{{path:.+}}", show),
    )
    for path, handler in table:
        for method in ("GET", "HEAD"):
            app[ENDPOINTS][app.router.add_route(method, path, handler)] = OPEN
