"""DELETE: an object goes at once, or is marked and goes when nobody has anything left to do about it.

A VPS that is bound to a node does not go at once: its node's agent removes the
container, and `finish` (in `taking.py`) the object (CORRECTNESS 5). A forced delete waits for no silent node:
what was booked becomes a tombstone in the same transaction. Where nobody knows yet that the node is silent,
that happens in the transaction that says so.
"""

import dataclasses
from typing import Any

from kohakuriver import durations, errors
from kohakuriver.apiserver import backing
from kohakuriver.apiserver.admission import admission, vps_rules
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding import grants, orders, taking
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.orders import Order, Records
from kohakuriver.apiserver.binding.outcome import DeleteOptions, Written, whole_seconds
from kohakuriver.apiserver.binding.steps import Step
from kohakuriver.apiserver.binding.transact import transact
from kohakuriver.apiserver.objects import metadata, objects, phase
from kohakuriver.apiserver.store import codec
from kohakuriver.apiserver.store.base import Delete, Put, Record
from kohakuriver.apiserver.write import snapshots
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]

_DEFAULT_GRACE = "10s"


async def delete(server: Backing, call: Call, options: DeleteOptions) -> Written:
    """Remove an object, or mark it for those who must do something first."""
    call.check_writable()
    user, resource, key = call.user, call.resource, call.key
    rules = admission.rules_for(resource)

    async def decide(records: Records) -> Step:
        record = records[key]
        if record is None:
            raise objects.not_found(resource, call.name)
        old = codec.decode(record)
        _check_preconditions(resource, old, options)
        rules.delete(user, old)
        if resource is kinds.NAMESPACE:
            await check_empty(server, call.name)
        new = marked(resource, old, options, now=timestamp(server.clock.now()))
        if resource is kinds.VPS:
            if options.grace == 0 and objects.assignment_of(old) is not None:
                vps_rules.note_force(new, user)
            await _name_namespace(server, new)
        if _gives_up(resource, old, options):
            return await _given_up(server, call, new, records)
        beside = snapshots.Marked(new, {})
        if resource is kinds.SNAPSHOT:
            beside = await snapshots.deleted(server, new, forced=options.grace == 0)
            new = beside.object
        due = objects.is_due(new)
        if not due and new == old:
            return Step(new)
        if due and resource is kinds.NAMESPACE and not options.dry_run:
            closed = await _closed(server, record, new)
            writes = Delete(key), Delete(grants.quota_key(call.name))
            return Step(new, writes, removed=True, expect={key: closed})
        write = Delete(key) if due else Put(key, codec.encode(new), ttl=rules.lifetime(new))
        expect = {key: record.revision, **beside.expect}
        return Step(new, (write,), removed=due, warnings=beside.warnings, expect=expect)

    return await transact(server, (key,), decide, about=(resource, call.name), dry_run=options.dry_run)


def marked(resource: kinds.ResourceType, old: Json, options: DeleteOptions, *, now: str) -> Json:
    """The object with its deletion asked for. A second request may only shorten the grace period."""
    fields = dict(old["metadata"])
    asked = options.grace
    if "deletionTimestamp" not in fields:
        fields["deletionTimestamp"] = now
        fields["deletionGracePeriodSeconds"] = _grace(resource, old) if asked is None else asked
    elif asked is not None and asked < fields.get("deletionGracePeriodSeconds", 0):
        fields["deletionGracePeriodSeconds"] = asked
    new = {**old, "metadata": fields}
    if resource is kinds.VPS:
        phase.stamp(new)
    elif resource is kinds.NAMESPACE:
        new["status"] = {**objects.status_of(old), "phase": "Terminating"}
    return new


async def _name_namespace(server: Backing, vps: Json) -> None:
    """A server of before did not write into the assignment which Namespace it is; the node that keeps volumes
    of this VPS has to know."""
    assignment = objects.assignment_of(vps)
    if assignment is None or assignment.get("namespaceUid"):
        return
    key = codec.key(kinds.NAMESPACE, None, vps["metadata"]["namespace"])
    said = orders.namespace_uid({key: await server.store.get(key)}, vps)
    vps["status"] = {**vps["status"], "assignment": {**assignment, **said}}


def _gives_up(resource: kinds.ResourceType, old: Json, options: DeleteOptions) -> bool:
    """Whether this is a forced delete of a VPS whose node does not answer."""
    return (
        resource is kinds.VPS
        and options.grace == 0
        and objects.assignment_of(old) is not None
        and bool(objects.status_of(old).get("unreachableSince"))
    )


async def _given_up(server: Backing, call: Call, vps: Json, records: Records) -> Step:
    """Let the object go, or unbind it while other finalizers stand, and leave a tombstone."""
    order = Order.of(server, call, {}, node=vps["status"]["assignment"]["node"])
    if order.allocation_key not in records:
        records = {**records, **await backing.read(server, (order.allocation_key,))}
    why = f"deleted by force by {call.user.name}"
    step = taking.give_up(order, vps, records[order.allocation_key], why=why)
    keys = call.key, order.allocation_key
    return dataclasses.replace(step, expect={key: grants.revision_of(records[key]) for key in keys})


def _grace(resource: kinds.ResourceType, obj: Json) -> int:
    if resource is not kinds.VPS or objects.assignment_of(obj) is None:
        return 0
    try:
        return whole_seconds(durations.parse(obj["spec"].get("stopGracePeriod", _DEFAULT_GRACE)))
    except codec.NONSENSE:  # what cannot be read can at least be deleted
        return whole_seconds(durations.parse(_DEFAULT_GRACE))


def _check_preconditions(resource: kinds.ResourceType, old: Json, options: DeleteOptions) -> None:
    if options.uid is not None:
        metadata.check_update(resource, old["metadata"], {"uid": options.uid})
    if options.resource_version is not None:
        metadata.check_version(resource, old["metadata"], options.resource_version)


async def _closed(server: Backing, record: Record, new: Json) -> int:
    """Close the empty namespace to creates, and look again whether anything is in it; its revision then.

    Every create compares the namespace's revision, so nothing can slip in behind the second look.
    """
    key = record.key
    revision = await server.store.commit(expect={key: record.revision}, writes=[Put(key, codec.encode(new))])
    try:
        await check_empty(server, new["metadata"]["name"])
    except errors.Conflict:
        await server.store.commit(expect={key: revision}, writes=[Put(key, record.value)])
        raise
    return revision


async def check_empty(server: Backing, namespace: str) -> None:
    """Raise Conflict, naming what is there. Events do not count: they go by themselves."""
    for resource in kinds.ALL:
        if not resource.namespaced or resource is kinds.EVENT:
            continue
        prefix = codec.prefix(resource, namespace)
        page = await server.store.list(prefix, limit=3)
        if page.records:
            names = ", ".join(found.key.removeprefix(prefix) for found in page.records)
            raise objects.conflict(
                kinds.NAMESPACE,
                namespace,
                f"it still holds {resource.plural}: {names}{' and more' if page.more else ''}",
                hint=f"delete them first: kubectl delete {resource.plural} --all -n {namespace}",
            )
