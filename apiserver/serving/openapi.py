"""OpenAPI: v3 per group and version, which kubectl reads; v2 in one piece for older clients. Pure.

Paths say which query parameters a write takes, by which kubectl knows that the server validates fields
itself.
"""

import functools
from collections.abc import Mapping
from typing import Any

import kohakuriver
from kohakuriver.apiserver.serving import discovery, schemas
from kohakuriver.apiserver.serving.schemas import V2_PREFIX, V3_PREFIX
from kohakuriver.apiserver.write import patch
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import Entry, ResourceType

Json = dict[str, Any]


Parameters = dict[str, tuple[str, Json]]

_TEXT: Json = {"type": "string"}
_WRITE: Parameters = {
    "dryRun": ("All means: check everything and store nothing.", _TEXT),
    "fieldManager": ("Who makes this change.", _TEXT),
    "fieldValidation": (
        "What follows on unknown and duplicate fields: Strict refuses, Warn warns, Ignore drops.",
        {"type": "string", "enum": ["Strict", "Warn", "Ignore"]},
    ),
}
_DELETE: Parameters = {
    "dryRun": _WRITE["dryRun"],
    "gracePeriodSeconds": ("How long the object may take to end.", {"type": "integer"}),
    "propagationPolicy": ("What becomes of dependents.", _TEXT),
}
_LIST: Parameters = {
    "labelSelector": ("Restricts by labels.", _TEXT),
    "fieldSelector": ("Restricts by fields.", _TEXT),
    "limit": ("At most so many in one answer.", {"type": "integer"}),
    "continue": ("Where the previous answer ended.", _TEXT),
    "resourceVersion": ("As of when.", _TEXT),
    "resourceVersionMatch": ("How resourceVersion is meant.", _TEXT),
    "watch": ("Follow what happens.", {"type": "boolean"}),
    "allowWatchBookmarks": ("Whether BOOKMARK events are welcome.", {"type": "boolean"}),
    "sendInitialEvents": ("Whether a watch starts with what is there.", {"type": "boolean"}),
    "timeoutSeconds": ("How long a watch lasts.", {"type": "integer"}),
}
# Method, whether it is of a collection, Kubernetes' name for the action, query parameters.
_OPERATIONS: tuple[tuple[str, bool, str, Parameters], ...] = (
    ("get", True, "list", _LIST),
    ("post", True, "post", _WRITE),
    ("delete", True, "deletecollection", _LIST | _DELETE),
    ("get", False, "get", {}),
    ("put", False, "put", _WRITE),
    ("patch", False, "patch", {**_WRITE, "force": ("Take over fields of others.", {"type": "boolean"})}),
    ("delete", False, "delete", _DELETE),
)
_METHODS = {"get": "get", "create": "post"}  # of verbs, for what leads to a stream
_PLACE = ("namespace", "name")
# Kubernetes' words for actions in the names of operations, which generators make names of methods of.
_NAMED = {"post": "create", "get": "read", "put": "replace", "deletecollection": "delete"}
_OK = {
    "post": {"200": "OK", "201": "Created"},
    "patch": {"200": "OK", "201": "Created"},
}
EVERYWHERE = "everywhere"

_FLAG: Json = {"type": "boolean"}
_CONTAINER: Parameters = {"container": ("The container; there is one, vps.", _TEXT)}
_ATTACH: Parameters = {
    **_CONTAINER,
    "stdin": ("Whether input is sent.", _FLAG),
    "stdout": ("Whether output is wanted.", _FLAG),
    "stderr": ("Whether error output is wanted.", _FLAG),
    "tty": ("Whether it has a terminal.", _FLAG),
}
# What the parts that lead to streams take.
_ENTERED: Mapping[str, Parameters] = {
    "attach": _ATTACH,
    "exec": {**_ATTACH, "command": ("The program, and again for each of its arguments.", _TEXT)},
    "log": {
        **_CONTAINER,
        "follow": ("Whether what is written later is wanted too.", _FLAG),
        "limitBytes": ("At most so many bytes.", {"type": "integer"}),
        "previous": ("Refused: a log goes on from one start to the next.", _FLAG),
        "sinceSeconds": ("What was written in the last so many seconds.", {"type": "integer"}),
        "sinceTime": ("What was written after this time.", _TEXT),
        "stream": ("All, Stdout or Stderr.", _TEXT),
        "tailLines": ("At most so many lines, from the end.", {"type": "integer"}),
        "timestamps": ("Whether each line begins with its time.", _FLAG),
    },
    "portforward": {
        "ports": ("The ports, over a WebSocket with a channel for each.", {"type": "integer"}),
    },
}


