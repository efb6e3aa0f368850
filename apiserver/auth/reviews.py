"""What a caller may know of itself: who it is, whether it may do something, and all it may do. Pure.

`SelfSubjectReview`, `SelfSubjectAccessReview` and `SelfSubjectRulesReview` are asked with a POST and never
stored; the answers come from the one table of `access.py`, by the same question that the door asks.
Administrators ask the same of others: `TokenReview` says whose token it is, `SubjectAccessReview` what a user
may do. The token is never sent back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kohakuriver import errors
from kohakuriver.apiserver.auth import impersonation
from kohakuriver.apiserver.auth.authentication import Known, authenticate
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.resources import kinds
from kohakuriver.resources.kinds import ResourceType

Json = dict[str, Any]

_NAMESPACES = "kohakuriver.io/namespaces"  # in a user's extra

SELF = ResourceType(
    kind="SelfSubjectReview",
    plural="selfsubjectreviews",
    singular="selfsubjectreview",
    group="authentication.k8s.io",
    version="v1",
    namespaced=False,
)
ACCESS = ResourceType(
    kind="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    singular="selfsubjectaccessreview",
    group="authorization.k8s.io",
    version="v1",
    namespaced=False,
)
RULES = ResourceType(
    kind="SelfSubjectRulesReview",
    plural="selfsubjectrulesreviews",
    singular="selfsubjectrulesreview",
    group="authorization.k8s.io",
    version="v1",
    namespaced=False,
)
TOKEN_REVIEW = ResourceType(
    kind="TokenReview",
    plural="tokenreviews",
    singular="tokenreview",
    group="authentication.k8s.io",
    version="v1",
    namespaced=False,
)
SUBJECT_ACCESS = ResourceType(
    kind="SubjectAccessReview",
    plural="subjectaccessreviews",
    singular="subjectaccessreview",
    group="authorization.k8s.io",
    version="v1",
    namespaced=False,
)
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def whoami(user: User, review: Json) -> Json:
    """Who asks, in Kubernetes' words: a role is a group."""
    groups = [impersonation.group_of(user), *impersonation.EVERYBODY]
    info: Json = {"username": user.name, "groups": groups}
    extra = {_NAMESPACES: list(user.namespaces), "kohakuriver.io/rights": list(user.rights)}
    found = {name: values for name, values in extra.items() if values}
    return {"userInfo": {**info, "extra": found} if found else info}


def may(user: User, review: Json) -> Json:
    """Whether the table opens what is asked for; a star stands for everything of its sort."""
    spec = _spec(review)
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if isinstance(resource, dict) == isinstance(path, dict):
        raise errors.BadRequest(
            "spec: exactly one of resourceAttributes and nonResourceAttributes must be given"
        )
    asked = _resources(user, resource) if isinstance(resource, dict) else _paths(path or {})
    try:
        for attributes in asked:
            access.check(user, attributes)
    except errors.Forbidden as refusal:
        return {"allowed": False, "reason": refusal.message + _meant(resource)}
    return {"allowed": True, "reason": f"role {user.role}"}


def rules(user: User, review: Json) -> Json:
    """All that the user's role opens in a namespace."""
    namespace = _word(_spec(review), "namespace") or kinds.DEFAULT_NAMESPACE
    resources = [
        {
            "verbs": sorted(rule.verbs),
            "apiGroups": [rule.resource.group],
            "resources": [rule.resource.plural + (f"/{rule.subresource}" if rule.subresource else "")],
            **({"resourceNames": list(names)} if names else {}),
        }
        for rule, names in access.opened(user, namespace)
    ]
    selves = [_create_only(resource) for resource in KINDS if _may_ask(user, resource)]
    paths = [path for path in access.OPEN_PATHS if path not in ("/api", "/apis")]
    urls = [*(f"{path}{end}" for path in (*paths, "/api", "/apis") for end in ("", "/*"))]
    return {
        "resourceRules": [*resources, *selves],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": urls}],
        "incomplete": False,
    }


async def prepare(server: Known, review: Json) -> None:
    """Waits for what is to be known of the issuer of a token that is shown, if one is."""
    token = _spec(review).get("token")
    if isinstance(token, str):
        await server.issuers.prepare(token)


