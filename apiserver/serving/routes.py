"""The routes of every kind, from the registry; each handler gathers, calls one function, and answers.

    GET    collection        list, or watch with ?watch=true     GET    NAME   get
    POST   collection        create                              PUT    NAME   update     PATCH NAME  patch
    DELETE collection        deletecollection                    DELETE NAME   delete
    GET, PUT, PATCH NAME/status                                  POST   NAME/ACTION       a named transaction
    GET    nodes/NODE/egress   which networks its VPSes may not reach

Kinds that the server alone writes have the GETs and their actions. Who may use what is `access.py`'s.
"""

import functools
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from kohakuriver.apiserver.audit.visit import VISIT
from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.binding import call as calls
from kohakuriver.apiserver.binding.outcome import DeleteOptions, Written
from kohakuriver.apiserver.cache.entry import Entry
from kohakuriver.apiserver.limits import weights
from kohakuriver.apiserver.objects import selectors
from kohakuriver.apiserver.printers import forms
from kohakuriver.apiserver.read import egress, foresight, in_force, read
from kohakuriver.apiserver.serving import body, pieces, stream
from kohakuriver.apiserver.serving.requests import (
    Call,
    deleted_response,
    dry_run,
    json_response,
    written_response,
)
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.write import actions, collection, creation, patch, write
from kohakuriver.errors import BadRequest, NotFound
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

KindHandler = Callable[[ResourceType, web.Request], Awaitable[web.StreamResponse]]


async def get_one(resource: ResourceType, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, resource)
    form = call.form
    entry = await read.get(call.server, call.user, resource, namespace=call.namespace, name=call.name)
    if resource is kinds.NAMESPACE:
        entry = in_force.shown(call.server, entry)
    return json_response(form.one(entry.raw, call.server.clock.now()))


async def get_many(resource: ResourceType, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, resource)
    form = call.form
    if request.query.get("watch", "").lower() not in ("", "0", "false", "f"):
        return await stream.follow(call.server, request, resource, call.watch_query(), form, call.share)
    with call.share.holding() as holding:
        listing = await read.list_(
            call.server,
            resource,
            call.list_query(),
            namespace=call.namespace,
            share=call.share,
            holding=holding,
        )
        rows = await read.rows(form, listing, call.server.clock.now(), call.share)
        return await pieces.send(call.server, request, call.share, form.around(listing.metadata()), rows)


async def create(resource: ResourceType, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, resource)
    form, options = call.form, call.options()
    sent = await body.sent(request, options.validation)
    written = await creation.create(call.server, call.writing(options=options), sent.content)
    await _seen(call, written)
    foreseen = _foreseen(call, written) if resource is kinds.VPS and options.dry_run else ()
    return written_response(call, form, written, *sent.warnings, *foreseen)


def _foreseen(call: Call, written: Written) -> tuple[str, ...]:
    """Beside a create that is only rehearsed: why the VPS would wait for a node, if it would."""
    why = foresight.waits(call.server.cache, written.object)
    return (why,) if why else ()


async def _seen(call: Call, written: Written) -> None:
    """Credentials and quotas count on this server, or no longer do, before who wrote them gets the answer."""
    if written.object.get("kind") in (kinds.TOKEN.kind, kinds.RESOURCE_QUOTA.kind):
        await call.server.cache.wait_for(int(written.object["metadata"].get("resourceVersion") or 0))


async def update(subresource: str, resource: ResourceType, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, resource)
    form, options = call.form, call.options()
    sent = await body.sent(request, options.validation)
    await call.charge_for_stored()
    written = await write.update(call.server, call.writing(subresource, options), sent.content)
    await _seen(call, written)
    return written_response(call, form, written, *sent.warnings)


async def change(subresource: str, resource: ResourceType, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, resource)
    patch.check_type(request.content_type, resource)
    form, options = call.form, call.options()
    sent = await body.sent_patch(request, options.validation)
    await call.charge_for_stored()
    writing = call.writing(subresource, options)
    written = await write.patch(call.server, writing, request.content_type, sent.content)
    await _seen(call, written)
    return written_response(call, form, written, *sent.warnings)


async def delete(resource: ResourceType, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, resource)
    options = await call.delete_options()
    written = await collection.delete(call.server, call.writing(), options)
    await _seen(call, written)
    return deleted_response(call, written)


