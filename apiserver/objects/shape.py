"""How the JSON of a kind is built, read off its pydantic model: its fields, and the models in them.

`validation.py` uses it to find unknown fields with their paths, and to write defaults into what the user sent
while keeping every value as it was written (`cores: 2` stays 2). Pure; validates nothing itself.
"""

import dataclasses
import difflib
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any

from kohakuriver.resources import meta

Path = tuple[str | int, ...]
MOST_GUESSES = 20  # at what was meant: each compares letters, and somebody may send thousands of fields


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One field of a model: where pydantic keeps it, and the model inside it, if any."""

    attribute: str
    model: type[meta.Model] | None = None
    inside: type | None = None  # list or dict where the field holds several


@dataclasses.dataclass(frozen=True, slots=True)
class Unknown:
    """A field that the model does not have."""

    path: Path
    value: Any
    suggestion: str = ""  # a field at the same place whose name is close

    def __str__(self) -> str:
        meant = f' (did you mean "{self.suggestion}"?)' if self.suggestion else ""
        return f'unknown field "{written(self.path)}"{meant}'


def written(path: Path) -> str:
    """A path as Kubernetes writes it: `spec.ssh.authorizedKeys[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@functools.cache
def fields(model: type[meta.Model]) -> Mapping[str, Field]:
    """The fields of a model by their names in JSON."""
    found = {}
    for attribute, info in model.model_fields.items():
        inside, nested = _nested(info.annotation)
        found[info.alias or attribute] = Field(attribute, nested, inside)
    return found


def prune(model: type[meta.Model], raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Unknown]]:
    """A copy without unknown fields and without nulls, which mean absent; and the unknown fields."""
    unknown: list[Unknown] = []
    return _prune(model, raw, (), unknown), unknown


def complete(instance: meta.Model, raw: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent, with the defaults of absent fields written out. `raw` is pruned and valid."""
    result = dict(raw)
    for name, field in fields(type(instance)).items():
        value = getattr(instance, field.attribute)
        if value is None:
            continue
        if name not in raw:
            result[name] = _dumped(instance, field.attribute)
        elif field.inside is list and field.model:
            result[name] = [complete(one, part) for one, part in zip(value, raw[name], strict=True)]
        elif field.inside is dict and field.model:
            result[name] = {key: complete(one, raw[name][key]) for key, one in value.items()}
        elif field.model:
            result[name] = complete(value, raw[name])
    return result


def graft(obj: dict[str, Any], unknown: Unknown) -> None:
    """Put an unknown field back where it was."""
    place: Any = obj
    for part in unknown.path[:-1]:
        place = place[part]
    place[unknown.path[-1]] = unknown.value


def _prune(
    model: type[meta.Model], raw: Mapping[str, Any], path: Path, unknown: list[Unknown]
) -> dict[str, Any]:
    known = fields(model)
    open_ended = model.model_config.get("extra") == "allow"
    kept: dict[str, Any] = {}
    for name, value in raw.items():
        field = known.get(name)
        if field is None and not open_ended:
            close = difflib.get_close_matches(name, known, n=1) if len(unknown) < MOST_GUESSES else []
            unknown.append(Unknown((*path, name), value, close[0] if close else ""))
        elif value is not None:
            kept[name] = value if field is None else _prune_value(field, value, (*path, name), unknown)
    return kept


def _prune_value(field: Field, value: Any, path: Path, unknown: list[Unknown]) -> Any:
    model = field.model
    if model is None:
        return value
    if field.inside is list and isinstance(value, list):
        return [
            _prune(model, one, (*path, index), unknown) if isinstance(one, dict) else one
            for index, one in enumerate(value)
        ]
    if field.inside is dict and isinstance(value, dict):
        return {
            key: _prune(model, one, (*path, key), unknown) if isinstance(one, dict) else one
            for key, one in value.items()
        }
    if field.inside is None and isinstance(value, dict):
        return _prune(model, value, path, unknown)
    return value  # of the wrong type, as validation will say


def _nested(annotation: Any) -> tuple[type | None, type[meta.Model] | None]:
    """The model that an annotation holds, and the list or dict it is in."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, type) and origin is None and issubclass(annotation, meta.Model):
        return None, annotation
    if origin is typing.Annotated:
        return _nested(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return next((found for found in map(_nested, arguments) if found[1]), (None, None))
    if origin in (list, dict) and arguments:
        _, model = _nested(arguments[-1])
        return (origin, model) if model else (None, None)
    return None, None


def _dumped(instance: meta.Model, attribute: str) -> Any:
    value = getattr(instance, attribute)
    if isinstance(value, meta.Model):
        return value.to_json()
    dumped = instance.model_dump(mode="json", by_alias=True, exclude_none=True, include={attribute})
    return next(iter(dumped.values()))
