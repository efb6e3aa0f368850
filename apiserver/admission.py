"""What each kind asks of a write beyond the right shape: one class of rules per kind, in one table.

`write.py` calls the kind's rules after validation and before the store. A rule may put things into the new
object, and raises what the client gets to see. Pure: what other objects a rule must look at it names in
`looks_at`, and `write.py` reads them in the same step as the object.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from apiserver import codec, metadata, objects
from apiserver.identity import Role, User
from kohakuriver import errors
from kohakuriver.resources import kinds

Json = dict[str, Any]
Seen = Mapping[str, Json]  # other objects by key; what does not exist is not in it

EVENT_LIFETIME = 3600.0  # seconds
NODES_OWN_LABELS = "node.kohakuriver.io/"


class Rules:
    """The rules of a kind that has none."""

    lifetime: float | None = None  # seconds, after which the store drops the object

    def looks_at(self, user: User, obj: Json) -> Sequence[str]:
        """Keys of the other objects that `create` and `update` want to see."""
        return ()

    def create(self, user: User, new: Json, *, now: str, seen: Seen) -> None:
        """Complete an object about to be created, or refuse it."""

    def update(self, user: User, old: Json, new: Json, *, now: str, seen: Seen) -> None:
        """Complete a change of the main resource, or refuse it."""

    def delete(self, user: User, old: Json) -> None:
        """Refuse a deletion."""


class VPSRules(Rules):
    """Our finalizer stands exactly while a VPS is bound; then its placement is fixed."""

    def create(self, user: User, new: Json, *, now: str, seen: Seen) -> None:
        _set_finalizers(new, without=metadata.FINALIZER)

    def update(self, user: User, old: Json, new: Json, *, now: str, seen: Seen) -> None:
        assignment = objects.assignment_of(old)
        if assignment is None:
            _set_finalizers(new, without=metadata.FINALIZER)
            return
        node, name = assignment["node"], old["metadata"]["name"]
        if (old["spec"].get("placement") or {}) != (new["spec"].get("placement") or {}):
            words = (
                f"cannot change while the VPS is bound to {node}, where its files are; to move it, save the "
                "files, delete the VPS, and create it with the new placement"
            )
            raise objects.invalid(kinds.VPS, name, objects.forbidden_value("spec.placement", words))
        if metadata.FINALIZER in (new["metadata"].get("finalizers") or ()):
            return
        if old["metadata"].get("deletionTimestamp"):
            words = (
                f"{metadata.FINALIZER} goes by itself once node {node} has removed the container; "
                "wait for that, or bring the node back"
            )
            raise objects.invalid(kinds.VPS, name, objects.forbidden_value("metadata.finalizers", words))
        _set_finalizers(new, adding=metadata.FINALIZER)


class NodeRules(Rules):
    """A node's own credential creates that Node and says what it found; it declares nothing about itself."""

    def create(self, user: User, new: Json, *, now: str, seen: Seen) -> None:
        if user.role is Role.NODE:
            _check_own_name(user, kinds.NODE, new)
            _check_own_fields({"metadata": {}, "spec": {}}, new)

    def update(self, user: User, old: Json, new: Json, *, now: str, seen: Seen) -> None:
        if user.role is Role.NODE:
            _check_own_fields(old, new)


class LeaseRules(Rules):
    """A node's credential holds the Lease of its own name."""

    def create(self, user: User, new: Json, *, now: str, seen: Seen) -> None:
        if user.role is Role.NODE:
            _check_own_name(user, kinds.LEASE, new)


class NamespaceRules(Rules):
    """The built-in ones stay. That one is empty before it goes, `removal.py` sees to."""

    def create(self, user: User, new: Json, *, now: str, seen: Seen) -> None:
        new["status"] = {"phase": "Active"}

    def delete(self, user: User, old: Json) -> None:
        name = old["metadata"]["name"]
        if name in kinds.BUILT_IN_NAMESPACES:
            raise errors.Forbidden(
                f'namespaces "{name}" is forbidden: this namespace may not be deleted',
                hint="delete what is in it instead",
                details=objects.reference(kinds.NAMESPACE, name),
            )


