"""A change of one object that is there: read, prepare, commit; after a conflict again from what is there.

Called by `write.py` with a function that says what the client wants, given what is stored: the body of a PUT,
what a patch makes, what an apply merges. What a changed VPS books is in `grants.py`. Knows no HTTP.
"""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver import backing
from kohakuriver.apiserver.admission import admission, governed, vps_rules
from kohakuriver.apiserver.auth import sight
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants, quotas
from kohakuriver.apiserver.binding.fencing import Leader
from kohakuriver.apiserver.binding.outcome import WriteOptions, Written
from kohakuriver.apiserver.fields.managers import Manager, Managers
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.objects import metadata, objects, owners, phase, speaking, unreadable, validation
from kohakuriver.apiserver.objects.validation import FieldValidation
from kohakuriver.apiserver.quota import weight
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, Record, StoreConflict
from kohakuriver.apiserver.write import removal, tracking
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]

ATTEMPTS = 6  # the first, and five after conflicts


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """The object that a change is meant for, and by whom."""

    user: User
    resource: kinds.ResourceType
    namespace: str | None
    name: str
    subresource: str | None
    validation: FieldValidation
    leader: Leader | None
    manager: Manager

    @property
    def key(self) -> str:
        return codec.key(self.resource, self.namespace, self.name)

    @property
    def keys(self) -> tuple[str, ...]:
        """What has to be read for it."""
        leader = (self.leader.key,) if self.leader else ()
        return (self.key, *leader, *(speaking.keys(self.user) if self.subresource == "status" else ()))


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """An object as the client wants it."""

    body: Any
    whole: bool  # a PUT, not what a patch made
    names_uid: bool  # whether the client itself said which uid it means
    managers: Managers | None = None  # who manages its fields then, where an apply has worked it out


async def change(
    server: Backing, target: Target, make: Callable[[Json], Wanted], options: WriteOptions
) -> Written:
    """Read, prepare, commit; again from what is there now, while others get in between."""
    async with contextlib.AsyncExitStack() as turn:
        return await _change(server, target, make, options, turn)


async def _change(
    server: Backing,
    target: Target,
    make: Callable[[Json], Wanted],
    options: WriteOptions,
    turn: contextlib.AsyncExitStack,
) -> Written:
    """`turn` takes that of the namespace, where its bookings have come between: the next try follows them."""
    resource, is_in_turn = target.resource, False
    seen = await backing.look(server, target.keys)
    for _ in range(ATTEMPTS):
        try:
            with unreadable.told(seen.records):
                step = await _decide(server, target, make, seen.records)
        except errors.ApiError:
            step = None
            if seen.fresh:
                raise
        if step is None or not (seen.fresh or step.write):
            seen = backing.Look(await backing.read(server, target.keys), fresh=True)
            continue
        if step.write is None:
            return Written(step.obj, warnings=step.warnings)
        asked = server.ledger.asked(target.user, resource, step.write, old=step.old, new=step.obj)
        if options.dry_run:
            await server.ledger.check(asked)
            return Written(step.obj, warnings=step.warnings)
        weight.check_room(server.crowded, target.user, step.write, step.obj)
        try:
            async with server.ledger.room(asked) as place:
                writes = [step.write, *step.beside.writes]
                revision = await server.store.commit(expect=step.expect, writes=writes)
                place.committed(revision)
        except StoreConflict as conflict:
            seen = backing.Look(dict(conflict.actual), fresh=True)
            if quotas.took_turns(target.namespace, step.expect) and not is_in_turn:
                await turn.enter_async_context(quotas.turn(server, str(target.namespace)))
                is_in_turn = True
                seen = backing.Look(await backing.read(server, list(conflict.actual)), fresh=True)
            continue
        removed = isinstance(step.write, Delete)
        return Written(objects.at(step.obj, revision), warnings=step.warnings, removed=removed)
    raise objects.too_busy(resource, target.name, ATTEMPTS)


@dataclasses.dataclass(frozen=True, slots=True)
class _Step:
    """One try of a change: the object as it is and would be, and what has to be written for it, if any."""

    old: Json
    obj: Json
    warnings: tuple[str, ...]
    expect: dict[str, int]
    write: Put | Delete | None
    beside: grants.Beside


