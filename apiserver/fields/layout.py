"""How the values of a kind come apart into fields that may have managers of their own. Pure.

Read off the pydantic models: a model is taken apart into its fields, a map into its keys, a list as its
field says (`meta.keyed_by`, `meta.a_set`), and everything else is one value. The words are those of
Kubernetes' structured-merge-diff.
"""

import dataclasses
import enum
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from kohakuriver.apiserver.objects import shape
from kohakuriver.resources import kinds, meta, models

Path = tuple[str, ...]  # elements as FieldsV1 writes them: f:spec, k:{"name":"home"}, v:"one"


class Sort(enum.Enum):
    """How a value comes apart."""

    WHOLE = "whole"
    OPEN = "open"  # of no declared shape: objects come apart, everything else is whole
    STRUCT = "struct"
    MAP = "map"
    KEYED = "keyed"  # a list of objects, told apart by some of their fields
    SET = "set"


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """How one place of a kind comes apart."""

    sort: Sort
    fields: Mapping[str, "Layout"] = dataclasses.field(default_factory=dict)
    of: "Layout | None" = None
    keys: tuple[str, ...] = ()

    def parts(self, value: Any) -> Iterator[tuple[str, Any, "Layout"]] | None:
        """The elements of a value with their own layouts; None where it is one value."""
        if isinstance(value, dict):
            return self._of_object(value) if self.sort in (Sort.OPEN, Sort.STRUCT, Sort.MAP) else None
        if isinstance(value, list) and self.sort in (Sort.KEYED, Sort.SET):
            return self._of_list(value)
        return None

    def is_field(self, element: str) -> bool:
        """Whether an element is a declared field, which is no member by itself, only what is in it."""
        return self.sort is Sort.STRUCT and element[2:] in self.fields

    def _of_object(self, value: dict[str, Any]) -> Iterator[tuple[str, Any, "Layout"]]:
        for name, inner in value.items():
            yield f"f:{name}", inner, self.fields.get(name) or self.of or OPEN

    def _of_list(self, value: list[Any]) -> Iterator[tuple[str, Any, "Layout"]]:
        for inner in value:
            yield self.element(inner), inner, self.of or WHOLE

    def element(self, item: Any) -> str:
        """What tells an item of a list from its neighbours."""
        if self.sort is Sort.KEYED and isinstance(item, dict):
            told = {key: item[key] for key in self.keys if key in item}
            return f"k:{orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode()}"
        return f"v:{orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()}"


WHOLE = Layout(Sort.WHOLE)
OPEN = Layout(Sort.OPEN)


@functools.cache
def layout_of(resource: kinds.ResourceType) -> Layout:
    """The layout of a kind."""
    return _of_model(models.MODELS[resource])


@functools.cache
def _of_model(model: type[meta.Model]) -> Layout:
    found = {}
    for name, field in shape.fields(model).items():
        info = model.model_fields[field.attribute]
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        inner = _of_model(field.model) if field.model else None
        found[name] = _of_field(field, inner, extra, str(info.annotation))
    return Layout(Sort.STRUCT, fields=found)


def _of_field(field: shape.Field, inner: Layout | None, extra: Mapping[str, Any], annotation: str) -> Layout:
    match extra.get(meta.LIST_TYPE):
        case "map":
            return Layout(Sort.KEYED, of=inner, keys=tuple(extra[meta.LIST_KEYS]))
        case "set":
            return Layout(Sort.SET)
    if field.inside is list:
        return WHOLE
    if field.inside is dict:
        return Layout(Sort.MAP, of=inner)
    if inner is not None:
        return inner
    return Layout(Sort.MAP, of=OPEN) if "dict[" in annotation and "list[" not in annotation else WHOLE
