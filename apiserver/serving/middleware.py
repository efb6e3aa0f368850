"""The one door: every request is identified, authorised, answered, measured and logged here, in that order.

Handlers behind it raise errors of `kohakuriver.errors` or of the store; here they become a `Status`. The
log never holds a token, a body or a traceback that the client sees too.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.audit.renewals import Renewals
from kohakuriver.apiserver.audit.visit import GONE, LOG, VISIT, Visit, account, line
from kohakuriver.apiserver.auth import impersonation
from kohakuriver.apiserver.auth.authentication import Asking, Caller, authenticate, peer_of, prepare
from kohakuriver.apiserver.auth.endpoint import Endpoint, attributes_of, endpoint_of
from kohakuriver.apiserver.context import SERVER
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.limits.lanes import Passage
from kohakuriver.apiserver.limits.shares import Share
from kohakuriver.apiserver.metrics import Metrics
from kohakuriver.apiserver.serving import claims, pieces
from kohakuriver.apiserver.serving.connections import Connection
from kohakuriver.apiserver.store import base, codec
from kohakuriver.resources import kinds

USER = web.RequestKey("user", User)
SHARE = web.RequestKey("share", Share)
PASSAGE = web.RequestKey("passage", Passage)
FLOODS = web.RequestKey("floods", bool)
METRICS = web.AppKey("metrics", Metrics)
RENEWALS = web.AppKey("renewals", Renewals)
JSON = "application/json"
FULL_FOR = 10.0  # seconds after which to try again where somebody has to make room first

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Around every handler."""
    server = request.app[SERVER]
    method = Endpoint(verb=request.method.lower())
    visit = request[VISIT] = Visit(method, server.clock.monotonic(), request.app[RENEWALS])
    try:
        response = await _admitted(request, handler, visit)
    except asyncio.CancelledError as error:
        visit.code = GONE
        visit.reason = str(error) or visit.reason  # `Credentials` says it where it ends something
        _account(request, visit)
        raise
    except Exception as error:
        answer = _explained(error, request)
        if answer is None:
            LOG.exception("a request failed in a way nobody expected", extra=line(request, visit))
            answer = errors.InternalError("an internal error occurred", hint="the API server's log says more")
        visit.reason = answer.reason
        if request.writer.output_size > 0:  # half an answer is out: what follows would be taken for its rest
            visit.code = answer.code
            _account(request, visit)
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("an answer was already under way") from error
        response = status_response(answer)
        if isinstance(error, web.HTTPMethodNotAllowed):
            response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
        if isinstance(answer, errors.TooManyRequests) and (_has_more_to_come(request) or FLOODS in request):
            response.force_close()  # what is left of a body that is not wanted now is not waited for
    if not response.prepared:
        response.headers[kinds.HISTORY_HEADER] = server.history.id
    visit.code = response.status
    _account(request, visit)
    return response


async def _admitted(request: web.Request, handler: Handler, visit: Visit) -> web.StreamResponse:
    visit.endpoint = endpoint_of(request)
    if visit.endpoint.open:
        return await handler(request)
    server, wanted = request.app[SERVER], attributes_of(request, visit.endpoint)
    await prepare(server, request.headers)
    asking = Asking(
        writes=visit.endpoint.verb not in access.READ or "Upgrade" in request.headers, scheme=request.scheme
    )
    caller = authenticate(server, headers=request.headers, peer=peer_of(request.transport), asking=asking)
    visit.caller = caller
    visit.credential = server.credentials.name_of(caller.shown) or f"sha256:{caller.shown[:12]}"
    share = server.limiter.share_of(caller.credential, caller.user, wanted)
    if isinstance(request.protocol, Connection):
        request.protocol.known(share)
    try:
        return await _in_turn(request, handler, visit, caller, wanted)
    except (errors.TooManyRequests, errors.TooLarge) as error:
        if not request.writer.output_size and not await share.refuse(error.retry_after or 0.0):
            request[FLOODS] = True
        raise


async def _in_turn(
    request: web.Request, handler: Handler, visit: Visit, caller: Caller, wanted: access.Attributes
) -> web.StreamResponse:
    server, lasting = request.app[SERVER], visit.endpoint.lasts
    user = claims.with_claim(request, caller.user)
    with (
        server.limiter.turn(caller.credential, caller.user, wanted, lasting=lasting) as share,
        claims.suspecting(server, user),
        share.passage() as passage,
    ):
        acting = impersonation.acting(server, request.headers, user)
        if acting is not user:
            visit.shown["as"] = acting.name
        user = request[USER] = acting
        access.check(user, wanted)
        request[SHARE], request[PASSAGE] = share, passage
        await claims.check_session(server, user, visit.endpoint)
        if not lasting:
            return await _sent(request, await handler(request), share)
        with server.credentials.held(*caller.held, now=server.clock.now(), ends=caller.ends):
            return await handler(request)


