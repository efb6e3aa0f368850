"""Who may do what: one table, asked once for every request, after `identity.py` and before anything is read.

The table knows verbs, kinds, namespaces and names, which is all that a URL says. What depends on the objects
themselves is added by `scope` (a field selector on what nodes see) and by the rules in `admission.py` and
`owners.py` (whose status, whose fields). A kind or a route without a row here is closed to all but admins.
"""

import dataclasses
import enum
from collections.abc import Iterator, Mapping

from kohakuriver import errors, wheel
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.resources.kinds import (
    ALL,
    ENVIRONMENT,
    EVENT,
    LEASE,
    NAMESPACE,
    NODE,
    NODE_ALLOCATION,
    NODE_LEASE_NAMESPACE,
    POLICY,
    RESOURCE_QUOTA,
    SNAPSHOT,
    SYSTEM_NAMESPACE,
    TOKEN,
    VIEWS,
    VPS,
    ResourceType,
)

READ = frozenset({"get", "list", "watch"})
CHANGE = frozenset({"update", "patch"})
WRITE = CHANGE | {"create", "delete", "deletecollection"}
ACTION = frozenset({"create"})  # a named transaction is a POST

# Only the agent of the node knows whether they are true.
AGENTS_ACTIONS = (
    (VPS, "finish"),
    (VPS, "reject"),
    (VPS, "newport"),
    (SNAPSHOT, "finish"),
    (NODE_ALLOCATION, "confirm"),
)

# A machine that is to be a node comes with a token for that alone.
JOINERS_ACTIONS = ((NODE, "join"),)

# What says where the server is and what it serves. Health answers without a credential too.
# POSTs about oneself; those about others are for administrators.
SELF_REVIEWS = (
    "/apis/authentication.k8s.io/v1/selfsubject",
    "/apis/authorization.k8s.io/v1/selfsubject",
)
# The web page's own: a session of one's own, and the code that opens one. Machines have none.
SESSION_PATH = "/ui/session"
CODES_PATH = "/ui/codes"
PEOPLE = (Role.ADMIN, Role.USER, Role.VIEWER)
WHOSE_PATH = "/apis/authentication.k8s.io/v1/tokenreviews"
OPEN_PATHS = ("/api", "/apis", "/version", "/openapi", "/healthz", "/readyz", "/livez")


@dataclasses.dataclass(frozen=True, slots=True)
class Attributes:
    """What a request wants, as far as its URL and method tell."""

    verb: str
    resource: ResourceType | None = None
    subresource: str | None = None
    namespace: str | None = None
    name: str | None = None
    path: str = ""


class Where(enum.Enum):
    """Which objects of a kind a rule opens."""

    ANYWHERE = "anywhere"
    OWN_NAMESPACES = "in its own namespaces only"
    OWN_NAMESPACE_OBJECTS = "of its own namespaces only"
    OWN_NODE = "of its own node only"
    SYSTEM = f"in the namespace {SYSTEM_NAMESPACE} only"
    SYSTEM_ITSELF = f"of {SYSTEM_NAMESPACE} only"  # it carries the cluster's id


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """These verbs on this kind (or its subresource, or named transaction), there."""

    verbs: frozenset[str]
    resource: ResourceType
    subresource: str = ""
    where: Where = Where.ANYWHERE


def _everything() -> tuple[Rule, ...]:
    whole = [Rule(READ | WRITE, resource) for resource in ALL]
    parts = [Rule(READ | WRITE, resource, part) for resource in ALL for part in resource.subresources]
    actions = [
        Rule(ACTION, resource, action)
        for resource in ALL
        for action in resource.actions
        if (resource, action) not in (*AGENTS_ACTIONS, *JOINERS_ACTIONS)
    ]
    streams = [Rule(ACTION, resource, stream) for resource in ALL for stream in resource.streams]
    return (*whole, *parts, *actions, *streams)


def _reads(where: Where = Where.ANYWHERE) -> tuple[Rule, ...]:
    rules = []
    for resource in ALL:
        if resource is TOKEN:
            continue  # who has a key is the administrators' business
        there = where if resource.namespaced else Where.ANYWHERE
        rules += [Rule(READ, resource, part, there) for part in ("", *resource.subresources)]
    return tuple(rules)


