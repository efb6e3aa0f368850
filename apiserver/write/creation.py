"""POST of a new object: what is sent is checked and completed once, then judged by what is stored.

The object is stored on condition that there is none of that name and that its namespace is still as it was
seen, so that no object outlives its namespace. A create with a `kohakuriver.io/create-id` is safe to repeat.
"""

import datetime
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.admission import admission, governed
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants, quotas
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Records
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.fields.managers import Manager, Managers
from kohakuriver.apiserver.identity.identity import Role
from kohakuriver.apiserver.objects import metadata, objects, phase, validation
from kohakuriver.apiserver.quota import weight
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Put, Record
from kohakuriver.apiserver.write import tracking
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]


async def create(server: Backing, call: Call, body: Any, managers: Managers | None = None) -> Written:
    """Store a new object. Raises AlreadyExists, unless the one there came from this very command.

    `managers` are who manages its fields, where an apply makes it; else who creates it manages all.
    """
    call.check_writable()
    user, resource, namespace = call.user, call.resource, call.namespace
    moment = server.clock.now()
    by = tracking.manager_of(call)
    checked, warnings = _checked(call, body, now=timestamp(moment))
    rules = admission.rules_for(resource)
    name = checked["metadata"]["name"]
    key = codec.key(resource, namespace, name)
    around = [codec.key(kinds.NAMESPACE, None, namespace)] if namespace else []
    others = rules.looks_at(user, checked)
    compared = (*around, *rules.depends_on(user, checked))

    async def decide(records: Records) -> Step:
        if (there := records[key]) is not None:
            if (
                user.role is Role.NODE and resource is kinds.SNAPSHOT
            ):  # which names are taken it may not try out
                _completed(call, checked, records, by, managers, moment=moment)
            return Step(_own(resource, codec.decode(there), checked), created=True, warnings=warnings)
        if namespace:
            _check_namespace(records[around[0]], namespace)
        new = _completed(call, checked, records, by, managers, moment=moment)
        if resource is kinds.TOKEN:
            _check_user(server, new)
        put = Put(key, codec.encode(new), ttl=rules.lifetime(new))
        weight.check(user, put, None)
        await governed.check(server, user, resource, None, new, known=records)
        if not call.options.dry_run:
            weight.check_room(server.crowded, user, put, new)
        return Step(
            new,
            (put, *quotas.announced(resource, namespace)),
            created=True,
            warnings=warnings,
            expect={key: 0, **{other: grants.revision_of(records[other]) for other in compared}},
            asked=server.ledger.asked(user, resource, put, old=None, new=new),
        )

    return await transact(
        server,
        (key, *around, *others),
        decide,
        about=(resource, name),
        from_memory=not others,  # what the commit does not compare is read
        dry_run=call.options.dry_run,
    )


def _completed(
    call: Call,
    checked: Json,
    records: Records,
    by: Manager,
    managers: Managers | None,
    *,
    moment: datetime.datetime,
) -> Json:
    """The object as it would be stored. Raises what the rules of its kind have against it."""
    user, resource = call.user, call.resource
    new = {**checked, "metadata": dict(checked["metadata"])}
    rules = admission.rules_for(resource)
    others = rules.looks_at(user, checked)
    seen = {other: codec.decode(record) for other in others if (record := records[other])}
    rules.create(user, new, now=moment, seen=seen)
    if managers is None:
        tracking.created(resource, new, by=by, now=timestamp(moment))
    else:
        tracking.applied({"metadata": {}}, new, managers)
    if resource is kinds.VPS:
        phase.stamp(new)
    return new


def _checked(call: Call, body: Any, *, now: str) -> tuple[Json, tuple[str, ...]]:
    """A valid new object with the server's metadata, and the warnings about what was sent."""
    resource = call.resource
    body = metadata.agree(resource, body, namespace=call.namespace, name=None)
    body = {"metadata": {}, **{field: value for field, value in body.items() if field != "status"}}
    name = body["metadata"].get("name")
    if name == "":  # so clients write that they give no name
        body["metadata"] = {**body["metadata"], "name": None}
    elif isinstance(name, str):
        metadata.check(resource, {"name": name})
    checked = validation.check(resource, body, name=str(name or ""), mode=call.options.validation)
    fields = metadata.new(resource, checked.obj["metadata"], namespace=call.namespace, now=now)
    metadata.check(resource, fields)
    return {**checked.obj, "metadata": fields}, checked.warnings


def _own(resource: kinds.ResourceType, there: Json, checked: Json) -> Json:
    """A create whose answer was lost finds its own object, and says so as if nothing had happened."""
    name = checked["metadata"]["name"]
    mine = (checked["metadata"].get("annotations") or {}).get(metadata.CREATE_ID)
    if mine and (there["metadata"].get("annotations") or {}).get(metadata.CREATE_ID) == mine:
        return there
    raise errors.AlreadyExists(
        f'{objects.qualified(resource)} "{name}" already exists',
        hint="choose another name, change the one that is there, or delete it first",
        details=objects.reference(resource, name),
    )


def _check_user(server: Backing, token: Json) -> None:
    """Who logs in with an issuer is named by it alone: in the audit log a token would be that person."""
    spec = token["spec"]
    if issuer := server.issuer_of(spec["user"]):
        words = f"such names are of those who log in with {issuer}; choose another"
        cause = errors.Cause("spec.user", f'Invalid value: "{spec["user"]}": {words}')
        raise objects.invalid(kinds.TOKEN, token["metadata"]["name"], cause)


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
