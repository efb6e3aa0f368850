"""What each kind asks of a write beyond the right shape: one class of rules per kind, in one table.

A write calls the kind's rules after validation and before the store. A rule may put things into the new
object, and raises what the client gets to see. Pure: what other objects a rule must look at it names in
`looks_at`, and the write reads them in the same step as the object.
"""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from kohakuriver import clock, durations, errors
from kohakuriver.apiserver.admission import snapshot_rules, vps_rules
from kohakuriver.apiserver.identity import sessions
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.apiserver.objects import images, objects
from kohakuriver.apiserver.store import codec
from kohakuriver.client import servers
from kohakuriver.resources import kinds
from kohakuriver.resources.lease import MOST, MOST_PATIENCE, number_in

Json = dict[str, Any]
Seen = Mapping[str, Json]  # other objects by key; what does not exist is not in it

EVENT_LIFETIME = 3600.0  # seconds
SESSION_LIFETIME = 12 * 3600.0  # seconds, from a login in a browser to its end
SESSIONS = "session-"  # what the names of their Tokens begin with
MOST_AHEAD = 1000  # sessions that a Lease lacks in a store put back: more than an agent opens between backups
MOST_AT_FIRST = MOST // 2  # the number of a Lease's first session: as many are left as anybody could use up
NODES_OWN_LABELS = "node.kohakuriver.io/"
_NODE_TOKENS = "node-"
_AGENT = "agent"
_ON_NODES = {resource.kind: resource for resource in (kinds.VPS, kinds.SNAPSHOT)}
_SIGNED = ("reportingComponent", "reportingInstance")
_PROGRAMS_OWN = (kinds.SYSTEM_NAMESPACE, kinds.NODE_LEASE_NAMESPACE)


@dataclasses.dataclass(frozen=True, slots=True)
class At:
    """When a change is made: the time for people, and how long the object has stood as it was."""

    now: datetime.datetime
    stood: float = 0.0  # seconds of this server's own; only of Leases, and 0 where it is not known


class Rules:
    """The rules of a kind that has none."""

    def lifetime(self, obj: Json) -> float | None:
        """Seconds after which the store drops the object; None where it stays."""
        return None

    def looks_at(self, user: User, obj: Json) -> Sequence[str]:
        """Keys of the other objects that `create` and `update` want to see."""
        return ()

    def depends_on(self, user: User, new: Json) -> Sequence[str]:
        """Those of them that must still be as they were seen when a new object is stored."""
        return ()

    def reach(self, user: User, old: Json) -> None:
        """Refuse whoever may not change this object at all, before the change is made from what it holds."""

    def create(self, user: User, new: Json, *, now: datetime.datetime, seen: Seen) -> None:
        """Complete an object about to be created, or refuse it."""

    def update(self, user: User, old: Json, new: Json, *, at: At, seen: Seen) -> None:
        """Complete a change of the main resource, or refuse it."""

    def delete(self, user: User, old: Json) -> None:
        """Refuse a deletion."""


class VPSRules(Rules):
    """Those of `vps_rules.py`."""

    def create(self, user: User, new: Json, *, now: datetime.datetime, seen: Seen) -> None:
        vps_rules.check_created(user, new)

    def update(self, user: User, old: Json, new: Json, *, at: At, seen: Seen) -> None:
        vps_rules.check_changed(user, old, new)


class EnvironmentRules(Rules):
    """Its image is one that an Environment may stand for."""

    def create(self, user: User, new: Json, *, now: datetime.datetime, seen: Seen) -> None:
        images.check(kinds.ENVIRONMENT, None, new)

    def update(self, user: User, old: Json, new: Json, *, at: At, seen: Seen) -> None:
        images.check(kinds.ENVIRONMENT, old, new)


class SnapshotRules(Rules):
    """Those of `snapshot_rules.py`. A VPS that leaves its node meanwhile has no Snapshot there."""

    def looks_at(self, user: User, obj: Json) -> Sequence[str]:
        return (snapshot_rules.vps_key(obj),)

    def depends_on(self, user: User, new: Json) -> Sequence[str]:
        return (snapshot_rules.vps_key(new),)

    def create(self, user: User, new: Json, *, now: datetime.datetime, seen: Seen) -> None:
        snapshot_rules.check_created(user, new, seen.get(snapshot_rules.vps_key(new)))

    def update(self, user: User, old: Json, new: Json, *, at: At, seen: Seen) -> None:
        snapshot_rules.check_changed(old, new)


