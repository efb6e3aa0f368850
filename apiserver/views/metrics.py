"""`metrics.k8s.io`: what VPSes use, each by itself as a Pod, and summed up for each node.

    GET  …/namespaces/NAMESPACE/pods[/NAME]   of who may see the stats of those VPSes
    GET  …/nodes[/NAME]                       of who may see those of all

A VPS that does not run, or whose agent did not answer in time, has none; nor has a node with such an agent.
"""

import functools
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import orjson
from aiohttp import web

from kohakuriver import errors
from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.cache.entry import Entry
from kohakuriver.apiserver.context import SERVER
from kohakuriver.apiserver.node_streams.nodes import not_connected
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.objects.query import ListQuery, parse_list
from kohakuriver.apiserver.objects.selectors import Operator, Requirement, Selection
from kohakuriver.apiserver.printers.forms import Form, negotiate
from kohakuriver.apiserver.read import read
from kohakuriver.apiserver.serving import pieces
from kohakuriver.apiserver.serving.requests import Call, json_response
from kohakuriver.apiserver.streaming import reach
from kohakuriver.apiserver.streaming.relay import relay
from kohakuriver.apiserver.views.fields import part
from kohakuriver.apiserver.views.pods import CONTAINER
from kohakuriver.apiserver.views.usage import USAGES, Key, Reading, Usages, Wanted, in_pieces
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import View
from kohakuriver.resources.vps import Phase
from kohakuriver.streams.stream import Stream

Json = dict[str, Any]
T = TypeVar("T")

WINDOW = "1s"
COSTS = 0.2  # of a request, for each agent that is asked
_RUNS = Requirement("status.phase", Operator.IN, frozenset({Phase.RUNNING.value}))


async def pods(view: View, request: web.Request) -> web.StreamResponse:
    """What each of these VPSes uses."""
    call = Call.of(request, kinds.VPS)
    form = _form(call, view)
    query = _running(call, parse_list(request.query, view.shown, namespace=call.namespace, scope=None))
    with call.share.holding() as holding:
        listing = await read.list_(
            call.server, kinds.VPS, query, namespace=call.namespace, share=call.share, holding=holding
        )
        keyed = await _keyed(call, listing.entries)
        found = await _readings(call, keyed)
        shown = [(vps, found[key]) for vps, key in keyed if key in found]
        return await _sent(call, form, listing.metadata(), shown, lambda one: _pod(view, *one))


async def pod(view: View, request: web.Request) -> web.StreamResponse:
    """What one VPS uses."""
    call = Call.of(request, kinds.VPS)
    form = _form(call, view)
    entry = await read.get(call.server, call.user, kinds.VPS, namespace=call.namespace, name=call.name)
    try:
        reach.target(entry.decoded(), "stats")
    except errors.ApiError as why:
        missing = objects.not_found(view.shown, call.name)
        raise errors.NotFound(f"{missing.message}: {why.in_one_message}", details=missing.details) from why
    keyed = await _keyed(call, [entry])
    found = await _readings(call, keyed)
    for vps, key in keyed:
        if key in found:
            return _one(call, form, _pod(view, vps, found[key]))
    raise _unknown(view, call.name)


async def nodes(view: View, request: web.Request) -> web.StreamResponse:
    """What the VPSes of each of these nodes use together."""
    call = Call.of(request, kinds.NODE)
    form = _form(call, view)
    query = parse_list(request.query, view.shown, namespace=None, scope=None)
    with call.share.holding() as holding:
        listing = await read.list_(
            call.server, kinds.NODE, query, namespace=None, share=call.share, holding=holding
        )
        items = await _of_nodes(call, view, listing.entries)
        return await _sent(call, form, listing.metadata(), items, lambda one: one)


async def node(view: View, request: web.Request) -> web.StreamResponse:
    """What the VPSes of one node use together."""
    call = Call.of(request, kinds.NODE)
    form = _form(call, view)
    entry = await read.get(call.server, call.user, kinds.NODE, namespace=None, name=call.name)
    for found in await _of_nodes(call, view, [entry]):
        return _one(call, form, found)
    raise _unknown(view, call.name)


async def _of_nodes(call: Call, view: View, entries: Sequence[Entry]) -> list[Json]:
    names = {entry.fields["metadata.name"] for entry in entries}
    on = Requirement("status.assignment.node", Operator.IN, frozenset(names))
    kind = call.server.cache.kinds[kinds.VPS]
    meant = Selection(fields=(on, _RUNS))
    running = await read.matching(kind.candidates(meant), meant, call.share)
    keyed = await _keyed(call, running)
    found = await _readings(call, keyed)
    by_node: dict[str, list[Reading | None]] = {name: [] for name in names}
    for vps, key in keyed:
        by_node[vps["status"]["assignment"]["node"]].append(found.get(key))
    now = timestamp(call.server.clock.now())
    items = []
    for entry in entries:
        obj = entry.decoded()
        read_ = [one for one in by_node[entry.fields["metadata.name"]] if one is not None]
        if len(read_) == len(by_node[entry.fields["metadata.name"]]):
            cores, memory = sum(one.millicores for one in read_), sum(one.memory for one in read_)
            items.append({**_head(view, obj, now), "usage": _usage(cores, memory)})
    return items


