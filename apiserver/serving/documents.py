"""The routes of no stored kind: discovery, schemas, version, health, metrics, reviews of oneself."""

import dataclasses
import functools
from typing import Final

import orjson
from aiohttp import web

from kohakuriver.apiserver import metrics
from kohakuriver.apiserver.auth import reviews
from kohakuriver.apiserver.auth.endpoint import ENDPOINTS, Endpoint
from kohakuriver.apiserver.context import SERVER
from kohakuriver.apiserver.objects import metadata
from kohakuriver.apiserver.objects.query import flag, parse_watch
from kohakuriver.apiserver.objects.selectors import Operator, Requirement, Selection
from kohakuriver.apiserver.printers import forms
from kohakuriver.apiserver.serving import body, discovery, openapi, stream, swagger
from kohakuriver.apiserver.serving.middleware import METRICS, SHARE, USER
from kohakuriver.apiserver.serving.requests import json_response
from kohakuriver.errors import NotAcceptable, NotFound
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

READ = Endpoint("get")
OPEN = Endpoint("get", open=True)
FRONT = Endpoint("get", opens=lambda request: is_browser(request))
PAGE: Final = "/ui/"
_NONE: Final = Selection(fields=(Requirement("metadata.name", Operator.IN),))
"""No object: its name would have to be one of no names."""


async def core_versions(request: web.Request) -> web.StreamResponse:
    if discovery.wants_aggregated(request.headers.get("Accept", "")):
        return _aggregated([""])
    return json_response(discovery.core_versions(request.host))


async def groups(request: web.Request) -> web.StreamResponse:
    if discovery.wants_aggregated(request.headers.get("Accept", "")):
        return _aggregated(list(discovery.groups()))
    return json_response(discovery.group_list())


async def group(request: web.Request) -> web.StreamResponse:
    name = request.match_info["group"]
    if name not in discovery.groups():
        raise _unknown()
    return json_response(discovery.group_document(name))


async def resources(request: web.Request) -> web.StreamResponse:
    name, version = request.match_info.get("group", ""), request.match_info["version"]
    if not discovery.served_in(name, version):
        raise _unknown()
    return json_response(discovery.resource_list(name, version))


async def version(request: web.Request) -> web.StreamResponse:
    return json_response(discovery.version())


async def schema_index(request: web.Request) -> web.StreamResponse:
    return json_response(openapi.index())


async def schema(request: web.Request) -> web.StreamResponse:
    name, version_ = request.match_info.get("group", ""), request.match_info["version"]
    if not discovery.resources_of(name, version_):
        raise _unknown()
    return json_response(openapi.document_v3(name, version_))


async def swagger_document(request: web.Request) -> web.StreamResponse:
    accept = request.headers.get("Accept", "")
    if swagger.ASKED_FOR in accept or swagger.MEDIA_TYPE in accept:
        return web.Response(body=swagger.document(), headers={"Content-Type": swagger.MEDIA_TYPE})
    if accept and "json" not in accept and "*/*" not in accept:
        raise NotAcceptable(
            "this document is not served like that", hint=f"ask for application/json or {swagger.MEDIA_TYPE}"
        )
    return json_response(openapi.document_v2())


async def no_definitions(request: web.Request) -> web.StreamResponse:
    """Where clients look for a kind that they find nowhere else: no items, and a watch that tells of nothing.

    The watch is one of namespaces in which none is meant: its versions, bookmarks and end are as those of any
    other. kopf follows definitions as soon as discovery names the group, and ends where none can be followed.
    """
    server = request.app[SERVER]
    if flag(request.query, "watch"):
        asked = parse_watch(request.query, kinds.NAMESPACE, namespace=None, scope=None)
        query = dataclasses.replace(asked, selection=_NONE)
        form = forms.Plain(discovery.DEFINITION)
        return await stream.follow(server, request, kinds.NAMESPACE, query, form, request[SHARE])
    server.cache.check_ready()
    return json_response(
        {
            "kind": "CustomResourceDefinitionList",
            "apiVersion": "apiextensions.k8s.io/v1",
            "metadata": {"resourceVersion": str(server.cache.revision)},
            "items": [],
        }
    )


