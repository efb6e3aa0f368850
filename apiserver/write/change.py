"""A change of one object that is there, as what the client wants of it says, given what is stored.

A function says what the client wants, given what is stored: the body of a PUT,
what a patch makes, what an apply merges. What a changed VPS books is in `grants.py`. Knows no HTTP.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver import backing
from kohakuriver.apiserver.admission import admission, governed, vps_rules
from kohakuriver.apiserver.auth import sight
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants, quotas
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.fields.managers import Manager, Managers
from kohakuriver.apiserver.identity.identity import Role
from kohakuriver.apiserver.objects import metadata, objects, owners, phase, speaking, unreadable, validation
from kohakuriver.apiserver.quota import weight
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put
from kohakuriver.apiserver.write import removal, tracking
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """An object as the client wants it."""

    body: Any
    whole: bool  # a PUT, not what a patch made
    names_uid: bool  # whether the client itself said which uid it means
    managers: Managers | None = None  # who manages its fields then, where an apply has worked it out


async def change(server: Backing, call: Call, by: Manager, want: Callable[[Json], Wanted]) -> Written:
    """Store what is wanted of the object, given what is stored at that moment."""

    async def decide(records: Records) -> Step:
        return await _decide(server, call, by, want, records)

    return await transact(
        server,
        (call.key, *_fence_keys(call)),
        decide,
        about=(call.resource, call.name),
        from_memory=True,
        dry_run=call.options.dry_run,
        turn=call.namespace,
    )


async def _decide(
    server: Backing, call: Call, by: Manager, want: Callable[[Json], Wanted], records: Records
) -> Step:
    """What a change comes to, given what is stored."""
    key, resource = call.key, call.resource
    record = records[key]
    if record is None:
        raise objects.not_found(resource, call.name)
    fence = _fence(call, records)
    moment = server.clock.now()
    now = timestamp(moment)
    old = codec.decode(record)
    _check_reach(call, old)
    wanted = want(old)
    if isinstance(wanted.body, dict) and wanted.body.get("metadata") is None:
        raise errors.BadRequest(
            f"the name of the object ({call.name} based on URL) was undeterminable: name must be provided",
            hint="send the object with its metadata, as it was read",
        )
    at = admission.At(moment, server.stood(key, record.revision))
    new, warnings = await _prepare(server, call, old, wanted, at=at)
    if wanted.managers is not None:
        tracking.applied(old, new, wanted.managers)
    else:
        stated = wanted.body["metadata"].get("managedFields")
        tracking.changed(resource, old, new, sent=stated, by=by, now=now)
    beside = grants.Beside(writes=quotas.announced(resource, call.namespace))
    if resource is kinds.VPS:
        beside = await _beside(server, old, new, records, now=now)
        phase.stamp(new)
    if new == old:
        return Step(new, warnings=warnings)
    gone = objects.is_due(new)
    if gone and resource is kinds.NAMESPACE:
        await removal.check_empty(server, call.name)
    lifetime = admission.rules_for(resource).lifetime(new)
    write = Delete(key) if gone else Put(key, codec.encode(new), ttl=lifetime)
    weight.check(call.user, write, record)
    if not call.options.dry_run:
        weight.check_room(server.crowded, call.user, write, new)
    return Step(
        new,
        (write, *beside.writes),
        removed=gone,
        warnings=warnings,
        expect={key: record.revision, **fence, **beside.expect},
        asked=server.ledger.asked(call.user, resource, write, old=old, new=new),
    )


def _fence_keys(call: Call) -> tuple[str, ...]:
    """The Leases by which whoever writes may do so at this moment."""
    leader = call.options.leader
    speaks = speaking.keys(call.user) if call.subresource == "status" else ()
    return (*((leader.key,) if leader else ()), *speaks)


def _fence(call: Call, records: Records) -> dict[str, int]:
    """The revisions of those Leases, for the commit to compare. Raises Conflict where they are another's."""
    fence = call.options.leader.expect(records) if call.options.leader else {}
    return fence | speaking.expect(call.user, records) if call.subresource == "status" else fence


def _check_reach(call: Call, old: Json) -> None:
    """Whether this object is one that the user may know of, and speak of: before a word is made from it."""
    sight.check(call.user, call.resource, old)
    admission.rules_for(call.resource).reach(call.user, old)
    if call.resource is kinds.ENVIRONMENT and call.subresource and call.user.role is Role.NODE:
        owners.check_maker(call.user, old)


