"""Is what was sent an object of its kind? Pydantic's errors become causes with Kubernetes' paths and words.

Comes before admission. Unknown fields are refused, named in warnings, or dropped, as the
client asks; under `status` they are always kept, because a newer program wrote them (FAULTS 46). What comes
out is what was sent, defaults written out. Pure.
"""

import dataclasses
import difflib
import enum
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
import pydantic_core

from kohakuriver import errors
from kohakuriver.apiserver.objects import extent, objects, old_keys, shape
from kohakuriver.resources import kinds, meta, models

Json = dict[str, Any]

_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


LONGEST_WORD = 40  # characters; a longer one was not meant to be one of ours
MOST_SHOWN = 80  # characters of a value that is wrong

# What is wrong with one of their fields follows from that field alone, so an old mistake can be told apart.
_PLAIN = (kinds.LEASE, kinds.EVENT)


class FieldValidation(enum.StrEnum):
    """What becomes of unknown fields; the values are those of the `fieldValidation` parameter."""

    STRICT = "Strict"
    WARN = "Warn"
    IGNORE = "Ignore"


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """A valid object with its defaults, and what the client should be told."""

    obj: Json
    warnings: tuple[str, ...] = ()


def check(
    resource: kinds.ResourceType, body: Json, *, name: str, mode: FieldValidation, stored: Json | None = None
) -> Checked:
    """The whole object. Raises Invalid with causes, or BadRequest for unknown fields under Strict.

    Unknown fields that are `stored` so already came in by a newer server, and stay (FAULTS 46).
    """
    model = models.MODELS[resource]
    spared = stored if resource in _PLAIN else None
    raw, keys = old_keys.set_aside(body, stored) if resource is kinds.VPS else (body, None)
    checked = _check(
        model, raw, resource=resource, name=name, mode=mode, below=(), stored=stored, spared=spared
    )
    if keys is not None:
        checked.obj["spec"]["ssh"]["authorizedKeys"] = keys
    return checked


def check_status(
    resource: kinds.ResourceType, status: Json, *, name: str, stored: Json | None = None
) -> Checked:
    """The status alone; its unknown fields are kept, with a warning each.

    A value that is `stored` so already was let in by an older version or put there by hand: it is its owner's
    to mend, and keeps nobody from writing the rest.
    """
    inside = shape.fields(models.MODELS[resource])["status"].model
    if inside is None:
        raise errors.NotFound(f"{resource.plural} have no status of their own")
    return _check(
        inside,
        status,
        resource=resource,
        name=name,
        mode=FieldValidation.WARN,
        below=("status",),
        spared=stored,
    )


def _check(
    model: type[meta.Model],
    raw: Json,
    *,
    resource: kinds.ResourceType,
    name: str,
    mode: FieldValidation,
    below: shape.Path,
    stored: Json | None = None,
    spared: Json | None = None,
) -> Checked:
    _check_extent(raw, resource=resource, name=name)
    pruned, found = shape.prune(model, raw)
    unknown = [dataclasses.replace(field, path=(*below, *field.path)) for field in found]
    known = [field for field in unknown if stored is not None and _stands(stored, field)]
    told = [field for field in unknown if field not in known]
    kept = [*known, *(field for field in told if field.path[0] == "status")]
    refused = [field for field in told if field.path[0] != "status"] if mode is FieldValidation.STRICT else []
    instance, causes = _parse(model, pruned, below, spared)
    if refused:
        raise _strict(resource, refused, causes)
    if causes:
        raise objects.invalid(resource, name, *causes)
    obj = shape.complete(instance, pruned) if instance is not None else pruned
    for field in kept:
        shape.graft(obj, dataclasses.replace(field, path=field.path[len(below) :]))
    warnings = () if mode is FieldValidation.IGNORE else tuple(str(field) for field in told)
    return Checked(obj, warnings)


def _check_extent(raw: Json, *, resource: kinds.ResourceType, name: str) -> None:
    """What several writes make of an object together. The server's notes on who made what do not count."""
    metadata = raw.get("metadata")
    counted = {**raw, "metadata": {**metadata, "managedFields": None}} if isinstance(metadata, dict) else raw
    too_much = extent.excess(counted)
    if too_much:
        raise errors.TooLarge(
            f'{resource.kind} "{name}" would have {too_much}',
            hint="make the object smaller",
            details=objects.reference(resource, name),
        )


def _stands(stored: Json, field: shape.Unknown) -> bool:
    """Whether a field is there already, with that very value."""
    return _at(stored, field.path) == (field.value,)


def _at(place: Any, path: shape.Path) -> tuple[Any] | None:
    """What stands at a path; None where nothing does."""
    here: tuple[Any] | None = (place,)
    for part in path:
        here = _descend(here[0], part) if here is not None else None
    return here