def index() -> Json:
    """`/openapi/v3`: where the documents are."""
    bases = sorted({resource.base_path.lstrip("/") for resource in kinds.SERVED})
    return {"paths": {base: {"serverRelativeURL": f"/openapi/v3/{base}"} for base in bases}}


@functools.cache
def document_v3(group: str, version: str) -> Json:
    """One group and version."""
    resources = discovery.resources_of(group, version)
    return {
        "openapi": "3.0.0",
        "info": _info(),
        "paths": {
            path: item
            for resource in resources
            for path, item in (*_paths(resource, _operation_v3), *_entries(resource, _entering_v3))
        },
        "components": {"schemas": schemas.schemas_of(group, version, prefix=V3_PREFIX)},
    }


@functools.cache
def document_v2() -> Json:
    """Everything, as Swagger."""
    definitions: Json = {}
    for group, version in {(resource.group, resource.version) for resource in kinds.SERVED}:
        definitions |= schemas.schemas_of(group, version, prefix=V2_PREFIX)
    return {
        "swagger": "2.0",
        "info": _info(),
        "paths": {
            path: item
            for resource in kinds.SERVED
            for path, item in (*_paths(resource, _operation_v2), *_entries(resource, _entering_v2))
        },
        "definitions": definitions,
    }


def _info() -> Json:
    return {"title": "KohakuRiver", "version": f"v{kohakuriver.__version__}"}


def _paths(resource: ResourceType, operation: Any) -> list[tuple[str, Json]]:
    """Every path of a kind, with its operations."""
    namespace = "{namespace}" if resource.namespaced else None
    places = [
        (resource.path(namespace=namespace), True, ""),
        (resource.path(namespace=namespace, name="{name}"), False, ""),
        *(
            (resource.path(namespace=namespace, name="{name}", subresource=part), False, part)
            for part in resource.subresources
        ),
    ]
    if resource.namespaced:
        places.append((resource.path(), True, EVERYWHERE))
    return [(path, _item(resource, path, collection, part, operation)) for path, collection, part in places]


def _item(resource: ResourceType, path: str, collection: bool, part: str, operation: Any) -> Json:
    item: Json = {}
    for method, of_collection, action, parameters in _OPERATIONS:
        verb = {"post": "create", "put": "update"}.get(action, action)
        allowed = verb in discovery.verbs(resource) and not (part and method in ("post", "delete"))
        if of_collection is collection and allowed:
            item[method] = operation(resource, path, action, parameters, part)
    return item


def _entries(resource: ResourceType, operation: Any) -> list[tuple[str, Json]]:
    """The paths of a view's parts that lead to streams."""
    view = kinds.view_of(resource)
    place = "{namespace}" if resource.namespaced else None
    return [
        (
            resource.path(namespace=place, name="{name}", subresource=entry.part),
            {method: operation(resource, entry, method) for method in map(_METHODS.__getitem__, entry.verbs)},
        )
        for entry in (view.entries if view is not None else ())
    ]


def _entering_v3(resource: ResourceType, entry: Entry, method: str) -> Json:
    listed: list[Json] = [
        {"name": name, "in": "query", "description": text, "schema": schema}
        for name, (text, schema) in _ENTERED[entry.part].items()
    ]
    listed += [_path_parameter(name) | {"schema": _TEXT} for name in _PLACE]
    answer: Json = {"content": {"text/plain" if _is_read(entry) else "*/*": {"schema": _TEXT}}}
    return _entering(resource, entry, method) | {
        "parameters": listed,
        "responses": _responses("get", answer),
    }


