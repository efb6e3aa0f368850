"""Whose field is it? The door of `…/status` for VPSes and Nodes (CORRECTNESS 12, 13).

Each field of a status has one writer: the agent of the bound node what it observed, the controller why
nothing fits and since when a node is silent, the server the rest. A write to another owner's field is refused
with the field's path; a field left as it was, or left out of a whole status, is not written. Pure.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.objects import objects, phase
from kohakuriver.resources import conditions as types
from kohakuriver.resources import kinds

Json = dict[str, Any]

SCHEDULED = types.SCHEDULED
NODE_REACHABLE = types.NODE_REACHABLE
CONTROLLERS_CONDITIONS = frozenset({SCHEDULED, NODE_REACHABLE})
SERVERS_CONDITIONS = frozenset({phase.FILES_LOST})
NODE_READY = types.READY

_DERIVED = frozenset({"phase", "reason", "message"})
_TRANSACTIONS = frozenset({"epoch", "assignment", "rejectedBy", "rejectedUnder"})
_AGENTS = frozenset({"observed", "observedGeneration"})
_CONTROLLERS = frozenset({"unreachableSince"})


@dataclasses.dataclass(frozen=True, slots=True)
class Ownership:
    """What one caller may write of one kind's status."""

    field: Callable[[str], bool]
    condition: Callable[[str], bool]


@dataclasses.dataclass(frozen=True, slots=True)
class StatusWrite:
    """A status as a caller wants it, and how to read what is left out of it."""

    status: Json
    whole: bool  # a PUT: what is left out is left alone; in a patch it was taken away


def merge(resource: kinds.ResourceType, user: User, old: Json, write: StatusWrite, *, now: str) -> Json:
    """The status that the write makes of the old one. Raises Forbidden with the path of a foreign field."""
    ownership = _ownership(resource, user)
    before, wanted = objects.status_of(old), write.status
    merged = dict(before)
    for field in {**before, **wanted}:
        if field == "conditions" or wanted.get(field) == before.get(field):
            continue
        if field not in wanted and write.whole and not ownership.field(field):
            continue
        if not ownership.field(field):
            raise _foreign(resource, user, old, f"status.{field}")
        if field in wanted:
            merged[field] = wanted[field]
        else:
            del merged[field]
    if "conditions" in wanted:
        _check_once_each(resource, old, objects.conditions_of(wanted))
        path = _foreign_condition(before, wanted, ownership)
        if path:
            raise _foreign(resource, user, old, path)
        kept = objects.conditions_of(before)
        merged["conditions"] = merge_conditions(kept, objects.conditions_of(wanted), now=now)
    return merged


def merge_conditions(old: list[Json] | None, new: list[Json], *, now: str) -> list[Json]:
    """By type; what is not mentioned stays. The server says when a status last changed, by its own clock."""
    merged = {condition["type"]: condition for condition in old or ()}
    for condition in new:
        before = merged.get(condition["type"])
        same = before is not None and before.get("status") == condition["status"]
        since = before.get("lastTransitionTime", now) if same and before else now
        merged[condition["type"]] = {**condition, "lastTransitionTime": since}
    return list(merged.values())


def check_reporter(user: User, vps: Json, write: Mapping[str, Any], *, named_uid: bool) -> None:
    """Whether this agent may speak of this VPS: bound to its node, the same uid, the same placement."""
    name = vps["metadata"]["name"]
    assignment = objects.assignment_of(vps)
    if assignment is None or assignment["node"] != user.node:
        raise objects.not_found(kinds.VPS, name)  # what is not bound to it, it does not see
    check_named(kinds.VPS, vps, named_uid=named_uid)
    epoch = (write.get("observed") or {}).get("epoch")
    if epoch != assignment["epoch"]:
        raise objects.conflict(
            kinds.VPS,
            name,
            f"stale epoch: the report is about placement {epoch}, and the VPS is at {assignment['epoch']}",
            hint="read the VPS again; report observed.epoch as the assignment has it",
        )
    _check_order(name, objects.status_of(vps).get("observed") or {}, write.get("observed") or {}, assignment)


def check_named(resource: kinds.ResourceType, obj: Json, *, named_uid: bool) -> None:
    """A report says which object it is about: one of the same name made since is another."""
    if not named_uid:
        raise errors.BadRequest(
            f'a node\'s report on {resource.kind} "{obj["metadata"]["name"]}" must name its metadata.uid',
            hint="send metadata.uid with the status, or test /metadata/uid in a JSON patch",
        )


def _check_order(name: str, last: Json, said: Json, assignment: Json) -> None:
    """A report that was held up somewhere is older than what is known by now (CORRECTNESS 34).

    Agents of before said neither: theirs are taken as they come, and prove nothing to `release`.
    """
    grant = said.get("grantId")
    if grant is not None and grant != assignment.get("grantId"):
        raise objects.conflict(
            kinds.VPS,
            name,
            "stale grant: the report is about an earlier granting of cores, memory and GPUs",
            hint="read the VPS again; report observed.grantId as the assignment has it",
        )
    if last.get("epoch") != said.get("epoch") or last == said:
        return
    before, now = last.get("sequence"), said.get("sequence")
    same = now == before and said.get("session") == last.get("session")
    if before is not None and now is not None and now <= before and not same:
        raise objects.conflict(
            kinds.VPS,
            name,
            f"stale report: number {now} was overtaken by number {before}",
            hint="report what is so now, with a higher observed.sequence",
        )