class NodeRules(Rules):
    """A node's own credential creates that Node and says what it found; it declares nothing about itself."""

    def create(self, user: User, new: Json, *, now: datetime.datetime, seen: Seen) -> None:
        if user.role is Role.NODE:
            _check_own_name(user, kinds.NODE, new)
            _check_own_fields({"metadata": {}, "spec": {}}, new)

    def update(self, user: User, old: Json, new: Json, *, at: At, seen: Seen) -> None:
        if user.role is Role.NODE:
            _check_own_fields(old, new)


class LeaseRules(Rules):
    """A node's credential holds the Lease of its own name: one agent process at a time (CORRECTNESS 21).

    The server says when it was renewed, to the microsecond: for people to see, and so that every renewal is
    a write. A second agent of that name waits until the Lease has stood unchanged for as long as it says, by
    the server's own ears (`standing.py`): no two clocks are compared. Of two processes of one agent the later
    has it, by `leaseTransitions`. That it is the same agent its secret says (`sessions.py`): its name is no
    secret.
    A node says neither that its Lease is good for longer than the controller waits nor skips numbers: the
    machine itself has to get in after a thief (`node_revoking.py`).
    Those of the API servers are written by the servers: agents go where these point them.
    """

    def create(self, user: User, new: Json, *, now: datetime.datetime, seen: Seen) -> None:
        _check_no_servers(user, new)
        if user.role is Role.NODE:
            _check_own_name(user, kinds.LEASE, new)
            _check_first_session(new)
            _complete_renewal(user, new, now)

    def update(self, user: User, old: Json, new: Json, *, at: At, seen: Seen) -> None:
        _check_no_servers(user, new)
        if user.role is Role.NODE:
            _check_holder(user, old, new, stood=at.stood)
            _complete_renewal(user, new, at.now)

    def delete(self, user: User, old: Json) -> None:
        _check_no_servers(user, old)


class NamespaceRules(Rules):
    """The built-in ones stay, and each has its name as a label.

    That one is empty before it goes, `removal.py` sees to.
    """

    def create(self, user: User, new: Json, *, now: datetime.datetime, seen: Seen) -> None:
        new["status"] = {"phase": "Active"}
        label_namespace(new)

    def update(self, user: User, old: Json, new: Json, *, at: At, seen: Seen) -> None:
        label_namespace(new)

    def delete(self, user: User, old: Json) -> None:
        name = old["metadata"]["name"]
        if name in kinds.BUILT_IN_NAMESPACES:
            raise errors.Forbidden(
                f'namespaces "{name}" is forbidden: this namespace may not be deleted',
                hint="delete what is in it instead",
                details=objects.reference(kinds.NAMESPACE, name),
            )


class EventRules(Rules):
    """Kept for an hour after the last write.

    A node speaks of itself, and of VPSes that are bound to it and Snapshots that lie on it, by their uid; of
    what is not there any more the server tells the end (`notices.py`). What it says is signed with its name,
    and it changes that alone.
    """

    def lifetime(self, obj: Json) -> float | None:
        return EVENT_LIFETIME

    def reach(self, user: User, old: Json) -> None:
        signature = {field: old.get(field) for field in _SIGNED}
        if user.role is Role.NODE and signature != _signature(user):
            raise objects.not_found(kinds.EVENT, old["metadata"]["name"])

    def looks_at(self, user: User, obj: Json) -> Sequence[str]:
        about = obj["involvedObject"]
        resource = _ON_NODES.get(str(about.get("kind")))
        if user.role is not Role.NODE or resource is None:
            return ()
        # The event lies where its object does, whether it says so or not.
        return (codec.key(resource, obj["metadata"]["namespace"], about.get("name") or ""),)

    def create(self, user: User, new: Json, *, now: datetime.datetime, seen: Seen) -> None:
        about, namespace = new["involvedObject"], new["metadata"]["namespace"]
        if about.get("namespace", namespace) != namespace:
            cause = errors.Cause(
                "involvedObject.namespace",
                f'Invalid value: "{about["namespace"]}": does not match the event\'s namespace "{namespace}"',
            )
            raise objects.invalid(kinds.EVENT, new["metadata"]["name"], cause)
        self._check_subject(user, new, seen)
        _sign(user, new)
        new.setdefault("type", "Normal")
        if "eventTime" not in new:
            new.setdefault("firstTimestamp", clock.timestamp(now))
            new.setdefault("lastTimestamp", new["firstTimestamp"])
            new.setdefault("count", 1)

    def update(self, user: User, old: Json, new: Json, *, at: At, seen: Seen) -> None:
        if old["involvedObject"] != new["involvedObject"]:
            words = "an event stays about the object it happened to; create another"
            cause = objects.forbidden_value("involvedObject", words)
            raise objects.invalid(kinds.EVENT, old["metadata"]["name"], cause)
        self._check_subject(user, new, seen)
        _sign(user, new)

    def _check_subject(self, user: User, event: Json, seen: Seen) -> None:
        if user.role is not Role.NODE:
            return
        about, namespace = event["involvedObject"], event["metadata"]["namespace"]
        own_node = (
            about.get("kind") == kinds.NODE.kind
            and about.get("name") == user.node
            and namespace == kinds.DEFAULT_NAMESPACE
        )
        own_object = any(
            there["metadata"]["uid"] == about.get("uid") and _node_of(there) == user.node
            for there in seen.values()
        )
        if not own_node and not own_object:
            raise errors.Forbidden(
                f"events is forbidden: node {user.node} may report on itself, and on VPSes and Snapshots "
                f'that are on it, not on {about.get("kind")} "{about.get("name")}"',
                hint="leave that object to whoever it is bound to",
                details=objects.reference(kinds.EVENT, event["metadata"]["name"]),
            )