def _entering_v2(resource: ResourceType, entry: Entry, method: str) -> Json:
    listed: list[Json] = [
        {"name": name, "in": "query", "description": text, **schema}
        for name, (text, schema) in _ENTERED[entry.part].items()
    ]
    listed += [_path_parameter(name) | _TEXT for name in _PLACE]
    return _entering(resource, entry, method) | {
        "consumes": ["*/*"],
        "produces": ["text/plain" if _is_read(entry) else "*/*"],
        "parameters": listed,
        "responses": _responses("get", {"schema": _TEXT}),
    }


def _entering(resource: ResourceType, entry: Entry, method: str) -> Json:
    """Kubernetes names an upgrade by its method, as there are two that mean the same."""
    at = f"Core{_camel(resource.version)}"
    named = f"read{at}" if _is_read(entry) else f"connect{at}{method.capitalize()}"
    return {
        "operationId": f"{named}Namespaced{resource.kind}{_camel(entry.part)}",
        "description": f"{entry.part} of {resource.plural}",
        "x-kubernetes-action": "get" if _is_read(entry) else "connect",
        "x-kubernetes-group-version-kind": schemas.kind_of(resource) | {"kind": entry.kind},
    }


def _is_read(entry: Entry) -> bool:
    return entry.verbs == ("get",)


def _operation_v3(resource: ResourceType, path: str, action: str, parameters: Parameters, part: str) -> Json:
    reference = {"$ref": V3_PREFIX + _answer(resource, action)}
    listed: list[Json] = [
        {"name": name, "in": "query", "description": text, "schema": schema}
        for name, (text, schema) in parameters.items()
    ]
    listed += [_path_parameter(name) | {"schema": _TEXT} for name in _path_names(path)]
    content: Json = {"application/json": {"schema": reference}}
    operation = _operation(resource, path, action, part) | {
        "parameters": listed,
        "responses": _responses(action, {"content": content}),
    }
    body = {"$ref": V3_PREFIX + schemas.name_of(resource)}
    if action in ("post", "put"):
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    elif action == "patch":
        patches = {media: {"schema": {"type": "object"}} for media in patch.accepted(resource)}
        operation["requestBody"] = {"required": True, "content": patches}
    return operation


def _operation_v2(resource: ResourceType, path: str, action: str, parameters: Parameters, part: str) -> Json:
    listed: list[Json] = [
        {"name": name, "in": "query", "description": text, **schema}
        for name, (text, schema) in parameters.items()
    ]
    listed += [_path_parameter(name) | _TEXT for name in _path_names(path)]
    body = {"$ref": V2_PREFIX + schemas.name_of(resource)}
    if action in ("post", "put", "patch"):
        schema = {"type": "object"} if action == "patch" else body
        listed.append({"name": "body", "in": "body", "required": True, "schema": schema})
    answer = {"$ref": V2_PREFIX + _answer(resource, action)}
    return _operation(resource, path, action, part) | {
        "consumes": list(patch.accepted(resource)) if action == "patch" else ["application/json"],
        "produces": ["application/json"],
        "parameters": listed,
        "responses": _responses(action, {"schema": answer}),
    }


def _responses(action: str, answer: Json) -> Json:
    """What may be answered where all goes well, and to whom nobody knows."""
    good = {code: {"description": words, **answer} for code, words in _OK.get(action, {"200": "OK"}).items()}
    return {**good, "401": {"description": "Unauthorized"}}


def _operation(resource: ResourceType, path: str, action: str, part: str) -> Json:
    scope = "Namespaced" if "{namespace}" in path else ""
    verb, many = _NAMED.get(action, action), "Collection" if action == "deletecollection" else ""
    group = _camel(resource.group.removesuffix(".k8s.io")) or "Core"
    where = "ForAllNamespaces" if part == EVERYWHERE else _camel(part)
    return {
        "operationId": f"{verb}{group}{_camel(resource.version)}{many}{scope}{resource.kind}{where}",
        "description": f"{action} {resource.plural}",
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": schemas.kind_of(resource),
    }


def _answer(resource: ResourceType, action: str) -> str:
    return schemas.name_of(resource) + ("List" if action in ("list", "deletecollection") else "")


def _path_names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _path_parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True}


def _camel(text: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in text.replace("-", ".").split("."))
