"""`explain`: what a field means, from the schema that the server serves. `page` is pure."""

import textwrap
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from kohakuriver import errors
from kohakuriver.cli import failures, screen
from kohakuriver.cli.api import targets
from kohakuriver.cli.framework.settings import Settings
from kohakuriver.resources.kinds import ResourceType

EXAMPLES = """
kohakuriver explain vps
kohakuriver explain vps.spec.resources
kohakuriver explain vps.spec --recursive
kohakuriver explain node.status.conditions
"""
Schema = dict[str, Any]
_WIDTH = 78

Field = Annotated[
    str | None, typer.Argument(metavar="KIND[.FIELD...]", show_default=False, help="What to explain.")
]
Recursive = Annotated[bool, typer.Option("--recursive", help="Only names and types, all the way down.")]


def explain(settings: Settings, field: Field = None, recursive: Recursive = False) -> int:
    """Say what a kind, or a field of it, is for, and which fields it has."""
    if not field:
        raise failures.UsageError("which kind or field is meant?", hint="kohakuriver explain vps.spec")
    word, *path = field.split(".")
    (target,) = targets.parse([word])
    api = settings.api()
    document = api.call("GET", f"/openapi/v3{target.resource.base_path}")
    try:
        schemas = checked(document)
    except ValueError as error:
        raise errors.Unreachable(
            f"{api.connection.server} explains no kinds that can be read: {error}",
            hint="is this the API server's address, and is there no proxy before it?",
        ) from None
    screen.out("\n".join(page(schemas, target.resource, path, recursive=recursive)))
    return 0


def checked(document: Any) -> dict[str, Schema]:
    """The schemas of an OpenAPI document, of which every part has the type that is read here. Raises
    ValueError for another document."""
    components = document.get("components") if isinstance(document, dict) else None
    schemas = components.get("schemas") if isinstance(components, dict) else None
    if not isinstance(schemas, dict):
        raise ValueError("there are no schemas")
    for name, schema in schemas.items():
        _check(schema, name, schemas)
    return schemas


def _check(schema: Any, name: str, schemas: dict[str, Schema]) -> None:
    if not isinstance(schema, dict):
        raise ValueError(f"{name} is not a schema")
    types: tuple[tuple[str, type], ...] = (
        ("$ref", str),
        ("allOf", list),
        ("enum", list),
        ("required", list),
        ("properties", dict),
        ("x-kubernetes-group-version-kind", list),
    )
    for field, wanted in types:
        if not isinstance(schema.get(field) or wanted(), wanted):
            raise ValueError(f"{field} of {name} has another type")
    for field in ("items", "additionalProperties"):
        if isinstance(inner := schema.get(field), dict):
            _check(inner, f"{field} of {name}", schemas)
        elif field in schema and not isinstance(inner, bool):
            raise ValueError(f"{field} of {name} is not a schema")
    for part in schema.get("allOf") or ():
        _check(part, f"a part of {name}", schemas)
    for field, inner in (schema.get("properties") or {}).items():
        _check(inner, f"{name}.{field}", schemas)
    _check_references(schema, name, schemas)


def _check_references(schema: Schema, name: str, schemas: dict[str, Schema]) -> None:
    """That one leads to another comes to an end."""
    for _ in range(len(schemas) + 1):
        try:
            reference = _reference(schema)
            schema = schemas.get(str(reference).rpartition("/")[2], {})
        except (AttributeError, TypeError, KeyError):
            return  # the schema that it leads to is told of by its own name
        if reference is None:
            return
    raise ValueError(f"{name} refers to itself")


def page(
    schemas: dict[str, Schema], resource: ResourceType, path: list[str], *, recursive: bool
) -> list[str]:
    """The whole text. Raises UsageError for a field that is not there."""
    schema, name = _find(schemas, _of_kind(schemas, resource), path)
    lines = [f"KIND:       {resource.kind}", f"VERSION:    {resource.api_version}", ""]
    if path:
        lines += [f"FIELD:      {name} <{_type(schemas, schema)}>", ""]
    lines += ["DESCRIPTION:", *_wrapped(_said(schemas, schema), "    ")]
    about = _about(schema)
    lines += [f"    {line}" for line in about]
    fields = _fields(schemas, schema)
    if fields:
        lines += ["", "FIELDS:"]
        lines += list(_tree(schemas, schema, "  ")) if recursive else list(_listed(schemas, schema))
    return lines


