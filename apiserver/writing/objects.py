"""What the writing half shares about objects: reading several, and errors that name them.

`Backing` is all that writes need of the server: the store, what is remembered of it, and the time. Decides
nothing.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

from kohakuriver import errors
from kohakuriver.apiserver.binding.proofs import Proofs
from kohakuriver.apiserver.caching.quotas import Quotas
from kohakuriver.apiserver.policies.held import Policies
from kohakuriver.apiserver.quota.booked import Booked
from kohakuriver.apiserver.quota.ledger import Ledger
from kohakuriver.apiserver.store.base import Record, Store
from kohakuriver.apiserver.writing import extent
from kohakuriver.clock import Clock
from kohakuriver.resources.kinds import VPS, ResourceType

Json = dict[str, Any]


class Backing(Protocol):
    """The part of the server that a write uses."""

    @property
    def store(self) -> Store: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def crowded(self) -> str:
        """Why there is no room for what users write; empty where there is."""
        ...

    @property
    def proofs(self) -> Proofs: ...

    @property
    def ledger(self) -> Ledger:
        """What each namespace may still write."""
        ...

    def obstacle(self, namespace: str | None, name: str, uid: str) -> str:
        """Why nothing may be placed under this name, by what agents report; empty if it may."""
        ...

    def stood(self, key: str, revision: int) -> float:
        """For how many seconds a Lease is known to be at this revision, by no clock but our own; 0 if not."""
        ...

    def policies(self) -> Policies:
        """The Policies as of a moment ago. Raises Unavailable while they are not known."""
        ...

    @property
    def quotas(self) -> Quotas:
        """What quotas limit of what is booked, as this server knows it."""
        ...

    @property
    def booked(self) -> Booked:
        """What each namespace has booked, as this server knows it."""
        ...

    async def reached(self, revision: int, *, timeout: float = ...) -> bool:
        """Whether this server knows all up to that revision, waiting for it at most so many seconds."""
        ...

    async def fresh(self) -> None:
        """Until this server knows all that was written before this call. Raises Unavailable."""
        ...

    def recall(self, keys: Sequence[str]) -> dict[str, Record | None] | None:
        """The records as they were a moment ago, without asking the store; None if that is not known."""
        ...


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


async def read(server: Backing, keys: Sequence[str]) -> dict[str, Record | None]:
    """Several keys as of one revision."""
    records, _ = await server.store.get_many(keys)
    return dict(zip(keys, records, strict=True))


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """What a write is decided from. Only what is `fresh` may refuse it, or find that it changes nothing."""

    records: dict[str, Record | None]
    fresh: bool


async def look(server: Backing, keys: Sequence[str]) -> Look:
    """Several keys: from memory if possible, which costs nothing, for the commit compares them anyway."""
    recalled = server.recall(keys)
    if recalled is not None:
        return Look(recalled, fresh=False)
    return Look(await read(server, keys), fresh=True)


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