def whose_token(server: Known, review: Json) -> Json:
    """The user whose token is shown; not who may only join as a node, which is nobody yet."""
    token = _word(_spec(review), "token")
    if not token:
        raise errors.BadRequest("spec.token: expected a token")
    try:
        found = authenticate(server, headers={"Authorization": f"Bearer {token}"}, peer=None).user
    except (errors.Unauthorized, errors.Forbidden, errors.Unavailable) as refusal:
        return {"authenticated": False, "error": refusal.message}
    if found.role is Role.JOIN:
        return {"authenticated": False, "error": "this token is for a machine that joins, and for nobody"}
    return {"authenticated": True, "user": whoami(found, {})["userInfo"]}


def subject_may(server: Known, review: Json) -> Json:
    """Whether a user may do what is asked, as `may` says it of the caller."""
    spec = _spec(review)
    groups, extra = spec.get("groups") or [], spec.get("extra") or {}
    if not isinstance(groups, list) or not isinstance(extra, dict):
        raise errors.BadRequest("spec: groups is a list, and extra an object")
    namespaces = extra.get(_NAMESPACES)
    if namespaces is not None and not isinstance(namespaces, list):
        raise errors.BadRequest(f"spec.extra.{_NAMESPACES}: expected a list")
    try:
        user = impersonation.of_name(server, _word(spec, "user"), map(str, groups), namespaces)
    except errors.Forbidden as refusal:
        return {"allowed": False, "reason": refusal.message}
    return may(user, review)


Answer = Callable[[User, Json], Json]
ANSWERS: Mapping[ResourceType, Answer] = {SELF: whoami, ACCESS: may, RULES: rules}
OF_OTHERS: Mapping[ResourceType, Callable[[Known, Json], Json]] = {
    TOKEN_REVIEW: whose_token,
    SUBJECT_ACCESS: subject_may,
}
KINDS: tuple[ResourceType, ...] = (*ANSWERS, *OF_OTHERS)


def _may_ask(user: User, resource: ResourceType) -> bool:
    if resource is TOKEN_REVIEW and user.role is Role.AUTHENTICATOR:
        return True
    return resource in ANSWERS or user.role is Role.ADMIN


def _create_only(resource: ResourceType) -> Json:
    return {"verbs": ["create"], "apiGroups": [resource.group], "resources": [resource.plural]}


def _resources(user: User, asked: Json) -> Iterator[access.Attributes]:
    """Every question that stars stand for. Raises Forbidden for what is not served: nobody may touch that."""
    verb, group, plural = (_word(asked, word) for word in ("verb", "group", "resource"))
    part = _word(asked, "subresource")
    found = [
        resource
        for resource in kinds.SERVED
        if group in ("*", resource.group) and plural in ("*", resource.plural)
    ]
    asked_for = [one for one in KINDS if (one.group, one.plural) == (group, plural)]
    if not found and verb == "create" and any(_may_ask(user, one) for one in asked_for):
        return
    if not found:
        raise errors.Forbidden(f'no kind "{plural}" is served in the group "{group}"')
    for resource in found:
        for one in _verbs(resource, verb, part):
            yield access.Attributes(
                verb=one,
                resource=resource,
                subresource=part or None,
                namespace=_word(asked, "namespace") or None,
                name=_word(asked, "name") or None,
            )


def _meant(asked: Any) -> str:
    """`kubectl auth can-i create pods/exec` asks about a Pod named exec: how to ask what was meant."""
    if not isinstance(asked, dict) or asked.get("subresource"):
        return ""
    at, name = (asked.get("group") or "", asked.get("resource")), asked.get("name")
    parts = [
        entry.part
        for view in kinds.VIEWS
        for entry in view.entries
        if (view.shown.group, view.shown.plural) == at and entry.part == name
    ]
    return f"; to ask about {at[1]}/{name}, say {at[1]} --subresource={name}" if parts else ""


def _verbs(resource: ResourceType, verb: str, part: str) -> Sequence[str]:
    if verb != "*":
        return (verb,)
    view = kinds.view_of(resource)
    if view is not None:
        return next((entry.verbs for entry in view.entries if entry.part == part), view.verbs)
    return VERBS[:3] if resource.read_only else VERBS


def _paths(asked: Json) -> Iterator[access.Attributes]:
    yield access.Attributes(verb=_word(asked, "verb"), path=_word(asked, "path"))


def _spec(review: Json) -> Json:
    spec = review.get("spec") or {}
    if not isinstance(spec, dict):
        raise errors.BadRequest("spec: expected an object")
    return spec


def _word(asked: Json, field: str) -> str:
    word = asked.get(field) or ""
    if not isinstance(word, str):
        raise errors.BadRequest(f"{field}: expected a string")
    return word