def _with_views(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """The rules, and for each view of a kind that they open what they open of it, in the same place: who
    may open a stream may use every part of the view that leads to it, by whatever verb."""
    shown = [
        Rule(verbs, view.shown, where=rule.where)
        for rule in rules
        for view in VIEWS
        if rule.resource is view.of and rule.subresource == view.right
        if (verbs := frozenset(view.verbs) if view.right else rule.verbs & frozenset(view.verbs))
    ]
    entered = [
        Rule(frozenset(entry.verbs), view.shown, entry.part, rule.where)
        for rule in rules
        for view in VIEWS
        for entry in view.entries
        if rule.resource is view.of and rule.subresource == entry.stream and rule.verbs >= ACTION
    ]
    return (*rules, *shown, *entered)


_RULES: Mapping[Role, tuple[Rule, ...]] = {
    Role.ADMIN: (*_everything(), Rule(frozenset({"get"}), NODE, "egress")),
    Role.USER: (
        Rule(READ | WRITE, VPS, where=Where.OWN_NAMESPACES),
        Rule(READ, VPS, "status", Where.OWN_NAMESPACES),
        *(Rule(ACTION, VPS, stream, Where.OWN_NAMESPACES) for stream in VPS.streams),
        Rule(READ | WRITE, SNAPSHOT, where=Where.OWN_NAMESPACES),
        Rule(READ, SNAPSHOT, "status", Where.OWN_NAMESPACES),
        Rule(READ, EVENT, where=Where.OWN_NAMESPACES),
        Rule(READ | WRITE, LEASE, where=Where.OWN_NAMESPACES),
        Rule(frozenset({"get"}), NAMESPACE, where=Where.OWN_NAMESPACE_OBJECTS),
        Rule(frozenset({"get"}), NAMESPACE, where=Where.SYSTEM_ITSELF),
        Rule(READ, RESOURCE_QUOTA, where=Where.OWN_NAMESPACES),
        Rule(READ, POLICY),
        Rule(READ, NODE),
        Rule(READ, NODE, "status"),
        Rule(READ, ENVIRONMENT),
        Rule(READ, ENVIRONMENT, "status"),
    ),
    Role.VIEWER: _reads(Where.OWN_NAMESPACES),
    Role.NODE: (
        Rule(READ, VPS),
        Rule(READ | CHANGE, VPS, "status"),
        *(Rule(ACTION, VPS, action) for action in ("finish", "reject", "newport")),
        Rule(READ | CHANGE | {"create"}, NODE, where=Where.OWN_NODE),
        Rule(READ | CHANGE, NODE, "status", Where.OWN_NODE),
        Rule(frozenset({"get"}), NODE, "streams", Where.OWN_NODE),
        Rule(frozenset({"get"}), NODE, "egress", Where.OWN_NODE),
        Rule(READ, NODE_ALLOCATION, where=Where.OWN_NODE),
        Rule(ACTION, NODE_ALLOCATION, "confirm", Where.OWN_NODE),
        Rule(READ, ENVIRONMENT),
        Rule(ACTION, ENVIRONMENT, "tarball"),
        Rule(READ | CHANGE, ENVIRONMENT, "status"),  # of those made from a VPS of its own: see owners.py
        Rule(READ | {"create"}, SNAPSHOT),  # of VPSes that are assigned to it: see snapshot_rules.py
        Rule(READ | CHANGE, SNAPSHOT, "status"),
        Rule(ACTION, SNAPSHOT, "finish"),
        Rule(READ, LEASE, where=Where.SYSTEM),  # it finds the API servers by theirs
        Rule(READ | CHANGE | {"create"}, LEASE, where=Where.OWN_NODE),
        Rule(CHANGE | {"create"}, EVENT),
        Rule(frozenset({"get"}), NAMESPACE, where=Where.SYSTEM_ITSELF),
    ),
    Role.CONTROLLER: (
        *_reads(),
        Rule(CHANGE, VPS, "status"),
        *(Rule(ACTION, VPS, action) for action in ("bind", "release", "regrant")),
        Rule(CHANGE, NODE, "status"),
        Rule(frozenset({"create", "delete"}), SNAPSHOT),
        Rule(CHANGE | {"create"}, EVENT),
        Rule(WRITE, LEASE, where=Where.SYSTEM),
    ),
    Role.AUTHENTICATOR: (),  # of paths alone
    Role.JOIN: tuple(Rule(ACTION, resource, action) for resource, action in JOINERS_ACTIONS),
}
RULES: Mapping[Role, tuple[Rule, ...]] = {role: _with_views(rules) for role, rules in _RULES.items()}

# What a node sees of a kind; the read half adds it to every list and watch, and answers 404 outside of it.
_NODE_SCOPES = {
    VPS: "status.assignment.node={node}",
    NODE: "metadata.name={node}",
    NODE_ALLOCATION: "metadata.name={node}",
    SNAPSHOT: "spec.vps.node={node}",
    LEASE: "metadata.name={node}",
}


def check(user: User, attributes: Attributes) -> None:
    """Raise Forbidden, in a sentence, unless a rule of the user's role opens this."""
    if attributes.resource is None:
        _check_path(user, attributes)
        return
    part = attributes.subresource or ""
    verb = "create" if part in attributes.resource.actions else attributes.verb
    nearest = None
    for rule in RULES[user.role]:
        if rule.resource is attributes.resource and rule.subresource == part and verb in rule.verbs:
            if _within(user, attributes, rule.where):
                return
            nearest = rule
    raise _forbidden(user, attributes, nearest)


def scope(user: User, resource: ResourceType, namespace: str | None = None) -> str | None:
    """The field selector that narrows what this user gets, lists and watches; None for no narrowing."""
    if user.role is not Role.NODE or resource not in _NODE_SCOPES:
        return None
    if resource is LEASE and namespace == SYSTEM_NAMESPACE:
        return None  # the API servers' own
    return _NODE_SCOPES[resource].format(node=user.node)


def opened(user: User, namespace: str) -> Iterator[tuple[Rule, tuple[str, ...]]]:
    """What the table opens to this user in a namespace, and the names it is narrowed to, if any."""
    for rule in RULES[user.role]:
        names: tuple[str, ...] = ()
        match rule.where:
            case Where.OWN_NAMESPACE_OBJECTS:
                names = tuple(user.namespaces)
            case Where.SYSTEM_ITSELF:
                names = (SYSTEM_NAMESPACE,)
            case Where.OWN_NODE:
                names = (user.node or "",)
        place = namespace if rule.resource.namespaced else None
        attributes = Attributes("", rule.resource, namespace=place, name=names[0] if names else None)
        if _within(user, attributes, rule.where):
            yield rule, names


def _within(user: User, attributes: Attributes, where: Where) -> bool:
    match where:
        case Where.ANYWHERE:
            return True
        case Where.OWN_NAMESPACES:
            unnarrowed = user.role is Role.VIEWER and not user.namespaces
            return unnarrowed or attributes.namespace in user.namespaces
        case Where.OWN_NAMESPACE_OBJECTS:
            return attributes.name in user.namespaces
        case Where.OWN_NODE:
            # Without a name it is a list or watch (`scope` narrows it) or a create (admission checks it).
            mine = not attributes.name or attributes.name == user.node
            return mine and (attributes.resource is not LEASE or attributes.namespace == NODE_LEASE_NAMESPACE)
        case Where.SYSTEM:
            return attributes.namespace == SYSTEM_NAMESPACE
        case Where.SYSTEM_ITSELF:
            return attributes.name == SYSTEM_NAMESPACE


def _check_path(user: User, attributes: Attributes) -> None:
    path = attributes.path
    if path in (SESSION_PATH, CODES_PATH) and user.role in PEOPLE:
        return
    if user.role is Role.ADMIN or (path == "/" and user.role is not Role.JOIN):
        return
    if (
        user.role is not Role.JOIN
        and attributes.verb == "get"
        and any(path == open_ or path.startswith(f"{open_}/") for open_ in OPEN_PATHS)
    ):
        return
    if user.role is not Role.JOIN and attributes.verb == "create" and path.startswith(SELF_REVIEWS):
        return
    if attributes.verb == "create" and path == WHOSE_PATH and user.role is Role.AUTHENTICATOR:
        return
    if attributes.verb == "get" and path == wheel.HANDED_OUT and user.role is Role.JOIN:
        return
    if attributes.verb == "get" and path == "/metrics" and user.role in (Role.VIEWER, Role.CONTROLLER):
        return
    raise errors.Forbidden(
        f'forbidden: user "{user.name}" of role {user.role} cannot {attributes.verb} path "{path}"',
        hint="ask your administrator for a credential of another role",
    )


def _forbidden(user: User, attributes: Attributes, nearest: Rule | None) -> errors.Forbidden:
    resource = attributes.resource
    assert resource is not None, "paths have a sentence of their own"  # noqa: S101 - narrows the type
    target = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    named = f' "{attributes.name}"' if attributes.name else ""
    part = f"/{attributes.subresource}" if attributes.subresource else ""
    place = f' in namespace "{attributes.namespace}"' if attributes.namespace else ""
    message = (
        f'{target}{named} is forbidden: user "{user.name}" of role {user.role} '
        f'cannot {attributes.verb} "{resource.plural}{part}"{place}'
    )
    hint = "ask your administrator for a credential of another role"
    if nearest is not None:
        message += f": it may do so {nearest.where.value}"
        if nearest.where is Where.OWN_NAMESPACES:
            hint = f"name one of them with -n: {', '.join(user.namespaces)}"
    details = {"name": attributes.name or "", "group": resource.group, "kind": resource.plural}
    return errors.Forbidden(message, hint=hint, details=details)