def is_browser(request: web.Request) -> bool:
    """Whether it wants a page to look at, as no program does."""
    return "text/html" in request.headers.get("Accept", "")


async def paths(request: web.Request) -> web.StreamResponse:
    """What is served; a browser is sent to the web page."""
    if is_browser(request):
        return web.Response(status=302, headers={"Location": PAGE})
    served = sorted({route.resource.canonical for route in request.app.router.routes() if route.resource})
    return json_response({"paths": [path for path in served if "{" not in path]})


async def alive(request: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


async def ready(request: web.Request) -> web.StreamResponse:
    request.app[SERVER].cache.check_ready()
    verbose = "verbose" in request.query
    return web.Response(text="[+]store ok\nreadyz check passed\n" if verbose else "ok")


async def numbers(request: web.Request) -> web.StreamResponse:
    content = request.app[METRICS].render()
    return web.Response(body=content, headers={"Content-Type": metrics.CONTENT_TYPE})


async def authority(request: web.Request) -> web.StreamResponse:
    """Who signed this server's certificate: a machine that joins compares it with the hash it was told."""
    found = request.app[SERVER].authority
    if found is None:
        raise NotFound("this server was not told who signed its certificate", hint="start it with --tls-ca")
    return web.Response(body=found, content_type="application/x-pem-file")


async def review(resource: ResourceType, request: web.Request) -> web.StreamResponse:
    asked = metadata.agree(resource, await body.parsed(request), namespace=None, name=None)
    status = reviews.ANSWERS[resource](request[USER], asked)
    return json_response({**asked, "status": status}, status=201)


async def review_of_another(resource: ResourceType, request: web.Request) -> web.StreamResponse:
    asked = metadata.agree(resource, await body.parsed(request), namespace=None, name=None)
    await reviews.prepare(request.app[SERVER], asked)
    status = reviews.OF_OTHERS[resource](request.app[SERVER], asked)
    spec = asked.get("spec") if resource is not reviews.TOKEN_REVIEW else {}
    return json_response({**asked, "spec": spec, "status": status}, status=201)


def add(app: web.Application) -> None:
    """All of them, with their endpoints."""
    for resource in reviews.KINDS:
        answer = review if resource in reviews.ANSWERS else review_of_another
        route = app.router.add_route("POST", resource.path(), functools.partial(answer, resource))
        app[ENDPOINTS][route] = Endpoint("create")
    table = (
        ("/", paths, FRONT),
        ("/api", core_versions, READ),
        ("/apis", groups, READ),
        ("/apis/{group}", group, READ),
        ("/api/{version}", resources, READ),
        ("/apis/{group}/{version}", resources, READ),
        ("/version", version, READ),
        ("/openapi/v2", swagger_document, READ),
        ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", no_definitions, READ),
        ("/openapi/v3", schema_index, READ),
        ("/openapi/v3/api/{version}", schema, READ),
        ("/openapi/v3/apis/{group}/{version}", schema, READ),
        ("/metrics", numbers, READ),
        ("/healthz", alive, OPEN),
        ("/livez", alive, OPEN),
        ("/readyz", ready, OPEN),
        ("/cacert", authority, OPEN),
    )
    for path, handler, endpoint in table:
        for served in {path, f"{path.rstrip('/')}/"}:  # Kubernetes takes both, and its clients use both
            app[ENDPOINTS][app.router.add_route("GET", served, handler)] = endpoint
            if endpoint is OPEN:
                app[ENDPOINTS][app.router.add_route("HEAD", served, handler)] = endpoint


def _aggregated(named: list[str]) -> web.Response:
    return web.Response(
        body=orjson.dumps(discovery.aggregated(named)), headers={"Content-Type": discovery.AGGREGATED}
    )


def _unknown() -> NotFound:
    known = ", ".join(sorted({resource.api_version for resource in kinds.SERVED}))
    return NotFound("the server could not find the requested resource", hint=f"served are {known}")
