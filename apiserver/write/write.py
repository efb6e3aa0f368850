"""POST, PUT, PATCH and DELETE of one object: what every write goes through, in this order.

    body ── metadata, validation (is it an object of its kind) ── admission, owners (may it be so, and theirs)
         ── grants (what is booked with it) ── phase (where a VPS then stands) ── one store transaction

A write reads, prepares the new object from what it read, and commits on condition that nothing it read has
changed; after a conflict it prepares anew from what the store says is there, unless the client tied the write
to one resourceVersion. Creates are in `creation.py`, changes in `change.py`, server-side applies in
`apply.py`, deletes in `removal.py`, who manages which field in `tracking.py`. Knows no HTTP; what it
raises is `kohakuriver.errors`, and the store's own errors.
"""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding.outcome import DeleteOptions, WriteOptions, Written
from kohakuriver.apiserver.fields.managers import UPDATE
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.objects import objects
from kohakuriver.apiserver.objects.validation import FieldValidation
from kohakuriver.apiserver.write import apply, change, creation, removal, tracking
from kohakuriver.apiserver.write import patch as patches
from kohakuriver.apiserver.write.change import Target, Wanted
from kohakuriver.resources import kinds

__all__ = ["FieldValidation", "WriteOptions", "Written", "create", "delete", "patch", "update"]

Json = dict[str, Any]


async def create(
    server: Backing,
    user: User,
    resource: kinds.ResourceType,
    *,
    namespace: str | None,
    body: Any,
    options: WriteOptions,
) -> Written:
    """Store a new object. Raises AlreadyExists, unless the one there came from this very command."""
    _check_writable(resource)
    return await creation.make(server, user, resource, namespace=namespace, body=body, options=options)


async def update(
    server: Backing,
    user: User,
    resource: kinds.ResourceType,
    *,
    namespace: str | None,
    name: str,
    subresource: str | None,
    body: Any,
    options: WriteOptions,
) -> Written:
    """Replace an object, or its status, by the version that the client made from what it had read."""
    _check_writable(resource)
    sent = body.get("metadata") if isinstance(body, dict) else None
    if isinstance(sent, dict) and not sent.get("resourceVersion"):
        cause = errors.Cause(
            "metadata.resourceVersion",
            'Invalid value: "": must be specified for an update: read the object, and send what it has',
        )
        raise objects.invalid(resource, name, cause)
    wanted = Wanted(body, whole=True, names_uid=isinstance(sent, dict) and "uid" in sent)
    target = _target(user, resource, namespace, name, subresource, options)
    return await change.change(server, target, lambda old: wanted, options)


async def patch(
    server: Backing,
    user: User,
    resource: kinds.ResourceType,
    *,
    namespace: str | None,
    name: str,
    subresource: str | None,
    content_type: str,
    body: Any,
    options: WriteOptions,
) -> Written:
    """Change an object, or its status, as it is at the moment of the write."""
    _check_writable(resource)
    patches.check_type(content_type, resource)
    target = _target(user, resource, namespace, name, subresource, options)
    if content_type == patches.APPLY:
        return await apply.apply(server, target, body, options)
    if options.force is not None:
        cause = objects.forbidden_value("force", "may not be specified for non-apply patch")
        raise errors.Invalid(f"PatchOptions is invalid: force: {cause.message}", causes=(cause,))
    names_uid = patches.names(body, "/metadata/uid")

    def make(old: Json) -> Wanted:
        made = patches.apply(old, content_type=content_type, patch=body)
        return Wanted(made, whole=False, names_uid=names_uid)

    return await change.change(server, target, make, options)


async def delete(
    server: Backing,
    user: User,
    resource: kinds.ResourceType,
    *,
    namespace: str | None,
    name: str,
    options: Json,
) -> Written:
    """Remove an object, or mark it for those who must do something first."""
    _check_writable(resource)
    parsed = DeleteOptions.parse(options)
    return await removal.remove(server, user, resource, namespace=namespace, name=name, options=parsed)


def _target(
    user: User,
    resource: kinds.ResourceType,
    namespace: str | None,
    name: str,
    subresource: str | None,
    options: WriteOptions,
) -> Target:
    by = tracking.manager_of(resource, options.field_manager, operation=UPDATE, subresource=subresource)
    return Target(user, resource, namespace, name, subresource, options.validation, options.leader, by)


def _check_writable(resource: kinds.ResourceType) -> None:
    if resource.read_only:
        raise errors.MethodNotAllowed(
            f"{resource.plural} are written by the server alone",
            hint="they follow from where VPSes are bound",
        )
