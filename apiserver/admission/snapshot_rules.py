"""What is asked of a Snapshot beyond the right shape, at create and at every change; for `admission.py`.

A Snapshot is of the VPS that has that name when it is created, and of the node that this VPS is on then: the
server writes both into it, and nothing of it changes later but how long it is kept. Our finalizer stands
until the node says that the files are gone. Pure.
"""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.admission.vps_rules import set_finalizers
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.objects import metadata, objects
from kohakuriver.apiserver.store import codec
from kohakuriver.resources import kinds
from kohakuriver.resources.snapshot import Cause

Json = dict[str, Any]

_FILLED_IN = ("uid", "node")  # of spec.vps, by the server
_MAY_CHANGE = frozenset({"keepFor"})


def vps_key(snapshot: Json) -> str:
    """Where the VPS lies that a Snapshot about to be created is of."""
    return codec.key(kinds.VPS, snapshot["metadata"]["namespace"], snapshot["spec"]["vps"]["name"])


def check_created(user: User, new: Json, vps: Json | None) -> None:
    """Complete a Snapshot about to be created from what its VPS is, or refuse it."""
    said = new["spec"]["vps"]
    name, node = said["name"], (objects.assignment_of(vps) or {}).get("node") if vps is not None else None
    if vps is None or (user.role is Role.NODE and node != user.node):
        # To a node, what is not assigned to it is not there.
        raise _refused(new, "name", f'Not found: "{name}": there is no such VPS in this namespace')
    is_so = {"uid": vps["metadata"]["uid"], "node": node}
    if said.get("uid") not in (None, is_so["uid"]):
        words = f'Invalid value: "{said["uid"]}": VPS {name} has the uid {is_so["uid"]}: it is another VPS'
        raise _refused(new, "uid", words)
    if node is None:
        words = f'Invalid value: "{name}": it has no files yet: the VPS has not been placed on a node'
        raise _refused(new, "name", words)
    if said.get("node") not in (None, node):
        raise _refused(new, "node", f'Invalid value: "{said["node"]}": VPS {name} is on node {node}')
    if vps["metadata"].get("deletionTimestamp"):
        raise _refused(new, "name", f'Invalid value: "{name}": the VPS is being deleted')
    if user.role is Role.NODE and new["spec"].get("cause") != Cause.REPLACED:
        words = f"a node creates Snapshots of the cause {Cause.REPLACED} only"
        raise objects.invalid(
            kinds.SNAPSHOT, new["metadata"]["name"], objects.forbidden_value("spec.cause", words)
        )
    new["spec"] = {**new["spec"], "vps": {**said, **is_so}}
    set_finalizers(new, adding=metadata.FILES_FINALIZER, without=metadata.FILES_FINALIZER)


def check_changed(old: Json, new: Json) -> None:
    """Complete a change of the main resource, or refuse it."""
    before, spec = old["spec"], new["spec"]
    filled = {field: before["vps"][field] for field in _FILLED_IN if field in before["vps"]}
    new["spec"] = spec = {**spec, "vps": {**filled, **spec["vps"]}}
    words = "cannot change: it says which files the Snapshot has; create another Snapshot. keepFor may change"
    causes = [
        objects.forbidden_value(f"spec.{field}", words)
        for field in sorted({*before, *spec} - _MAY_CHANGE)
        if before.get(field) != spec.get(field)
    ]
    if causes:
        raise objects.invalid(kinds.SNAPSHOT, old["metadata"]["name"], *causes)
    _keep_finalizer(old, new)


def _keep_finalizer(old: Json, new: Json) -> None:
    finalizer = metadata.FILES_FINALIZER
    had, has = (finalizer in (one["metadata"].get("finalizers") or ()) for one in (old, new))
    if has or not had:
        return
    if not old["metadata"].get("deletionTimestamp"):
        set_finalizers(new, adding=finalizer)
        return
    words = (
        f"{finalizer} goes by itself once node {old['spec']['vps'].get('node')} has removed the files; "
        "wait for that. If the node is lost, delete the Snapshot with a grace period of 0"
    )
    cause = objects.forbidden_value("metadata.finalizers", words)
    raise objects.invalid(kinds.SNAPSHOT, old["metadata"]["name"], cause)


def _refused(new: Json, field: str, words: str) -> errors.Invalid:
    reason = "FieldValueNotFound" if words.startswith("Not found") else "FieldValueInvalid"
    cause = errors.Cause(f"spec.vps.{field}", words, reason)
    return objects.invalid(kinds.SNAPSHOT, new["metadata"]["name"], cause)