async def _decide(
    server: Backing, target: Target, make: Callable[[Json], Wanted], records: dict[str, Record | None]
) -> _Step:
    """What a change comes to, given what is stored."""
    key, resource = target.key, target.resource
    record = records[key]
    if record is None:
        raise objects.not_found(resource, target.name)
    fence = target.leader.expect(records) if target.leader else {}
    if target.subresource == "status":
        fence |= speaking.expect(target.user, records)
    moment = server.clock.now()
    now = timestamp(moment)
    old = codec.decode(record)
    _check_reach(target, old)
    wanted = make(old)
    if isinstance(wanted.body, dict) and wanted.body.get("metadata") is None:
        raise errors.BadRequest(
            f"the name of the object ({target.name} based on URL) was undeterminable: name must be provided",
            hint="send the object with its metadata, as it was read",
        )
    at = admission.At(moment, server.stood(key, record.revision))
    new, warnings = await _prepare(server, target, old, wanted, at=at)
    if wanted.managers is not None:
        tracking.applied(old, new, wanted.managers)
    else:
        sent = wanted.body["metadata"].get("managedFields")
        tracking.changed(resource, old, new, sent=sent, by=target.manager, now=now)
    beside = grants.Beside(writes=quotas.announced(resource, target.namespace))
    if resource is kinds.VPS:
        beside = await _beside(server, old, new, records, now=now)
        phase.stamp(new)
    expect = {key: record.revision, **fence, **beside.expect}
    if new == old:
        return _Step(old, new, warnings, expect, None, beside)
    gone = objects.is_due(new)
    if gone and resource is kinds.NAMESPACE:
        await removal.check_empty(server, target.name)
    lifetime = admission.rules_for(resource).lifetime
    write = Delete(key) if gone else Put(key, codec.encode(new), ttl=lifetime)
    weight.check(target.user, write, record)
    return _Step(old, new, warnings, expect, write, beside)


def _check_reach(target: Target, old: Json) -> None:
    """Whether this object is one that the user may know of, and speak of: before a word is made from it."""
    sight.check(target.user, target.resource, old)
    admission.rules_for(target.resource).reach(target.user, old)
    if target.resource is kinds.ENVIRONMENT and target.subresource and target.user.role is Role.NODE:
        owners.check_maker(target.user, old)


async def _prepare(
    server: Backing, target: Target, old: Json, wanted: Wanted, *, at: admission.At
) -> tuple[Json, tuple[str, ...]]:
    """The object after the change, as far as it follows from the object and the change alone."""
    body = metadata.agree(target.resource, wanted.body, namespace=target.namespace, name=target.name)
    version = body["metadata"].get("resourceVersion")
    if version:
        metadata.check_version(target.resource, old["metadata"], version)
    if target.subresource == "status":
        return _with_status(target, old, wanted, now=timestamp(at.now))
    new, warnings = _with_main(target, old, body)
    rules = admission.rules_for(target.resource)
    others = rules.looks_at(target.user, new)
    records = await backing.read(server, others) if others else {}
    seen = {key: codec.decode(record) for key, record in records.items() if record}
    rules.update(target.user, old, new, at=at, seen=seen)
    await governed.check(server, target.user, target.resource, old, new)
    return new, warnings


def _with_main(target: Target, old: Json, body: Json) -> tuple[Json, tuple[str, ...]]:
    """The change of everything but status."""
    resource = target.resource
    sent = {field: value for field, value in body.items() if field != "status"}
    if resource is kinds.VPS and isinstance(sent.get("spec"), dict) and not sent["spec"].get("runState"):
        # It is defaulted at create only: who replaces a manifest without it must not start a stopped VPS.
        sent["spec"] = {**sent["spec"], "runState": old["spec"]["runState"]}
    if resource is kinds.VPS and isinstance(sent.get("spec"), dict):
        sent["spec"] = vps_rules.without_default_image(old, sent["spec"])
    checked = validation.check(resource, sent, name=target.name, mode=target.validation, stored=old)
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


def _with_status(target: Target, old: Json, wanted: Wanted, *, now: str) -> tuple[Json, tuple[str, ...]]:
    """The change of status alone; whatever else the body holds is left as it is stored."""
    resource, user = target.resource, target.user
    metadata.check_update(
        resource, old["metadata"], {"uid": wanted.body["metadata"].get("uid", old["metadata"]["uid"])}
    )
    sent = wanted.body.get("status") or {}
    if not isinstance(sent, dict):
        cause = errors.Cause("status", "Invalid value: must be an object", "FieldValueTypeInvalid")
        raise objects.invalid(resource, target.name, cause)
    checked = validation.check_status(resource, sent, name=target.name, stored=objects.status_of(old))
    if resource is kinds.VPS and user.role is Role.NODE:
        owners.check_reporter(user, old, checked.obj, named_uid=wanted.names_uid)
    if resource is kinds.VPS:
        owners.check_unreachable(old, checked.obj)
    write = owners.StatusWrite(checked.obj, whole=wanted.whole)
    status = owners.merge(resource, user, old, write, now=now)
    owners.check_fenced(resource, user, old, status, by_leader=target.leader is not None)
    if resource is kinds.VPS and user.role is Role.NODE:
        status.pop("unreachableSince", None)  # the node has spoken
    new = {**old, "status": status}
    if resource is kinds.VPS and status.get("unreachableSince"):
        new = vps_rules.let_go_if_forced(new)
    return new, checked.warnings


async def _beside(
    server: Backing, old: Json, new: Json, records: dict[str, Record | None], *, now: str
) -> grants.Beside:
    keys = grants.looks_at(old, new)
    missing = [key for key in keys if key not in records]
    if missing:
        records = {**records, **await backing.read(server, missing)}
    with unreadable.told(records):
        beside = grants.beside(old, new, records, now=now)
        return await quotas.resized(server, old["metadata"]["namespace"], old, beside, records)