def _parse(
    model: type[meta.Model], raw: Json, below: shape.Path, spared: Json | None
) -> tuple[meta.Model | None, tuple[errors.Cause, ...]]:
    """The object, and what is wrong with it but for what is `spared`, since it stands there already."""
    try:
        return model.model_validate(raw), ()
    except pydantic.ValidationError as error:
        found = error.errors(include_url=False)
        return None, _causes([one for one in found if not _is_old(one, raw, spared)], raw, below)


def _is_old(error: pydantic_core.ErrorDetails, raw: Json, stored: Json | None) -> bool:
    if stored is None:
        return False
    path = _place(error["loc"], raw, missing=False)
    here = _at(raw, path)
    return bool(path) and here is not None and here == _at(stored, path)


def _strict(
    resource: kinds.ResourceType, unknown: Sequence[shape.Unknown], causes: tuple[errors.Cause, ...]
) -> errors.BadRequest:
    """The 400 of a stock API server, so that kubectl prints it as it would for Kubernetes' own kinds."""
    listed = extent.listed(list(map(str, unknown)))
    fields = tuple(
        errors.Cause(field=shape.written(field.path), message=str(field), reason="FieldValueForbidden")
        for field in unknown[: extent.MOST_NAMED]
    )
    return errors.BadRequest(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
        f"strict decoding error: {listed}",
        hint=f"see its fields: kohakuriver explain {resource.singular} --recursive",
        causes=fields + causes[: extent.MOST_NAMED],
    )


def _causes(
    found: Sequence[pydantic_core.ErrorDetails], raw: Json, below: shape.Path
) -> tuple[errors.Cause, ...]:
    """One cause for each place. A value that fits none of several types is one mistake, not one per type."""
    places: dict[str, list[pydantic_core.ErrorDetails]] = {}
    for error in found:
        path = (*below, *_place(error["loc"], raw, missing=error["type"] == "missing"))
        places.setdefault(shape.written(path), []).append(error)
    return tuple(_cause(field, errors_there) for field, errors_there in places.items())


def _place(location: shape.Path, raw: Any, *, missing: bool) -> shape.Path:
    """Pydantic's location without what names a member of a union rather than a place in the JSON."""
    place: list[str | int] = []
    here = raw
    for part in location:
        there = _descend(here, part)
        if there is None:
            return (*place, part) if missing else tuple(place)
        place.append(part)
        here = there[0]
    return tuple(place)


def _descend(here: Any, part: str | int) -> tuple[Any] | None:
    if isinstance(here, dict) and part in here:
        return (here[part],)
    if isinstance(here, list) and isinstance(part, int) and part < len(here):
        return (here[part],)
    return None


def _cause(field: str, found: Sequence[pydantic_core.ErrorDetails]) -> errors.Cause:
    first = next((error for error in found if error["type"] == "value_error"), found[0])  # ours say most
    shown = _shown(first["input"])
    kinds_wanted = [_TYPES[error["type"]] for error in found if error["type"] in _TYPES]
    context: Mapping[str, Any] = first.get("ctx") or {}
    match first["type"]:
        case "missing":
            return errors.Cause(field, "Required value: it must be given", "FieldValueRequired")
        case "enum" | "literal_error":
            expected = str(context.get("expected", ""))
            message = f"Unsupported value: {shown}: supported values: {expected.replace(chr(39), chr(34))}"
            return errors.Cause(field, message + _meant(first["input"], expected), "FieldValueNotSupported")
        case "value_error":
            return errors.Cause(field, f"Invalid value: {shown}: {context.get('error', first['msg'])}")
    if len(kinds_wanted) == len(found):
        wanted = " or ".join(dict.fromkeys(kinds_wanted))
        return errors.Cause(field, f"Invalid value: {shown}: must be {wanted}", "FieldValueTypeInvalid")
    return errors.Cause(field, f"Invalid value: {shown}: {first['msg']}")


def _meant(value: Any, expected: str) -> str:
    """A guess at the word that was meant, which is most often one in other letters."""
    if not isinstance(value, str) or len(value) > LONGEST_WORD:
        return ""
    words = {word.lower(): word for word in expected.replace(" or ", ", ").replace("'", "").split(", ")}
    close = difflib.get_close_matches(value.lower(), words, n=1)
    return f' (did you mean "{words[close[0]]}"?)' if close else ""


def _shown(value: Any) -> str:
    """The beginning of a value, without a look at all of it."""
    part = value
    if isinstance(value, dict):
        part = dict(itertools.islice(value.items(), MOST_SHOWN))
    elif isinstance(value, list | str):
        part = value[: MOST_SHOWN + 1]
    text = json.dumps(part, default=str, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
