"""Role × verb × kind, against a table written out by hand and not made from the rules."""

import itertools

import pytest

from kohakuriver import errors
from kohakuriver.apiserver.identity import access
from kohakuriver.apiserver.identity.access import Attributes
from kohakuriver.apiserver.identity.identity import Role, User
from kohakuriver.resources import kinds
from tests.apiserver.writing import ADMIN, ALICE, CONTROLLER, N1, VIEWER

GET = ("get",)
R, C, U, D = ("get", "list", "watch"), ("create",), ("update", "patch"), ("delete", "deletecollection")
VERBS, RU, RCU, RC = (*R, *C, *U, *D), (*R, *U), (*R, *C, *U), (*R, *C)
RCD = (*R, *C, "delete")
USERS = {ADMIN: "admin", ALICE: "user", VIEWER: "viewer", N1: "node", CONTROLLER: "controller"}

# kind, subresource, namespace, name -> what each role but admin may do to its own
OWN = {
    ("VPS", "", "default", "dev"): {"user": VERBS, "viewer": R, "node": R, "controller": R},
    ("VPS", "status", "default", "dev"): {"user": R, "viewer": R, "node": RU, "controller": RU},
    ("Node", "", None, "n1"): {"user": R, "viewer": R, "node": RCU, "controller": R},
    ("Node", "status", None, "n1"): {"user": R, "viewer": R, "node": RU, "controller": RU},
    ("NodeAllocation", "", None, "n1"): {"viewer": R, "node": R, "controller": R},
    ("Environment", "", None, "cuda"): {"user": R, "viewer": R, "node": R, "controller": R},
    ("Environment", "status", None, "cuda"): {"user": R, "viewer": R, "node": RU, "controller": R},
    ("Snapshot", "", "default", "s"): {"user": VERBS, "viewer": R, "node": RC, "controller": RCD},
    ("Snapshot", "status", "default", "s"): {"user": R, "viewer": R, "node": RU, "controller": R},
    ("Policy", "", None, "p"): {"user": R, "viewer": R, "controller": R},
    ("ResourceQuota", "", "default", "q"): {"user": R, "viewer": R, "controller": R},
    ("Token", "", None, "user-1"): {},
    ("Namespace", "", None, "default"): {"user": GET, "viewer": R, "controller": R},
    ("Event", "", "default", "dev.1"): {"user": R, "viewer": R, "node": (*C, *U), "controller": RCU},
    ("Lease", "", "default", "mine"): {"user": VERBS, "viewer": R, "controller": R},
    ("Lease", "", "kohakuriver-node-lease", "n1"): {"viewer": R, "node": RCU, "controller": R},
    ("Lease", "", "kohakuriver-system", "leader"): {"viewer": R, "node": R, "controller": VERBS},
}  # fmt: skip

# the same of somebody else's
OTHERS = {
    ("VPS", "", "team-b", "dev"): {"viewer": R, "node": R, "controller": R},
    ("VPS", "status", "team-b", "dev"): {"viewer": R, "node": RU, "controller": RU},
    ("Snapshot", "", "team-b", "s"): {"viewer": R, "node": RC, "controller": RCD},
    ("Snapshot", "status", "team-b", "s"): {"viewer": R, "node": RU, "controller": R},
    ("Node", "", None, "n2"): {"user": R, "viewer": R, "controller": R},
    ("Node", "status", None, "n2"): {"user": R, "viewer": R, "controller": RU},
    ("NodeAllocation", "", None, "n2"): {"viewer": R, "controller": R},
    ("Namespace", "", None, "kohakuriver-system"): {"user": GET, "viewer": R, "node": GET, "controller": R},
    ("Namespace", "", None, "team-b"): {"viewer": R, "controller": R},
    ("ResourceQuota", "", "team-b", "q"): {"viewer": R, "controller": R},
    ("Lease", "", "kohakuriver-node-lease", "n2"): {"viewer": R, "controller": R},
    ("Lease", "", "team-b", "n1"): {"viewer": R, "controller": R},
}  # fmt: skip

ACTIONS = {
    ("VPS", "bind"): {"admin", "controller"},
    ("VPS", "release"): {"admin", "controller"},
    ("VPS", "regrant"): {"admin", "controller"},
    ("VPS", "finish"): {"node"},
    ("VPS", "reject"): {"node"},
    ("VPS", "newport"): {"node"},
    ("VPS", "forget"): {"admin"},
    ("VPS", "adopt"): {"admin"},
    ("Node", "forget"): {"admin"},
    ("Node", "revoke"): {"admin"},
    ("Node", "join"): set(),
    ("NodeAllocation", "confirm"): {"node"},
    ("Snapshot", "finish"): {"node"},
}


def allowed(user: User, attributes: Attributes) -> bool:
    try:
        access.check(user, attributes)
    except errors.Forbidden as error:
        assert error.message and error.hint, "a refusal explains itself"
        return False
    return True


