"""`-o custom-columns=TITLE:PATH,…` and `--sort-by PATH`: what JSONPath finds, as columns, in order. Pure."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from kohakuriver import quantity
from kohakuriver.cli import failures
from kohakuriver.cli.kubectl import jsonpath
from kohakuriver.cli.view.table import Row

Object = dict[str, Any]
_NONE = "<none>"


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of `-o custom-columns`, as somebody named them."""

    titles: Row
    templates: tuple[jsonpath.Template, ...]

    def row(self, body: Object) -> Row:
        """The cells of one object."""
        return [_cell(template.find(body)) for template in self.templates]


def parse(text: str) -> Columns:
    """From `NAME:.metadata.name,PHASE:.status.phase`. Raises UsageError."""
    titles, templates = [], []
    for part in _parts(text):
        title, colon, path = part.partition(":")
        if not title or not colon or not path:
            raise failures.UsageError(
                f'-o custom-columns: invalid column "{part}": write TITLE:PATH, such as NAME:.metadata.name',
            )
        titles.append(title)
        templates.append(compile_path(path, option="-o custom-columns"))
    return Columns(titles, tuple(templates))


def compile_path(path: str, *, option: str) -> jsonpath.Template:
    """A path, with or without braces. Raises UsageError."""
    try:
        return jsonpath.compile_template(path)
    except jsonpath.JsonPathError as error:
        raise failures.UsageError(f"{option}: {error}", hint="write a path such as .metadata.name") from None


def sort(objects: Sequence[Any], template: jsonpath.Template, *, of: Any = lambda one: one) -> list[Any]:
    """By what the path finds in `of(one)`: numbers and amounts by size, everything else as text; what has
    nothing there comes first."""
    return sorted(objects, key=lambda one: _rank(template.find(of(one))))


def _rank(found: list[Any]) -> tuple[int, float, str]:
    if not found or found[0] is None:
        return (0, 0.0, "")
    value = found[0]
    if isinstance(value, int | float):
        return (1, float(value), "")
    text = jsonpath.written(value)
    try:
        return (1, quantity.millicores(text) / 1000, "")
    except ValueError:
        pass
    try:
        return (1, float(quantity.size(text)), "")
    except ValueError:
        return (2, 0.0, text)


def _cell(found: list[Any]) -> str:
    if not found:
        return _NONE
    return ",".join(_NONE if one is None else jsonpath.written(one) for one in found)


def _parts(text: str) -> list[str]:
    """At commas that stand in no brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]
