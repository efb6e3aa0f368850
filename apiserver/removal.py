"""DELETE: an object goes at once, or is marked and goes when nobody has anything left to do about it.

Called by `write.py`. A VPS that is bound to a node never goes this way: its node's agent removes the
container, and `finish` (in `transactions.py`) the object (CORRECTNESS 5).
"""

from typing import Any

from apiserver import admission, codec, metadata, objects, phase
from apiserver.identity import User
from apiserver.objects import Backing
from apiserver.outcome import DeleteOptions, Written, whole_seconds
from apiserver.store.base import Delete, Put, Record, StoreConflict
from kohakuriver import durations, errors
from kohakuriver.clock import timestamp
from kohakuriver.resources import kinds

Json = dict[str, Any]

ATTEMPTS = 6  # the first, and five after conflicts
_DEFAULT_GRACE = "10s"


async def remove(
    server: Backing,
    user: User,
    resource: kinds.ResourceType,
    *,
    namespace: str | None,
    name: str,
    options: DeleteOptions,
) -> Written:
    """Carry out a DELETE. `removed` says whether the object is gone."""
    rules = admission.rules_for(resource)
    key = codec.key(resource, namespace, name)
    record = await server.store.get(key)
    for _ in range(ATTEMPTS):
        if record is None:
            raise objects.not_found(resource, name)
        old = codec.decode(record)
        _check_preconditions(resource, old, options)
        rules.delete(user, old)
        if resource is kinds.NAMESPACE:
            await check_empty(server, name)
        new = marked(resource, old, options, now=timestamp(server.clock.now()))
        due = is_due(new)
        if options.dry_run or (not due and new == old):
            return Written(new, removed=due)
        try:
            if due and resource is kinds.NAMESPACE:
                await _remove_namespace(server, key, record, new)
                return Written(new, removed=True)
            write = erase(key) if due else Put(key, codec.encode(new), ttl=rules.lifetime)
            revision = await server.store.commit(expect={key: record.revision}, writes=[write])
        except StoreConflict as conflict:
            record = conflict.actual[key]
            continue
        return Written(objects.at(new, revision), removed=due)
    raise objects.too_busy(resource, name, ATTEMPTS)


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


def is_due(obj: Json) -> bool:
    """Whether an object's deletion was asked for and nothing keeps it."""
    fields = obj["metadata"]
    bound = obj.get("kind") == kinds.VPS.kind and objects.assignment_of(obj) is not None
    return bool(fields.get("deletionTimestamp")) and not fields.get("finalizers") and not bound


def erase(key: str) -> Delete:
    """The write that removes an object."""
    return Delete(key)


def _grace(resource: kinds.ResourceType, obj: Json) -> int:
    if resource is not kinds.VPS or objects.assignment_of(obj) is None:
        return 0
    return whole_seconds(durations.parse(obj["spec"].get("stopGracePeriod", _DEFAULT_GRACE)))


def _check_preconditions(resource: kinds.ResourceType, old: Json, options: DeleteOptions) -> None:
    if options.uid is not None:
        metadata.check_update(resource, old["metadata"], {"uid": options.uid})
    if options.resource_version is not None:
        metadata.check_version(resource, old["metadata"], options.resource_version)


async def _remove_namespace(server: Backing, key: str, record: Record, new: Json) -> None:
    """Close the empty namespace to creates, look again whether anything is in it, and only then remove it.

    Every create compares the namespace's revision, so nothing can slip in behind the second look.
    """
    name = new["metadata"]["name"]
    revision = await server.store.commit(expect={key: record.revision}, writes=[Put(key, codec.encode(new))])
    try:
        await check_empty(server, name)
    except errors.Conflict:
        await server.store.commit(expect={key: revision}, writes=[Put(key, record.value)])
        raise
    await server.store.commit(expect={key: revision}, writes=[Delete(key)])


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