def _of_kind(schemas: dict[str, Schema], resource: ResourceType) -> Schema:
    wanted = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    for schema in schemas.values():
        if wanted in (schema.get("x-kubernetes-group-version-kind") or ()):
            return schema
    raise failures.UsageError(f"the server explains nothing of {resource.kind}")


def _find(schemas: dict[str, Schema], schema: Schema, path: list[str]) -> tuple[Schema, str]:
    name = ""
    for name in path:
        fields = _fields(schemas, schema)
        if name not in fields:
            there = ", ".join(fields) or "none: it is a plain value"
            raise failures.UsageError(f'there is no field "{name}"', hint=f"the fields there: {there}")
        schema = fields[name]
    return schema, name


def _whole(schemas: dict[str, Schema], schema: Schema) -> Schema:
    """What a reference stands for, with what is said beside it."""
    while (reference := _reference(schema)) is not None:
        beside = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        schema = {**schemas.get(reference.rpartition("/")[2], {}), **beside}
    return schema


def _reference(schema: Schema) -> str | None:
    """Where it is written, if not here; what stands beside a reference puts it into a list of one."""
    parts: list[Schema] = schema.get("allOf") or []
    return schema.get("$ref") or (parts[0].get("$ref") if len(parts) == 1 else None)


def _fields(schemas: dict[str, Schema], schema: Schema) -> dict[str, Schema]:
    whole = _whole(schemas, schema)
    inner = whole.get("items") or whole.get("additionalProperties")
    if isinstance(inner, dict):
        return _fields(schemas, inner)
    return dict(whole.get("properties") or {})


def _type(schemas: dict[str, Schema], schema: Schema) -> str:
    """`string`, `[]Mount`, `map[string]string`, as kubectl writes them."""
    whole = _whole(schemas, schema)
    if isinstance(whole.get("items"), dict):
        return "[]" + _type(schemas, whole["items"])
    if isinstance(whole.get("additionalProperties"), dict):
        return f"map[string]{_type(schemas, whole['additionalProperties'])}"
    reference = _reference(schema)
    if reference and whole.get("properties"):
        return reference.rpartition(".")[2]
    return str(whole.get("type") or ("Object" if whole.get("properties") else "string or number"))


def _said(schemas: dict[str, Schema], schema: Schema) -> str:
    return str(schema.get("description") or _whole(schemas, schema).get("description") or "(no description)")


def _about(schema: Schema) -> list[str]:
    found = []
    if schema.get("enum"):
        found.append("One of: " + ", ".join(map(str, schema["enum"])))
    if schema.get("default") not in (None, {}, [], ""):
        found.append(f"Default: {_written(schema['default'])}")
    return found


def _listed(schemas: dict[str, Schema], schema: Schema) -> Iterator[str]:
    required = _required(schemas, schema)
    for name, field in _fields(schemas, schema).items():
        mark = " -required-" if name in required else ""
        yield f"  {name}\t<{_type(schemas, field)}>{mark}".expandtabs(4)
        yield from _wrapped(_said(schemas, field), "    ")
        yield from (f"    {line}" for line in _about(field))
        yield ""


def _tree(schemas: dict[str, Schema], schema: Schema, indent: str, depth: int = 0) -> Iterator[str]:
    required = _required(schemas, schema)
    for name, field in _fields(schemas, schema).items():
        yield f"{indent}{name} <{_type(schemas, field)}>" + (" -required-" if name in required else "")
        if depth < 10:
            yield from _tree(schemas, field, indent + "  ", depth + 1)


def _required(schemas: dict[str, Schema], schema: Schema) -> list[str]:
    whole = _whole(schemas, schema)
    inner = whole.get("items")
    return list((_whole(schemas, inner) if isinstance(inner, dict) else whole).get("required") or ())


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent) or [indent]
