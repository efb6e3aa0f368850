"""POST of a new object. Called by `write.py`; what comes after it is like every other write.

The object is stored on condition that there is none of that name and that its namespace is still as it was
seen, so that no object outlives its namespace. A create with a `kohakuriver.io/create-id` is safe to repeat.
"""

from typing import Any

from apiserver import admission, codec, grants, metadata, objects, phase, validation
from apiserver.identity import User
from apiserver.objects import Backing
from apiserver.outcome import WriteOptions, Written
from apiserver.store.base import Put, Record, StoreConflict
from kohakuriver import errors
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
) -> Written:
    """Store a new object. Raises AlreadyExists, unless the one there came from this very command."""
    now = timestamp(server.clock.now())
    new, warnings = _new(resource, body, namespace=namespace, options=options, now=now)
    rules = admission.rules_for(resource)
    key = codec.key(resource, namespace, new["metadata"]["name"])
    around = (codec.key(kinds.NAMESPACE, None, namespace),) if namespace else ()
    others = rules.looks_at(user, new)
    records = await objects.read(server, (key, *around, *others))
    for _ in range(ATTEMPTS):
        existing = records[key]
        if existing is not None:
            return _existing(resource, codec.decode(existing), new)
        for namespace_key in around:
            _check_namespace(records[namespace_key], namespace or "")
        made = {**new, "metadata": dict(new["metadata"])}
        seen = {other: codec.decode(record) for other in others if (record := records[other])}
        rules.create(user, made, now=now, seen=seen)
        if resource is kinds.VPS:
            phase.stamp(made)
        if options.dry_run:
            return Written(made, created=True, warnings=warnings)
        expect = {key: 0, **{other: grants.revision_of(records[other]) for other in around}}
        try:
            revision = await server.store.commit(
                expect=expect, writes=[Put(key, codec.encode(made), ttl=rules.lifetime)]
            )
        except StoreConflict as conflict:
            records = {**records, **conflict.actual}
            continue
        return Written(objects.at(made, revision), created=True, warnings=warnings)
    raise objects.too_busy(resource, new["metadata"]["name"], ATTEMPTS)


def _new(
    resource: kinds.ResourceType, body: Any, *, namespace: str | None, options: WriteOptions, now: str
) -> tuple[Json, tuple[str, ...]]:
    """A valid new object with the server's metadata, and the warnings about what was sent."""
    agreed = metadata.agree(resource, body, namespace=namespace, name=None)
    sent = {"metadata": {}, **{field: value for field, value in agreed.items() if field != "status"}}
    name = sent["metadata"].get("name")
    if isinstance(name, str) and name:
        metadata.check(resource, {"name": name})
    checked = validation.check(resource, sent, name=str(name or ""), mode=options.validation)
    made = metadata.new(resource, checked.obj["metadata"], namespace=namespace, now=now)
    metadata.check(resource, made)
    return {**checked.obj, "metadata": made}, checked.warnings


def _existing(resource: kinds.ResourceType, there: Json, new: Json) -> Written:
    """A create whose answer was lost finds its own object, and says so as if nothing had happened."""
    name = new["metadata"]["name"]
    mine = (new["metadata"].get("annotations") or {}).get(metadata.CREATE_ID)
    if mine and (there["metadata"].get("annotations") or {}).get(metadata.CREATE_ID) == mine:
        return Written(there, created=True)
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
