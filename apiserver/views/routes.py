"""The routes of the kinds that are shown and never stored: GET, LIST and WATCH, from the cache of what is.

    GET    collection        list, or watch with ?watch=true     GET    NAME   get
    PATCH  NAME              of what may be written               other writes are refused, with what to do

Whoever may see what is stored may see it in the other form: `access.py` derives the rules. Versions,
continue tokens, bookmarks and the end of history are those of what is stored.
"""

import dataclasses
import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.objects import objects, selectors
from kohakuriver.apiserver.objects.query import ListQuery, WatchQuery, flag, parse_list, parse_watch
from kohakuriver.apiserver.objects.selectors import Selection
from kohakuriver.apiserver.printers.forms import negotiate
from kohakuriver.apiserver.read import read
from kohakuriver.apiserver.serving import body, pieces, stream
from kohakuriver.apiserver.serving.requests import Call, json_response, written_response
from kohakuriver.apiserver.views.registry import SHOWING
from kohakuriver.apiserver.views.shown import Shown
from kohakuriver.apiserver.write import patch, write
from kohakuriver.errors import MethodNotAllowed, NotFound
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import View

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Query = TypeVar("Query", ListQuery, WatchQuery)


async def get_one(view: View, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, view.of)
    form = _form(call, view)
    try:
        entry = await read.get(call.server, call.user, view.of, namespace=call.namespace, name=call.name)
    except NotFound:
        raise objects.not_found(view.shown, call.name) from None
    missing = SHOWING[view.shown].absent(entry.decoded())
    if missing is not None:
        raise missing
    return json_response(form.one(entry.raw, call.server.clock.now()))


async def get_many(view: View, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, view.of)
    form = _form(call, view)
    if flag(request.query, "watch"):
        followed = parse_watch(request.query, view.shown, namespace=call.namespace, scope=None)
        query = _of_stored(call, view, followed)
        return await stream.follow(call.server, request, view.of, query, form, call.share)
    listed = parse_list(request.query, view.shown, namespace=call.namespace, scope=None)
    with call.share.holding() as holding:
        listing = await read.list_(
            call.server,
            view.of,
            _of_stored(call, view, listed),
            namespace=call.namespace,
            share=call.share,
            holding=holding,
        )
        rows = await read.rows(form, listing, call.server.clock.now(), call.share)
        return await pieces.send(call.server, request, call.share, form.around(listing.metadata()), rows)


async def change(view: View, request: web.Request) -> web.StreamResponse:
    """A patch of what is shown, carried out on what is stored: by its rules, and as its write."""
    mean = SHOWING[view.shown].patch
    if mean is None:
        return await refuse(view, request)
    patch.check_type(request.content_type, view.shown)
    call = Call.of(request, view.of)
    form, options = _form(call, view), call.options()
    sent = await body.sent_patch(request, options.validation)
    await call.charge_for_stored()
    # What may be written there has no lists: the strategic merge of it is the plain one.
    content_type = patch.JSON_PATCH if request.content_type == patch.JSON_PATCH else patch.MERGE
    written = await write.patch(call.server, call.writing("", options), content_type, mean(sent.content))
    return written_response(call, form, written, *sent.warnings)


async def refuse(view: View, request: web.Request) -> web.StreamResponse:
    """Writes: what is shown changes with what is stored."""
    raise MethodNotAllowed(
        f"{objects.qualified(view.shown)} cannot be written, they show {objects.qualified(view.of)}: "
        f"{SHOWING[view.shown].instead}"
    )


def _form(call: Call, view: View) -> Shown:
    accept, include = call.request.headers.get("Accept", ""), call.request.query.get("includeObject", "")
    return Shown(negotiate(view.shown, accept, include), SHOWING[view.shown].change)


def _of_stored(call: Call, view: View, query: Query) -> Query:
    """The query in terms of what is stored, narrowed to what the caller may see of that."""
    asked: Selection = query.selection
    meant = SHOWING[view.shown].selection(asked)
    scope = access.scope(call.user, view.of, call.namespace)
    seen = selectors.select(view.of, fields=(scope,)) if scope else Selection()
    return dataclasses.replace(query, selection=Selection(meant.labels, meant.fields + seen.fields))


def add(app: web.Application) -> None:
    """Routes and endpoints for every view that shows what is stored."""
    for view in kinds.VIEWS:
        if view.shown in SHOWING:
            _add_view(app, view)


def _add_view(app: web.Application, view: View) -> None:
    shown = view.shown
    collection = shown.path(namespace="{namespace}" if shown.namespaced else None)
    one = f"{collection}/{{name}}"
    for path in dict.fromkeys((collection, shown.path())):
        _add(app, "GET", path, functools.partial(get_many, view), Endpoint("list", shown))
    _add(app, "GET", one, functools.partial(get_one, view), Endpoint("get", shown))
    # Who may see them is told why they cannot be written; others are told that they may not see them.
    for method, path in (("POST", collection), ("DELETE", collection)):
        _add(app, method, path, functools.partial(refuse, view), Endpoint("list", shown))
    if "patch" in view.verbs:
        _add(app, "PATCH", one, functools.partial(change, view), Endpoint("patch", shown))
    for method in ("PUT", "DELETE") if "patch" in view.verbs else ("PUT", "PATCH", "DELETE"):
        _add(app, method, one, functools.partial(refuse, view), Endpoint("get", shown))


def _add(app: web.Application, method: str, path: str, handler: Handler, endpoint: Endpoint) -> None:
    app[ENDPOINTS][app.router.add_route(method, path, handler)] = endpoint