def _has_more_to_come(request: web.Request) -> bool:
    return request.body_exists and not request.content.is_eof()


async def _sent(request: web.Request, response: web.StreamResponse, share: Share) -> web.StreamResponse:
    """A long answer is sent here, and counted until it is; what was done is never refused for that."""
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return response
    if request.method == "HEAD":
        return response
    with share.holding() as holding:
        holding.add(len(response.body), refuse=request.method == "GET")
        share.owe(weights.sending(len(response.body)))
        return await pieces.resend(request.app[SERVER], request, share, response)


def _explained(error: Exception, request: web.Request) -> errors.ApiError | None:
    """What an exception means to the client; None for one that nobody expected."""
    match error:
        case errors.ApiError():
            return error
        case base.StoreError():
            return from_store(error)
        case codec.Unreadable():
            return _from_nonsense(error)
        case web.HTTPException():
            return _from_http(error, request)
    return None


def status_response(error: errors.ApiError) -> web.Response:
    """An error as Kubernetes clients expect it."""
    response = web.Response(status=error.code, body=_written(error.to_status()), content_type=JSON)
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if isinstance(error, errors.Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="kohakuriver"'
    if isinstance(error, errors.Unauthorized | errors.TooSlow | errors.TooLarge):
        response.force_close()  # strangers keep no connection, and what is left of a body is not waited for
    return response


def _written(status: dict[str, object]) -> bytes:
    """As JSON; a message may repeat a header whose bytes are no UTF-8, and says "?" for those."""
    try:
        return orjson.dumps(status)
    except TypeError:
        return json.dumps(status, ensure_ascii=False).encode("utf-8", "replace")


def from_store(error: base.StoreError) -> errors.ApiError:
    """The store's errors as the API's; what is not known to have failed is never called failed."""
    match error:
        case base.StoreTimeout():
            return errors.OutcomeUnknown(
                f"the store did not answer in time: {error}",
                hint="the request may have been carried out: look before trying again",
                retry_after=1,
            )
        case base.StoreCompacted() | base.StoreFuture():
            return errors.Expired(str(error), hint="list again")
        case base.StoreConflict():
            return errors.Conflict(
                "the object has been modified meanwhile", hint="read it again and apply your change to that"
            )
        case base.StoreFull():
            return errors.Unavailable(str(error), hint=error.hint, retry_after=FULL_FOR)
        case base.StoreTooLarge():
            return errors.TooLarge(str(error), hint=error.hint or "make the object smaller")
    return errors.Unavailable(str(error), hint=error.hint or "try again in a moment", retry_after=1)


def _from_nonsense(error: codec.Unreadable) -> errors.ApiError:
    """Somebody has put into the store by hand what is no object: it stands in the way of that name alone."""
    return errors.Conflict(str(error), hint=f"whoever runs etcd can remove it: etcdctl del {error.key}")


def _from_http(error: web.HTTPException, request: web.Request) -> errors.ApiError:
    """aiohttp's own refusals: unknown paths and methods, bodies too large."""
    match error.status:
        case 404:
            return errors.NotFound("the server could not find the requested resource", details={})
        case 405:
            return errors.MethodNotAllowed(
                f"the server does not allow {request.method} on the requested resource",
                hint="this kind is written by the server alone" if _is_read_only(request) else "",
            )
        case 413:
            return errors.TooLarge("the request body is too large", hint="split it into several requests")
    return errors.from_status({"message": error.reason}, code=error.status)


def _is_read_only(request: web.Request) -> bool:
    parts = request.path.split("/")
    return any(resource.read_only and resource.plural in parts for resource in kinds.ALL)


def _account(request: web.Request, visit: Visit) -> None:
    """Count the request and write its line."""
    seconds = request.app[SERVER].clock.monotonic() - visit.started
    endpoint = visit.endpoint
    resource = endpoint.resource.plural if endpoint.resource else ""
    request.app[METRICS].answered(verb=endpoint.verb, resource=resource, code=visit.code, seconds=seconds)
    account(request, visit, seconds)
