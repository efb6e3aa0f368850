"""POST of a new object. Called by `write.py`; what comes after it is like every other write.

The object is stored on condition that there is none of that name and that its namespace is still as it was
seen, so that no object outlives its namespace. A create with a `kohakuriver.io/create-id` is safe to repeat.
"""

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver import backing
from kohakuriver.apiserver.admission import admission, governed
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants, quotas
from kohakuriver.apiserver.binding.outcome import WriteOptions, Written
from kohakuriver.apiserver.fields.managers import UPDATE, Manager, Managers
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.objects import metadata, objects, phase, validation
from kohakuriver.apiserver.quota import weight
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record, StoreConflict
from kohakuriver.apiserver.write import tracking
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]

ATTEMPTS = 6  # the first, and five after conflicts


async def make(
    server: Backing,
    user: User,
    resource: kinds.ResourceType,
    *,
    namespace: str | None,
    body: Any,
    options: WriteOptions,
    managers: Managers | None = None,
) -> Written:
    """Store a new object. Raises AlreadyExists, unless the one there came from this very command.

    `managers` are who manages its fields, where an apply makes it; else who creates it manages all.
    """
    now = server.clock.now()
    by = tracking.manager_of(resource, options.field_manager, operation=UPDATE, subresource=None)
    maker = _Maker(user, by, managers)
    new, warnings = _new(resource, body, namespace=namespace, options=options, now=timestamp(now))
    rules = admission.rules_for(resource)
    key = codec.key(resource, namespace, new["metadata"]["name"])
    around = (codec.key(kinds.NAMESPACE, None, namespace),) if namespace else ()
    others = rules.looks_at(user, new)
    keys = (key, *around, *others)
    # Only what the commit compares may come from memory.
    look = (
        backing.Look(await backing.read(server, keys), fresh=True)
        if others
        else await backing.look(server, keys)
    )
    for _ in range(ATTEMPTS):
        try:
            step = _decide(maker, resource, new, look.records, now=now)
            if step.write is not None:
                await governed.check(server, user, resource, None, step.obj, known=look.records)
        except errors.ApiError:
            if look.fresh:
                raise
            look = backing.Look(await backing.read(server, keys), fresh=True)
            continue
        if step.write is None:
            return Written(step.obj, created=True, warnings=warnings)
        asked = server.ledger.asked(user, resource, step.write, old=None, new=step.obj)
        if options.dry_run:
            await server.ledger.check(asked)
            return Written(step.obj, created=True, warnings=warnings)
        weight.check_room(server.crowded, user, step.write, step.obj)
        expect = {key: 0, **{other: grants.revision_of(look.records[other]) for other in around}}
        try:
            writes = [step.write, *quotas.announced(resource, namespace)]
            async with server.ledger.room(asked) as place:
                revision = await server.store.commit(expect=expect, writes=writes)
                place.committed(revision)
        except errors.Forbidden:
            if look.fresh:
                raise  # else it may be there already, made by an earlier try of this command
            look = backing.Look(await backing.read(server, keys), fresh=True)
            continue
        except StoreConflict as conflict:
            look = backing.Look({**look.records, **conflict.actual}, fresh=True)
            continue
        return Written(objects.at(step.obj, revision), created=True, warnings=warnings)
    raise objects.too_busy(resource, new["metadata"]["name"], ATTEMPTS)


@dataclasses.dataclass(frozen=True, slots=True)
class _Step:
    """The object as it would be; nothing to write where an earlier try of this command has made it."""

    obj: Json
    write: Put | None


@dataclasses.dataclass(frozen=True, slots=True)
class _Maker:
    """Who creates, and who manages the fields then."""

    user: User
    manager: Manager
    managers: Managers | None


def _decide(
    maker: _Maker,
    resource: kinds.ResourceType,
    new: Json,
    records: Mapping[str, Record | None],
    *,
    now: datetime.datetime,
) -> _Step:
    """What a create comes to, given what is stored. Raises ApiError where it may not be."""
    fields = new["metadata"]
    key = codec.key(resource, fields.get("namespace"), fields["name"])
    existing = records[key]
    if existing is not None:
        return _Step(_existing(resource, codec.decode(existing), new), None)
    if resource.namespaced:
        _check_namespace(records[codec.key(kinds.NAMESPACE, None, fields["namespace"])], fields["namespace"])
    rules = admission.rules_for(resource)
    made = {**new, "metadata": dict(fields)}
    user = maker.user
    seen = {other: codec.decode(there) for other in rules.looks_at(user, new) if (there := records[other])}
    rules.create(user, made, now=now, seen=seen)
    if maker.managers is None:
        tracking.created(resource, made, by=maker.manager, now=timestamp(now))
    else:
        tracking.applied({"metadata": {}}, made, maker.managers)
    if resource is kinds.VPS:
        phase.stamp(made)
    write = Put(key, codec.encode(made), ttl=rules.lifetime)
    weight.check(user, write, None)
    return _Step(made, write)


def _new(
    resource: kinds.ResourceType, body: Any, *, namespace: str | None, options: WriteOptions, now: str
) -> tuple[Json, tuple[str, ...]]:
    """A valid new object with the server's metadata, and the warnings about what was sent."""
    agreed = metadata.agree(resource, body, namespace=namespace, name=None)
    sent = {"metadata": {}, **{field: value for field, value in agreed.items() if field != "status"}}
    name = sent["metadata"].get("name")
    if name == "":  # what a client means that was given none
        sent["metadata"] = {**sent["metadata"], "name": None}
    elif isinstance(name, str):
        metadata.check(resource, {"name": name})
    checked = validation.check(resource, sent, name=str(name or ""), mode=options.validation)
    made = metadata.new(resource, checked.obj["metadata"], namespace=namespace, now=now)
    metadata.check(resource, made)
    return {**checked.obj, "metadata": made}, checked.warnings


def _existing(resource: kinds.ResourceType, there: Json, new: Json) -> Json:
    """A create whose answer was lost finds its own object, and says so as if nothing had happened."""
    name = new["metadata"]["name"]
    mine = (new["metadata"].get("annotations") or {}).get(metadata.CREATE_ID)
    if mine and (there["metadata"].get("annotations") or {}).get(metadata.CREATE_ID) == mine:
        return there
    raise errors.AlreadyExists(
        f'{objects.qualified(resource)} "{name}" already exists',
        hint="choose another name, change the one that is there, or delete it first",
        details=objects.reference(resource, name),
    )


def _check_namespace(record: Record | None, name: str) -> None:
    if record is None:
        error = objects.not_found(kinds.NAMESPACE, name)
        error.hint = f"create it first: kubectl create namespace {name}"
        raise error
    if codec.decode(record)["metadata"].get("deletionTimestamp"):
        raise errors.Forbidden(
            f"unable to create new content in namespace {name} because it is being terminated",
            hint="use another namespace, or wait until it is gone and create it again",
        )
