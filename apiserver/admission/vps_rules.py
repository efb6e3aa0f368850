"""What is asked of a VPS beyond the right shape, at create and at every change; for `admission.py`.

Our finalizer stands exactly while a VPS is bound; then its node, and the targets of its volumes, are fixed.
What changes live or at the next restart is let through: the grant follows in `grants.py`.
"""

from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.auth import rights
from kohakuriver.apiserver.identity.identity import User
from kohakuriver.apiserver.objects import images, metadata, objects
from kohakuriver.resources import kinds
from kohakuriver.resources.vps import DEFAULT_IMAGE

Json = dict[str, Any]

FORCED_BY = "kohakuriver.io/deleted-by-force-by"  # an annotation


def check_created(user: User, new: Json) -> None:
    """Complete a VPS about to be created, or refuse it."""
    rights.check(user, None, new)
    images.check(kinds.VPS, None, new)
    set_finalizers(new, without=metadata.FINALIZER)


def check_changed(user: User, old: Json, new: Json) -> None:
    """Complete a change of the main resource, or refuse it."""
    rights.check(user, old, new)
    images.check(kinds.VPS, old, new)
    assignment = objects.assignment_of(old)
    if assignment is None:
        set_finalizers(new, without=metadata.FINALIZER)
        return
    causes = [*_moved(old, new, assignment["node"]), *_retargeted(old, new, assignment["node"])]
    if causes:
        raise objects.invalid(kinds.VPS, old["metadata"]["name"], *causes)
    _keep_finalizer(old, new, assignment["node"])


def note_force(vps: Json, user: User) -> None:
    """This VPS is deleted by force: should its node turn out to be lost, that is taken up then."""
    notes = {**(vps["metadata"].get("annotations") or {}), FORCED_BY: user.name}
    vps["metadata"] = {**vps["metadata"], "annotations": notes}


def forced_by(vps: Json) -> str:
    """Who deletes this VPS by force; empty if nobody does."""
    fields = vps["metadata"]
    return (
        str((fields.get("annotations") or {}).get(FORCED_BY, "")) if fields.get("deletionTimestamp") else ""
    )


def let_go_if_forced(vps: Json) -> Json:
    """The VPS, just marked as unreachable; one that is deleted by force has no finalizer of ours any more."""
    if not forced_by(vps):
        return vps
    new = {**vps, "metadata": dict(vps["metadata"])}
    set_finalizers(new, without=metadata.FINALIZER)
    return new


def without_default_image(old: Json, spec: Json) -> Json:
    """A spec that newly names an Environment, without the image that the server itself had written."""
    newly = spec.get("environment") and not old["spec"].get("environment")
    if newly and spec.get("image") == old["spec"].get("image") == DEFAULT_IMAGE:
        return {field: value for field, value in spec.items() if field != "image"}
    return spec


def set_finalizers(obj: Json, *, adding: str = "", without: str = "") -> None:
    """Add one of the finalizers, or take it away."""
    names = [name for name in obj["metadata"].get("finalizers") or () if name != without]
    names += [adding] if adding else []
    obj["metadata"].pop("finalizers", None)
    if names:
        obj["metadata"]["finalizers"] = names


def _moved(old: Json, new: Json, node: str) -> list[errors.Cause]:
    """A VPS stays where its files are; to name the very node it is on, or none any more, moves nothing."""
    before, after = old["spec"].get("placement") or {}, new["spec"].get("placement") or {}
    words = (
        f"cannot change while the VPS is on {node}, where its files are; to move it, save the "
        "files, delete the VPS, and create it with the new placement"
    )
    fields = []
    if before.get("node") != after.get("node") and after.get("node") not in (None, node):
        fields.append("spec.placement.node")
    if (before.get("nodeSelector") or {}) != (after.get("nodeSelector") or {}):
        fields.append("spec.placement.nodeSelector")
    return [objects.forbidden_value(field, words) for field in fields]


def _retargeted(old: Json, new: Json, node: str) -> list[errors.Cause]:
    targets = {volume["name"]: volume["target"] for volume in old["spec"].get("volumes") or ()}
    causes = []
    for number, volume in enumerate(new["spec"].get("volumes") or ()):
        before = targets.get(volume["name"], volume["target"])
        if before != volume["target"]:
            words = (
                f"volume {volume['name']} stays at {before} while the VPS is on {node}; give a volume "
                "of another name the new target and copy the files, or delete the VPS and create it again: "
                "a volume with reclaimPolicy Retain is kept for it"
            )
            causes.append(objects.forbidden_value(f"spec.volumes[{number}].target", words))
    return causes


def _keep_finalizer(old: Json, new: Json, node: str) -> None:
    if metadata.FINALIZER in (new["metadata"].get("finalizers") or ()):
        return
    if not old["metadata"].get("deletionTimestamp"):
        set_finalizers(new, adding=metadata.FINALIZER)
        return
    if objects.status_of(old).get("unreachableSince"):
        return  # a forced delete, by hand; `grants.py` leaves the tombstone
    words = (
        f"{metadata.FINALIZER} goes by itself once node {node} has removed the container; "
        "wait for that, or bring the node back"
    )
    cause = objects.forbidden_value("metadata.finalizers", words)
    raise objects.invalid(kinds.VPS, old["metadata"]["name"], cause)