def check_maker(user: User, environment: Json) -> None:
    """An Environment is told of by the node that makes it: others would run what this one says it is."""
    name = environment["metadata"]["name"]
    node = ((environment.get("spec") or {}).get("vps") or {}).get("node")
    if node != user.node:
        raise errors.Forbidden(
            f'environments.kohakuriver.io "{name}" is forbidden: node {user.node} does not make it',
            hint="leave it to the node that spec.vps.node names",
            details=objects.reference(kinds.ENVIRONMENT, name),
        )


def check_unreachable(vps: Json, write: Mapping[str, Any]) -> None:
    """Only what is bound to a node can have lost it."""
    marks = write.get("unreachableSince") and not objects.status_of(vps).get("unreachableSince")
    if marks and objects.assignment_of(vps) is None:
        raise objects.conflict(
            kinds.VPS,
            vps["metadata"]["name"],
            "it is placed on no node that could be silent",
            hint="read the VPS again",
        )


def check_fenced(
    resource: kinds.ResourceType, user: User, old: Json, new: Mapping[str, Any], *, by_leader: bool
) -> None:
    """What rests on silence, a controller says only as the leader: one that left the lead out of its request
    could be frozen, and wake up with old ages in its memory (CORRECTNESS 15)."""
    path = "" if by_leader or user.role is not Role.CONTROLLER else _rests_on_silence(resource, old, new)
    if not path:
        return
    name = old["metadata"]["name"]
    raise errors.Forbidden(
        f'{objects.qualified(resource)} "{name}" is forbidden: {path} rests on silence, '
        "and a controller may write it only while it leads",
        hint="name the lead with the request: ?leader=LEASE,HOLDER,TRANSITIONS",
        causes=(errors.Cause(path, "Forbidden: the request names no leader", "FieldValueForbidden"),),
        details=objects.reference(resource, name),
    )


def _rests_on_silence(resource: kinds.ResourceType, old: Json, new: Mapping[str, Any]) -> str:
    """The path of what says, and did not before, that a node is silent; empty if nothing does."""
    before = objects.status_of(old)
    since = new.get("unreachableSince")
    if resource is kinds.VPS and since and since != before.get("unreachableSince"):
        return "status.unreachableSince"
    type_ = NODE_READY if resource is kinds.NODE else NODE_REACHABLE
    known, said = _condition(before, type_), _condition(new, type_)
    if said and said["status"] != "True" and said["status"] != known.get("status"):
        return f"status.conditions[{type_}]"
    return ""


def _condition(status: Mapping[str, Any], type_: str) -> Json:
    return next((one for one in objects.conditions_of(dict(status)) if one["type"] == type_), {})


def _ownership(resource: kinds.ResourceType, user: User) -> Ownership:
    if resource in (kinds.ENVIRONMENT, kinds.SNAPSHOT):
        return Ownership(lambda field: True, lambda type_: True)
    if resource is kinds.NODE:
        if user.role is Role.CONTROLLER:
            return Ownership(lambda field: False, lambda type_: type_ == NODE_READY)
        return Ownership(lambda field: True, lambda type_: True)
    if user.role is Role.NODE:
        others = _DERIVED | _TRANSACTIONS | _CONTROLLERS
        foreign = CONTROLLERS_CONDITIONS | SERVERS_CONDITIONS
        return Ownership(lambda field: field not in others, lambda type_: type_ not in foreign)
    if user.role is Role.CONTROLLER:
        others = _DERIVED | _TRANSACTIONS | _AGENTS
        return Ownership(lambda field: field not in others, lambda type_: type_ in CONTROLLERS_CONDITIONS)
    return Ownership(
        lambda field: field not in _DERIVED | _TRANSACTIONS, lambda type_: type_ not in SERVERS_CONDITIONS
    )


def _check_once_each(resource: kinds.ResourceType, old: Json, conditions: list[Json]) -> None:
    types = [condition["type"] for condition in conditions]
    doubled = {type_ for type_ in types if types.count(type_) > 1}
    if doubled:
        words = f'Duplicate value: "{min(doubled)}"'
        cause = errors.Cause("status.conditions", words, "FieldValueDuplicate")
        raise objects.invalid(resource, old["metadata"]["name"], cause)


def _foreign_condition(before: Json, wanted: Json, ownership: Ownership) -> str:
    """The path of a condition that is another owner's and changed; empty if there is none."""
    present = {condition["type"]: condition for condition in objects.conditions_of(before)}
    for condition in objects.conditions_of(wanted):
        type_ = condition["type"]
        if not ownership.condition(type_) and condition != present.get(type_):
            return f"status.conditions[{type_}]"
    return ""


def _foreign(resource: kinds.ResourceType, user: User, obj: Json, path: str) -> errors.Forbidden:
    name = obj["metadata"]["name"]
    field = path.removeprefix("status.").partition("[")[0]
    if field in _DERIVED:
        owner, hint = (
            "nobody writes it: the server derives it",
            "change the spec, or report what was observed",
        )
    elif field in _TRANSACTIONS:
        owner, hint = (
            "only the named transactions write it",
            "POST to bind, release, regrant, reject or finish instead",
        )
    else:
        owner, hint = "another program writes it", "leave it out of the request, or as it is"
    return errors.Forbidden(
        f'{objects.qualified(resource)} "{name}" is forbidden: '
        f"role {user.role} may not write {path}: {owner}",
        hint=hint,
        causes=(errors.Cause(path, f"Forbidden: {owner}", "FieldValueForbidden"),),
        details=objects.reference(resource, name),
    )