@pytest.mark.fault(47)
@pytest.mark.parametrize(
    ("place", "table"), [*OWN.items(), *OTHERS.items()], ids=lambda value: "/".join(map(str, value))
)
@pytest.mark.parametrize(("user", "role"), USERS.items(), ids=lambda value: str(value))
def test_each_role_may_do_what_the_table_says_and_no_more(
    user: User, role: str, place: tuple[str, str, str | None, str], table: dict[str, tuple[str, ...]]
) -> None:
    kind, subresource, namespace, name = place
    resource = next(found for found in kinds.ALL if found.kind == kind)
    may = {
        verb
        for verb in VERBS
        if allowed(user, Attributes(verb, resource, subresource or None, namespace, name))
    }
    assert may == set(VERBS if role == "admin" else table.get(role, ()))


@pytest.mark.parametrize(("user", "role"), USERS.items(), ids=lambda value: str(value))
@pytest.mark.parametrize(("place", "roles"), ACTIONS.items(), ids=lambda value: "/".join(sorted(value)))
def test_named_transactions_have_their_own_rules(
    user: User, role: str, place: tuple[str, str], roles: set[str]
) -> None:
    kind, action = place
    resource = next(found for found in kinds.ALL if found.kind == kind)
    for verb in ("create", "post"):
        attributes = Attributes(verb, resource, action, "default" if resource.namespaced else None, "n1")
        assert allowed(user, attributes) == (role in roles)


def test_a_join_token_joins_and_nothing_else() -> None:
    joiner = User("join", Role.JOIN)
    for resource in kinds.ALL:
        for verb, part in itertools.product(VERBS, ("", *resource.subresources)):
            for name in ("n1", None):
                assert not allowed(joiner, Attributes(verb, resource, part or None, None, name))
        for action in resource.actions:
            wanted = Attributes("create", resource, action, None, "n1")
            assert allowed(joiner, wanted) == ((resource, action) == (kinds.NODE, "join"))
    for path in ("/", "/api", "/version", "/openapi/v3", "/metrics"):
        assert not allowed(joiner, Attributes("get", path=path))


def test_a_node_confirms_nothing_of_another_node() -> None:
    assert not allowed(N1, Attributes("create", kinds.NODE_ALLOCATION, "confirm", None, "n2"))


def test_the_table_covers_every_kind_and_subresource() -> None:
    covered = {(kind, subresource) for kind, subresource, *_ in OWN}
    assert covered == {(kind.kind, part) for kind in kinds.ALL for part in ("", *kind.subresources)}
    assert set(ACTIONS) == {(kind.kind, action) for kind in kinds.ALL for action in kind.actions}


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_a_user_lists_its_own_namespaces_and_not_all_of_them_at_once(verb: str) -> None:
    assert allowed(ALICE, Attributes(verb, kinds.VPS, None, "default"))
    with pytest.raises(errors.Forbidden) as caught:
        access.check(ALICE, Attributes(verb, kinds.VPS, None, None))
    assert "in its own namespaces only" in caught.value.message
    assert caught.value.hint == "name one of them with -n: default"


def test_a_viewer_may_be_narrowed_to_namespaces() -> None:
    narrow = User("eve", Role.VIEWER, namespaces=("a",))
    assert allowed(narrow, Attributes("list", kinds.VPS, None, "a"))
    assert not allowed(narrow, Attributes("list", kinds.VPS, None, "b"))
    assert not allowed(narrow, Attributes("list", kinds.VPS, None, None))


def test_a_node_sees_only_what_is_its_own() -> None:
    assert access.scope(N1, kinds.VPS) == "status.assignment.node=n1"
    assert access.scope(N1, kinds.SNAPSHOT) == "spec.vps.node=n1"
    for kind in (kinds.NODE, kinds.NODE_ALLOCATION, kinds.LEASE):
        assert access.scope(N1, kind) == "metadata.name=n1"
    for user, kind in itertools.product((ADMIN, ALICE, VIEWER, CONTROLLER), kinds.ALL):
        assert access.scope(user, kind) is None


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.role.value)
def test_discovery_and_health_are_open_to_every_credential(user: User) -> None:
    for path in ("/", "/api", "/api/v1", "/apis/kohakuriver.io", "/openapi/v3", "/version", "/readyz"):
        assert allowed(user, Attributes("get", path=path))


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.role.value)
def test_any_other_path_is_open_to_admins_alone(user: User) -> None:
    for path in ("/secrets", "/apiserver", "/versions", "/healthzz"):
        assert allowed(user, Attributes("get", path=path)) == (user is ADMIN)
    assert allowed(user, Attributes("get", path="/metrics")) == (user in (ADMIN, VIEWER, CONTROLLER))
    assert allowed(user, Attributes("post", path="/version")) == (user is ADMIN)