async def delete_many(resource: ResourceType, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, resource)
    options = await call.delete_options()
    with call.share.holding() as holding:
        listing = await read.list_(
            call.server,
            resource,
            call.list_query(),
            namespace=call.namespace,
            share=call.share,
            holding=holding,
        )
        gone = []
        for entry in listing.entries:
            raw = await _delete_listed(call, entry, options)
            if raw is not None:
                gone.append(raw)
                request[VISIT].deleted(entry.decoded()["metadata"]["name"])
        return await pieces.send(
            call.server, request, call.share, forms.Plain(resource).around(listing.metadata()), gone
        )


async def act(action: str, resource: ResourceType, request: web.Request) -> web.StreamResponse:
    call = Call.of(request, resource)
    form = call.form
    if dry_run(request.query):
        raise BadRequest(
            f"{action} cannot be tried without being done", hint="leave out dryRun, or leave it undone"
        )
    content = await body.parsed(request, required=False)
    written = await actions.act(call.server, call.writing(action), content)
    await _seen(call, written)
    return written_response(call, form, written)


async def _delete_listed(call: Call, entry: Entry, options: DeleteOptions) -> bytes | None:
    """One object of a collection; one that has gone by itself meanwhile is nobody's failure."""
    await call.share.turn()
    call.share.owe(1.0)
    metadata = entry.decoded()["metadata"]
    try:
        one = calls.Call(call.user, call.resource, metadata.get("namespace"), metadata["name"])
        written = await collection.delete(call.server, one, options)
    except NotFound:
        return None
    return orjson.dumps(written.object)


async def node_egress(resource: ResourceType, request: web.Request) -> web.StreamResponse:
    """What Policies say of networks, for the namespaces that have a VPS bound to the node."""
    call = Call.of(request, resource)
    await read.catch_up(call.server, None)
    held = call.server.cache.kinds
    bound = selectors.select(kinds.VPS, fields=(f"status.assignment.node={call.name}",))
    labels: dict[str, dict[str, str]] = {}
    for vps in held[kinds.VPS].candidates(bound):
        name = vps.fields["metadata.namespace"]
        if name not in labels:
            entry = held[kinds.NAMESPACE].get(codec.key(kinds.NAMESPACE, None, name))
            labels[name] = {**(entry.labels if entry is not None else {}), kinds.NAME_LABEL: name}
    policies = held[kinds.POLICY].candidates(selectors.Selection())
    content = orjson.dumps(egress.answer((policy.raw for policy in policies), labels))
    call.share.charge(weights.sending(len(content)))
    return json_response(content)


def add(app: web.Application) -> None:
    """Routes and endpoints for every kind of the registry."""
    _add(
        app,
        "GET",
        kinds.NODE.path(name="{name}", subresource="egress"),
        node_egress,
        Endpoint("get", kinds.NODE, "egress"),
    )
    for resource in kinds.ALL:
        namespace = "{namespace}" if resource.namespaced else None
        collection = resource.path(namespace=namespace)
        one = f"{collection}/{{name}}"
        _add(app, "GET", collection, get_many, Endpoint("list", resource))
        if resource.namespaced:
            _add(app, "GET", resource.path(), get_many, Endpoint("list", resource))
        _add(app, "GET", one, get_one, Endpoint("get", resource))
        if not resource.read_only:
            _add_writes(app, resource, collection)
        for action in resource.actions:
            handler = functools.partial(act, action)
            _add(app, "POST", f"{one}/{action}", handler, Endpoint("create", resource, action))


def _add_writes(app: web.Application, resource: ResourceType, collection: str) -> None:
    one = f"{collection}/{{name}}"
    _add(app, "POST", collection, create, Endpoint("create", resource))
    _add(app, "DELETE", collection, delete_many, Endpoint("deletecollection", resource))
    _add(app, "DELETE", one, delete, Endpoint("delete", resource))
    for part in ("", *resource.subresources):
        path = f"{one}/{part}" if part else one
        if part:
            _add(app, "GET", path, get_one, Endpoint("get", resource, part))
        _add(app, "PUT", path, functools.partial(update, part), Endpoint("update", resource, part))
        _add(app, "PATCH", path, functools.partial(change, part), Endpoint("patch", resource, part))


def _add(app: web.Application, method: str, path: str, handler: KindHandler, endpoint: Endpoint) -> None:
    resource = endpoint.resource
    if resource is None:
        raise BadRequest(f"{path} is the route of no kind")
    route = app.router.add_route(method, path, functools.partial(handler, resource))
    app[ENDPOINTS][route] = endpoint
