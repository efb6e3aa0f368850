"""PATCH with a configuration: server-side apply. What it merges to goes the way of every other change.

Where the object is not there, it is created, which its sender must be allowed to.
"""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.backing import Backing
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.binding.outcome import Written
from kohakuriver.apiserver.fields import applying
from kohakuriver.apiserver.fields import managers as managing
from kohakuriver.apiserver.fields.applying import Applied, Configuration
from kohakuriver.apiserver.fields.layout import layout_of
from kohakuriver.apiserver.fields.managers import Manager, Managers
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.objects import metadata, objects, shape
from kohakuriver.apiserver.write import change, creation, tracking
from kohakuriver.apiserver.write.change import Wanted
from kohakuriver.clock import timestamp
from kohakuriver.resources import models

Json = dict[str, Any]

ATTEMPTS = 3  # an object that comes and goes while it is applied


async def apply(server: Backing, call: Call, body: Any) -> Written:
    """Raises Conflict where others manage what would change, unless it is forced."""
    by = tracking.manager_of(call, managing.APPLY)
    config = _checked(call, body)
    now = timestamp(server.clock.now())

    def want(old: Json) -> Wanted:
        return _wanted(call, by, old, config, now=now)

    for _ in range(ATTEMPTS):
        try:
            return await change.change(server, call, by, want)
        except errors.NotFound:
            if call.subresource or config["metadata"].get("uid") or config["metadata"].get("resourceVersion"):
                raise
        try:
            return await _create(server, call, by, config, now=now)
        except errors.AlreadyExists:
            continue
    raise objects.too_busy(call.resource, call.name, ATTEMPTS)


def _checked(call: Call, body: Any) -> Json:
    if not call.options.names_manager:
        cause = errors.Cause(
            "fieldManager", "Required value: is required for apply patch", "FieldValueRequired"
        )
        raise errors.Invalid(
            f"PatchOptions.meta.k8s.io is invalid: fieldManager: {cause.message}", causes=(cause,)
        )
    config = metadata.agree(call.resource, body, namespace=call.namespace, name=call.name)
    if config.get("metadata", {}).get("managedFields") is not None:
        raise errors.BadRequest(
            "metadata.managedFields must be nil", hint="leave it out: the server works it out"
        )
    return {**config, "metadata": {**config.get("metadata", {}), "name": call.name}}


async def _create(server: Backing, call: Call, by: Manager, config: Json, *, now: str) -> Written:
    attributes = access.Attributes("create", call.resource, namespace=call.namespace, name=call.name)
    access.check(call.user, attributes)
    applied = _applied(call, by, {"metadata": {}}, config, {}, force=False, now=now)
    return await creation.create(server, call, config, applied.managers)


def _wanted(call: Call, by: Manager, old: Json, config: Json, *, now: str) -> Wanted:
    """What the apply makes of what is stored."""
    managers = tracking.before_apply(call.resource, old, now=now)
    part = managing.managed_part(old, call.subresource)
    applied = _applied(call, by, part, config, managers, force=bool(call.options.force), now=now)
    named = {
        field: config["metadata"][field]
        for field in ("name", "uid", "resourceVersion")
        if config["metadata"].get(field)
    }
    body = {**applied.obj, "apiVersion": config["apiVersion"], "kind": config["kind"]}
    if call.subresource:
        # What the server alone writes is left as it is.
        status = objects.status_of(old)
        kept = {field: value for field, value in status.items() if field not in part[call.subresource]}
        body[call.subresource] = {**kept, **(applied.obj.get(call.subresource) or {})}
    else:
        body = applying.annotated(body, config, by)
    body["metadata"] = {**body.get("metadata", {}), **named}
    return Wanted(body, whole=False, names_uid="uid" in named, managers=applied.managers)


def _applied(
    call: Call, by: Manager, live: Json, config: Json, managers: Managers, *, force: bool, now: str
) -> Applied:
    """Raises Invalid for lists whose items cannot be told apart."""
    known, _ = shape.prune(models.MODELS[call.resource], config)
    part = Configuration(
        managing.managed_part(config, call.subresource),
        managing.managed_part(known, call.subresource),
    )
    layout = layout_of(call.resource)
    try:
        return applying.apply(layout, live, part, managers, by=by, force=force, now=now)
    except applying.Unmergeable as error:
        cause = errors.Cause(error.field, error.why)
        raise objects.invalid(call.resource, call.name, cause) from None
