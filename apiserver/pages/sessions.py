"""The URLs by which a browser logs in and out, and learns who it is.

POST   /ui/session    with a bearer token, or {"code": …}: a cookie that stands for it
GET    /ui/session    who is calling, and until when
DELETE /ui/session    the session is over, everywhere
POST   /ui/codes      with a bearer token or a client certificate: a code for a browser, good once and soon

No page of another site gets anybody in or out: what a browser sends by itself counts from our pages alone.
"""

import contextlib
import datetime
from typing import Any, Final

from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.visit import VISIT
from kohakuriver.apiserver.auth import impersonation
from kohakuriver.apiserver.auth.authentication import Caller
from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.context import SERVER
from kohakuriver.apiserver.identity import cookies, sites
from kohakuriver.apiserver.identity.access import CODES_PATH, SESSION_PATH
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.pages.files import FILES
from kohakuriver.apiserver.serving import body
from kohakuriver.apiserver.serving.middleware import SHARE, USER
from kohakuriver.apiserver.serving.requests import json_response
from kohakuriver.apiserver.write import browser_sessions, login_codes
from kohakuriver.apiserver.write.browser_sessions import Begun, Login
from kohakuriver.clock import timestamp

Json = dict[str, Any]

MOST_OF_A_CODE: Final = 1024  # bytes
NEVER: Final = {"Cache-Control": "no-store"}


async def begin(request: web.Request) -> web.StreamResponse:
    """A session of the credential that the request shows, or that a code in it stands for."""
    server = request.app[SERVER]
    if USER not in request:
        if not request.body_exists:
            raise errors.Unauthorized(
                "neither a bearer token nor a code was sent", hint="make a code: kohakuriver ui"
            )
        sites.check_session(request.headers, writes=True, scheme=request.scheme)
        login, found = await login_codes.redeem(server, await _code(request))
        request[VISIT].caller = Caller(login.user, login.digest, login.ends, login.by)
        request[VISIT].credential = found.token["metadata"]["name"]
    else:
        request[SHARE].charge(weights.SESSION)
        login = Login.of(server.credentials, _oneself(request))
        found = await browser_sessions.begin(server, login)
    return await _begun(request, login, found)


async def make_code(request: web.Request) -> web.StreamResponse:
    """A code for whoever is calling, to be redeemed by his browser."""
    request[SHARE].charge(weights.SESSION)
    server = request.app[SERVER]
    login = Login.of(server.credentials, _oneself(request))
    await request.app[FILES].find("")  # who gets a code wants a page to use it in
    made = await login_codes.make(server, login)
    request[VISIT].has_written = True
    response = json_response({"code": made.text, "expiresAt": timestamp(made.ends)}, status=201)
    response.headers.update(NEVER)
    return response


async def show(request: web.Request) -> web.StreamResponse:
    """Who is calling."""
    caller = _caller(request)
    credentials = request.app[SERVER].credentials
    ends = caller.ends
    if (token := credentials.token(caller.shown)) is not None:
        ends = token.ends
    name = credentials.name_of(caller.session) if caller.session else None
    return _answer(request[USER], ends, name)


async def end(request: web.Request) -> web.StreamResponse:
    """The session that asks is over."""
    caller = _caller(request)
    if not caller.session:
        raise errors.BadRequest(
            "this request shows no session that could end", hint="take a token back: kohakuriver token revoke"
        )
    server = request.app[SERVER]
    session, _ = server.credentials.session(caller.session, now=server.clock.now())
    with contextlib.suppress(errors.NotFound):
        await browser_sessions.end(server, session)
    request[VISIT].place["name"] = session.name
    response = web.Response(status=204, headers=NEVER)
    response.headers["Set-Cookie"] = cookies.header("", seconds=0)
    return response


def add(app: web.Application) -> None:
    """Routes and endpoints."""
    table = (
        ("POST", SESSION_PATH, begin, Endpoint("create", opens=_shows_no_token)),
        ("GET", SESSION_PATH, show, Endpoint("get")),
        ("DELETE", SESSION_PATH, end, Endpoint("delete")),
        ("POST", CODES_PATH, make_code, Endpoint("create")),
    )
    for method, path, handler, endpoint in table:
        app[ENDPOINTS][app.router.add_route(method, path, handler)] = endpoint


def _shows_no_token(request: web.Request) -> bool:
    """Whoever comes with a code has nothing else: what a browser sends by itself does not count."""
    return "Authorization" not in request.headers


async def _code(request: web.Request) -> str:
    """The code in the body. Raises BadRequest and kin, for anything longer before it is read."""
    if request.content_type != "application/json":  # which no page of another site can send without asking
        raise errors.UnsupportedMediaType(
            "a login is a JSON object", hint='send {"code": …} as application/json, or a bearer token'
        )
    if request.content_length is None or request.content_length > MOST_OF_A_CODE:
        raise errors.TooLarge(f"a code is sent in at most {MOST_OF_A_CODE} bytes, whose number is said")
    code = (await body.parsed(request)).get("code")
    if not isinstance(code, str):
        raise errors.BadRequest("code: expected a string", hint="make one: kohakuriver ui")
    return code


async def _begun(request: web.Request, login: Login, found: Begun) -> web.StreamResponse:
    server = request.app[SERVER]
    request[VISIT].wrote(found.token)
    await server.cache.wait_for(int(found.token["metadata"]["resourceVersion"]))
    key = cookies.key_of(found.secret)
    response = _answer(login.user, found.ends, found.token["metadata"]["name"], key=key, status=201)
    left = (found.ends - server.clock.now()).total_seconds()
    response.headers["Set-Cookie"] = cookies.header(found.secret, seconds=max(1, int(left)))
    return response


def _answer(
    user: User, ends: datetime.datetime | None, session: str | None, *, key: str = "", status: int = 200
) -> web.Response:
    """`key` is told once, to the page that has logged in."""
    told: Json = {
        "user": user.name,
        "role": user.role.value,
        "namespaces": list(user.namespaces),
        "rights": list(user.rights),
        "expiresAt": timestamp(ends) if ends is not None else None,
        "session": session,
        **({"key": key} if key else {}),
    }
    told = {field: value for field, value in told.items() if value is not None}
    response = json_response(told, status=status)
    response.headers.update(NEVER)
    return response


def _caller(request: web.Request) -> Caller:
    caller = request[VISIT].caller
    assert caller is not None, "the door has let nobody in without one"  # noqa: S101 - narrows the type
    return caller


def _oneself(request: web.Request) -> Caller:
    """Who is calling. Raises Forbidden for who would act as somebody else: he would be that one for hours."""
    if impersonation.named_in(request.headers):
        raise errors.Forbidden("nobody logs in as somebody else", hint="leave out the Impersonate- headers")
    return _caller(request)
