"""PATCH with a configuration: server-side apply. What it merges to goes the way of every other change.

Where the object is not there, it is created, which its sender must be allowed to. Called by `write.py`.
"""

import dataclasses
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding.outcome import WriteOptions, Written
from kohakuriver.apiserver.fields import applying
from kohakuriver.apiserver.fields import managers as managing
from kohakuriver.apiserver.fields.applying import Applied, Configuration
from kohakuriver.apiserver.fields.layout import layout_of
from kohakuriver.apiserver.fields.managers import Managers
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.objects import metadata, objects, shape
from kohakuriver.apiserver.write import change, creation, tracking
from kohakuriver.apiserver.write.change import Target, Wanted
from kohakuriver.clock import timestamp
from kohakuriver.resources import models

Json = dict[str, Any]

ATTEMPTS = 3  # an object that comes and goes while it is applied


async def apply(server: Backing, target: Target, body: Any, options: WriteOptions) -> Written:
    """Raises Conflict where others manage what would change, unless it is forced."""
    by = dataclasses.replace(target.manager, operation=managing.APPLY)
    config = _checked(target, body, options)
    target = dataclasses.replace(target, manager=by)
    now = timestamp(server.clock.now())

    def make(old: Json) -> Wanted:
        managers = tracking.before_apply(target.resource, old, now=now)
        return _wanted(target, old, config, managers, force=bool(options.force), now=now)

    for _ in range(ATTEMPTS):
        try:
            return await change.change(server, target, make, options)
        except errors.NotFound:
            if (
                target.subresource
                or config["metadata"].get("uid")
                or config["metadata"].get("resourceVersion")
            ):
                raise
        try:
            return await _create(server, target, config, options, now=now)
        except errors.AlreadyExists:
            continue
    raise objects.too_busy(target.resource, target.name, ATTEMPTS)


def _checked(target: Target, body: Any, options: WriteOptions) -> Json:
    if not options.names_manager:
        cause = errors.Cause(
            "fieldManager", "Required value: is required for apply patch", "FieldValueRequired"
        )
        raise errors.Invalid(
            f"PatchOptions.meta.k8s.io is invalid: fieldManager: {cause.message}", causes=(cause,)
        )
    config = metadata.agree(target.resource, body, namespace=target.namespace, name=target.name)
    if config.get("metadata", {}).get("managedFields") is not None:
        raise errors.BadRequest(
            "metadata.managedFields must be nil", hint="leave it out: the server works it out"
        )
    return {**config, "metadata": {**config.get("metadata", {}), "name": target.name}}


async def _create(
    server: Backing, target: Target, config: Json, options: WriteOptions, *, now: str
) -> Written:
    attributes = access.Attributes("create", target.resource, namespace=target.namespace, name=target.name)
    access.check(target.user, attributes)
    applied = _applied(target, {"metadata": {}}, config, {}, force=False, now=now)
    return await creation.make(
        server,
        target.user,
        target.resource,
        namespace=target.namespace,
        body=config,
        options=options,
        managers=applied.managers,
    )


def _wanted(target: Target, old: Json, config: Json, managers: Managers, *, force: bool, now: str) -> Wanted:
    """What the apply makes of what is stored."""
    part = managing.managed_part(old, target.subresource or "")
    applied = _applied(target, part, config, managers, force=force, now=now)
    named = {
        field: config["metadata"][field]
        for field in ("name", "uid", "resourceVersion")
        if config["metadata"].get(field)
    }
    body = {**applied.obj, "apiVersion": config["apiVersion"], "kind": config["kind"]}
    if target.subresource:
        # What the server alone writes is left as it is.
        status = objects.status_of(old)
        kept = {field: value for field, value in status.items() if field not in part[target.subresource]}
        body[target.subresource] = {**kept, **(applied.obj.get(target.subresource) or {})}
    else:
        body = applying.annotated(body, config, target.manager)
    body["metadata"] = {**body.get("metadata", {}), **named}
    return Wanted(body, whole=False, names_uid="uid" in named, managers=applied.managers)


def _applied(
    target: Target, live: Json, config: Json, managers: Managers, *, force: bool, now: str
) -> Applied:
    """Raises Invalid for lists whose items cannot be told apart."""
    known, _ = shape.prune(models.MODELS[target.resource], config)
    part = Configuration(
        managing.managed_part(config, target.subresource or ""),
        managing.managed_part(known, target.subresource or ""),
    )
    layout = layout_of(target.resource)
    try:
        return applying.apply(layout, live, part, managers, by=target.manager, force=force, now=now)
    except applying.Unmergeable as error:
        cause = errors.Cause(error.field, error.why)
        raise objects.invalid(target.resource, target.name, cause) from None