async def _prepare(
    server: Backing, call: Call, old: Json, wanted: Wanted, *, at: admission.At
) -> tuple[Json, tuple[str, ...]]:
    """The object after the change, as far as it follows from the object and the change alone."""
    body = metadata.agree(call.resource, wanted.body, namespace=call.namespace, name=call.name)
    version = body["metadata"].get("resourceVersion")
    if version:
        metadata.check_version(call.resource, old["metadata"], version)
    if call.subresource == "status":
        return _with_status(call, old, wanted, now=timestamp(at.now))
    new, warnings = _with_main(call, old, body)
    rules = admission.rules_for(call.resource)
    others = rules.looks_at(call.user, new)
    records = await backing.read(server, others) if others else {}
    seen = {key: codec.decode(record) for key, record in records.items() if record}
    rules.update(call.user, old, new, at=at, seen=seen)
    await governed.check(server, call.user, call.resource, old, new)
    return new, warnings


def _with_main(call: Call, old: Json, body: Json) -> tuple[Json, tuple[str, ...]]:
    """The change of everything but status."""
    resource = call.resource
    body = {field: value for field, value in body.items() if field != "status"}
    if resource is kinds.VPS and isinstance(body.get("spec"), dict):
        spec = body["spec"]
        if not spec.get("runState"):
            # It is defaulted at create only: who replaces a manifest without it must not start a stopped VPS.
            spec = {**spec, "runState": old["spec"]["runState"]}
        body["spec"] = vps_rules.without_default_image(old, spec)
    checked = validation.check(resource, body, name=call.name, mode=call.options.validation, stored=old)
    metadata.check_update(resource, old["metadata"], checked.obj["metadata"])
    new = {**checked.obj, "metadata": metadata.kept(old["metadata"], checked.obj["metadata"])}
    metadata.check(resource, new["metadata"])
    if "status" in old:
        new["status"] = old["status"]
    if "generation" in old["metadata"] and new.get("spec") != old.get("spec"):
        new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        if "rejectedBy" in objects.status_of(new):  # said of the spec as it was
            said = ("rejectedBy", "rejectedUnder")
            new["status"] = {field: value for field, value in new["status"].items() if field not in said}
    new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
    return new, checked.warnings


def _with_status(call: Call, old: Json, wanted: Wanted, *, now: str) -> tuple[Json, tuple[str, ...]]:
    """The change of status alone; whatever else the body holds is left as it is stored."""
    resource, user = call.resource, call.user
    metadata.check_update(
        resource, old["metadata"], {"uid": wanted.body["metadata"].get("uid", old["metadata"]["uid"])}
    )
    status = wanted.body.get("status") or {}
    if not isinstance(status, dict):
        cause = errors.Cause("status", "Invalid value: must be an object", "FieldValueTypeInvalid")
        raise objects.invalid(resource, call.name, cause)
    checked = validation.check_status(resource, status, name=call.name, stored=objects.status_of(old))
    if resource is kinds.VPS and user.role is Role.NODE:
        owners.check_reporter(user, old, checked.obj, named_uid=wanted.names_uid)
    if resource is kinds.SNAPSHOT and user.role is Role.NODE:
        owners.check_named(resource, old, named_uid=wanted.names_uid)
    if resource is kinds.VPS:
        owners.check_unreachable(old, checked.obj)
    write = owners.StatusWrite(checked.obj, whole=wanted.whole)
    status = owners.merge(resource, user, old, write, now=now)
    owners.check_fenced(resource, user, old, status, by_leader=call.options.leader is not None)
    if resource is kinds.VPS and user.role is Role.NODE:
        status.pop("unreachableSince", None)  # the node has spoken
    new = {**old, "status": status}
    if resource is kinds.VPS and status.get("unreachableSince"):
        new = vps_rules.let_go_if_forced(new)
    return new, checked.warnings


async def _beside(server: Backing, old: Json, new: Json, records: Records, *, now: str) -> grants.Beside:
    keys = grants.looks_at(old, new)
    missing = [key for key in keys if key not in records]
    if missing:
        records = {**records, **await backing.read(server, missing)}
    with unreadable.told(records):
        beside = grants.beside(old, new, records, now=now)
        return await quotas.resized(server, old["metadata"]["namespace"], old, beside, records)
