"""What is stored may be nonsense, from an older version or by hand: whoever would change it is told so. Pure.

Around what decides from records of the store. What it raises over nonsense becomes an error that names the
object and what is wrong with it; where every record is an object of its kind, the mistake is ours, and stays.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import pydantic

from kohakuriver import errors
from kohakuriver.apiserver.objects import objects, shape
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Record
from kohakuriver.resources import kinds, models


@contextlib.contextmanager
def told(records: Mapping[str, Record | None]) -> Iterator[None]:
    """Raises Invalid where what is in here fails over one of these records."""
    try:
        yield
    except codec.Unreadable:
        raise
    except codec.NONSENSE as error:
        blamed = next(filter(None, (_blame(record) for record in records.values() if record)), None)
        raise (blamed or error) from error


def _blame(record: Record) -> errors.Invalid | None:
    plural = codec.plural_of(record.key)
    resource = next((one for one in kinds.ALL if one.plural == plural), None)
    if resource is None:
        return None
    stored, model = codec.decode(record), models.MODELS[resource]
    pruned, _ = shape.prune(model, stored)
    try:
        whole = shape.complete(model.model_validate(pruned), pruned)
    except pydantic.ValidationError as found:
        first = found.errors(include_url=False)[0]
        return _error(resource, stored, shape.written(first["loc"]), first["msg"])
    missing = next((field for field, value in whole.items() if value != pruned.get(field)), None)
    return _error(resource, stored, missing, "parts of it are missing") if missing else None


def _error(resource: kinds.ResourceType, stored: dict[str, Any], path: str, why: str) -> errors.Invalid:
    name = str(stored["metadata"].get("name"))
    words = f"what is stored of {resource.kind} {name} cannot be read: {path}: {why}"
    error = objects.invalid(resource, name, errors.Cause(path, words, "Unreadable"))
    error.hint = "mend that field, or delete the object"
    return error
