"""JSON schemas of the models, in the dialect that Kubernetes publishes. Pure.

pydantic makes draft 2020-12; kubectl reads OpenAPI 3.0 as the Kubernetes API server writes it: no
`null`, a reference in `allOf` beside its description, enumerations in place, merge keys of lists, names
by package.
"""

import functools
from collections.abc import Mapping
from typing import Any

import pydantic
from pydantic.json_schema import models_json_schema

from kohakuriver.apiserver.serving import discovery
from kohakuriver.apiserver.serving.field_docs import DescribedSchema
from kohakuriver.resources import meta
from kohakuriver.resources.kinds import ResourceType
from kohakuriver.resources.models import MODELS, VIEWS

Json = dict[str, Any]

V3_PREFIX = "#/components/schemas/"
V2_PREFIX = "#/definitions/"
NUMBER_OR_TEXT = "io.kohakuriver.StringOrNumber"
_META_PACKAGE = "io.k8s.apimachinery.pkg.apis.meta.v1"
_PACKAGES = {
    "": "io.k8s.api.core",
    "coordination.k8s.io": "io.k8s.api.coordination",
    "kohakuriver.io": "io.kohakuriver",
}


def name_of(resource: ResourceType) -> str:
    """The schema of a kind."""
    return f"{_package(resource.group, resource.version)}.{resource.kind}"


@functools.cache
def schemas_of(group: str, version: str, *, prefix: str) -> Mapping[str, Json]:
    """Every schema that the kinds of a group and version need, by name; references start with `prefix`."""
    resources = discovery.resources_of(group, version)
    wanted = [((MODELS | VIEWS)[resource], "validation") for resource in resources]
    _, whole = models_json_schema(
        wanted,  # type: ignore[arg-type]
        by_alias=True,
        ref_template="{model}",
        schema_generator=DescribedSchema,
    )
    definitions: Json = whole["$defs"]
    dialect = _Dialect(definitions, _package(group, version), prefix)
    schemas = {
        dialect.name(model): dialect.convert(schema)
        for model, schema in definitions.items()
        if "enum" not in schema
    }
    schemas[NUMBER_OR_TEXT] = {
        "description": 'A number, or a string such as "500m", "4Gi" or "30s".',
        "oneOf": [{"type": "string"}, {"type": "number"}],
    }
    for resource in resources:
        schemas[name_of(resource)]["x-kubernetes-group-version-kind"] = [kind_of(resource)]
        schemas[f"{name_of(resource)}List"] = _list_schema(resource, prefix)
    return schemas


def kind_of(resource: ResourceType) -> Json:
    """How OpenAPI extensions name a kind."""
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _package(group: str, version: str) -> str:
    return f"{_PACKAGES.get(group, '.'.join(reversed(group.split('.'))))}.{version}"


def _list_schema(resource: ResourceType, prefix: str) -> Json:
    items = {"type": "array", "items": {"$ref": prefix + name_of(resource)}}
    return {
        "description": f"A list of {resource.plural}.",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "items": items,
        },
        "x-kubernetes-group-version-kind": [{**kind_of(resource), "kind": f"{resource.kind}List"}],
    }


class _Dialect:
    """Rewrites pydantic's schemas of one group and version."""

    def __init__(self, definitions: Json, package: str, prefix: str) -> None:
        self._definitions = definitions
        self._package = package
        self._prefix = prefix

    def name(self, model: str) -> str:
        shared = getattr(meta, model, None)
        is_shared = isinstance(shared, type) and issubclass(shared, pydantic.BaseModel)
        return f"{_META_PACKAGE if is_shared else self._package}.{model}"

    def convert(self, schema: Json) -> Json:
        """One schema and everything below it."""
        if "anyOf" in schema:
            return self._union(schema)
        if "$ref" in schema:
            return self._reference(schema)
        anything = schema.get("additionalProperties") is True  # Kubernetes has no booleans there
        dropped = {"title", "additionalProperties"} if "properties" in schema or anything else {"title"}
        converted = {key: value for key, value in schema.items() if key not in dropped}
        if "const" in converted:
            converted["enum"] = [converted.pop("const")]
        if isinstance(converted.get("additionalProperties"), dict):
            converted["additionalProperties"] = self.convert(converted["additionalProperties"])
        if "properties" in converted:
            inner = converted["properties"]
            converted["properties"] = {field: self.convert(value) for field, value in inner.items()}
        if "items" in converted:
            converted["items"] = self.convert(converted["items"])
        return {key: value for key, value in converted.items() if not (key == "default" and value is None)}

    def _union(self, schema: Json) -> Json:
        choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
        outer = {key: value for key, value in schema.items() if key not in ("anyOf", "title")}
        if outer.get("default", ...) is None:
            del outer["default"]
        if len(choices) == 1:
            return self.convert({**choices[0], **outer})
        return {**outer, "allOf": [{"$ref": self._prefix + NUMBER_OR_TEXT}]}

    def _reference(self, schema: Json) -> Json:
        model = schema["$ref"]
        outer = {key: value for key, value in schema.items() if key not in ("$ref", "title")}
        target = self._definitions[model]
        if "enum" in target:
            return {"type": target["type"], "enum": target["enum"], **outer}
        reference = {"$ref": self._prefix + self.name(model)}
        if self._prefix == V2_PREFIX:
            return {**outer, **reference}  # as Kubernetes has it there: clients look for a type in no allOf
        return {**outer, "allOf": [reference]} if outer else reference