class EventRules(Rules):
    """Kept for an hour after the last write; a node speaks of itself and of VPSes bound to it."""

    lifetime = EVENT_LIFETIME

    def looks_at(self, user: User, obj: Json) -> Sequence[str]:
        about = obj["involvedObject"]
        if user.role is not Role.NODE or about.get("kind") != kinds.VPS.kind:
            return ()
        return (codec.key(kinds.VPS, about.get("namespace"), about.get("name") or ""),)

    def create(self, user: User, new: Json, *, now: str, seen: Seen) -> None:
        about, namespace = new["involvedObject"], new["metadata"]["namespace"]
        if about.get("namespace", namespace) != namespace:
            cause = errors.Cause(
                "involvedObject.namespace",
                f'Invalid value: "{about["namespace"]}": does not match the event\'s namespace "{namespace}"',
            )
            raise objects.invalid(kinds.EVENT, new["metadata"]["name"], cause)
        self._check_subject(user, new, seen)
        new.setdefault("type", "Normal")
        if "eventTime" not in new:
            new.setdefault("firstTimestamp", now)
            new.setdefault("lastTimestamp", new["firstTimestamp"])
            new.setdefault("count", 1)

    def update(self, user: User, old: Json, new: Json, *, now: str, seen: Seen) -> None:
        if old["involvedObject"] != new["involvedObject"]:
            words = "an event stays about the object it happened to; create another"
            cause = objects.forbidden_value("involvedObject", words)
            raise objects.invalid(kinds.EVENT, old["metadata"]["name"], cause)
        self._check_subject(user, new, seen)

    def _check_subject(self, user: User, event: Json, seen: Seen) -> None:
        """A VPS that is gone may still be spoken of: its end is news too."""
        if user.role is not Role.NODE:
            return
        about = event["involvedObject"]
        own_node = about.get("kind") == kinds.NODE.kind and about.get("name") == user.node
        own_vps = about.get("kind") == kinds.VPS.kind and all(
            (objects.assignment_of(vps) or {}).get("node") == user.node for vps in seen.values()
        )
        if not own_node and not own_vps:
            raise errors.Forbidden(
                f"events is forbidden: node {user.node} may report on itself and on VPSes bound to it, "
                f'not on {about.get("kind")} "{about.get("name")}"',
                hint="leave that object to whoever it is bound to",
                details=objects.reference(kinds.EVENT, event["metadata"]["name"]),
            )


_NO_RULES = Rules()
_RULES: Mapping[kinds.ResourceType, Rules] = {
    kinds.VPS: VPSRules(),
    kinds.NODE: NodeRules(),
    kinds.LEASE: LeaseRules(),
    kinds.NAMESPACE: NamespaceRules(),
    kinds.EVENT: EventRules(),
}


def rules_for(resource: kinds.ResourceType) -> Rules:
    """The rules of a kind."""
    return _RULES.get(resource, _NO_RULES)


def _set_finalizers(obj: Json, *, adding: str = "", without: str = "") -> None:
    names = [name for name in obj["metadata"].get("finalizers") or () if name != without]
    names += [adding] if adding else []
    obj["metadata"].pop("finalizers", None)
    if names:
        obj["metadata"]["finalizers"] = names


def _check_own_name(user: User, resource: kinds.ResourceType, new: Json) -> None:
    name = new["metadata"]["name"]
    if name != user.node:
        raise errors.Forbidden(
            f'{objects.qualified(resource)} "{name}" is forbidden: the credential is node {user.node}\'s',
            hint="join this machine with a token of its own",
            details=objects.reference(resource, name),
        )


def _check_own_fields(old: Json, new: Json) -> None:
    """A node may set labels and annotations below a prefix of its own, and otherwise only its status."""
    for path in _foreign_fields(old, new):
        raise errors.Forbidden(
            f'nodes.kohakuriver.io "{new["metadata"]["name"]}" is forbidden: a node may not write {path}',
            hint=f"an administrator may; a node sets labels that start with {NODES_OWN_LABELS}",
            causes=(objects.forbidden_value(path, "not this node's to write"),),
            details=objects.reference(kinds.NODE, new["metadata"]["name"]),
        )


def _foreign_fields(old: Json, new: Json) -> list[str]:
    paths = ["spec"] if (old.get("spec") or {}) != (new.get("spec") or {}) else []
    before, after = old["metadata"], new["metadata"]
    for field in ("labels", "annotations"):
        was, will_be = before.get(field) or {}, after.get(field) or {}
        paths += [
            f"metadata.{field}[{key}]"
            for key in sorted({*was, *will_be})
            if was.get(key) != will_be.get(key) and not key.startswith(NODES_OWN_LABELS)
        ]
    for field in ("finalizers", "ownerReferences"):
        if (before.get(field) or []) != (after.get(field) or []):
            paths.append(f"metadata.{field}")
    return paths