class TokenRules(Rules):
    """What a Token opens is said once; the server says until when. Browsers' sessions it makes itself."""

    def lifetime(self, obj: Json) -> float | None:
        return SESSION_LIFETIME if obj["spec"].get("session") is not None else None

    def create(self, user: User, new: Json, *, now: datetime.datetime, seen: Seen) -> None:
        spec, name = new["spec"], new["metadata"]["name"]
        _check_no_session(spec, name)
        owner = node_token(spec["node"]) if spec["role"] == Role.NODE else None
        if owner is not None:
            spec.setdefault("user", f"node:{spec['node']}")
        spec.setdefault("user", spec["role"])
        if name != owner and (owner is not None or name.startswith(_NODE_TOKENS)):
            words = f'must be "{owner}"' if owner else f'"{_NODE_TOKENS}…" is for the credentials of nodes'
            cause = errors.Cause("metadata.name", f'Invalid value: "{name}": {words}')
            raise objects.invalid(kinds.TOKEN, name, cause)
        _check_namespaces(spec, name)
        new["status"] = {}
        if spec.get("ttl") is not None:
            try:
                end = now + datetime.timedelta(seconds=durations.parse(spec["ttl"]))
            except OverflowError:
                cause = errors.Cause("spec.ttl", "Invalid value: longer than time goes on")
                raise objects.invalid(kinds.TOKEN, name, cause) from None
            new["status"] = {"expiresAt": clock.timestamp(end)}

    def update(self, user: User, old: Json, new: Json, *, at: At, seen: Seen) -> None:
        if old["spec"] != new["spec"]:
            words = "a token stays what it is; delete it, and create another"
            cause = objects.forbidden_value("spec", words)
            raise objects.invalid(kinds.TOKEN, old["metadata"]["name"], cause)


def _node_of(obj: Json) -> str | None:
    """The node that a VPS is bound to, or that has the files of a Snapshot."""
    if obj.get("kind") == kinds.SNAPSHOT.kind:
        node: str | None = obj["spec"]["vps"].get("node")
        return node
    return (objects.assignment_of(obj) or {}).get("node")


def _signature(user: User) -> Json:
    return dict(zip(_SIGNED, (_AGENT, user.node), strict=True))


def _sign(user: User, event: Json) -> None:
    """Who says it is no word of the node's own."""
    if user.role is Role.NODE:
        event["source"] = {"component": _AGENT, "host": user.node}
        event.update(_signature(user))


def _check_namespaces(spec: Json, name: str) -> None:
    """Whoever writes where the programs keep their Leases could renew those of dead nodes."""
    own = [one for one in spec.get("namespaces") or () if spec["role"] == Role.USER and one in _PROGRAMS_OWN]
    if own:
        words = f"{own[0]} belongs to the cluster's own programs; name another namespace"
        cause = errors.Cause("spec.namespaces", f'Invalid value: "{own[0]}": {words}')
        raise objects.invalid(kinds.TOKEN, name, cause)


