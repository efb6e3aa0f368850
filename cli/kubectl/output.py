"""Objects as text: yaml, json, names, JSONPath. Pure; tables are in `table.py`."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kohakuriver.cli import failures
from kohakuriver.cli.api import targets
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

if TYPE_CHECKING:
    from kohakuriver.cli.kubectl.columns import Columns

Object = dict[str, Any]
Render = Callable[[Object], str]
OBJECTS = "yaml, json, name, jsonpath=TEMPLATE"
LISTS = f"{OBJECTS}, custom-columns=TITLE:PATH,…"
WIDE = f"wide, {LISTS}"
FORMATS = f"table, {WIDE}"


class Output(NamedTuple):
    """A value of `-o`. `render` is None where the server's tables are shown."""

    wide: bool = False
    render: Render | None = None
    one_by_one: bool = False  # several objects are rendered each for itself, not as a List
    columns: "Columns | None" = None


def parse(text: str, *, formats: str = FORMATS) -> Output:
    """The format of this name. Raises UsageError for any that is not one of these."""
    name, equals, rest = text.partition("=")
    if name not in _names(formats) and name in _names(FORMATS):
        raise failures.UsageError(f"-o {name} is not for this command", hint=f"there are {formats}")
    match name:
        case "table" | "wide" if not equals:
            return Output(wide=name == "wide")
        case "yaml" if not equals:
            return Output(render=to_yaml)
        case "json" if not equals:
            return Output(render=to_json)
        case "name" if not equals:
            return Output(render=to_name, one_by_one=True)
        case "jsonpath" if rest:
            return Output(render=_template(rest))
        case "custom-columns" if rest:
            from kohakuriver.cli.kubectl import columns

            return Output(columns=columns.parse(rest))
    raise failures.UsageError(f'invalid output format "{text}": use {formats}')


def _names(formats: str) -> list[str]:
    return [one.partition("=")[0] for one in formats.split(", ")]


def of_objects(text: str | None) -> Render | None:
    """As `parse`, for what shows objects one by one; None where no format is asked for. Raises UsageError."""
    if text is None:
        return None
    return parse(text, formats=OBJECTS).render


def _template(text: str) -> Render:
    from kohakuriver.cli.kubectl import jsonpath

    try:
        return jsonpath.compile_template(text).render
    except jsonpath.JsonPathError as error:
        hint = "such as -o jsonpath='{.status.phase}'"
        raise failures.UsageError(f"-o jsonpath: {error}", hint=hint) from None


def combined(objects: Sequence[Object]) -> Object:
    """Several objects as one, as kubectl shows them."""
    return {"apiVersion": "v1", "items": list(objects), "kind": "List", "metadata": {"resourceVersion": ""}}


def whole(objects: Sequence[Object], asked: Output) -> str:
    """All of them in the format that is asked for, which is not a table."""
    if asked.columns is not None:
        from kohakuriver.cli.view import table

        rows = map(asked.columns.row, objects)
        return "\n".join(table.Printer().lines([asked.columns.titles, *rows])) + "\n"
    assert asked.render is not None  # noqa: S101 - tables go elsewhere
    return "".join(map(asked.render, objects)) if asked.one_by_one else asked.render(combined(objects))


def typed(item: Object, resource: ResourceType) -> Object:
    """A list's items leave their kind out."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, **item}


def without_noise(body: Object) -> Object:
    """The object without who-set-what, which is long and which nobody asked for."""
    if "managedFields" not in body.get("metadata", {}):
        return body
    metadata = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": metadata}


def to_json(body: Object) -> str:
    return json.dumps(body, indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def to_yaml(body: Object) -> str:
    import yaml  # here: tables do without it

    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Texts of several lines as blocks; the same list twice is written twice."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        value = value.encode(errors="backslashreplace").decode()  # JSON can hold halves of characters
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    dumped = yaml.dump(body, Dumper=Dumper, allow_unicode=True, width=10**6, default_flow_style=False)
    return str(dumped)


def to_name(body: Object) -> str:
    resource = kinds.by_kind(body.get("apiVersion", ""), body.get("kind", ""))
    name = body["metadata"]["name"]
    return (targets.title(resource, name) if resource else f"{body.get('kind', '').lower()}/{name}") + "\n"
