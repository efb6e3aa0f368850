"""What is asked of objects again and again, and the errors that name them. Decides nothing."""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.objects import extent
from kohakuriver.resources.kinds import VPS, ResourceType

Json = dict[str, Any]


def status_of(obj: Json) -> Json:
    """An object's status; empty where there is none, or nonsense in its place."""
    status = obj.get("status")
    return status if isinstance(status, dict) else {}


def conditions_of(status: Json) -> list[Json]:
    """The conditions in a status, without what is none."""
    found = status.get("conditions")
    return [
        one
        for one in (found if isinstance(found, list) else ())
        if isinstance(one, dict) and isinstance(one.get("type"), str) and isinstance(one.get("status"), str)
    ]


def assignment_of(obj: Json) -> Json | None:
    """The assignment of a bound VPS; None of an unbound one."""
    assignment: Json | None = status_of(obj).get("assignment")
    return assignment


def is_due(obj: Json) -> bool:
    """Whether an object's deletion was asked for and nothing keeps it."""
    fields = obj["metadata"]
    bound = obj.get("kind") == VPS.kind and assignment_of(obj) is not None
    return bool(fields.get("deletionTimestamp")) and not fields.get("finalizers") and not bound


def at(obj: Json, revision: int) -> Json:
    """An object as it stands after the write of that revision."""
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(revision)}}


def reference(resource: ResourceType, name: str) -> Json:
    """`Status.details` as Kubernetes fills them for errors about an object: the plural as kind."""
    return {"name": name, "group": resource.group, "kind": resource.plural}


def qualified(resource: ResourceType) -> str:
    """The plural with its group, as kubectl prints it."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def not_found(resource: ResourceType, name: str) -> errors.NotFound:
    """The 404 of an object."""
    return errors.NotFound(f'{qualified(resource)} "{name}" not found', details=reference(resource, name))


def conflict(
    resource: ResourceType, name: str, why: str, *, hint: str, causes: tuple[errors.Cause, ...] = ()
) -> errors.Conflict:
    """A 409: the object is not, or no more, as the request takes it to be."""
    return errors.Conflict(
        f'operation cannot be fulfilled on {qualified(resource)} "{name}": {why}',
        hint=hint,
        causes=causes,
        details=reference(resource, name),
    )


def invalid(resource: ResourceType, name: str, *causes: errors.Cause) -> errors.Invalid:
    """The 422 that kubectl prints as `The VPS "dev" is invalid: spec.x: Invalid value: …`."""
    words = [f"{cause.field}: {cause.message}" for cause in causes]
    shown = words[0] if len(words) == 1 else f"[{extent.listed(words)}]"
    return errors.Invalid(
        f'{resource.kind} "{name}" is invalid: {shown}',
        causes=causes[: extent.MOST_NAMED],
        details={**reference(resource, name), "kind": resource.kind},
    )


def too_busy(resource: ResourceType, name: str, attempts: int) -> errors.Conflict:
    """A 409 after one conflict too many: nothing is wrong with the write."""
    why = f"others changed it {attempts} times in the course of this write"
    return conflict(resource, name, why, hint="try again in a moment")


def forbidden_value(field: str, message: str) -> errors.Cause:
    """A field that may not be written that way."""
    return errors.Cause(field=field, message=f"Forbidden: {message}", reason="FieldValueForbidden")
