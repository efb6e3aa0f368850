"""Puts `metadata.managedFields` on what is written; the last step of a create or a change.

Events and Leases, of which there are many that nobody shares, have managers from their first apply on the
server on; so has what was there before its kind had managers. Pure.
"""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.binding.call import Call
from kohakuriver.apiserver.fields import managers as managing
from kohakuriver.apiserver.fields.layout import layout_of
from kohakuriver.apiserver.fields.managers import Manager, Managers
from kohakuriver.apiserver.objects import objects
from kohakuriver.resources import kinds

Json = dict[str, Any]

LONGEST_NAME = 128
MOST_FIELDS = 2500  # of one object, by all managers: each write reads and makes all of them, 20 µs a piece
UNTRACKED = frozenset({kinds.EVENT, kinds.LEASE})


def manager_of(call: Call, operation: str = managing.UPDATE) -> Manager:
    """Who writes. Raises Invalid for a name that is none."""
    name = call.options.field_manager
    if len(name) > LONGEST_NAME or not name.isprintable():
        cause = errors.Cause(
            "fieldManager", f"Invalid value: at most {LONGEST_NAME} printable characters", "FieldValueInvalid"
        )
        raise errors.Invalid(f"PatchOptions is invalid: fieldManager: {cause.message}", causes=(cause,))
    return Manager(name or "unknown", operation, call.resource.api_version, call.subresource)


def created(resource: kinds.ResourceType, new: Json, *, by: Manager, now: str) -> None:
    """Everything of a new object is its maker's."""
    if resource in UNTRACKED:
        return
    part = managing.managed_part(new, "")
    managers = managing.updated(layout_of(resource), {}, {"metadata": {}}, part, by=by, now=now)
    _check_extent(new, {}, managers)
    _put(new, managing.encoded(managers))


def changed(resource: kinds.ResourceType, old: Json, new: Json, *, sent: Any, by: Manager, now: str) -> None:
    """What a change has set is its maker's. `sent` are the managed fields that the request itself had."""
    kept = old["metadata"].get("managedFields")
    if sent == [{}]:
        _put(new, [])
        return
    stated = _stated(sent, resource, new) if sent and sent != kept and not by.subresource else None
    before = kept if stated is None else managing.encoded(stated)
    if not before:
        _put(new, [])
        return
    was, will_be = managing.managed_part(old, by.subresource), managing.managed_part(new, by.subresource)
    if was == will_be:
        _put(new, before)
        return
    managers = managing.stored(before)
    after = managing.updated(layout_of(resource), managers, was, will_be, by=by, now=now)
    if not by.subresource:  # what a node reports, or the controller finds, is never too much
        _check_extent(new, managers, after)
    _put(new, before if after == managers else managing.encoded(after))


def applied(old: Json, new: Json, managers: Managers) -> None:
    """The managers that an apply has left."""
    kept = old["metadata"].get("managedFields")
    before = managing.stored(kept)
    _check_extent(new, before, managers)
    _put(new, kept if before == managers else managing.encoded(managers))


def before_apply(resource: kinds.ResourceType, old: Json, *, now: str) -> Managers:
    """The managers of an object about to be applied to; one for all there is where it has none."""
    managers = managing.stored(old["metadata"].get("managedFields"))
    if managers:
        return managers
    by = Manager(managing.BEFORE_APPLY, managing.UPDATE, resource.api_version)
    part = managing.managed_part(old, "")
    return managing.updated(layout_of(resource), {}, {"metadata": {}}, part, by=by, now=now)


def _stated(sent: Any, resource: kinds.ResourceType, new: Json) -> Managers | None:
    """Managed fields that somebody edits, as kubectl does when it goes over to applying on the server."""
    try:
        return managing.decoded(sent)
    except (ValueError, TypeError) as error:
        cause = errors.Cause("metadata.managedFields", f"Invalid value: {error}")
        raise objects.invalid(resource, new["metadata"]["name"], cause) from None


def _check_extent(new: Json, before: Managers, after: Managers) -> None:
    """An object that has more already may be made smaller. Raises TooLarge."""
    had, has = (sum(len(share.fields) for share in managers.values()) for managers in (before, after))
    if has > max(had, MOST_FIELDS):
        raise errors.TooLarge(
            f'{new["kind"]} "{new["metadata"]["name"]}" would have {has} fields set by {len(after)} managers '
            f"(a field that several set counts for each); at most {MOST_FIELDS} are kept",
            hint="set fewer fields, or let fewer field managers apply the same ones",
        )


def _put(obj: Json, entries: list[Json] | None) -> None:
    fields = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    obj["metadata"] = {**fields, "managedFields": entries} if entries else fields