async def _readings(call: Call, keyed: Sequence[tuple[Json, Key]]) -> dict[Key, Reading]:
    usages = call.request.app[USAGES]
    wanted = [_wanted(call, vps, key) for vps, key in keyed]
    call.share.owe(COSTS * usages.missing(wanted))
    return await usages.read(wanted, turn=call.share.turn)


async def _keyed(call: Call, entries: Sequence[Entry]) -> list[tuple[Json, Key]]:
    """Each VPS with what its readings are filed under; without those on no node, or nonsense."""
    found = []
    for piece in in_pieces(entries):
        await call.share.turn()
        for entry in piece:
            vps = entry.decoded()
            try:
                target = reach.target(vps, "stats")
            except errors.ApiError:
                continue
            found.append((vps, (target.uid, target.epoch)))
    return found


def _wanted(call: Call, vps: Json, key: Key) -> Wanted:
    node = vps["status"]["assignment"]["node"]

    async def ask() -> Json:
        name, namespace = vps["metadata"]["name"], vps["metadata"].get("namespace")
        opening = {"kind": "stats", "namespace": namespace, "name": name, "uid": key[0], "epoch": key[1]}
        opening |= {"user": call.user.name, "rights": [], "params": {}}
        path = kinds.VPS.path(namespace=namespace, name=name, subresource="stats")
        stream = Stream(masks=True)
        try:
            if call.server.streams.is_connected(node):
                leg = await call.server.streams.ask(node, opening)
                try:
                    stream.framed.adopt(leg.transport)
                    return await _answer(stream)
                finally:
                    leg.end()
            stream.framed.adopt(*await relay(call.server, call.request, path, (), not_connected(node)))
            return await _answer(stream)
        finally:
            stream.framed.abort()

    return Wanted(key, node, ask)


async def _answer(stream: Stream) -> Json:
    said = await stream.receive()
    return said if isinstance(said, dict) else {}


def _running(call: Call, query: ListQuery) -> ListQuery:
    meant = Selection(query.selection.labels, (*query.selection.fields, _RUNS))
    return ListQuery(meant, query.limit, query.resume, query.revision, query.match)


def _form(call: Call, view: View) -> Form:
    return negotiate(
        view.shown, call.request.headers.get("Accept", ""), call.request.query.get("includeObject", "")
    )


def _one(call: Call, form: Form, item: Json) -> web.Response:
    return json_response(form.one(orjson.dumps(item), call.server.clock.now()))


async def _sent(
    call: Call, form: Form, metadata: Json, found: Sequence[T], shown: Callable[[T], Json]
) -> web.StreamResponse:
    """A list of them as shown; others get their turn while it is made."""
    rows: list[bytes] = []
    for piece in in_pieces(found):
        await call.share.turn()
        rows += form.rows([orjson.dumps(shown(one)) for one in piece], call.server.clock.now())
    return await pieces.send(call.server, call.request, call.share, form.around(metadata), rows)


def _head(view: View, obj: Json, at: str) -> Json:
    meta = obj["metadata"]
    place = {"namespace": meta["namespace"]} if meta.get("namespace") else {}
    return {
        "kind": view.shown.kind,
        "apiVersion": view.shown.api_version,
        "metadata": {
            "name": meta["name"],
            **place,
            "creationTimestamp": at,
            "labels": dict(part(meta, "labels")),
        },
        "timestamp": at,
        "window": WINDOW,
    }


def _pod(view: View, vps: Json, reading: Reading) -> Json:
    usage = _usage(reading.millicores, reading.memory)
    container = {"name": CONTAINER, "usage": usage}
    return {**_head(view, vps, timestamp(reading.at)), "containers": [container]}


def _usage(millicores: int, memory: int) -> Json:
    return {"cpu": f"{millicores}m", "memory": f"{math.ceil(memory / 1024)}Ki"}


def _unknown(view: View, name: str) -> errors.NotFound:
    missing = objects.not_found(view.shown, name)
    return errors.NotFound(
        f"{missing.message}: not every agent has answered; try again in a moment", details=missing.details
    )


Handler = Callable[[View, web.Request], Awaitable[web.StreamResponse]]


def add(app: web.Application) -> None:
    """Routes and endpoints, and what they are answered from."""
    app[USAGES] = Usages(app[SERVER].clock)
    app.on_cleanup.append(_close)
    for shown in kinds.POD_METRICS:
        _add(app, kinds.view(shown), pods, pod)
    for shown in kinds.NODE_METRICS:
        _add(app, kinds.view(shown), nodes, node)


async def _close(app: web.Application) -> None:
    app[USAGES].close()


def _add(app: web.Application, view: View, many: Handler, one: Handler) -> None:
    shown = view.shown
    collection = shown.path(namespace="{namespace}" if shown.namespaced else None)
    routes = [(path, many, "list") for path in dict.fromkeys((collection, shown.path()))]
    for path, handler, verb in [*routes, (f"{collection}/{{name}}", one, "get")]:
        route = app.router.add_route("GET", path, functools.partial(handler, view))
        app[ENDPOINTS][route] = Endpoint(verb, shown)