def _check_no_session(spec: Json, name: str) -> None:
    if spec.get("session") is not None:
        cause = objects.forbidden_value("spec.session", "the server makes sessions, at a login in a browser")
        raise objects.invalid(kinds.TOKEN, name, cause)
    if name.startswith(SESSIONS):
        words = f'Invalid value: "{name}": "{SESSIONS}…" is for sessions, which the server makes'
        raise objects.invalid(kinds.TOKEN, name, errors.Cause("metadata.name", words))


def node_token(node: str) -> str:
    """The name of the Token that is a node's credential: there is one at a time."""
    return f"{_NODE_TOKENS}{node}"


_NO_RULES = Rules()
_RULES: Mapping[kinds.ResourceType, Rules] = {
    kinds.VPS: VPSRules(),
    kinds.ENVIRONMENT: EnvironmentRules(),
    kinds.SNAPSHOT: SnapshotRules(),
    kinds.NODE: NodeRules(),
    kinds.LEASE: LeaseRules(),
    kinds.TOKEN: TokenRules(),
    kinds.NAMESPACE: NamespaceRules(),
    kinds.EVENT: EventRules(),
}


def label_namespace(namespace: Json) -> None:
    """The label that Kubernetes sets on every namespace, whatever was sent."""
    metadata = namespace["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), kinds.NAME_LABEL: metadata["name"]}


def rules_for(resource: kinds.ResourceType) -> Rules:
    """The rules of a kind."""
    return _RULES.get(resource, _NO_RULES)


def _complete_renewal(user: User, lease: Json, now: datetime.datetime) -> None:
    spec = {**(lease.get("spec") or {}), "renewTime": clock.micro_timestamp(now)}
    if number_in(spec.get("leaseDurationSeconds")) > MOST_PATIENCE:
        spec["leaseDurationSeconds"] = int(MOST_PATIENCE)
    lease["spec"] = spec
    sessions.sign(lease, user.claim)


def _check_first_session(lease: Json) -> None:
    if number_in((lease.get("spec") or {}).get("leaseTransitions")) > MOST_AT_FIRST:
        cause = errors.Cause(
            "spec.leaseTransitions", f"Invalid value: must be at most {MOST_AT_FIRST} at first"
        )
        raise objects.invalid(kinds.LEASE, lease["metadata"]["name"], cause)


def _check_holder(user: User, old: Json, new: Json, *, stood: float) -> None:
    """Raise Conflict, naming the holder, if the Lease is somebody else's yet."""
    was, will_be = old.get("spec") or {}, new.get("spec") or {}
    held, name = sessions.Held.of(old), old["metadata"]["name"]
    number, before = number_in(will_be.get("leaseTransitions")), held.number
    if held.holder and held.holder == will_be.get("holderIdentity") and held.is_by(user.claim):
        if number < before:
            why = f"a later agent process ({held.holder}) has opened a session"
            raise objects.conflict(kinds.LEASE, name, why, hint="end this one: it is not the node any more")
    elif held.holder and stood <= min(number_in(was.get("leaseDurationSeconds")), MOST_PATIENCE):
        raise objects.conflict(
            kinds.LEASE,
            name,
            f"another agent ({held.holder}) is node {name} until its lease is over",
            hint="stop that agent, or give this machine another name with --node",
            causes=() if held.is_by(user.claim) else sessions.not_the_holder(name, held).causes,
        )
    if held.is_by(user.claim):
        right, most = number <= before + MOST_AHEAD, f"{before + MOST_AHEAD} at most"
    else:
        right, most = number == before + 1, f"{before + 1}"
    if not right:
        raise objects.conflict(
            kinds.LEASE,
            name,
            f"the next session after {before} is {most}, and this is {number}",
            hint="read the Lease, and count on from what it has",
            causes=sessions.not_the_holder(name, held).causes,  # an agent that reads it opens a session
        )


def _check_no_servers(user: User, lease: Json) -> None:
    metadata = lease["metadata"]
    theirs = metadata.get("namespace") == servers.NAMESPACE and metadata["name"].startswith(
        servers.lease_name("")
    )
    if theirs and user.role is not Role.ADMIN:
        raise errors.Forbidden(
            f'leases.coordination.k8s.io "{metadata["name"]}" is forbidden: it is an API server\'s own',
            hint="leave it to the server, which removes it when it ends",
            details=objects.reference(kinds.LEASE, metadata["name"]),
        )


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
